"""What stands behind an engine's exact sums and in an average pool: modules, parameters, cycles."""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.network.activations import (
    HARD_SIGMOID_CLIP_BITS,
    HARD_SIGMOID_NUMERATOR,
    HARD_SIGMOID_SHIFT,
    Activation,
    LeakyRelu,
    Table,
)
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Feedforward
from ntorc.network.network import Network, accumulator_bits, widest_bits
from ntorc.network.widths import accumulator_fraction, rounding_shift

TABLE_IN_LOGIC_ENTRIES = 256
"""Tables of up to so many words are put into logic (4 LUTs a bit), larger ones into block RAM."""

_SOURCES = {
    "ntorc_requantise": ("ntorc_relu.sv", "ntorc_requantise.sv"),
    "ntorc_leaky_relu": ("ntorc_relu.sv", "ntorc_requantise.sv", "ntorc_scale.sv", "ntorc_leaky_relu.sv"),
    "ntorc_hard_sigmoid": (
        "ntorc_relu.sv",
        "ntorc_requantise.sv",
        "ntorc_scale.sv",
        "ntorc_clip.sv",
        "ntorc_hard_sigmoid.sv",
    ),
    "ntorc_table": ("ntorc_clip.sv", "ntorc_table.sv"),
}


def finish_module(activation: Activation) -> str:
    """The module that finishes a sum."""
    if isinstance(activation, Table):
        return "ntorc_table"
    if isinstance(activation, LeakyRelu):
        return "ntorc_leaky_relu"
    return "ntorc_hard_sigmoid" if activation == "hard_sigmoid" else "ntorc_requantise"


def finish_sources(activation: Activation) -> tuple[str, ...]:
    """The files of that module and of what it uses."""
    return _SOURCES[finish_module(activation)]


def finish_cycles(activation: Activation) -> int:
    """Cycles from a sum to its push into the output buffer beyond the two of ``ntorc_requantise``.

    As the modules' heads state: additions by constants take a cycle each.
    """
    if isinstance(activation, Table):
        return 1
    if isinstance(activation, LeakyRelu):
        return activation.numerator.bit_count()
    return HARD_SIGMOID_NUMERATOR.bit_count() + 2 if activation == "hard_sigmoid" else 0


def finish_parameters(network: Network, layer: Feedforward, input_format: FixedFormat) -> dict[str, int | str]:
    """The parameters of a layer's finishing module, by name."""
    fraction = accumulator_fraction(layer, input_format)
    word, activation = layer.output_format, layer.activation
    stated: dict[str, int | str] = {"ACC_BITS": accumulator_bits(network, layer)}
    if isinstance(activation, Table):
        stated |= {"INDEX_BITS": activation.address_bits, "SHIFT": rounding_shift(layer, input_format)}
        return stated | ({"TOWARD_ZERO": 1} if activation.index_rounding == "toward_zero" else {})
    stated |= {"OUT_BITS": word.bits, "SATURATE": int(word.overflow == "saturate")}
    if activation == "linear" or activation == "relu":
        return stated | {"SHIFT": fraction - word.fraction, "RELU": int(activation == "relu")}
    if isinstance(activation, LeakyRelu):
        numerator, shift = activation.numerator, activation.shift
    else:
        numerator, shift = HARD_SIGMOID_NUMERATOR, HARD_SIGMOID_SHIFT
        stated |= {"CLIP_BITS": fraction + HARD_SIGMOID_CLIP_BITS + 1, "ONE_AT": fraction + shift}
    stated |= {
        "SHIFT": fraction + shift - word.fraction,
        "HALF_UP": int(word.rounding == "half_up"),
        "WIDE_BITS": widest_bits(network, layer),
        "NUMERATOR_BITS": numerator.bit_length(),
        "NUMERATOR": f"{numerator.bit_length()}'d{numerator}",
    }
    return stated | {"SLOPE_SHIFT": shift} if isinstance(activation, LeakyRelu) else stated


