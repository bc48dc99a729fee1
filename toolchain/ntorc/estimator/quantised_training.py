"""Quantisation-aware training: a trained streaming network goes on learning in the words of its integer network.

Weights, features, gates, the state and the candidate's recurrent sum are rounded and saturated as in
`ntorc.network.reference`, forward; backward the rounding is passed straight through and only saturation stops a
gradient (Bengio, Leonard, Courville, arXiv:1308.3432).  What is left out: biases and sums, which the integer network
keeps exact, and the step of the activations' tables, which is finer than the words.

The formats are those that post-training quantisation chose, and stay: only the integers in them change.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.estimator.forms import BankFront, StreamingForm
from ntorc.estimator.streaming_model import Scales, fold_scales
from ntorc.estimator.streaming_training import Fitting, StreamData, StreamingConfig, fit
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import GRU, Dense
from ntorc.network.network import Network
from ntorc.network.widths import accumulator_fraction
from ntorc.progress import Progress


@dataclass(frozen=True)
class Words:
    """The words of an integer streaming network.

    Attributes:
        features: of the bank's output.
        kernel, recurrent, gate, inner, state: of the GRU.
        dense, out: of the last layer's weights and of the estimate.
    """

    features: FixedFormat
    kernel: FixedFormat
    recurrent: FixedFormat
    gate: FixedFormat
    inner: FixedFormat
    state: FixedFormat
    dense: FixedFormat
    out: FixedFormat


def words_of(network: Network) -> Words:
    """The words of a network of bank, GRU and one dense layer.

    Raises:
        DataError: it has other layers.
    """
    kinds = [type(layer).__name__ for layer in network.layers]
    if kinds != ["ResonatorBank", "GRU", "Dense"]:
        raise DataError(
            f"'{network.name}' has the layers {', '.join(kinds)}",
            "quantisation-aware training is for a bank, a GRU and one dense layer",
        )
    gru = next(layer for layer in network.layers if isinstance(layer, GRU))
    dense = next(layer for layer in network.layers if isinstance(layer, Dense))
    before = network.before(gru)
    return Words(
        before,
        gru.weight_format,
        gru.recurrent_format(before),
        gru.gate_format,
        gru.inner_format,
        gru.output_format,
        dense.weight_format,
        dense.output_format,
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
        form: of a bank, without hidden dense layers.
        trained: the model of features and volts (`fold_scales`), whose weights are where it begins.
        words: of the integer network.
        scales: its own weights are those of a model of scaled features and positions.

    Raises:
        DataError: another form.
    """
    import keras

    if form.dense or not isinstance(form.front, BankFront):
        raise DataError(f"quantisation-aware training is for a bank and a GRU, not {form.describe()}")
    inputs = keras.Input((None, form.front.features), name="features")
    cell = _cell(form.units, words, scales)
    states = keras.layers.RNN(cell, return_sequences=True, name="gru")(inputs)
    head = _head(words, scales)
    model = keras.Model(inputs, head(states))
    kernel, fed_back, bias = trained.get_layer("gru").get_weights()
    out, offset = trained.get_layer("position").get_weights()
    scale, shift = np.array(scales.scale), np.array(scales.shift)
    bias = np.stack([bias[0] + shift @ kernel, bias[1]])
    arrays = [kernel / scale[:, None], fed_back, bias, out / scales.std_v, (offset - scales.mean_v) / scales.std_v]
    model.set_weights([np.asarray(array, np.float32) for array in arrays])
    return model


def _cell(units: int, words: Words, scales: Scales) -> Any:
    import keras
    import tensorflow as tf

    scale, shift = np.array(scales.scale, np.float32), np.array(scales.shift, np.float32)

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


def _head(words: Words, scales: Scales) -> Any:
    import keras
    import tensorflow as tf

    class QuantisedDense(keras.layers.Layer):  # type: ignore[misc]
        def build(self, shape: Any) -> None:
            self.kernel = self.add_weight(shape=(shape[-1], 1), name="kernel")
            self.bias = self.add_weight(shape=(1,), name="bias")

        def call(self, states: Any) -> Any:
            kernel = rounded(self.kernel * scales.std_v, words.dense)
            volts = tf.matmul(states, kernel) + self.bias * scales.std_v + scales.mean_v
            return (rounded(volts, words.out) - scales.mean_v) / scales.std_v

    return QuantisedDense(name="position")


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
    trained.get_layer("gru").set_weights(weights[:3])
    trained.get_layer("position").set_weights(weights[3:])
    fold_scales(trained, scales)
    return trained


def with_weights(network: Network, trained: Any) -> Network:
    """An integer network with a Keras model's weights in its own formats, saturated where they exceed them."""
    from ntorc.network.importers.keras_model import recurrent_layer

    words = words_of(network)
    gru, dense = network.layers[1], network.layers[2]
    found = recurrent_layer(trained.get_layer("gru"), "GRU", gru.name)
    out, offset = (np.asarray(array, np.float64) for array in trained.get_layer("position").get_weights())
    weights, biases = dict(network.weights), dict(network.biases)
    weights[gru.name] = np.concatenate(
        [words.kernel.quantise(found.kernel), words.recurrent.quantise(found.recurrent_kernel)]
    )
    weights[dense.name] = words.dense.quantise(out)
    for layer, bias in ((gru, found.bias), (dense, offset)):
        fraction = accumulator_fraction(layer, network.before(layer))  # type: ignore[arg-type]
        biases[layer.name] = _bias(bias, fraction)
    return replace(network, name=f"{network.name}-qat", weights=weights, biases=biases)


def _bias(bias: Any, fraction: int) -> IntArray:
    result: IntArray = np.floor(bias * 2.0**fraction + 0.5).astype(np.int64)
    return result
