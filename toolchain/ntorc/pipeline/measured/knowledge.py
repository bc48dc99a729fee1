"""What measurements say about a board: I/O overhead, true clock, cycles beyond the closed form.

Each is an observation in the store, kept by the board that it was made on (`board_key`): every address is a board of
its own, a lab's simulated board is another one than that whose file it uses, and the plain virtual board, whose times
are this computer's, says nothing about any.  A board's newest measurement of a figure replaces the file's prior in the
next allocation; until it has one, overhead and cycles are those of the board of its kind that was measured last.
"""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.boards import Board, BoardKnowledge
from ntorc.deploy.registry import read_registry
from ntorc.deploy.ssh import SCHEME
from ntorc.deploy.target import is_virtual_name, plain_name
from ntorc.lab import lab_of
from ntorc.polls import PollGrid
from ntorc.store.base import Observation, Store
from ntorc.units import format_seconds

BACKEND = "board"
"""The backend that observations of boards are stored under."""
OVERHEAD, CLOCK, OFFSET = "io_overhead", "clock", "latency_offset"
NO_LOAD = "none"
MISS_PROBABILITY = 1e-5
"""Share of estimates that may miss the deadline: the default of ``deploy`` and ``measure``."""

OVERHEAD_DRIFT = 0.10
"""Share by which an I/O overhead may differ from the one in use before it counts as drift."""
CLOCK_DRIFT = 1e-4
"""Share by which a clock may differ."""
OFFSET_DRIFT_CYCLES = 0
"""Cycles by which the logic's latency may differ: it is exact."""


@dataclass(frozen=True)
class Step:
    """How one figure changed: from what was in use before to what was measured.

    Attributes:
        what: the figure, with its unit.
        before, after: its values.
        why: the run that measured it and how.
        bound: by how much it may differ, for people.
        has_drifted: whether it differs by more.
    """

    what: str
    before: float
    after: float
    why: str
    bound: str
    has_drifted: bool

    def line(self) -> str:
        """For people."""
        drift = f"DRIFT, beyond {self.bound}" if self.has_drifted else f"within {self.bound}"
        return f"{self.what}: {self.before:.6g} -> {self.after:.6g} ({drift}); {self.why}"


def board_key(target: str, board: Board) -> str | None:
    """What a target's measurements are kept under; None where they say nothing about a board."""
    lab = lab_of(target)
    if lab is not None:
        return f"{board.name}@{lab.name}"
    if is_virtual_name(target):
        return None
    known = read_registry().find(plain_name(target))
    return f"{board.name}@{known.address if known is not None else plain_name(target)}"


def prior_knowledge(board: Board) -> BoardKnowledge:
    """The board's file alone."""
    return BoardKnowledge(board.io_overhead.total_s, board.io_overhead.source)


def knowledge_of(store: Store, board: Board, target: str, load: str, miss_probability: float) -> BoardKnowledge:
    """What is known now of the board that a target reaches.

    Args:
        store: of the observations.
        board: its file.
        target: by name; on the plain virtual board what is known of the board that it stands for.
        load: the interference that is expected, empty for none.
        miss_probability: share of estimates that may miss.
    """
    known = prior_knowledge(board)
    for item, where in _history(store, board, target):
        known = _after(known, item, where, load or NO_LOAD, miss_probability)
    return known


def _history(store: Store, board: Board, target: str) -> list[tuple[Observation, str]]:
    """What bears on a target, the later outdoing the earlier: of others of its kind, then its own; and where it was.

    A clock is a board's own: its crystal and dividers.  A lab's board is like no other.
    """
    key, others, own = board_key(target, board), [], []
    of_kind = f"{board.name}@{SCHEME}"
    for item in store.observations(BACKEND):
        if item.device == key:
            own.append((item, ""))
        elif lab_of(target) is None and item.subject != CLOCK and item.device.startswith(of_kind):
            others.append((item, f" on {item.device.removeprefix(board.name + '@')}"))
    return others + own


