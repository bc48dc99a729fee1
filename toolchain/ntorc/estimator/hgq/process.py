"""The process that trains on by HGQ2: ``python -m ntorc.estimator.hgq.process FOLDER``, HGQ2's folder on its path.

See `exchange` for what goes in and out.  Progress goes to stdout, a JSON object a line; all else to stderr.
"""

from __future__ import annotations

import json
import math
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras

from ntorc.errors import NtorcError, StorageError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.hgq import exchange
from ntorc.estimator.hgq.exchange import HgqOutcome, HgqRequest
from ntorc.estimator.hgq.model import HgqModel, assign, build, network_of, settle_biases, values_of
from ntorc.estimator.training import Prepared, epoch_batches
from ntorc.estimator.windows import Windows
from ntorc.network.bit_operations import effective_bit_operations
from ntorc.network.floating import FloatNetwork
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.network import Network
from ntorc.records import digest_of, digest_of_file, load, save, storage_errors

_FINAL_RATE = 0.05
_SETTLED = 2 / 3
"""Part of the epochs after which widths stay as they are, and only weights learn."""
_PIECE = 2048


def main(folder: Path) -> None:
    """Answer the request in ``folder``; goes on after the last epoch that was finished there."""
    request = load(HgqRequest, folder / exchange.REQUEST)
    data, held_out = exchange.read_windows(folder, request)
    floating = import_keras(folder / exchange.MODEL, request.name)
    start = Network.load(folder / exchange.START)
    best, outcome = Training(folder, request, data, floating, start).run()
    network = Network.load(folder / exchange.NETWORK)
    outputs = exact_outputs(floating, start, best, held_out, data.input_fraction_bits)
    scaled = outputs * 2.0**network.output_format.fraction
    np.savez(folder / exchange.OUTPUTS, outputs=scaled)
    save(outcome, folder / exchange.OUTCOME)


