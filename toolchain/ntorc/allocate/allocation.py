"""From a network, a board and a deadline to directives with predicted costs, or to the reasons why not."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ntorc.allocate.problem import Problem
from ntorc.allocate.solver import Solution, smallest_area, smallest_latency
from ntorc.backends.base import RESOURCES, Backend, CostModel, Directive, Resources
from ntorc.boards import Board
from ntorc.errors import DataError, InfeasibleError
from ntorc.network.network import Network
from ntorc.units import ceil_to, format_seconds


@dataclass(frozen=True)
class LayerAllocation:
    """One layer's part of an allocation.  ``basis``: ``measured`` or ``model``."""

    layer: str
    kind: str
    directive: Directive
    resources: Resources
    basis: str


@dataclass(frozen=True)
class Allocation:
    """One option for each layer: the proven optimum under a deadline and a device's caps.

    Attributes:
        network: digest of the network.
        backend, board, part: what it is for.
        clock_hz: the clock that was assumed (a request until place and route closes it).
        deadline_s: from the sample's release to the estimate visible to the control loop.
        io_overhead_s: of which reserved for the board's I/O.
        budget_cycles: what is left for the logic: of the deadline, or of the time until its next work comes.
        hop: samples from estimate to estimate.
        layers: choices, in the network's order.
        fixed: shell and what else does not depend on the choices.
        latency_cycles: exact prediction.
        predicted: all resources, shell included.
        bound: their upper bounds, which are held against the caps.
        area: the objective: capacity-weighted resources.
        measured_layers: how many of the predictions rest on measurements.
        cuts, solver: how the optimum was proven.
    """

    network: str
    backend: str
    board: str
    part: str
    clock_hz: float
    deadline_s: float
    io_overhead_s: float
    budget_cycles: int
    hop: int
    layers: tuple[LayerAllocation, ...]
    fixed: Resources
    latency_cycles: int
    predicted: Resources
    bound: Resources
    area: float
    measured_layers: int
    cuts: int
    solver: str

    @property
    def directives(self) -> tuple[Directive, ...]:
        """One for each layer."""
        return tuple(item.directive for item in self.layers)


@dataclass(frozen=True)
class Requirement:
    """What an allocation is asked for.

    ``clock_ratio`` is the clock that this board was measured to have over the one that is asked for, and
    ``offset_cycles`` what its logic was measured to take beyond the closed form.
    """

    board: Board
    deadline_s: float
    clock_hz: float
    hop: int
    sample_rate_hz: float
    io_overhead_s: float
    io_overhead_source: str
    ceiling: float = 0.8
    solver: str = "CBC"
    clock_ratio: float = 1.0
    offset_cycles: int = 0

    @property
    def budget_cycles(self) -> int:
        """Cycles of the closed form that fit the deadline after the board's I/O overhead; may be negative."""
        available_s = self.deadline_s - self.io_overhead_s
        return math.floor(available_s * self.clock_hz * self.clock_ratio + 1e-6) - self.offset_cycles

    def pace_cycles(self, network: Network) -> int:
        """Cycles until the network's next work comes: the next sample where it keeps state, else the next frame.

        A network that keeps state works on each sample as it comes, and its latency is exact while that work is
        over before the next one.  Of any other a frame that is due before the result would be lost.
        """
        samples = 1 if network.stateful else self.hop
        return math.floor(samples * self.clock_hz / self.sample_rate_hz + 1e-6)


def allocate(network: Network, backend: Backend, cost: CostModel, requirement: Requirement) -> Allocation:
    """The exact optimum.

    Raises:
        DataError: the backend cannot build this network.
        InfeasibleError: no choice meets deadline and caps; says which, and what would be reachable.
    """
    reasons = backend.unsupported(network)
    if reasons:
        raise DataError(f"the {backend.name} backend cannot build '{network.name}'", "; ".join(reasons))
    board = requirement.board
    capacity = Resources(**board.capacity)
    options = backend.options(network, cost, requirement.hop)
    pace_cycles = requirement.pace_cycles(network)
    budget_cycles = min(requirement.budget_cycles, pace_cycles)
    problem = Problem(options, capacity, budget_cycles, requirement.ceiling)
    solution = smallest_area(problem, requirement.solver) if budget_cycles > 0 else None
    if solution is None:
        raise _explain(problem, requirement, pace_cycles)
    chosen = [row[index] for row, index in zip(options.layers, solution.choice, strict=True)]
    return Allocation(
        network=network.digest,
        backend=backend.name,
        board=board.name,
        part=board.part,
        clock_hz=requirement.clock_hz,
        deadline_s=requirement.deadline_s,
        io_overhead_s=requirement.io_overhead_s,
        budget_cycles=budget_cycles,
        hop=requirement.hop,
        layers=tuple(
            LayerAllocation(layer.name, layer.kind, option.directive, option.resources, option.basis)
            for layer, option in zip(network.layers, chosen, strict=True)
        ),
        fixed=options.fixed,
        latency_cycles=solution.latency_cycles,
        predicted=problem.total(solution.choice),
        bound=problem.total(solution.choice, bound=True),
        area=solution.objective,
        measured_layers=sum(option.basis == "measured" for option in chosen),
        cuts=solution.cuts,
        solver=solution.solver,
    )


