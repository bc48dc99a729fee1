"""Window networks: convolutions, pooling, dense layers; one estimate in volts a window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ntorc.errors import UsageError


@dataclass(frozen=True)
class ConvLayer:
    """A Conv1D (valid padding, relu), and a MaxPooling1D when ``pool`` is over 1."""

    filters: int
    kernel: int
    stride: int = 1
    pool: int = 1


@dataclass(frozen=True)
class WindowForm:
    """The shape of a window network.

    Attributes:
        window_samples: length of its input.
        conv: convolution layers, first to last.
        dense: units of the hidden dense layers (relu); one linear unit in volts follows.

    Raises:
        UsageError: a size that is not positive, or layers that leave nothing of the window.
    """

    window_samples: int
    conv: tuple[ConvLayer, ...]
    dense: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = [self.window_samples, *self.dense]
        for layer in self.conv:
            sizes += [layer.filters, layer.kernel, layer.stride, layer.pool]
        if min(sizes) < 1:
            raise UsageError("a network's window, filters, kernels, strides, pools and units must be positive")
        self.lengths()

    def lengths(self) -> list[tuple[int, int]]:
        """Length after each convolution and after its pooling.

        Raises:
            UsageError: a kernel or pool longer than what is left of the window.
        """
        result = []
        left = self.window_samples
        for number, layer in enumerate(self.conv, start=1):
            convolved = (left - layer.kernel) // layer.stride + 1 if left >= layer.kernel else 0
            pooled = convolved // layer.pool
            if pooled < 1:
                raise UsageError(
                    f"convolution {number} (kernel {layer.kernel}, stride {layer.stride}, pool {layer.pool}) "
                    f"does not fit the {left} samples that reach it",
                    "use a longer window, fewer layers, or smaller strides and pools",
                )
            result.append((convolved, pooled))
            left = pooled
        return result

    @property
    def multiplies(self) -> int:
        """Multiplications of one estimate, all input channels counted, biases not."""
        total, channels, left = 0, 1, self.window_samples
        for layer, (convolved, pooled) in zip(self.conv, self.lengths(), strict=True):
            total += convolved * layer.kernel * channels * layer.filters
            channels, left = layer.filters, pooled
        width = left * channels
        for units in (*self.dense, 1):
            total += width * units
            width = units
        return total


DEFAULT_FORM = WindowForm(
    window_samples=384,
    conv=(ConvLayer(6, 8, stride=4), ConvLayer(10, 4, stride=2, pool=2), ConvLayer(16, 4, stride=2)),
    dense=(32,),
)


def build_model(form: WindowForm, seed: int) -> Any:
    """The untrained Keras model of a form, initialised from a seed; input [window_samples, 1]."""
    import keras

    keras.utils.set_random_seed(seed)
    layers: list[Any] = [keras.Input((form.window_samples, 1), name="window")]
    for number, layer in enumerate(form.conv, start=1):
        layers.append(
            keras.layers.Conv1D(
                layer.filters, layer.kernel, strides=layer.stride, activation="relu", name=f"conv{number}"
            )
        )
        if layer.pool > 1:
            layers.append(keras.layers.MaxPooling1D(layer.pool, name=f"pool{number}"))
    layers.append(keras.layers.Flatten(name="flatten"))
    for number, units in enumerate(form.dense, start=1):
        layers.append(keras.layers.Dense(units, activation="relu", name=f"dense{number}"))
    layers.append(keras.layers.Dense(1, name="position"))
    return keras.Sequential(layers)


def fold_label_scale(model: Any, mean_v: float, std_v: float) -> None:
    """Make a model that gives (V - mean) / std give volts: the scale moves into its last layer."""
    last = model.layers[-1]
    kernel, bias = last.get_weights()
    last.set_weights([kernel * std_v, bias * std_v + mean_v])