def finish_cost(network: Network, layer: Feedforward) -> dict[str, float]:
    """LUTs and flip-flops beyond those of ``ntorc_requantise``, by structure; a table's memory.

    Each addition of ``ntorc_scale`` takes a LUT a bit of its factor (the bits below pass by) and registers
    of the factor and the partial product; the stage itself adds a word's width or two for clips.
    """
    activation = layer.activation
    if isinstance(activation, Table):
        large = activation.entries > TABLE_IN_LOGIC_ENTRIES
        return {
            "table_block_bits": float(layer.output_format.bits) if large else 0.0,
            "table_block_words": float(activation.entries) if large else 0.0,
            "lut_by_structure": 0.0 if large else float(layer.output_format.bits * -(-activation.entries // 64)),
        }
    if isinstance(activation, LeakyRelu):
        numerator, factor, words = activation.numerator, accumulator_bits(network, layer), 1
    elif activation == "hard_sigmoid":
        fraction = accumulator_fraction(layer, network.formats[network.layers.index(layer)])
        numerator, factor, words = HARD_SIGMOID_NUMERATOR, fraction + HARD_SIGMOID_CLIP_BITS + 1, 2
    else:
        return {}
    additions = numerator.bit_count() - 1
    return {
        "lut_by_structure": float(additions * (factor + 1) + words * factor),
        "ff_by_structure": float(additions * (2 * factor + numerator.bit_length() // 2) + words * factor),
    }


@dataclass(frozen=True)
class Quotient:
    """An average pool's exact rounded division of a sum of ``pool`` words of ``bits`` bits.

    With the elements as offset binary and pool // 2 added, the sum n is 0 .. ``largest``; the quotient
    is ``((n >> drop) * reciprocal) >> shift`` and equals n // pool for every such n: pool = 2**drop * odd,
    reciprocal = ceil(2**shift / odd) exceeds 2**shift / odd by e / odd, and n // pool needs
    (largest >> drop) * e < 2**shift, since a fraction of n / odd is at most 1 - 1/odd.
    """

    bits: int
    pool: int

    @property
    def largest(self) -> int:
        """The largest sum, the half included."""
        return self.pool * ((1 << self.bits) - 1) + self.pool // 2

    @property
    def drop(self) -> int:
        """The power of two in the pool."""
        return (self.pool & -self.pool).bit_length() - 1

    @property
    def shift(self) -> int:
        """The fewest fraction bits of the reciprocal that make the quotient exact."""
        odd, largest = self.pool >> self.drop, self.largest >> self.drop
        shift = 0
        while largest * (-(1 << shift) % odd) >= 1 << shift:
            shift += 1
        return shift

    @property
    def reciprocal(self) -> int:
        """The multiplier."""
        return -(-(1 << self.shift) // (self.pool >> self.drop))

    @property
    def cycles(self) -> int:
        """From the acceptance of an element that completes a pool to its mean's first possible one."""
        return 1 + self.reciprocal.bit_count()

    @property
    def parameters(self) -> dict[str, int | str]:
        """Of ``ntorc_averagepool``, beyond the shape."""
        width = self.reciprocal.bit_length()
        return {
            "SUM_BITS": self.largest.bit_length(),
            "DROP": self.drop,
            "RECIPROCAL_BITS": width,
            "RECIPROCAL": f"{width}'d{self.reciprocal}",
            "SHIFT": self.shift,
        }

    @property
    def cost(self) -> dict[str, float]:
        """LUTs and flip-flops beyond those of a maximum pool, by structure (see `finish_cost`)."""
        additions, factor = self.reciprocal.bit_count() - 1, self.largest.bit_length() - self.drop
        return {
            "lut_by_structure": float(additions * (factor + 1) + self.bits),
            "ff_by_structure": float(additions * (2 * factor + 1) + factor),
        }
