"""``--backend auto``: allocate with every backend that can build the network, show the table, take the best."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ntorc.allocate.allocation import Allocation
from ntorc.allocate.problem import objective_value
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Resources
from ntorc.backends.bitstream.detect import programs_of
from ntorc.backends.finn import environment
from ntorc.errors import DataError, GateError, InfeasibleError, NtorcError, ToolError
from ntorc.network.network import Network
from ntorc.pipeline.finn import network as finn
from ntorc.pipeline.flow import Flow

AUTO, ALL = "auto", "all"
BACKENDS = ("native", "hls4ml", finn.NAME)
"""All, in the order in which a tie is decided."""

Allocated = tuple[Allocation, Requirement, Network]
"""What one backend comes to, and the network as it has it."""


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
        words: bits of the widest weights and words of the network as this backend has it.
    """

    backend: str
    allocation: Allocation | None
    cost: float
    reason: str
    basis: str = ""
    verdict: InfeasibleError | None = None
    words: str = ""

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
            "words": self.words,
        }


def installed() -> tuple[str, ...]:
    """The backends that can allocate on this machine: FINN where its environment is."""
    return tuple(name for name in BACKENDS if name != finn.NAME or environment.find() is not None)


def builds_here(backend: str, tool: str, *, here: bool = True, hls: str = "") -> str:
    """Why this machine cannot build with a backend for a tool; empty when it can, or nothing is to be built.

    Args:
        backend: by name.
        tool: what is to be built with; empty when nothing is.
        here: False where a project for another machine is enough.
        hls: hls4ml's own backend; empty for any.
    """
    if not tool:
        return ""
    if backend == finn.NAME:
        return "an estimate: FINN's own steps build it, see `ntorc backend plan finn`"
    if backend == "hls4ml":
        if tool == "virtual":
            return "there is no simulated logic of it: it needs --tool vivado"
        if tool == "openxc7":
            return "its logic comes from the vendor's HLS"
        programs = programs_of(backend, tool, hls)[0]
        if here and not any(map(shutil.which, programs)):
            return f"none of {', '.join(programs)} is on PATH"
    if here and tool == "vivado" and shutil.which("vivado") is None:
        return "vivado is not on PATH"
    return ""


def words_of(network: Network) -> str:
    """Bits of weights and of words between layers, as ``12/16``."""
    return "/".join(map(str, network.widths))


def cost_of(allocation: Allocation, requirement: Requirement) -> float:
    """What the objective counts, with the shell, so that backends can be compared."""
    if requirement.objective == "latency":
        return float(allocation.latency_cycles)
    return objective_value(requirement.objective, allocation.predicted, Resources(**requirement.board.capacity))


def candidates(
    flow: Flow,
    allocate: Callable[[str], Allocated],
    tool: str,
    backends: Sequence[str] | None = None,
    *,
    here: bool = True,
    reservations: Mapping[str, str] | None = None,
    hls: str = "",
) -> list[Candidate]:
    """Every backend's allocation or reason, best first.

    Args:
        flow: for messages.
        allocate: with one backend, by name.
        tool, here, hls: see `builds_here`.
        backends: that are tried; `installed` when left out.
        reservations: of backends that are shown and not taken, why.
    """
    found = []
    for name in installed() if backends is None else backends:
        try:
            allocation, requirement, network = allocate(name)
        except (DataError, GateError, InfeasibleError, ToolError) as error:
            verdict = error if isinstance(error, InfeasibleError) else None
            text = error.message if verdict is not None else f"{error.message}: {error.hint}"
            found.append(Candidate(name, None, float("inf"), text.replace("\n", "; "), verdict=verdict))
            continue
        layers = [item for item in allocation.layers if item.directive.multipliers]
        known = sum(item.basis == "measured" for item in layers)
        basis = f"{known} of {len(layers)} layers measured{', no FIFOs or DMA counted' if name == finn.NAME else ''}"
        reason = builds_here(name, tool, here=here, hls=hls) or (reservations or {}).get(name, "")
        cost, words = cost_of(allocation, requirement), words_of(network)
        found.append(Candidate(name, allocation, cost, reason, basis, words=words))
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
    """For people: the one that is taken first.  Words are bits of weights and of what goes between layers."""
    lines = [f"{'backend':8} {'words':>6} {'cycles':>8} {'LUT':>7} {'FF':>7} {'DSP':>5} {'BRAM18':>6}  of the figures"]
    for number, one in enumerate(found):
        if one.allocation is None:
            lines.append(f"{one.backend:8} {one.reason}")
            continue
        need = one.allocation.predicted
        note = "taken" if number == 0 and not one.reason else one.reason
        lines.append(
            f"{one.backend:8} {one.words:>6} {one.allocation.latency_cycles:8} {need.lut:7.0f} {need.ff:7.0f}"
            f" {need.dsp:5.0f} {need.bram18:6.0f}  {one.basis}{f'; {note}' if note else ''}"
        )
    return lines