class Training:
    """Training on, epoch by epoch, each kept on disk."""

    def __init__(
        self, folder: Path, request: HgqRequest, data: Prepared, floating: FloatNetwork, start: Network
    ) -> None:
        self._folder, self._data, self._start = folder, data, start
        self._config = request.config
        self._key = digest_of([digest_of(request), digest_of_file(folder / exchange.MODEL), start.digest])
        self._model = build(floating, start, request.config.penalty)
        self._optimizers = [
            keras.optimizers.Adam(self._config.learning_rate), keras.optimizers.Adam(self._config.width_rate),
        ]  # fmt: skip
        self._groups = [self._model.weights, self._model.widths]
        for optimizer, group in zip(self._optimizers, self._groups, strict=True):
            optimizer.build(group)
        self._history = list[tuple[float, int]]()
        self._best: tuple[float, int, list[Any]] | None = None

    def run(self) -> tuple[list[Any], HgqOutcome]:
        """The variables of the best epoch, and what it is; its network is written.

        The best epoch has the least of what is trained for, error and penalty together, on validation.
        """
        self._restore()
        step, epochs = self._step(), self._config.epochs
        for epoch in range(len(self._history), epochs):
            weights, widths = self._optimizers
            weights.learning_rate = self._config.learning_rate * _falling(epoch / epochs, _FINAL_RATE)
            widths.learning_rate = self._config.width_rate * _falling(epoch / epochs / _SETTLED, 0.0)
            for inputs, targets in epoch_batches(self._data, self._config.training, epoch):
                step(inputs, targets)
            self._judge(epoch)
            self._keep()
            self._report()
        assert self._best is not None
        _, number, values = self._best
        outcome = HgqOutcome(
            number + 1, self._history[number][0], tuple(self._history), f"hgq2 {metadata.version('hgq2')}"
        )
        return values, outcome

    def _step(self) -> Any:
        import tensorflow as tf

        model, data = self._model.keras, self._data

        @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
        def step(inputs: Any, targets: Any) -> None:
            with tf.GradientTape() as tape:
                scaled = (model(inputs, training=True) - data.mean_v) / data.std_v
                loss = tf.reduce_mean(tf.square(scaled - targets)) + tf.add_n(model.losses)
            gradients = tape.gradient(loss, [*self._groups[0], *self._groups[1]])
            split = len(self._groups[0])
            self._optimizers[0].apply_gradients(zip(gradients[:split], self._groups[0], strict=True))
            self._optimizers[1].apply_gradients(zip(gradients[split:], self._groups[1], strict=True))

        return step

    def _judge(self, epoch: int) -> None:
        network = network_of(self._model, self._start)
        error_v, operations = rmse_of(network, self._data.validation), effective_bit_operations(network)
        self._history.append((error_v, operations))
        objective = (error_v / self._data.std_v) ** 2 + self._config.penalty * operations
        if self._best is None or objective < self._best[0]:
            self._best = (objective, epoch, values_of(self._model))
            network.save(self._folder / exchange.NETWORK)

    def _report(self) -> None:
        error_v, operations = self._history[-1]
        what = f"epochs trained on by HGQ2, validation {error_v:.4f} V, {operations / 1e3:.0f}k bit operations"
        print(json.dumps({"progress": [what, len(self._history), self._config.epochs]}), flush=True)

    def _keep(self) -> None:
        """All that the next epoch needs, in one file that is replaced at once."""
        assert self._best is not None
        optimizers = [np.asarray(variable) for one in self._optimizers for variable in one.variables]
        lists = {"model": values_of(self._model), "optimizers": optimizers, "best": self._best[2]}
        arrays = {f"{name}.{number}": array for name, found in lists.items() for number, array in enumerate(found)}
        arrays["history"], arrays["objective"] = np.array(self._history), np.array(self._best[:2])
        place = self._folder / "training"
        with storage_errors(place):
            place.mkdir(exist_ok=True)
            np.savez(place / "writing.npz", key=np.array(self._key), **arrays)
            os.replace(place / "writing.npz", place / "epoch.npz")

    def _restore(self) -> None:
        """What `_keep` left of the same request; a damaged file only costs the time to train again."""
        from ntorc.errors import DataError
        from ntorc.npz import read_arrays

        file = self._folder / "training" / "epoch.npz"
        model, optimizers = self._model.keras.variables, [v for one in self._optimizers for v in one.variables]
        counts = {"model": len(model), "optimizers": len(optimizers), "best": len(model)}
        names = [f"{name}.{number}" for name, count in counts.items() for number in range(count)]
        try:
            found = read_arrays(file, ["key", "history", "objective", *names], "")
        except DataError:
            return
        if str(found["key"]) != self._key:
            return
        for name, variables in (("model", model), ("optimizers", optimizers)):
            for number, variable in enumerate(variables):
                variable.assign(found[f"{name}.{number}"])
        self._history = [(float(row[0]), int(row[1])) for row in found["history"]]
        objective, epoch = found["objective"]
        self._best = (float(objective), int(epoch), [found[f"best.{n}"] for n in range(len(model))])


def _falling(part: float, to: float) -> float:
    """Along a half cosine from 1, and then at its end."""
    return to + (1.0 - to) * 0.5 * (1.0 + math.cos(math.pi * min(part, 1.0)))


def exact_outputs(
    floating: FloatNetwork, start: Network, values: list[Any], windows: Windows, input_fraction_bits: int
) -> Any:
    """Volts that HGQ2's own model gives for windows, shape [m], in double precision: every sum of it is exact there."""
    keras.config.set_floatx("float64")
    model: HgqModel = build(floating, start, 0.0)
    assign(model, values)
    settle_biases(model)
    pieces = []
    for begin in range(0, windows.ends.size, _PIECE):
        inputs = windows.inputs(input_fraction_bits, slice(begin, begin + _PIECE)).astype(np.float64)
        pieces.append(np.asarray(model.keras(inputs, training=False))[:, 0])
    return np.concatenate(pieces)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except (NtorcError, StorageError) as failure:
        sys.exit(f"{failure}")
