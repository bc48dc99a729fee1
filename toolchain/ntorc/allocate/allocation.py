"""From a network, a board and a deadline to directives with predicted costs, or to the reasons why not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.infeasible import explain
from ntorc.allocate.merge import TooManyLabels
from ntorc.allocate.problem import Problem
from ntorc.allocate.requirement import Requirement
from ntorc.allocate.solution import Solution
from ntorc.allocate.solver import MERGE, smallest_area, smallest_latency
from ntorc.backends.base import Backend, CostModel, Directive, Options, Resources
from ntorc.backends.versions import chosen_network, offered
from ntorc.errors import DataError
from ntorc.network.narrow import Versions
from ntorc.network.network import Network


@dataclass(frozen=True)
class LayerAllocation:
    """One layer's part of an allocation.

    Attributes:
        layer, kind: of the network.
        directive: the chosen one.
        resources: predicted.
        basis: ``measured``, ``calibrated`` or ``model``.
        version: the chosen quantised version, where several were offered.
        accuracy_cost: what that version costs.
    """

    layer: str
    kind: str
    directive: Directive
    resources: Resources
    basis: str
    version: str = ""
    accuracy_cost: float = 0.0


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
        area: capacity-weighted resources, without the fixed parts.
        measured_layers: how many of the predictions rest on measurements.
        cuts, solver: how the optimum was proven.
        objective: what is least (`ntorc.allocate.problem.OBJECTIVES`).
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
    objective: str = "weighted"

    @property
    def directives(self) -> tuple[Directive, ...]:
        """One for each layer."""
        return tuple(item.directive for item in self.layers)


def allocate(network: Network, backend: Backend, cost: CostModel, requirement: Requirement) -> Allocation:
    """The exact optimum.

    Raises:
        DataError: the backend cannot build this network.
        InfeasibleError: no choice meets deadline and caps; says which, and what would be reachable.
    """
    check_supported(backend, network)
    problem = problem_of(backend.options(network, cost, requirement.hop), network, requirement)
    return _allocation(problem, _solved(problem, network, requirement), network, backend, requirement)


def allocate_versions(
    versions: Versions, backend: Backend, cost: CostModel, requirement: Requirement
) -> tuple[Allocation, Network]:
    """The exact optimum over directives and widths of weights, and the network of the widths that it chose.

    Raises:
        DataError, InfeasibleError: see `allocate`; also where the accuracy budget is what cannot be kept.
    """
    check_supported(backend, versions.network)
    problem = problem_of(offered(backend, versions, cost, requirement.hop), versions.network, requirement)
    solution = _solved(problem, versions.network, requirement)
    names = [row[index].version for row, index in zip(problem.options.layers, solution.choice, strict=True)]
    network = chosen_network(versions, names)
    return _allocation(problem, solution, network, backend, requirement), network


def check_supported(backend: Backend, network: Network) -> None:
    """Refuse what a backend cannot build.

    Raises:
        DataError: says what.
    """
    reasons = backend.unsupported(network)
    if reasons:
        raise DataError(f"the {backend.name} backend cannot build '{network.name}'", "; ".join(reasons))


def _solved(problem: Problem, network: Network, requirement: Requirement) -> Solution:
    solution = optimum(problem, requirement) if problem.budget_cycles > 0 else None
    if solution is None:
        raise explain(problem, requirement, network)
    return solution


def _allocation(
    problem: Problem, solution: Solution, network: Network, backend: Backend, requirement: Requirement
) -> Allocation:
    board, options = requirement.board, problem.options
    chosen = [row[index] for row, index in zip(options.layers, solution.choice, strict=True)]
    return Allocation(
        network=network.digest,
        backend=backend.name,
        board=board.name,
        part=board.part,
        clock_hz=requirement.clock_hz,
        deadline_s=requirement.deadline_s,
        io_overhead_s=requirement.io_overhead_s,
        budget_cycles=problem.budget_cycles,
        hop=requirement.hop,
        layers=tuple(
            LayerAllocation(
                layer.name, layer.kind, option.directive, option.resources, option.basis, option.version,
                option.accuracy_cost,
            )
            for layer, option in zip(network.layers, chosen, strict=True)
        ),
        fixed=options.fixed,
        latency_cycles=solution.latency_cycles,
        predicted=problem.total(solution.choice),
        bound=problem.total(solution.choice, bound=True),
        area=problem.area(solution.choice),
        measured_layers=sum(option.basis == "measured" for option in chosen),
        cuts=solution.cuts,
        solver=solution.solver,
        objective=requirement.objective,
    )


def problem_of(options: Options, network: Network, requirement: Requirement) -> Problem:
    """The allocation problem of a requirement; its budget also ends where the network's next work comes."""
    return Problem(
        options,
        Resources(**requirement.board.capacity),
        min(requirement.budget_cycles, requirement.pace_cycles(network)),
        requirement.ceiling,
        requirement.objective,
        requirement.accuracy_budget,
        requirement.accuracy_penalty,
    )


def optimum(problem: Problem, requirement: Requirement) -> Solution | None:
    """The proven optimum by the solver that was asked for; None when nothing meets budget and caps.

    With the objective ``latency`` it is the cheapest of the fastest choices.
    """
    solver = requirement.mip_solver
    if problem.objective == "latency":
        fastest = smallest_latency(problem, solver)
        if fastest is None or fastest.latency_cycles > problem.budget_cycles:
            return None
        problem = replace(problem, budget_cycles=fastest.latency_cycles)
    if requirement.solver.upper() == MERGE:
        try:
            return cheapest(problem)
        except TooManyLabels:
            pass
    return smallest_area(problem, solver)
