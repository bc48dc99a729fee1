"""Quantisation-aware training: a trained streaming network goes on learning in the words of its integer network.

Weights, features, gates, the state and the candidate's recurrent sum are rounded and saturated as in
`ntorc.network.reference`, forward; backward the rounding is passed straight through and only saturation stops a
gradient (Bengio, Leonard, Courville, arXiv:1308.3432).  What is left out: biases and sums, which the integer network
keeps exact, and the step of the activations' tables, which is finer than the words.

The formats are those that post-training quantisation chose, and stay: only the integers in them change.

Window networks are trained on by `ntorc.estimator.few_bits`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.estimator.forms import FilterFront, StreamingForm
from ntorc.estimator.streaming_model import Scales, fold_scales
from ntorc.estimator.streaming_training import Fitting, StreamData, StreamingConfig, fit
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import GRU, Conv1D, Dense
from ntorc.network.network import Network
from ntorc.network.widths import accumulator_fraction
from ntorc.progress import Progress


@dataclass(frozen=True)
class LayerWords:
    """The words of a dense layer: of its weights, and of what it gives."""

    weights: FixedFormat
    out: FixedFormat


@dataclass(frozen=True)
class Words:
    """The words of an integer streaming network.

    Attributes:
        filters: of a trained front end; None for a bank.
        features: of what the GRU gets.
        kernel, recurrent, gate, inner, state: of the GRU.
        dense: of the dense layers, the last one's giving the estimate.
    """

    filters: LayerWords | None
    features: FixedFormat
    kernel: FixedFormat
    recurrent: FixedFormat
    gate: FixedFormat
    inner: FixedFormat
    state: FixedFormat
    dense: tuple[LayerWords, ...]


def words_of(network: Network) -> Words:
    """The words of a network of front end, GRU and dense layers.

    Raises:
        DataError: it has other layers.
    """
    kinds = [type(layer).__name__ for layer in network.layers]
    dense = [layer for layer in network.layers[2:] if isinstance(layer, Dense)]
    front, gru = network.layers[0], network.layers[min(1, len(network.layers) - 1)]
    is_known = kinds[0] in ("ResonatorBank", "Conv1D") and 0 < len(dense) == len(kinds) - 2
    if not is_known or not isinstance(gru, GRU):
        raise DataError(
            f"'{network.name}' has the layers {', '.join(kinds)}",
            "quantisation-aware training is for a bank or filters, a GRU and dense layers",
        )
    before = network.before(gru)
    return Words(
        LayerWords(front.weight_format, front.output_format) if isinstance(front, Conv1D) else None,
        before,
        gru.weight_format,
        gru.recurrent_format(before),
        gru.gate_format,
        gru.inner_format,
        gru.output_format,
        tuple(LayerWords(layer.weight_format, layer.output_format) for layer in dense),
    )


def rounded(values: Any, word: FixedFormat) -> Any:
    """Nearest value of a format, half up, saturated; its gradient is 1 within the format's range, else 0."""
    import tensorflow as tf

    inside = tf.clip_by_value(values, word.minimum * word.step, word.maximum * word.step)
    nearest = tf.floor(inside * 2.0**word.fraction + 0.5) * word.step
    return inside + tf.stop_gradient(tf.minimum(nearest, word.maximum * word.step) - inside)


def quantised_model(form: StreamingForm, trained: Any, words: Words, scales: Scales) -> Any:
    """A Keras model that computes as the integer network does, from scaled features to scaled positions.

    Args:
        form: of the model.
        trained: the model of features and volts (`fold_scales`), whose weights are where it begins.
        words: of the integer network.
        scales: its own weights are those of a model of scaled features and positions.
    """
    import keras

    count = form.frame_samples if isinstance(form.front, FilterFront) else form.front.features
    values = inputs = keras.Input((None, count), name="features")
    scale, shift = np.array(scales.scale, np.float32), np.array(scales.shift, np.float32)
    if words.filters is not None:  # scales of samples are one: they come as they are
        values = _dense(form.front.features, words.filters, name="filters")(values)
        scale, shift = np.ones(form.front.features, np.float32), np.zeros(form.front.features, np.float32)
    values = keras.layers.RNN(_cell(form.units, words, scale, shift), return_sequences=True, name="gru")(values)
    for number, (units, word) in enumerate(zip(form.dense, words.dense, strict=False), start=1):
        values = _dense(units, word, name=f"dense{number}")(values)
    model = keras.Model(inputs, _dense(1, words.dense[-1], scales, name="position")(values))
    model.set_weights(_unfolded(trained, scales))
    return model


