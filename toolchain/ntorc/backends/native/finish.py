"""What stands behind an engine's exact sums and in an average pool: modules, parameters, cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ntorc.backends.native.memory_cost import read_only_luts, varying_bits
from ntorc.cost.native import bram18_blocks
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
from ntorc.network.reference import table_words
from ntorc.network.widths import accumulator_fraction, rounding_shift

_IN_LOGIC_ENTRIES = {"auto": 256, "lut": 2048, "block": 64}
"""Tables of up to so many words are put into logic (a LUT a bit and 64 words), larger ones into block RAM."""
NO_BLOCKS = "no blocks"
"""Storage where there is no block RAM; no directive's."""


def table_in_logic(table: Table, storage: str) -> bool:
    """Whether a table lies in logic under a directive's ``table_storage``."""
    return storage == NO_BLOCKS or table.entries <= _IN_LOGIC_ENTRIES[storage]


def table_storages(tables: Sequence[Table]) -> tuple[str, ...]:
    """The ways to store a layer's tables that differ, ``auto`` first."""
    found: dict[tuple[bool, ...], str] = {}
    for storage in _IN_LOGIC_ENTRIES:
        found.setdefault(tuple(table_in_logic(table, storage) for table in tables), storage)
    return tuple(found.values())


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


def stored_bits(table: Table, word: FixedFormat) -> int:
    """Bits a word that a table's memory holds."""
    return varying_bits(table_words(table, word)[:, None], word.bits)


def table_luts(table: Table, word: FixedFormat) -> int:
    """LUTs of a table in logic, in the order of its addresses."""
    return read_only_luts(np.roll(table_words(table, word), table.entries // 2)[:, None], word.bits)


def finish_cost(network: Network, layer: Feedforward, table_storage: str) -> dict[str, float]:
    """LUTs and flip-flops beyond those of ``ntorc_requantise``, by structure; a table's memory.

    Each addition of ``ntorc_scale`` takes a LUT a bit of its factor (the bits below pass by) and registers
    of the factor and the partial product; the stage itself adds a word's width or two for clips.
    """
    activation = layer.activation
    if isinstance(activation, Table):
        stored = stored_bits(activation, layer.output_format)
        large = not table_in_logic(activation, table_storage)
        return {
            "table_clip": float(accumulator_bits(network, layer)),
            "bram18_by_structure": float(bram18_blocks(stored, activation.entries) if large else 0),
            "table_luts": 0.0 if large else float(table_luts(activation, layer.output_format)),
        }
    if activation == "linear" or activation == "relu":
        word, shift = layer.output_format, rounding_shift(layer, network.before(layer))
        above = accumulator_bits(network, layer) - shift - word.bits
        return {"clipped_bits": float(max(above, 0) + word.bits) if word.overflow == "saturate" else 0.0}
    if isinstance(activation, LeakyRelu):
        numerator, factor, words = activation.numerator, accumulator_bits(network, layer), 1
    else:
        fraction = accumulator_fraction(layer, network.before(layer))
        numerator, factor, words = HARD_SIGMOID_NUMERATOR, fraction + HARD_SIGMOID_CLIP_BITS + 1, 2
    additions = numerator.bit_count() - 1
    return {
        "scale_adders": float(additions * (factor + 1)),
        "scale_words": float(words * factor),
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
            "kind_average": 1.0,
            "average_adders": float(additions * (factor + 1)),
            "average_sums": float(factor),
        }
