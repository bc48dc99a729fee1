"""The characterisation campaign: synthesise drawn parts, fit the shipped cost model.

Every synthesis is cached by content, so an interrupted campaign goes on where it was.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ntorc.backends.base import Directive, Part, Resources
from ntorc.backends.native import subject
from ntorc.backends.native.geometry import legal_directives
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.synth import synthesise, yosys_version
from ntorc.cost.native import FittedModel, fit
from ntorc.network.activations import Activation
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D, Pool, WeightedLayer
from ntorc.network.network import Network, random_network
from ntorc.progress import Progress


@dataclass(frozen=True)
class Trial:
    """One part to synthesise: its sources, its features, and the shape that it belongs to."""

    part: Part
    files: dict[str, str]
    features: dict[str, float]
    group: str


def draw_trials(seed: int, count: int) -> Iterator[Trial]:
    """Parts in the range of the field's networks: engines mostly, some pools and shells."""
    draw = random.Random(seed)
    for number in range(count):
        network = _draw_network(draw, number)
        layer, word = network.layers[0], network.input_format
        if isinstance(layer, Pool):
            plan = make_plan(network, [NO_DIRECTIVE], 100e6, 16)
            yield _trial(plan.parts[0], plan.files, subject.pool_features(layer, word.bits))
            shelled = _draw_shelled(draw, number)
            plan = make_plan(shelled, [Directive(1, 1, "block")], 100e6, 16)
            yield _trial(plan.parts[-1], plan.files, subject.shell_features(shelled, 16))
            continue
        if not isinstance(layer, WeightedLayer):
            raise ValueError(f"a {layer.kind} is counted by structure, not characterised")
        directive = draw.choice(legal_directives(layer))
        plan = make_plan(network, [directive], 100e6, 16)
        yield _trial(plan.parts[0], plan.files, subject.engine_features(network, layer, word, directive))


def _trial(part: Part, files: dict[str, str], features: dict[str, float]) -> Trial:
    return Trial(part, {name: files[name] for name in part.files}, features, part.subject)


def _draw_shelled(draw: random.Random, number: int) -> Network:
    """A network whose only purpose is the shell around it."""
    word = FixedFormat(draw.choice([12, 14, 16]), 8)
    layer = Dense(
        "part",
        draw.choice([32, 64, 128, 200, 256, 395, 512]),
        1,
        draw.choice([1, 1, 2, 4]),
        FixedFormat(8, 6),
        FixedFormat(draw.choice([12, 16, 18]), 8),
    )
    return random_network(number, word, layer.input_length, (layer,))


def _draw_network(draw: random.Random, number: int) -> Network:
    word = FixedFormat(draw.choice([12, 14, 16, 16, 18]), 8)
    weight = FixedFormat(draw.choice([6, 8, 10, 12, 12, 16]), 6)
    out = FixedFormat(draw.choice([12, 14, 16, 16, 18]), draw.randint(4, 8))
    activation: Activation = "relu" if draw.random() < 0.7 else "linear"
    channels = draw.choice([1, 1, 2, 4, 6, 8, 12, 16, 16, 24, 32])
    length = draw.choice([16, 24, 32, 50, 64, 100, 128, 200, 256, 395, 512])
    kind = draw.random()
    if number % 12 == 0:
        layer: Conv1D | Dense | MaxPool1D = MaxPool1D("part", length, channels, draw.choice([2, 2, 3, 4]))
    elif kind < 0.6:
        kernel = draw.choice([1, 3, 3, 3, 5, 7])
        pad = draw.choice([0, 1]) * (kernel - 1)
        layer = Conv1D(
            "part",
            length,
            channels,
            draw.randint(2, 40),
            kernel,
            weight,
            out,
            draw.choice([1, 1, 2]),
            1,
            pad // 2,
            pad - pad // 2,
            activation,
        )
    else:
        length = max(1, draw.choice([8, 16, 32, 64, 128, 256, 512, 1024]) // channels)
        layer = Dense("part", length, channels, draw.choice([1, 2, 4, 8, 16, 19, 32, 50]), weight, out, activation)
    return random_network(number, word, layer.input_length, (layer,))


def characterise(count: int, seed: int, workers: int, cache: Path, progress: Progress) -> FittedModel:
    """Run the campaign and fit the model.

    Args:
        count: parts to draw (pools bring a shell each).
        seed: of the draw.
        workers: synthesis processes side by side.
        cache: folder of finished syntheses.
        progress: told after each part.
    """
    trials = list(draw_trials(seed, count))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        jobs: list[Future[Resources]] = [pool.submit(synthesise, t.files, t.part.top, cache) for t in trials]
        try:
            for done, job in enumerate(jobs, start=1):
                job.result()
                progress.step("characterisation", done, len(jobs))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return fit(
        [t.features for t in trials],
        [job.result() for job in jobs],
        [t.group for t in trials],
        {
            "backend": "native",
            "family": "xc7",
            "tool": yosys_version(),
            "source": "post_synthesis",
            "seed": seed,
            "date": date.today().isoformat(),
        },
    )
