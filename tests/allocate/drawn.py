"""Random allocation problems: networks of the native backend with costs that follow no structure, and plain sums."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from math import prod

from ntorc.allocate.problem import Problem
from ntorc.backends.base import Directive, Option, Options, Resources
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.draw import draw_network
from ntorc.backends.sum_latency import SumLatency

DEVICE = Resources(53200, 106400, 220, 280)


class DrawnCost:
    """Costs drawn from the subject and directive: no structure that would help the solver."""

    def predict(
        self, subject: str, features: Callable[[str], Mapping[str, float]], directive: str
    ) -> tuple[Resources, Resources, str]:
        draw = random.Random(subject + directive)
        mean = Resources(draw.randint(50, 2000), draw.randint(50, 2000), draw.randint(0, 9), draw.randint(0, 9))
        return mean, Resources(mean.lut * 1.2, mean.ff * 1.1, mean.dsp, mean.bram18), "model"


def scaled(scale: float) -> Resources:
    """A share of the device."""
    return Resources(*(getattr(DEVICE, name) * scale for name in ("lut", "ff", "dsp", "bram18")))


def native_problem(seed: int, scale: float, budget: int) -> Problem:
    """A drawn network with the native backend's composed latency."""
    options = NativeBackend().options(draw_network(seed), DrawnCost(), 16)
    return Problem(options, scaled(scale), budget)


def sum_problem(seed: int, layers: int, options: int, scale: float = 1e3, budget: int = 1 << 40) -> Problem:
    """Layers in a row whose options trade cycles for resources, with some noise and many equal values."""
    draw = random.Random(seed)
    rows, cycles = [], []
    for _ in range(layers):
        size, row, times = draw.uniform(0.5, 2.0), [], []
        for index in range(draw.randint(1, options)):
            speed = 2.0 ** (6 * index / options)
            need = [round(size * speed * draw.uniform(0.8, 1.2) * unit) for unit in (150, 100, 0.5, 0.4)]
            row.append(Option(Directive(index + 1, 1), Resources(*need), Resources(*need), "model"))
            times.append(float(round(2000 * size / speed * draw.uniform(0.9, 1.1))))
        rows.append(tuple(row))
        cycles.append(tuple(times))
    none = Resources()
    return Problem(Options(tuple(rows), none, none, SumLatency(tuple(cycles))), scaled(scale), budget)


def size(problem: Problem) -> int:
    """How many choices there are."""
    return prod(len(row) for row in problem.options.layers)
