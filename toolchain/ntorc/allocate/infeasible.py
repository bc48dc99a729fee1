"""Why no choice meets a requirement: the constraint, the layer that blocks, and what would be reachable."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from ntorc.allocate.cheapest import cheapest
from ntorc.allocate.merge import TooManyLabels
from ntorc.allocate.problem import ACCURACY, Problem
from ntorc.allocate.requirement import Requirement
from ntorc.allocate.solution import Solution
from ntorc.allocate.solver import smallest_area, smallest_latency
from ntorc.backends.base import RESOURCES
from ntorc.devices import Device, list_devices
from ntorc.errors import InfeasibleError
from ntorc.network.network import Network
from ntorc.units import format_seconds

_ANY = 1 << 40  # cycles: no deadline


def explain(problem: Problem, requirement: Requirement, network: Network) -> InfeasibleError:
    """What blocks, to be raised; the problem has no choice that meets the requirement."""
    return _Explanation(problem, requirement, network).error()


@dataclass(frozen=True)
class _Explanation:
    problem: Problem
    requirement: Requirement
    network: Network

    def error(self) -> InfeasibleError:
        fastest = smallest_latency(self.problem, self.requirement.mip_solver)
        if fastest is None:
            return self._never_fits()
        if fastest.latency_cycles > self._pace_cycles:
            return self._too_slow(fastest)
        return self._too_late(fastest)

    @property
    def _pace_cycles(self) -> int:
        return self.requirement.pace_cycles(self.network)

    def _result(self, reason: str, **more: object) -> dict[str, object]:
        return {
            "verdict": "infeasible",
            "board": self.requirement.board.name,
            "deadline_s": self.requirement.deadline_s,
            "io_overhead_s": self.requirement.io_overhead_s,
            "reason": reason,
            "smallest_deadline_s": None,
            "smallest_device": None,
        } | more

    def _never_fits(self) -> InfeasibleError:
        """Too much of something at any speed."""
        blocking = self._blocking()
        layer, need, name = self._hungriest(blocking)
        shown = " or ".join(item.upper() for item in blocking)
        if blocking == [ACCURACY]:
            return InfeasibleError(
                f"infeasible: even the most accurate versions cost {need:.4g} in accuracy",
                f"allow more with --accuracy-budget; layer '{layer}' costs most",
                self._result("accuracy", blocking=[ACCURACY], blocking_layer=layer),
            )
        device = self._smallest_device(_ANY)
        result = self._result(
            "capacity",
            blocking=[item.upper() for item in blocking],
            blocking_layer=layer,
            smallest_device=None if device is None else device.name,
        )
        return InfeasibleError(
            f"infeasible: this network does not fit the {self.requirement.board.part} at any speed: too much {shown}"
            f" within {self.requirement.ceiling:.0%} of the device; layer '{layer}' alone needs {need:.0f}"
            f" {name.upper()} at the least",
            f"use a smaller network, or a larger device: {self._advice(device)}",
            result,
        )

    def _too_slow(self, fastest: Solution) -> InfeasibleError:
        """No deadline helps: the logic would not be done before its next work comes."""
        need, layer, share = self.requirement, *self._slowest_layer(fastest)
        device = self._smallest_device(self._pace_cycles)
        result = self._result(
            "sample_rate",
            smallest_latency_cycles=fastest.latency_cycles,
            pace_cycles=self._pace_cycles,
            blocking_layer=layer,
            smallest_device=None if device is None else device.name,
        )
        return InfeasibleError(
            f"infeasible at any deadline: the network needs {fastest.latency_cycles} cycles at the least, and its next"
            f" work comes after {self._pace_cycles} ({need.sample_rate_hz:g} samples a second at {need.clock_hz:g} Hz);"
            f" layer '{layer}' takes {share:.0%} of them",
            "use a smaller network, a faster clock (--clock-hz), or fewer estimates (--hop);"
            f" by device: {self._advice(device)}",
            result,
        )

    def _too_late(self, fastest: Solution) -> InfeasibleError:
        """A longer deadline would do."""
        need, overhead_s = self.requirement, self.requirement.io_overhead_s
        smallest_s = need.deadline_for(fastest.latency_cycles)
        layer, share = self._slowest_layer(fastest)
        within_io = need.deadline_s <= overhead_s
        device = None if within_io else self._smallest_device(min(need.budget_cycles, self._pace_cycles))
        result = self._result(
            "io_overhead" if within_io else "latency",
            smallest_deadline_s=smallest_s,
            smallest_latency_cycles=fastest.latency_cycles,
            smallest_predicted=self.problem.total(fastest.choice).as_dict(),
            blocking_layer=layer,
            smallest_device=None if device is None else device.name,
        )
        if within_io:
            advice = "a shorter one needs less I/O overhead, by measurement or a better operating system"
            why = f"the board's I/O alone takes {format_seconds(overhead_s)} ({need.io_overhead_source})"
        else:
            advice = (
                "a smaller network (ntorc train --help) or a faster clock (--clock-hz) reaches a shorter one;"
                f" by device: {self._advice(device)}"
            )
            why = (
                f"the logic has {format_seconds(need.deadline_s - overhead_s)} ({need.budget_cycles} cycles) after"
                f" {format_seconds(overhead_s)} of I/O, and needs {fastest.latency_cycles} cycles at the least;"
                f" layer '{layer}' takes {share:.0%} of them"
            )
        return InfeasibleError(
            f"infeasible: deadline {format_seconds(need.deadline_s)} on {need.board.name}: {why}",
            f"the smallest reachable deadline is {smallest_s * 1e6:.1f}us; {advice}",
            result,
        )

    def _slowest_layer(self, fastest: Solution) -> tuple[str, float]:
        """The layer with the largest part of the critical path of the fastest choice, and its share."""
        cut = self.problem.options.latency.cut(fastest.choice)
        parts = [row[index] for row, index in zip(cut.coefficients, fastest.choice, strict=True)]
        worst = max(range(len(parts)), key=parts.__getitem__)
        return self.network.layers[worst].name, parts[worst] / max(fastest.latency_cycles, 1)

    def _blocking(self) -> list[str]:
        """Caps each of which would have to go alone; else all that the thriftiest options alone exceed, or all."""
        names = [name for name, _, _ in self.problem.limits]
        names += [name for name in RESOURCES if name not in names and self.problem.cap(name) < 0]
        alone = [name for name in names if self._feasible(self._without(name), _ANY)]
        least = [name for name, cap, rows in self.problem.limits if sum(row.min() for row in rows) > cap]
        return alone or least or names

    def _without(self, name: str) -> Problem:
        if name == ACCURACY:
            return replace(self.problem, accuracy_budget=None)
        return replace(self.problem, capacity=replace(self.problem.capacity, **{name: math.inf}))

    def _hungriest(self, blocking: list[str]) -> tuple[str, float, str]:
        """The layer whose thriftiest option needs most of what blocks: its name, that need, of what."""
        needs = []
        for name in blocking:
            cap = self.problem.accuracy_budget or 1.0 if name == ACCURACY else getattr(self.problem.capacity, name)
            for layer, row in zip(self.network.layers, self.problem.options.layers, strict=True):
                values = [o.accuracy_cost if name == ACCURACY else getattr(o.bound, name) for o in row]
                needs.append((min(values) / cap, layer.name, min(values), name))
        _, layer_name, need, name = max(needs)
        return layer_name, need, name

    def _smallest_device(self, budget_cycles: int) -> Device | None:
        """The device with the fewest LUTs of the board's family, else of any, that keeps budget and caps."""
        family = self.requirement.board.family
        for device in sorted(list_devices(), key=lambda item: (item.family != family, item.capacity.lut)):
            if self._feasible(replace(self.problem, capacity=device.capacity), budget_cycles):
                return device
        return None

    def _feasible(self, problem: Problem, budget_cycles: int) -> bool:
        problem = replace(problem, budget_cycles=budget_cycles, objective="weighted")
        try:
            return cheapest(problem) is not None
        except TooManyLabels:
            return smallest_area(problem, self.requirement.mip_solver) is not None

    def _advice(self, device: Device | None) -> str:
        if device is None:
            return "none of the known devices would do at this clock"
        return f"the smallest that would do is the {device.name} (as far as the same costs hold there)"
