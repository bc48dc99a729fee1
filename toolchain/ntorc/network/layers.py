"""The layers of the integer network: shapes, formats, and what they cost in multiplies.

A weighted layer's ``accumulator`` is None where its sums are exact.  Else every product is cut to that word
before it is added, and the sums wrap in it, as in HLS code whose accumulator is narrower than its products;
modulo the word the order of the additions makes no difference.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ntorc.network.activations import Activation, Table
from ntorc.network.formats import FixedFormat
from ntorc.network.resonator_layer import ResonatorBank


@dataclass(frozen=True)
class Conv1D:
    """One-dimensional convolution (cross-correlation, as in Keras) with zero padding.

    Weights: ``[kernel, input_channels, filters]`` in ``weight_format``; bias ``[filters]`` in the
    accumulator's fraction (that of input plus weights, unless ``accumulator`` says another).
    """

    name: str
    input_length: int
    input_channels: int
    filters: int
    kernel: int
    weight_format: FixedFormat
    output_format: FixedFormat
    stride: int = 1
    dilation: int = 1
    padding_left: int = 0
    padding_right: int = 0
    activation: Activation = "linear"
    accumulator: FixedFormat | None = None
    kind: Literal["conv1d"] = "conv1d"

    @property
    def span(self) -> int:
        """Input vectors from a position's first tap to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def output_length(self) -> int:
        """Output positions."""
        padded = self.input_length + self.padding_left + self.padding_right
        return (padded - self.span) // self.stride + 1

    @property
    def output_channels(self) -> int:
        """Elements of an output vector."""
        return self.filters

    @property
    def inputs(self) -> int:
        """Products summed for one output element."""
        return self.kernel * self.input_channels

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.kernel, self.input_channels, self.filters)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.filters,)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame, padding counted."""
        return self.output_length * self.inputs * self.filters


@dataclass(frozen=True)
class Dense:
    """Fully connected layer on the flattened frame.  Weights: ``[inputs, units]``; bias ``[units]``."""

    name: str
    input_length: int
    input_channels: int
    units: int
    weight_format: FixedFormat
    output_format: FixedFormat
    activation: Activation = "linear"
    accumulator: FixedFormat | None = None
    kind: Literal["dense"] = "dense"

    @property
    def output_length(self) -> int:
        """Always one vector."""
        return 1

    @property
    def output_channels(self) -> int:
        """Elements of the output vector."""
        return self.units

    @property
    def inputs(self) -> int:
        """Products summed for one output element."""
        return self.input_length * self.input_channels

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.inputs, self.units)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.units,)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame."""
        return self.inputs * self.units


@dataclass(frozen=True)
class _Pool:
    name: str
    input_length: int
    input_channels: int
    pool: int

    @property
    def output_length(self) -> int:
        """Whole pools."""
        return self.input_length // self.pool

    @property
    def output_channels(self) -> int:
        """Elements of an output vector."""
        return self.input_channels

    @property
    def multiplies(self) -> int:
        """None."""
        return 0


@dataclass(frozen=True)
class MaxPool1D(_Pool):
    """Maximum over ``pool`` consecutive vectors, stride ``pool``, no padding; keeps the format."""

    kind: Literal["maxpool1d"] = "maxpool1d"


@dataclass(frozen=True)
class AveragePool1D(_Pool):
    """Mean of ``pool`` consecutive vectors, stride ``pool``, no padding; keeps the format, rounds half up."""

    kind: Literal["averagepool1d"] = "averagepool1d"


@dataclass(frozen=True)
class _Recurrent:
    """What both recurrent layers share.

    Attributes:
        weight_format: of the kernel (rows 0 .. input_channels - 1 of the weights).
        output_format: of the output h, which is also fed back.
        gate_format: of the gates' values.
        inner_format: LSTM: of the cell state c.  GRU: of the candidate's recurrent sum, where it meets r.
        recurrent_activation: of the gates; a table.
        activation: of the candidate (LSTM: and of the cell state); a table.
        return_sequences: a vector for each step instead of the last one alone.
        stateful: the state goes on from frame to frame, until a reset; else each frame begins at zero.
    """

    name: str
    input_length: int
    input_channels: int
    units: int
    weight_format: FixedFormat
    output_format: FixedFormat
    gate_format: FixedFormat
    inner_format: FixedFormat
    recurrent_activation: Table
    activation: Table
    return_sequences: bool = False
    stateful: bool = False
    accumulator: FixedFormat | None = None

    @property
    def output_length(self) -> int:
        """All steps, or the last."""
        return self.input_length if self.return_sequences else 1

    @property
    def output_channels(self) -> int:
        """Elements of an output vector."""
        return self.units

    @property
    def inputs(self) -> int:
        """Products summed for one gate: the input's and the fed back output's."""
        return self.input_channels + self.units

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (4 * self.units,)

    def recurrent_format(self, input_format: FixedFormat) -> FixedFormat:
        """Format of the recurrent kernel (the weights' other rows): its products have the kernel's fraction."""
        word = self.weight_format
        fraction = word.fraction + input_format.fraction - self.output_format.fraction
        return FixedFormat(word.bits, fraction, word.rounding, word.overflow)


@dataclass(frozen=True)
class LSTM(_Recurrent):
    """Long short-term memory, as in Keras: gates i, f, o, candidate g, cell state c.

    Weights: ``[input_channels + units, 4 * units]``, columns i, f, g, o in turn, each ``units`` wide;
    bias ``[4 * units]``.
    """

    kind: Literal["lstm"] = "lstm"

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.inputs, 4 * self.units)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame, the elementwise ones included."""
        return self.input_length * self.units * (4 * self.inputs + 3)


@dataclass(frozen=True)
class GRU(_Recurrent):
    """Gated recurrent unit with ``reset_after``, as in Keras: gates z, r, candidate n.

    Weights: ``[input_channels + units, 3 * units]``, columns z, r, n in turn; bias ``[4 * units]``: of z, of r
    (Keras' two added), of the candidate's input sum, of its recurrent sum.
    """

    kind: Literal["gru"] = "gru"

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.inputs, 3 * self.units)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame, the elementwise ones included."""
        return self.input_length * self.units * (3 * self.inputs + 2)


Feedforward = Conv1D | Dense
Recurrent = LSTM | GRU
WeightedLayer = Feedforward | Recurrent
Pool = MaxPool1D | AveragePool1D
Layer = WeightedLayer | ResonatorBank | Pool