def smallest_deadline_s(solution: Solution, requirement: Requirement) -> float:
    """The deadline that a choice just meets, rounded up to .1 us so that it can be typed."""
    cycles = solution.latency_cycles + requirement.offset_cycles
    return ceil_to(cycles / (requirement.clock_hz * requirement.clock_ratio) + requirement.io_overhead_s, 1e-7)


def _explain(problem: Problem, requirement: Requirement, pace_cycles: int) -> InfeasibleError:
    board = requirement.board
    overhead_s = requirement.io_overhead_s
    fastest = smallest_latency(problem, requirement.solver)
    result: dict[str, object] = {
        "verdict": "infeasible",
        "board": board.name,
        "deadline_s": requirement.deadline_s,
        "io_overhead_s": overhead_s,
    }
    if fastest is None:
        blocking = _overfilled(problem)
        result |= {"reason": "capacity", "blocking": blocking, "smallest_deadline_s": None}
        return InfeasibleError(
            f"infeasible: this network does not fit the {board.part} at any speed: too much {', '.join(blocking)}"
            f" within {requirement.ceiling:.0%} of the device",
            "use a smaller network, or a larger board",
            result,
        )
    if fastest.latency_cycles > pace_cycles:
        return _too_slow(fastest, requirement, pace_cycles, result)
    smallest_s = smallest_deadline_s(fastest, requirement)
    result |= {
        "smallest_deadline_s": smallest_s,
        "smallest_latency_cycles": fastest.latency_cycles,
        "smallest_predicted": problem.total(fastest.choice).as_dict(),
    }
    if requirement.deadline_s <= overhead_s:
        result["reason"] = "io_overhead"
        advice = "a shorter one needs less I/O overhead, by measurement or a better operating system"
        why = f"the board's I/O alone takes {format_seconds(overhead_s)} ({requirement.io_overhead_source})"
    else:
        result["reason"] = "latency"
        advice = "a smaller network (ntorc train --help) or a faster clock (--clock-hz) reaches a shorter one"
        left_s = requirement.deadline_s - overhead_s
        why = (
            f"the logic has {format_seconds(left_s)} ({requirement.budget_cycles} cycles) after"
            f" {format_seconds(overhead_s)} of I/O, and needs {fastest.latency_cycles} cycles at the least"
        )
    return InfeasibleError(
        f"infeasible: deadline {format_seconds(requirement.deadline_s)} on {board.name}: {why}",
        f"the smallest reachable deadline is {smallest_s * 1e6:.1f}us; {advice}",
        result,
    )


def _too_slow(
    fastest: Solution, requirement: Requirement, pace_cycles: int, result: dict[str, object]
) -> InfeasibleError:
    """No deadline helps: the logic would not be done before its next work comes."""
    result |= {
        "reason": "sample_rate",
        "smallest_deadline_s": None,
        "smallest_latency_cycles": fastest.latency_cycles,
        "pace_cycles": pace_cycles,
    }
    return InfeasibleError(
        f"infeasible at any deadline: the network needs {fastest.latency_cycles} cycles at the least, and its next work"
        f" comes after {pace_cycles} ({requirement.sample_rate_hz:g} samples a second at {requirement.clock_hz:g} Hz)",
        "use a smaller network, a faster clock (--clock-hz), or fewer estimates (--hop)",
        result,
    )


def _overfilled(problem: Problem) -> list[str]:
    """The resources of which even the thriftiest options need too much, each alone."""
    found = []
    for name in RESOURCES:
        least = sum(min(float(getattr(o.bound, name)) for o in row) for row in problem.options.layers)
        if least > problem.cap(name):
            found.append(name.upper())
    return found or ["of several resources together"]
