"""Fronts of error and cost: what nothing else beats, the volume that it beats, and its knee."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ntorc.errors import UsageError

Pair = tuple[float, float]
FloatArray = npt.NDArray[np.float64]

REFERENCE: Pair = (0.25, 0.25)
"""Error in volts and area that volumes refer to: neither says much to a loop on a board that has other work too."""


def undominated(points: Sequence[Sequence[float]]) -> list[int]:
    """Places of the points that no other one beats: is at most as large in all, and smaller in one.

    Of equal points the first is kept.  By rising first coordinate.
    """
    kept = []
    for place, point in enumerate(points):
        beaten = any(
            all(a <= b for a, b in zip(other, point, strict=True)) and (tuple(other) != tuple(point) or index < place)
            for index, other in enumerate(points)
            if index != place
        )
        if not beaten:
            kept.append(place)
    return sorted(kept, key=lambda place: tuple(points[place]))


def hypervolume(points: Sequence[Pair], reference: Pair) -> float:
    """Area between the front of some points and a reference that is worse in both (Zitzler and Thiele, 1998)."""
    total, bound = 0.0, reference[1]
    for place in undominated(points):
        x, y = points[place]
        if x < reference[0] and y < bound:
            total += (reference[0] - x) * (bound - y)
            bound = y
    return total


def expected_gain(
    mean: FloatArray, spread: FloatArray, costs: FloatArray, points: Sequence[Pair], reference: Pair
) -> FloatArray:
    """By how much each candidate is expected to raise the hypervolume of some points.

    A candidate's cost is known and its error lognormal, so the expectation is a sum over the front's steps: the step's
    width times the expected part of the error below the step, which has the form of Black and Scholes' put.

    Args:
        mean, spread: of the logarithm of each candidate's error, ``[n]``.
        costs: of each, ``[n]``.
        points: error and cost of what is known.
        reference: see `hypervolume`.
    """
    from scipy.special import ndtr

    steps = sorted((cost, error) for error, cost in points if cost < reference[1] and error < reference[0])
    levels = [reference[0]]
    for _, error in steps:
        levels.append(min(levels[-1], error))
    edges = np.array([0.0, *(cost for cost, _ in steps), reference[1]])
    widths = np.clip(edges[None, 1:] - np.maximum(edges[None, :-1], costs[:, None]), 0.0, None)
    level = np.array(levels)[None]
    spread = np.maximum(spread, 1e-6)[:, None]
    reach = (np.log(level) - mean[:, None]) / spread
    below = level * ndtr(reach) - np.exp(mean[:, None] + spread**2 / 2.0) * ndtr(reach - spread)
    return np.asarray((widths * np.maximum(below, 0.0)).sum(axis=1), np.float64)


def knee(points: Sequence[Pair]) -> int:
    """Place of the point farthest below the line between the front's ends, both axes logarithmic, scaled to one.

    `ntorc.allocate.front.Front.knee` says the same of latency and objective.
    """
    places = undominated(points)
    if not places:
        raise UsageError("an empty front has no knee", "search on: ntorc search --resume ID --trials N")
    unit = [_unit([np.log(max(points[place][axis], 1e-30)) for place in places]) for axis in (0, 1)]
    return places[int(np.argmax(1.0 - unit[0] - unit[1]))]


def _unit(values: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    found = np.array(values, np.float64)
    reach = float(np.ptp(found))
    return (found - found.min()) / reach if reach > 0 else np.zeros(len(found))
