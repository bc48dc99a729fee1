"""Fronts of error and cost: what nothing else beats, the volume that it beats, and its knee."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ntorc.errors import UsageError

Pair = tuple[float, float]


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
