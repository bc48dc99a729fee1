"""Training on with few bits: a window network learns with the weights and words that its hardware will have.

Forward, every weight and every word behind a relu is rounded half up to its format, as the integer network does it;
backward, rounding is taken for the identity inside the range (the straight-through estimator: Bengio, Leonard and
Courville, 2013).  Formats are chosen before and held, so that what is learnt is what will be computed.  The last
layer's sums stay whole.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.estimator.training import Prepared, TrainingConfig, epoch_batches
from ntorc.estimator.windows import Windows
from ntorc.network import reference
from ntorc.network.floating import FloatConv1D, FloatDense, FloatLayer, FloatMaxPool1D, FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.npz import read_arrays
from ntorc.progress import Progress
from ntorc.records import write_atomically

_FINAL_RATE = 0.05
Formats = Mapping[str, tuple[FixedFormat, FixedFormat]]
"""Of weights and of words, by layer."""


@dataclass(frozen=True)
class FewBitsConfig:
    """How to train on.

    Attributes:
        epochs: all are trained; the best by validation is taken.
        learning_rate: of Adam at the start; it falls along a half cosine to 5 %.
        training: of batches, gains and seed.
    """

    epochs: int
    learning_rate: float
    training: TrainingConfig


def train_on(
    floating: FloatNetwork,
    data: Prepared,
    config: FewBitsConfig,
    quantised: Callable[[FloatNetwork], Network],
    error_v: Callable[[Network], float],
    progress: Progress,
    keep: Path | None = None,
) -> tuple[Network, float, int]:
    """The best integer network by validation, its error there, and its epoch (0: without training on).

    What was interrupted goes on behind its last finished epoch, as if it had not been.

    Args:
        floating: trained, gives volts; convolutions, max pools and dense layers alone.
        data: see `ntorc.estimator.training.prepare`.
        config: how.
        quantised: the integer network of real weights, its formats always the same.
        error_v: RMSE of an integer network on validation.
        progress: for people.
        keep: file of this very training, for what is needed to go on; removed at the end.

    Raises:
        DataError: another kind of layer.
        StorageError: ``keep`` cannot be written.
    """
    import tensorflow as tf

    layers = _unscaled(floating, data)
    variables = [tf.Variable(a, dtype=tf.float32) for layer in layers for a in _arrays(layer)]
    optimizer = tf.keras.optimizers.Adam(config.learning_rate)
    optimizer.build(variables)
    best = quantised(floating)
    step = _step(layers, variables, formats_of(best), data.std_v, optimizer)
    best_v, best_epoch, begin = error_v(best), 0, 0
    chosen = [variable.numpy() for variable in variables]
    kept = _kept(keep, variables, optimizer.variables)
    if kept is not None:
        begin, best_epoch, best_v, chosen = kept
    for epoch in range(begin, config.epochs):
        falling = 0.5 * (1.0 + math.cos(math.pi * epoch / config.epochs))
        optimizer.learning_rate = config.learning_rate * (_FINAL_RATE + (1.0 - _FINAL_RATE) * falling)
        for inputs, targets in epoch_batches(data, config.training, epoch):
            step(inputs, targets)
        now = [variable.numpy() for variable in variables]
        found_v = error_v(quantised(_in_volts(floating, layers, now, data)))
        if found_v < best_v:
            best_v, best_epoch, chosen = found_v, epoch + 1, now
        if keep is not None:
            _keep(keep, (epoch + 1, best_epoch, best_v), now, optimizer.variables, chosen)
        progress.step(f"epochs trained on, validation {found_v:.4f} V, best {best_v:.4f} V", epoch + 1, config.epochs)
    if keep is not None:
        keep.unlink(missing_ok=True)
    return (quantised(_in_volts(floating, layers, chosen, data)) if best_epoch else best), best_v, best_epoch


def _keep(
    file: Path, state: tuple[int, int, float], now: Sequence[Any], optimizer: Sequence[Any], chosen: Sequence[Any]
) -> None:
    """Weights, the optimiser's state and the best weights of a finished epoch, whole or not at all."""
    content = io.BytesIO()
    arrays = {f"now{i}": array for i, array in enumerate(now)} | {f"best{i}": array for i, array in enumerate(chosen)}
    arrays |= {f"optimizer{i}": variable.numpy() for i, variable in enumerate(optimizer)}
    np.savez(content, state=np.array(state, np.float64), **arrays)
    write_atomically(file, content.getvalue())


def _kept(
    file: Path | None, variables: Sequence[Any], optimizer: Sequence[Any]
) -> tuple[int, int, float, list[Any]] | None:
    """Take up a kept epoch: its number, the best one's, that one's error and weights; None where there is none."""
    if file is None or not file.is_file():
        return None
    names = [f"{kind}{i}" for kind in ("now", "best") for i in range(len(variables))]
    names += ["state", *(f"optimizer{i}" for i in range(len(optimizer)))]
    found = read_arrays(file, names, "remove it: the training begins anew")
    for i, variable in enumerate(variables):
        variable.assign(found[f"now{i}"])
    for i, variable in enumerate(optimizer):
        variable.assign(found[f"optimizer{i}"])
    epoch, best_epoch, best_v = (float(value) for value in found["state"].astype(np.float64))
    return int(epoch), int(best_epoch), best_v, [found[f"best{i}"] for i in range(len(variables))]


