"""From a measurement to observations about its board."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ntorc.allocate.allocation import Allocation
from ntorc.boards import BoardKnowledge, load_board
from ntorc.pipeline.measured.knowledge import (
    BACKEND,
    CLOCK,
    NO_LOAD,
    OFFSET,
    OVERHEAD,
    board_key,
    overhead_at,
    prior_knowledge,
)
from ntorc.store.base import Observation

if TYPE_CHECKING:
    from ntorc.measure.measurement import Measurement

EXACT_BACKEND = "native"
"""Whose cycles are a closed form: what a board takes beyond it is the board's."""

_CLOCK_UNCERTAINTY_S = 10e-6  # of the two moments at which cycles and time are read together


@dataclass(frozen=True)
class Change:
    """One figure of a cost model, or of what is assumed about a board, that a measurement replaced."""

    subject: str
    quantity: str
    predicted: float
    measured: float
    source: str


@dataclass(frozen=True)
class BoardLesson:
    """What a measurement taught about its board."""

    observations: tuple[Observation, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]


def learn_board(
    allocation: Allocation, measurement: Measurement, run: str, known: BoardKnowledge | None = None
) -> BoardLesson:
    """I/O overhead, clock and latency of a measured board against what was assumed; nothing of the virtual one.

    Args:
        allocation: what was predicted.
        measurement: what was measured.
        run: its name.
        known: what was assumed about the board, None for its file alone.
    """
    board = load_board(allocation.board)
    key = board_key(measurement.target, board)
    if key is None or measurement.overhead is None:
        return BoardLesson((), (), ("driver and loop times are this computer's: the board's I/O overhead stands",))
    known, overhead = known or prior_knowledge(board), measurement.overhead
    tool = f"ntorc-harness on {measurement.target}, {run}"  # two runs are never one observation

    def observation(subject: str, directive: str, quantities: dict[str, float]) -> Observation:
        return Observation(f"measured_{subject}", BACKEND, key, subject, directive, quantities, tool, run)

    figures = {f"{name}_s": value for name, value in asdict(overhead.seconds).items()} | {
        "bound_s": overhead.bound_s,
        "is_shown": float(overhead.is_shown),
        "share": overhead.share,
        "samples": float(measurement.samples),
    }
    if overhead.grid is not None:
        grid = overhead.grid
        figures |= {"poll_s": grid.period_s, "polls": float(grid.polls), "latency_s": grid.latency_s}
        figures |= {"phase_low_s": grid.phase_low_s, "phase_high_s": grid.phase_high_s}
    load = measurement.environment.load or NO_LOAD
    found = [observation(OVERHEAD, f"load={load}", figures)]
    learned_s, _ = overhead_at(figures, measurement.miss_probability)
    changes = [Change("board", f"I/O overhead (load {load}), us", known.overhead_s * 1e6, learned_s * 1e6, "measured")]
    if allocation.backend == EXACT_BACKEND:  # another one's difference is its cost model's, not the board's
        offset = measurement.pl_cycles_max - allocation.latency_cycles
        quantities = {"offset_cycles": float(offset), "measured_cycles": float(measurement.pl_cycles_max)}
        found.append(observation(OFFSET, allocation.backend, quantities))
    if measurement.true_clock_hz is not None:
        ratio = measurement.true_clock_hz / measurement.clock_hz
        uncertainty = _CLOCK_UNCERTAINTY_S / max(
            measurement.samples * measurement.hop_samples * measurement.period_s, 1e-9
        )
        quantities = {"ratio": ratio, "uncertainty": uncertainty, "clock_hz": measurement.true_clock_hz}
        found.append(observation(CLOCK, "", quantities))
        if abs(ratio - known.clock_ratio) > uncertainty:
            before_hz = known.clock_ratio * measurement.clock_hz
            changes.append(Change("board", "clock, kHz", before_hz / 1e3, measurement.true_clock_hz / 1e3, "measured"))
    return BoardLesson(tuple(found), tuple(changes), ())
