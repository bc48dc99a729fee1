"""The characterisation campaign: synthesise drawn parts, fit the shipped cost model.

Every synthesis is cached by content, so an interrupted campaign goes on where it was.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ntorc.backends.base import Directive, Part, Resources
from ntorc.backends.native import subject
from ntorc.backends.native.geometry import legal_directives
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.synth import (
    Unit,
    fresh_synthesis,
    missing_runs,
    remember,
    synthesise,
    units_of,
    yosys_version,
)
from ntorc.cost.native import FittedModel, fit, with_bounds
from ntorc.errors import UsageError
from ntorc.network.activations import Activation, LeakyRelu, Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import (
    GRU,
    LSTM,
    AveragePool1D,
    Conv1D,
    Dense,
    Layer,
    MaxPool1D,
    Pool,
    WeightedLayer,
)
from ntorc.network.network import Network, random_network
from ntorc.progress import Progress


@dataclass(frozen=True)
class Trial:
    """One part to synthesise: its units, its features, and the shape that it belongs to."""

    part: Part
    units: tuple[Unit, ...]
    features: dict[str, float]
    group: str


def draw_trials(seed: int, count: int) -> Iterator[Trial]:
    """Parts in the range of the field's networks: engines of every kind mostly, some pools and shells."""
    backend_clock_hz, hop = 100e6, 16
    for number in range(count):
        draw = random.Random(f"part {number} of {seed}")  # more parts leave the earlier ones as they are
        if number % 10 == 0:
            network, streaming, dma = _draw_shelled(draw, number)
            hop_of = network.input_length if streaming else hop
            plan = make_plan(network, [Directive(1, 1, "block")], backend_clock_hz, hop_of, dma=dma)
            features = subject.shell_features(network, hop_of, streaming=streaming, dma=dma)
            yield _trial(plan.parts[-1], plan.files, features)
            continue
        network = random_network(number, *_draw_part(draw))
        layer, word = network.layers[0], network.input_format
        if isinstance(layer, Pool):
            plan = make_plan(network, [NO_DIRECTIVE], backend_clock_hz, hop)
            yield _trial(plan.parts[0], plan.files, subject.pool_features(layer, word.bits))
            continue
        if not isinstance(layer, WeightedLayer):
            raise ValueError(f"a {layer.kind} is counted by structure, not characterised")
        directive = draw.choice(legal_directives(layer))
        plan = make_plan(network, [directive], backend_clock_hz, hop)
        yield _trial(plan.parts[0], plan.files, subject.EngineFeatures(network, layer, word).under(directive))


def _trial(part: Part, files: dict[str, str], features: dict[str, float]) -> Trial:
    return Trial(part, units_of(files, part), features, part.subject)


def _draw_shelled(draw: random.Random, number: int) -> tuple[Network, bool, bool]:
    """A network whose only purpose is the shell around it; whether it keeps state, and whether it has a DMA."""
    word = FixedFormat(draw.choice([12, 14, 16]), 8)
    streaming, dma = draw.random() < 0.3, draw.random() < 0.35
    window, outputs = draw.choice([32, 64, 128, 200, 256, 395, 512]), draw.choice([1, 1, 2, 4])
    out = FixedFormat(draw.choice([12, 16, 18]), 8)
    weight = FixedFormat(8, 6)
    if streaming:
        gates, tanh = Table("sigmoid", 3, 4), Table("tanh", 2, 4)
        layer: Layer = LSTM("part", window, 1, outputs, weight, out, out, out, gates, tanh, stateful=True)
    else:
        layer = Dense("part", window, 1, outputs, weight, out)
    return random_network(number, word, window, (layer,)), streaming, dma


def _draw_activation(draw: random.Random) -> Activation:
    kind = draw.random()
    if kind < 0.5:
        return "relu"
    if kind < 0.65:
        return "linear"
    if kind < 0.72:
        return LeakyRelu(draw.choice([13, 26, 51, 77]), 8)
    if kind < 0.79:
        return "hard_sigmoid"
    return Table(draw.choice(["sigmoid", "tanh"]), draw.randint(2, 3), draw.randint(5, 11))