def _unfolded(trained: Any, scales: Scales) -> list[Any]:
    """The weights of a model of features and volts as those of scaled ones: what `fold_scales` did, undone."""
    first, *others = (layer.get_weights() for layer in trained.layers)
    scale, shift = np.array(scales.scale), np.array(scales.shift)
    kernel, *rest, bias = first
    moved = shift @ kernel
    bias = np.stack([bias[0] + moved, bias[1]]) if bias.ndim == 2 else bias + moved
    out, offset = others.pop()
    arrays = [kernel / scale[:, None], *rest, bias, *(array for layer in others for array in layer)]
    arrays += [out / scales.std_v, (offset - scales.mean_v) / scales.std_v]
    return [np.asarray(array, np.float32) for array in arrays]


def _cell(units: int, words: Words, scale: Any, shift: Any) -> Any:
    import keras
    import tensorflow as tf

    class QuantisedGRUCell(keras.layers.Layer):  # type: ignore[misc]
        state_size = units
        output_size = units

        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 3 * units), name="kernel")
            self.fed_back = self.add_weight(shape=(units, 3 * units), name="recurrent_kernel")
            self.bias = self.add_weight(shape=(2, 3 * units), name="bias")

        def call(self, inputs: Any, states: Any) -> tuple[Any, list[Any]]:
            state = states[0]
            features = rounded(inputs / scale + shift, words.features)
            kernel = rounded(self.kernel * scale[:, None], words.kernel)
            own = self.bias[0] - tf.linalg.matvec(self.kernel * scale[:, None], shift, transpose_a=True)
            x = tf.matmul(features, kernel) + own
            h = tf.matmul(state, rounded(self.fed_back, words.recurrent)) + self.bias[1]
            x_z, x_r, x_n = tf.split(x, 3, axis=1)
            h_z, h_r, h_n = tf.split(h, 3, axis=1)
            z = rounded(tf.sigmoid(x_z + h_z), words.gate)
            r = rounded(tf.sigmoid(x_r + h_r), words.gate)
            n = rounded(tf.tanh(x_n + r * rounded(h_n, words.inner)), words.state)
            new = rounded(n + z * (state - n), words.state)
            return new, [new]

    return QuantisedGRUCell(name="cell")


def _dense(units: int, words: LayerWords, scales: Scales | None = None, *, name: str) -> Any:
    """A hidden layer with its relu; with scales the last one, whose integers give volts."""
    import keras
    import tensorflow as tf

    std_v, mean_v = (1.0, 0.0) if scales is None else (scales.std_v, scales.mean_v)

    class QuantisedDense(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], units), name="kernel")
            self.bias = self.add_weight(shape=(units,), name="bias")

        def call(self, values: Any) -> Any:
            kernel = rounded(self.kernel * std_v, words.weights)
            sums = tf.matmul(values, kernel) + self.bias * std_v + mean_v
            return (rounded(tf.nn.relu(sums) if scales is None else sums, words.out) - mean_v) / std_v

    return QuantisedDense(name=name)


def train_quantised(
    data: StreamData, config: StreamingConfig, trained: Any, network: Network, progress: Progress
) -> tuple[Network, Fitting]:
    """Go on training a model in the words of its integer network.

    Args:
        data: what to train on, and the validation trajectories that choose when to stop.
        config: iterations and learning rate of this step; its form is the model's.
        trained: the model of features and volts.
        network: its post-training integer network.
        progress: told at each look.

    Returns:
        The integer network with the new weights in the same formats, and the training.
    """
    model = quantised_model(config.form, trained, words_of(network), data.scales)
    fitting = fit(data, config, progress, model=model)
    folded = _keras_of(trained, fitting.state.variables["best"], data.scales)
    return with_weights(network, folded), fitting


def _keras_of(trained: Any, weights: list[Any], scales: Scales) -> Any:
    """The weights of a quantised model in the original model, folded again."""
    trained.set_weights(weights)
    fold_scales(trained, scales)
    return trained


def with_weights(network: Network, trained: Any) -> Network:
    """An integer network with a Keras model's weights in its own formats, saturated where they exceed them."""
    from ntorc.network.importers.keras_model import recurrent_layer

    weights, biases = dict(network.weights), dict(network.biases)
    for layer in network.layers:
        if isinstance(layer, GRU):
            before = network.before(layer)
            found = recurrent_layer(trained.get_layer("gru"), "GRU", layer.name)
            recurrent = layer.recurrent_format(before).quantise(found.recurrent_kernel)
            weights[layer.name] = np.concatenate([layer.weight_format.quantise(found.kernel), recurrent])
            bias = found.bias
        elif isinstance(layer, Conv1D | Dense):
            kernel, bias = (np.asarray(array, np.float64) for array in trained.get_layer(layer.name).get_weights())
            kernel = kernel[:, None, :] if isinstance(layer, Conv1D) else kernel
            weights[layer.name] = layer.weight_format.quantise(kernel)
        else:
            continue
        biases[layer.name] = _bias(bias, accumulator_fraction(layer, network.before(layer)))
    return replace(network, name=f"{network.name}-qat", weights=weights, biases=biases)


def _bias(bias: Any, fraction: int) -> IntArray:
    result: IntArray = np.floor(bias * 2.0**fraction + 0.5).astype(np.int64)
    return result
