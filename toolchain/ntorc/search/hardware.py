"""What a candidate costs on a board under a deadline: its exact allocation, before it is trained."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ntorc.allocate.allocation import optimum, problem_of
from ntorc.allocate.problem import Problem
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import RESOURCES, Backend, CostModel, Resources
from ntorc.estimator.untrained import untrained_network
from ntorc.network.layers import Pool
from ntorc.network.network import Network
from ntorc.search.space import Candidate

_NEVER, _LEAST = 4.0, 0.01


@dataclass(frozen=True)
class HardwareCost:
    """A network's hardware under a requirement.

    Attributes:
        feasible: a choice of directives keeps deadline, pace and caps, and the backend can build it.
        reason: why not, empty if feasible.
        excess: by how much the constraints are missed, in no particular unit; 0 if feasible.
        area: sum over resources of the share of the device, shell included; predicted means.
        latency_cycles, budget_cycles: of the allocation, and what it may take.
        resources: predicted means, shell included.
        multiplies: of one estimate, all of them.
        energy: proxy: products of bits that are formed for one estimate, in millions.
    """

    feasible: bool
    reason: str
    excess: float
    area: float
    latency_cycles: int
    budget_cycles: int
    resources: Resources
    multiplies: int
    energy: float


@dataclass(frozen=True)
class Costing:
    """How candidates are costed: backend, cost model and requirement are those of ``ntorc allocate``."""

    backend: Backend
    cost: CostModel
    requirement: Requirement

    def counted(self, candidate: Candidate) -> HardwareCost:
        """What a search by proxy knows: multiplies and their bits, and nothing of the board.

        Raises:
            UsageError, DataError: its numbers make no integer network.
        """
        network = untrained_network(candidate.form, precision=candidate.precision)
        return replace(_infeasible(network, 0, "", 0.0), feasible=True)

    def of(self, candidate: Candidate) -> HardwareCost:
        """The cost of a candidate with drawn weights.

        Raises:
            UsageError, DataError: its numbers make no integer network.
        """
        return self.of_network(untrained_network(candidate.form, precision=candidate.precision), candidate.hop)

    def of_network(self, network: Network, hop: int) -> HardwareCost:
        """The proven optimum of a network under the requirement."""
        need = replace(self.requirement, hop=hop)
        budget = min(need.budget_cycles, need.pace_cycles(network))
        reasons = self.backend.unsupported(network)
        if reasons:
            return _infeasible(network, budget, f"the {self.backend.name} backend: {'; '.join(reasons)}", _NEVER)
        if budget <= 0:
            return _infeasible(network, budget, "the deadline is shorter than the board's I/O overhead", _NEVER)
        problem = problem_of(self.backend.options(network, self.cost, hop), network, need)
        solution = optimum(problem, need)
        if solution is None:
            return _infeasible(network, budget, *_blocked(problem, need))
        used = problem.total(solution.choice)
        return HardwareCost(
            True,
            "",
            0.0,
            problem.weight(used),
            solution.latency_cycles,
            budget,
            used,
            network.multiplies,
            energy_of(network),
        )


def energy_of(network: Network) -> float:
    """Millions of products of one bit by one bit for an estimate, which a multiplier's switching follows.

    An array multiplier of a by b bits has a * b cells (Horowitz, ISSCC 2014, gives energies of multiplies that
    grow so).  Memory, control and leakage are not in it: it orders designs, it measures nothing.
    """
    total = 0
    for layer, word in zip(network.layers, network.formats, strict=False):
        if not isinstance(layer, Pool):
            total += layer.multiplies * layer.weight_format.bits * word.bits
    return total / 1e6


def _infeasible(network: Network, budget: int, reason: str, excess: float) -> HardwareCost:
    return HardwareCost(False, reason, excess, 0.0, 0, budget, Resources(), network.multiplies, energy_of(network))


def _blocked(problem: Problem, need: Requirement) -> tuple[str, float]:
    """Why nothing keeps the requirement, and by how much: the optimum without caps says which."""
    free = optimum(replace(problem, ceiling=math.inf, accuracy_budget=None), need)
    if free is None:
        fastest = [
            max(range(len(row)), key=[option.directive.multipliers for option in row].__getitem__)
            for row in problem.options.layers
        ]
        cycles = problem.options.latency.latency_cycles(fastest)
        return (
            f"about {cycles} cycles with the most multipliers, {problem.budget_cycles} allowed",
            max(cycles / problem.budget_cycles - 1.0, _LEAST),
        )
    used = problem.total(free.choice, bound=True)
    shares = {name: getattr(used, name) / (getattr(problem.capacity, name) * problem.ceiling) for name in RESOURCES}
    worst = max(RESOURCES, key=lambda name: shares[name])
    return (
        f"needs {getattr(used, worst):.0f} {worst.upper()} in time, {shares[worst]:.2f} times what is allowed",
        max(shares[worst] - 1.0, _LEAST),
    )