def _after(known: BoardKnowledge, item: Observation, where: str, load: str, share: float) -> BoardKnowledge:
    """The knowledge once this observation, made somewhere else or here, is known too."""
    figures, fields = item.quantities, dict(vars(known))
    if item.subject == OVERHEAD and item.directive == f"load={load}":
        overhead_s, why = overhead_at(figures, share)
        fields |= {"overhead_s": overhead_s, "overhead_source": f"{why}, load {load}, run {item.run}{where}"}
        fields |= {"grid": _grid_after(known, item), "grid_of": item.device}
    elif item.subject == CLOCK and abs(figures["ratio"] - 1.0) > figures["uncertainty"]:
        fields |= {"clock_ratio": figures["ratio"], "clock_source": f"measured in run {item.run}"}
    elif item.subject == CLOCK:
        fields |= {"clock_ratio": 1.0, "clock_source": f"as requested, confirmed in run {item.run}"}
    elif item.subject == OFFSET:
        offset = round(figures["offset_cycles"])
        fields |= {"offset_cycles": offset, "offset_source": f"measured in run {item.run}{where}"}
    return BoardKnowledge(**fields)


def _grid_after(known: BoardKnowledge, item: Observation) -> PollGrid | None:
    """An observation's grid, with what was known of the same board's."""
    figures = item.quantities
    if "poll_s" not in figures:
        return None
    phase_s = figures["phase_low_s"], figures["phase_high_s"]
    grid = PollGrid(figures["poll_s"], round(figures["polls"]), figures["latency_s"], *phase_s)
    return grid.after(known.grid if known.grid_of == item.device else None)


def overhead_at(figures: dict[str, float], share: float) -> tuple[float, str]:
    """The overhead that an observation gives for a share of misses, and how."""
    samples = round(figures["samples"])
    if figures["share"] <= share and figures["is_shown"]:
        return figures["bound_s"], f"measured: at most {figures['share']:g} of estimates exceed it at 95 %"
    return figures["max_s"], f"measured: the largest of {samples}, too few to bound {share:g}"


def steps(store: Store, board: Board, target: str, load: str, miss_probability: float) -> list[Step]:
    """Every change of what is assumed about a board, oldest first."""
    known, found = prior_knowledge(board), []
    for item, where in _history(store, board, target):
        after = _after(known, item, where, load or NO_LOAD, miss_probability)
        step = _step(known, after, item)
        if step is not None:
            found.append(step)
        known = after
    return found


def _step(before: BoardKnowledge, after: BoardKnowledge, item: Observation) -> Step | None:
    if item.subject == OVERHEAD and before.overhead_source != after.overhead_source:
        change = abs(after.overhead_s - before.overhead_s)
        return Step(
            f"I/O overhead ({item.directive}), us", before.overhead_s * 1e6, after.overhead_s * 1e6,
            after.overhead_source, f"{OVERHEAD_DRIFT:.0%}", change > OVERHEAD_DRIFT * before.overhead_s,
        )  # fmt: skip
    if item.subject == CLOCK:
        change = abs(after.clock_ratio - before.clock_ratio)
        return Step(
            "clock over the requested one", before.clock_ratio, after.clock_ratio, after.clock_source,
            f"{CLOCK_DRIFT:g}", change > CLOCK_DRIFT,
        )  # fmt: skip
    if item.subject == OFFSET:
        cycles = abs(after.offset_cycles - before.offset_cycles)
        return Step(
            "latency beyond the closed form, cycles", before.offset_cycles, after.offset_cycles, after.offset_source,
            f"{OFFSET_DRIFT_CYCLES} cycles", cycles > OFFSET_DRIFT_CYCLES,
        )  # fmt: skip
    return None


def drift_warnings(store: Store, board: Board, target: str, load: str, miss_probability: float) -> list[str]:
    """What a deployment should be warned of: figures whose last measurement was beyond its bound."""
    last = {step.what: step for step in steps(store, board, target, load, miss_probability)}
    return [
        f"{step.what} drifted from {step.before:.6g} to {step.after:.6g}, beyond {step.bound} ({step.why}); this"
        " deployment uses the new figure"
        for step in last.values()
        if step.has_drifted
    ]


def summary(known: BoardKnowledge) -> tuple[str, ...]:
    """What is in use, for people."""
    overhead = f"I/O overhead {format_seconds(known.overhead_s)}: {known.overhead_source}"
    if known.grid is not None:
        overhead += (
            f"; with {format_seconds(known.grid.latency_s)} of latency: estimates are seen at polls, one each"
            f" {format_seconds(known.grid.period_s)}, so that another latency waits longer or shorter"
        )
    return (
        overhead,
        f"clock {known.clock_ratio:.6f} of the requested one: {known.clock_source}",
        f"latency {known.offset_cycles:+d} cycles beyond the closed form: {known.offset_source}",
    )
