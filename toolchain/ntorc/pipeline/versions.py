"""Directives and widths of weights chosen together: every layer in several versions, measured on the user's runs."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ntorc.allocate.allocation import Allocation, allocate_versions
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Backend
from ntorc.errors import UsageError
from ntorc.estimator.readers import load_runs
from ntorc.estimator.windows import to_counts
from ntorc.network.formats import IntArray
from ntorc.network.narrow import measured_versions
from ntorc.network.network import Network
from ntorc.network.reference import run
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import costs_for, windows_of

_FRAMES = 2048
_STREAM_FRAMES = 256
_SEED = 1


@dataclass(frozen=True)
class Narrowed:
    """An allocation with chosen widths of weights.

    Attributes:
        allocation: the optimum.
        network: of the chosen widths.
        predicted_rms, measured_rms: how much the result changes, in its unit: by adding up the layers' squares, and of
            the network that was chosen.
        frames: that both were measured on.
        source: where they come from.
    """

    allocation: Allocation
    network: Network
    predicted_rms: float
    measured_rms: float
    frames: int
    source: str


def parse_bits(text: str) -> tuple[int, ...]:
    """``12,8,6`` as numbers.

    Raises:
        UsageError: not a list of whole numbers of at least 2.
    """
    try:
        found = tuple(int(item) for item in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 2:
        raise UsageError(f"'{text}' is no list of widths", "write --weight-bits 12,8,6")
    return found


def allocate_narrowed(
    flow: Flow, network: Network, backend: Backend, requirement: Requirement, bits: tuple[int, ...], data: Path | None
) -> Narrowed:
    """The exact optimum over directives and widths; the requirement's accuracy budget is of squares.

    Raises:
        DataError, InfeasibleError: see `allocate_versions`.
    """
    frames, streams, source = _frames(network, data)
    flow.progress.message(f"  narrower weights measured on {len(frames)} frames {source}")
    versions = measured_versions(network, bits, frames, streams)
    cost = costs_for(flow, backend, requirement.board)
    allocation, chosen = allocate_versions(versions, backend, cost, requirement)
    step = network.output_format.step
    change = (run(chosen, frames, streams) - run(network, frames, streams))[:, 0] * step
    predicted = math.sqrt(sum(item.accuracy_cost for item in allocation.layers))
    return Narrowed(allocation, chosen, predicted, float(np.sqrt(np.mean(change**2))), len(frames), source)


def with_budget(requirement: Requirement, rms: float | None) -> Requirement:
    """The requirement with what the result may change by, RMS in its unit; deviations add up in squares."""
    return requirement if rms is None else replace(requirement, accuracy_budget=rms**2)


def _frames(network: Network, data: Path | None) -> tuple[IntArray, int, str]:
    """Frames ``[n, length, channels]``, independent sequences among them, and where they come from."""
    word = network.input_format
    if data is None or network.input_channels != 1:
        drawn = np.random.default_rng(_SEED).normal(0.0, 1.0, (_FRAMES, network.input_length, network.input_channels))
        streams = _FRAMES // _STREAM_FRAMES if network.stateful else 1
        return word.quantise(drawn), streams, "drawn with unit variance: give --data for a measurement that means more"
    counts = [
        np.clip(to_counts(item.acceleration_v).astype(np.int64), word.minimum, word.maximum) for item in load_runs(data)
    ]
    if network.stateful:
        length = network.input_length * _STREAM_FRAMES
        long_enough = [item for item in counts if len(item) >= length]
        if not long_enough:
            raise UsageError(f"no run of {data} has {length} samples", "give longer runs")
        ends = [piece for item in long_enough for piece in (item[:length], item[-length:])]
        chosen = ends[:: max(1, len(ends) * _STREAM_FRAMES // _FRAMES)]
        rows = [piece.reshape(-1, network.input_length, 1) for piece in chosen]
        return np.concatenate(rows), len(rows), f"of {data}"
    total = sum(len(item) for item in counts)
    hop = max(1, total // _FRAMES)
    rows = [windows_of(item, network.input_length, hop) for item in counts if len(item) >= network.input_length]
    if not rows:
        raise UsageError(f"no run of {data} has {network.input_length} samples", "give longer runs")
    return np.concatenate(rows), 1, f"of {data}"
