"""``--backend auto``: allocate with every backend that can build the network, show the table, take the best."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ntorc.allocate.allocation import Allocation
from ntorc.allocate.problem import objective_value
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Resources
from ntorc.backends.bitstream.hls import HLS_PROGRAMS
from ntorc.errors import DataError, InfeasibleError, NtorcError
from ntorc.pipeline.flow import Flow

AUTO, ALL = "auto", "all"
BACKENDS = ("native", "hls4ml")
"""Those that are tried, in the order in which a tie is decided.  FINN's hardware is made by FINN's own steps
(`ntorc backend plan finn`), not by `ntorc build`."""

_HLS = tuple(program for programs in HLS_PROGRAMS.values() for program in programs)


@dataclass(frozen=True)
class Candidate:
    """One backend's answer.

    Attributes:
        backend: by name.
        allocation: None where it has none.
        cost: what is least, shell included; infinite without an allocation.
        reason: why it cannot be taken; empty when it can.
        basis: what its figures rest on: ``measured`` layers of all, for people.
        verdict: of an infeasible one.
    """

    backend: str
    allocation: Allocation | None
    cost: float
    reason: str
    basis: str = ""
    verdict: InfeasibleError | None = None

    def row(self) -> dict[str, Any]:
        """For ``--json``."""
        found = self.allocation
        return {
            "backend": self.backend,
            "reason": self.reason,
            "latency_cycles": None if found is None else found.latency_cycles,
            "predicted": None if found is None else found.predicted.as_dict(),
            "cost": None if found is None else self.cost,
            "basis": self.basis,
        }


def builds_here(backend: str, tool: str) -> str:
    """Why this machine cannot build with a backend for a tool; empty when it can, or nothing is to be built."""
    if backend == "hls4ml":
        if tool == "virtual":
            return "there is no simulated logic of it: it needs --tool vivado"
        if tool == "openxc7":
            return "its logic comes from the vendor's HLS"
        if tool == "vivado" and not any(map(shutil.which, _HLS)):
            return f"none of {', '.join(_HLS)} is on PATH"
    if tool == "vivado" and shutil.which("vivado") is None:
        return "vivado is not on PATH"
    return ""


def cost_of(allocation: Allocation, requirement: Requirement) -> float:
    """What the objective counts, with the shell, so that backends can be compared."""
    if requirement.objective == "latency":
        return float(allocation.latency_cycles)
    return objective_value(requirement.objective, allocation.predicted, Resources(**requirement.board.capacity))


def candidates(
    flow: Flow, allocate: Callable[[str], tuple[Allocation, Requirement]], tool: str, backends: Sequence[str] = BACKENDS
) -> list[Candidate]:
    """Every backend's allocation or reason, best first.

    Args:
        flow: for messages.
        allocate: with one backend, by name.
        tool: what is to be built with, or empty when nothing is.
        backends: that are tried.
    """
    found = []
    for name in backends:
        reason = builds_here(name, tool)
        try:
            allocation, requirement = allocate(name)
        except (DataError, InfeasibleError) as error:
            text = f"{error.message}: {error.hint}" if isinstance(error, DataError) else error.message
            verdict = error if isinstance(error, InfeasibleError) else None
            found.append(Candidate(name, None, float("inf"), text.replace("\n", "; "), verdict=verdict))
            continue
        layers = [item for item in allocation.layers if item.directive.multipliers]
        known = sum(item.basis == "measured" for item in layers)
        basis = f"{known} of {len(layers)} layers measured"
        found.append(Candidate(name, allocation, cost_of(allocation, requirement), reason, basis))
    found.sort(key=lambda one: (bool(one.reason), one.cost))
    for line in table(found):
        flow.progress.message(f"  {line}")
    return found


def best(found: Sequence[Candidate]) -> str:
    """The name of the one that is taken.

    Raises:
        InfeasibleError: none meets the deadline.
        NtorcError: none can be built; says why of each.
    """
    if found[0].reason:
        verdicts = [one.verdict for one in found if one.verdict is not None]
        if verdicts and all(one.allocation is None for one in found):
            raise verdicts[0]
        reasons = "; ".join(f"{one.backend}: {one.reason}" for one in found)
        raise NtorcError("no backend can build this network here", reasons)
    return found[0].backend


def table(found: Sequence[Candidate]) -> list[str]:
    """For people: the one that is taken first."""
    lines = [f"{'backend':8} {'cycles':>8} {'LUT':>7} {'FF':>7} {'DSP':>5} {'BRAM18':>6}  of the figures"]
    for number, one in enumerate(found):
        if one.allocation is None:
            lines.append(f"{one.backend:8} {one.reason}")
            continue
        need = one.allocation.predicted
        note = "taken" if number == 0 and not one.reason else one.reason
        lines.append(
            f"{one.backend:8} {one.allocation.latency_cycles:8} {need.lut:7.0f} {need.ff:7.0f} {need.dsp:5.0f}"
            f" {need.bram18:6.0f}  {one.basis}{f'; {note}' if note else ''}"
        )
    return lines