def _draw_part(draw: random.Random) -> tuple[FixedFormat, int, tuple[WeightedLayer | Pool]]:
    """Input format, length and the one layer."""
    word = FixedFormat(draw.choice([12, 14, 16, 16, 18]), 8)
    weight = FixedFormat(draw.choice([4, 6, 8, 8, 10, 12, 16]), 6)
    out = FixedFormat(draw.choice([12, 14, 16, 16, 18]), draw.randint(4, 8))
    if draw.random() < 0.25:
        out = replace(out, overflow="wrap")
    channels = draw.choice([1, 1, 2, 4, 6, 8, 12, 16, 16, 24, 32])
    length = draw.choice([16, 24, 32, 50, 64, 100, 128, 200, 256, 395, 512])
    kind = draw.random()
    layer: WeightedLayer | Pool
    if kind < 0.1:
        pool = MaxPool1D if draw.random() < 0.5 else AveragePool1D
        layer = pool("part", length, channels, draw.choice([2, 2, 3, 4]))
    elif kind < 0.5:
        kernel, dilation = draw.choice([1, 3, 3, 3, 5, 7]), draw.choice([1, 1, 1, 2])
        pad = draw.choice([0, 1]) * (kernel - 1) * dilation
        shape = ("part", length, channels, draw.randint(2, 40), kernel, weight, out, draw.choice([1, 1, 2]), dilation)
        layer = Conv1D(*shape, pad // 2, pad - pad // 2, _draw_activation(draw))
    elif kind < 0.75:
        length = max(1, draw.choice([8, 16, 32, 64, 128, 256, 512, 1024]) // channels)
        units = draw.choice([1, 2, 4, 8, 16, 19, 32, 50])
        layer = Dense("part", length, channels, units, weight, out, _draw_activation(draw))
    else:
        gate = FixedFormat(draw.choice([10, 12, 14, 16]), 9)
        inner = FixedFormat(draw.choice([14, 16, 18]), 10)
        gates, tanh = Table("sigmoid", 3, draw.randint(5, 11)), Table("tanh", 2, draw.randint(5, 11))
        channels, units = draw.choice([1, 2, 4, 8, 16]), draw.choice([2, 4, 6, 8, 12, 16, 20])
        recurrent = LSTM if draw.random() < 0.65 else GRU
        shape_and_words = (draw.choice([4, 16, 30, 64]), channels, units, weight, gate, gate, inner, gates, tanh)
        layer = recurrent("part", *shape_and_words, return_sequences=draw.random() < 0.4)
    return word, layer.input_length, (layer,)


def synthesised(
    trials: Sequence[Trial], workers: int, scheduler: str | None, cache: Path, progress: Progress
) -> list[Resources]:
    """Every trial's resources, in order; what is not known yet by Dask workers.

    Without a scheduler the workers are threads of this process, each with a synthesis process of its own, and
    other machines can reach nothing of it.  Results are kept here as they come, whoever made them.
    """
    from distributed import Client, LocalCluster, as_completed

    runs = [run for trial in trials for run in missing_runs(trial.units, cache)]
    if runs:
        with ExitStack() as opened:
            address: str | LocalCluster | None = scheduler
            if address is None:
                here = "127.0.0.1:0"  # Dask's status pages: not where other machines reach them
                address = opened.enter_context(
                    LocalCluster(
                        n_workers=1,
                        threads_per_worker=workers,
                        processes=False,
                        dashboard_address=here,
                        worker_dashboard_address=here,
                    )
                )
            client = opened.enter_context(Client(address))
            jobs = {client.submit(fresh_synthesis, run, pure=False): run for run in runs}
            for done, (job, resources) in enumerate(as_completed(jobs, with_results=True), start=1):
                for unit, found in zip(jobs[job], resources, strict=True):
                    remember(unit, cache, found)
                progress.step("characterisation", done, len(runs))
    return [synthesise(trial.units, cache) for trial in trials]


def characterise(
    count: int, seed: int, workers: int, cache: Path, progress: Progress, scheduler: str | None = None
) -> FittedModel:
    """Run the campaign and fit the model.

    Args:
        count: parts to draw.
        seed: of the draw.
        workers: synthesis processes side by side, on this machine.
        cache: folder of finished syntheses.
        progress: told after each part.
        scheduler: address of a Dask scheduler whose workers, with ntorc installed, synthesise instead.
    """
    trials = list(draw_trials(seed, count))
    results = synthesised(trials, workers, scheduler, cache, progress)
    return fit(
        [t.features for t in trials],
        results,
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


def rebound(
    model: FittedModel,
    count: int,
    seed: int,
    workers: int,
    cache: Path,
    progress: Progress,
    scheduler: str | None = None,
) -> FittedModel:
    """The model with upper bounds from parts of another seed; arguments as of `characterise`.

    Raises:
        UsageError: the model was fitted to the parts of this seed.
    """
    if seed == model.provenance["seed"]:
        raise UsageError(f"the model was fitted to the parts of seed {seed}", "take another: --seed 3")
    trials = list(draw_trials(seed, count))
    return with_bounds(
        model, [t.features for t in trials], synthesised(trials, workers, scheduler, cache, progress), seed
    )