def _arrays(layer: FloatLayer) -> Sequence[Any]:
    return (layer.weights, layer.bias) if isinstance(layer, FloatConv1D | FloatDense) else ()


def _unscaled(floating: FloatNetwork, data: Prepared) -> list[FloatLayer]:
    """The layers, the last one giving (V - mean) / std: what training works on."""
    inner, last = list[FloatLayer](), floating.layers[-1]
    for layer in floating.layers:
        if isinstance(layer, FloatMaxPool1D) or (
            isinstance(layer, FloatConv1D | FloatDense) and layer.activation in ("relu", "linear")
        ):
            inner.append(layer)
        else:
            raise DataError(f"layer '{layer.name}' is not trained in its words", "use Conv1D, max pools, Dense, relu")
    if not isinstance(last, FloatDense) or last.activation != "linear":
        raise DataError(f"'{last.name}' is no dense layer without activation", "end the network with one")
    return [*inner[:-1], FloatDense(last.name, last.weights / data.std_v, (last.bias - data.mean_v) / data.std_v)]


def _in_volts(
    floating: FloatNetwork, layers: Sequence[FloatLayer], arrays: Sequence[Any], data: Prepared
) -> FloatNetwork:
    """The network with these weights and biases."""
    values, made = [np.asarray(array, np.float64) for array in arrays], list[FloatLayer]()
    for layer in layers:
        if isinstance(layer, FloatConv1D | FloatDense):
            weights, bias, *values = values
            made.append(replace(layer, weights=weights, bias=bias))
        else:
            made.append(layer)
    last = made[-1]
    if isinstance(last, FloatDense):
        made[-1] = replace(last, weights=last.weights * data.std_v, bias=last.bias * data.std_v + data.mean_v)
    return replace(floating, layers=tuple(made))


def formats_of(network: Network) -> Formats:
    """Formats of weights and words by layer."""
    return {layer.name: (layer.weight_format, layer.output_format) for layer in network.weighted_layers}


def forward_of(layers: Sequence[FloatLayer], variables: Sequence[Any], formats: Formats, std_v: float) -> Any:
    """The network as it is trained: a function of inputs ``[n, length, channels]``, exact as the integer one is.

    Args:
        layers: the last one giving (V - mean) / std.
        variables: TensorFlow's, weights and bias of each layer in turn.
        formats: of weights and words by layer.
        std_v: of the targets.
    """
    import tensorflow as tf

    pools = {layer.name: layer.pool for layer in layers if isinstance(layer, FloatMaxPool1D)}

    def rounded(x: Any, word: FixedFormat) -> Any:
        """Value and gradient: rounded forward, the identity within the range backward."""
        scale = 2.0**word.fraction
        kept = tf.clip_by_value(x, word.minimum / scale, word.maximum / scale)
        return kept + tf.stop_gradient(tf.floor(kept * scale + 0.5) / scale - kept)

    def forward(x: Any) -> Any:
        left = list(variables)
        for index, layer in enumerate(layers):
            if not isinstance(layer, FloatConv1D | FloatDense):
                x = tf.nn.max_pool1d(x, pools[layer.name], pools[layer.name], "VALID")
                continue
            weights, bias, *left = left
            weight_word, word = formats[layer.name]
            last = index == len(layers) - 1
            unit = std_v if last else 1.0  # the last layer's weights are rounded where they give volts
            weights = rounded(weights * unit, weight_word) / unit
            if isinstance(layer, FloatConv1D):
                padded = tf.pad(x, [[0, 0], [layer.padding_left, layer.padding_right], [0, 0]])
                x = tf.nn.conv1d(padded, weights, layer.stride, "VALID", dilations=layer.dilation) + bias
            else:
                x = tf.reshape(x, [-1, weights.shape[0]]) @ weights + bias
            x = tf.nn.relu(x) if layer.activation == "relu" else x
            x = x if last else rounded(x, word)
        return x

    return forward


def _step(
    layers: Sequence[FloatLayer], variables: Sequence[Any], formats: Formats, std_v: float, optimizer: Any
) -> Any:
    """One step of training with these formats."""
    import tensorflow as tf

    forward = forward_of(layers, variables, formats, std_v)

    @tf.function(jit_compile=False)  # type: ignore[untyped-decorator]
    def step(inputs: Any, targets: Any) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(forward(inputs) - targets))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    return step


def rmse_of(network: Network, windows: Windows) -> float:
    """RMSE in volts of an integer network on windows, by the reference."""
    total = 0.0
    for begin in range(0, windows.ends.size, 2048):
        piece = slice(begin, begin + 2048)
        values = reference.run(network, windows.inputs(0, piece).astype(np.int64))[:, 0]
        total += float(np.square(network.output_format.values(values) - windows.target_v[piece]).sum())
    return float(np.sqrt(total / windows.ends.size))
