"""The structure of hls4ml's io_stream layers with Strategy=Resource: closed forms, and the basis of LUT and FF.

Every weighted layer is one or two matrix-vector products (`Product`) of K inputs and M outputs at a reuse factor R,
with ceil(K M / R) multipliers.  What HLS makes of one depends on which indices it can resolve, and so on its regime:

    ========  ===========================  ========================================================================
    regime    reuse factor                 structure
    ========  ===========================  ========================================================================
    unrolled  1                            no loop: constants are multiplied, about half of them without a DSP
    p8        R < K, K/R at least 6        each output sums K/R products a step in a tree that is pipelined deeper
    p4, p2    R < K, K/R at least 3, 2     the same with shallow trees
    o1        R = K                        one product an output and step, inputs in turn
    o2 .. o32 R = os K, os 2, 4, 8, 16     a multiplier serves os outputs in turn, from a table of output indices
    ========  ===========================  ========================================================================

A convolution is the product of its taps and channels with its filters, at every position that gives an output; where a
stride passes a position over, and while the first taps are gathered, values are only shifted.  The data has three taps,
no stride and one zero on each side; all else (`Structure.beyond`) is that structure carried on.

LUT and FF of a product are, in each regime, almost linear in M, in the multipliers, and in K; the linear terms are
shared between layer kinds, so that dense layers tell about convolutions.  Closed forms and basis are our own reading
of the published synthesis data (`ntorc.cost.synthesis_data`) and of hls4ml's loops.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from ntorc.backends.hls4ml.reuse import closest_legal
from ntorc.cost.synthesis_data import KERNEL

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]

CONVOLUTION = {"taps": KERNEL, "stride": 1, "padding": KERNEL - 1}
"""Of the data's convolutions: taps, input positions from output to output, zeros on both sides together."""

REGIMES = ("unrolled", "p8", "p4", "p2", "o1", "o2", "o4", "o8", "o16", "o32")
DATA_BITS = 16
"""Width of weights and data in the published data."""

_UNROLLED, _P8, _P4, _P2, _O1 = range(5)
_O2, _O4 = 5, 6
_BLOCK_WIDTH, _SPARE_BITS = 36, 8  # a BRAM18 is 36 bits wide; up to 8 bits beyond whole blocks go elsewhere
_ROM_BITS = 1024  # smaller tables of weights or output indices stay in logic
_WIDE_INPUTS = 512  # from so many inputs on, HLS resolves the indices that it leaves open in smaller dense layers
_DEEP = 1024, 512  # inputs and reuse factor from which on HLS adds a level of multiplexers and registers


@dataclass(frozen=True)
class Product:
    """Matrix-vector products, one of each option: inputs, outputs, reuse factor, regime (index), each ``[N]``."""

    inputs: FloatArray
    outputs: FloatArray
    reuse: FloatArray
    regime: IntArray

    @property
    def multipliers(self) -> FloatArray:
        """ceil(K M / R), the block factor."""
        count: FloatArray = np.ceil(self.inputs * self.outputs / self.reuse)
        return count

    @property
    def outputs_in_turn(self) -> FloatArray:
        """Outputs that one multiplier serves: R / K, at least 1."""
        return np.maximum(self.reuse / self.inputs, 1.0)


def product(inputs: FloatArray, outputs: FloatArray, reuse: FloatArray) -> Product:
    """Products with their regimes."""
    parallel, turns = inputs / reuse, reuse / inputs
    shared = np.clip(_O1 + np.floor(np.log2(np.maximum(turns, 1.0)) + 1e-9), _O1, len(REGIMES) - 1)
    shared = np.where((turns > 2) & (turns < 4), _O4, shared)  # three in turn behave as four
    summed = np.where(parallel >= 6, _P8, np.where(parallel >= 3, _P4, _P2))
    regime = np.where(reuse < inputs, summed, shared)
    return Product(inputs, outputs, reuse, np.where(reuse == 1, _UNROLLED, regime).astype(np.int64))


@dataclass(frozen=True)
class Structure:
    """Options of one layer kind, taken apart.

    Attributes:
        kind: ``conv``, ``lstm`` or ``dense``.
        n_in, size, length: of the layer, each ``[N]``.
        words: stream words of one input frame of a dense layer (inputs over channels of the layer before; 0 where
            that is not known); 1 for the other kinds, ``[N]``.
        products: of inputs, and for an LSTM of the fed back state.
        active: positions for which the whole time of a product is counted: outputs of a convolution and the taps
            before the first, input vectors of the other kinds, ``[N]``.
        idle: positions that a convolution's stride passes over, ``[N]``.
        beyond: whether it is a convolution of other taps, stride or padding than the data's, ``[N]``.
    """

    kind: str
    n_in: FloatArray
    size: FloatArray
    length: FloatArray
    words: FloatArray
    products: tuple[Product, ...]
    active: FloatArray
    idle: FloatArray
    beyond: BoolArray

    @property
    def equivalent_n_in(self) -> FloatArray:
        """Channels of a convolution of the data's taps with as many inputs of its product; of other kinds ``n_in``."""
        return self.products[0].inputs / KERNEL if self.kind == "conv" else self.n_in


def structure_of(kind: str, columns: Mapping[str, FloatArray]) -> Structure:
    """Take options apart.

    Args:
        kind: ``conv``, ``lstm`` or ``dense``.
        columns: ``reuse_factor``, ``n_in`` (channels of a convolution), ``size`` (filters, units), and for
            ``conv`` and ``lstm`` the layer's own input ``length``; for ``dense`` optionally ``pack``, the channels
            of the layer before, which share a stream word; for ``conv`` optionally `CONVOLUTION`.
    """
    reuse, n_in, size = (_column(columns, name) for name in ("reuse_factor", "n_in", "size"))
    one, none = np.ones_like(reuse), np.zeros_like(reuse)
    if kind == "conv":
        return _convolution(columns, reuse, n_in, size)
    if kind == "lstm":
        length = _column(columns, "length")
        products = product(n_in, 4 * size, reuse), product(size, 4 * size, _recurrent_reuse(size, reuse))
        return Structure(kind, n_in, size, length, one, products, length, none, none > 0)
    pack = _column(columns, "pack") if "pack" in columns else none
    words = np.where(pack > 0, np.ceil(n_in / np.maximum(pack, 1)), 0.0)
    return Structure(kind, n_in, size, one, words, (product(n_in, size, reuse),), one, none, none > 0)


def _convolution(
    columns: Mapping[str, FloatArray], reuse: FloatArray, n_in: FloatArray, size: FloatArray
) -> Structure:
    length, one = _column(columns, "length"), np.ones_like(reuse)
    taps, stride, padding = (
        _column(columns, name) if name in columns else default * one for name, default in CONVOLUTION.items()
    )
    padded = length + padding
    outputs = np.floor((padded - taps) / stride) + 1
    active = np.clip(outputs + taps - 1, 1, padded)
    beyond = (taps != CONVOLUTION["taps"]) | (stride != CONVOLUTION["stride"]) | (padding != CONVOLUTION["padding"])
    products = (product(taps * n_in, size, reuse),)
    return Structure("conv", n_in, size, length, one, products, active, padded - active, beyond)


def _column(columns: Mapping[str, FloatArray], name: str) -> FloatArray:
    return np.asarray(columns[name], np.float64)


def _recurrent_reuse(size: FloatArray, reuse: FloatArray) -> FloatArray:
    """hls4ml sets one reuse factor; the fed back product takes the legal one closest to it."""
    pairs, back = np.unique(np.stack([size, reuse]).astype(np.int64), axis=1, return_inverse=True)
    found = np.array([_closest(units, 4 * units, factor) for units, factor in pairs.T.tolist()], float)
    legal: FloatArray = found[back.reshape(-1)]
    return legal


@cache
def _closest(n_in: int, n_out: int, reuse: int) -> int:
    return closest_legal(n_in, n_out, reuse)


def dsp_count(structure: Structure) -> FloatArray:
    """DSP48 of products that are not unrolled: one a multiplier; an LSTM's elementwise part has 3 a unit."""
    parts = (np.where(item.regime == _UNROLLED, 0.0, item.multipliers) for item in structure.products)
    return sum(parts, _zero(structure)) + (3 * structure.size if structure.kind == "lstm" else 0.0)


def unrolled_multiplications(structure: Structure) -> FloatArray:
    """Multiplications by constants; each takes a DSP or not, as its weight is."""
    parts = (np.where(item.regime == _UNROLLED, item.inputs * item.outputs, 0.0) for item in structure.products)
    return sum(parts, _zero(structure))


def bram18_count(structure: Structure) -> FloatArray:
    """RAMB18 of weights and tables of output indices; an LSTM's activation tables and state take 2 a unit and 1."""
    total = _zero(structure)
    for item in structure.products:
        row_bits = DATA_BITS * item.multipliers
        blocks = row_bits // _BLOCK_WIDTH + (row_bits % _BLOCK_WIDTH > _SPARE_BITS)
        in_logic = (DATA_BITS * item.inputs * item.outputs <= _ROM_BITS) | (item.regime == _UNROLLED)
        total = total + np.where(in_logic, 0.0, blocks) + _index_table(item)
    if structure.kind == "lstm":
        total = total + 2 * structure.size + (structure.products[0].regime != _UNROLLED)
    return total


def _index_table(item: Product) -> FloatArray:
    """Whether the table of output indices, one of ceil(log2 os) bits for each step, lies in block RAM."""
    bits = np.ceil(np.log2(np.maximum(item.outputs_in_turn, 1.0)) - 1e-9)
    in_block: FloatArray = (item.reuse * bits >= _ROM_BITS).astype(float)
    return in_block


def _zero(structure: Structure) -> FloatArray:
    return np.zeros_like(structure.n_in)


def is_deep(item: Product) -> FloatArray:
    """Where HLS adds a level of multiplexers and registers, as in dense layers of 1,024 inputs reused 512 times."""
    return ((item.inputs >= _DEEP[0]) & (item.reuse >= _DEEP[1]) & (item.reuse < item.inputs)).astype(float)


def basis(structure: Structure) -> dict[str, FloatArray]:
    """Terms of LUT and FF, each ``[N]``; all weights are non-negative.

    Names end with the regime or kind that they belong to; K, M and b stand for inputs, outputs and multipliers.
    """
    kind = structure.kind
    terms: dict[str, FloatArray] = {}

    def add(name: str, value: FloatArray) -> None:
        terms[name] = terms[name] + value if name in terms else value

    one = np.ones_like(structure.n_in)
    add(f"one_{kind}", one)
    if kind == "dense":
        add("K_dense", structure.n_in)
    else:
        add("address_bits", np.log2(structure.length))
    if kind == "conv":
        add("K_conv", structure.products[0].inputs)
    if kind == "lstm":
        add("units", structure.size)
        add("n_in_lstm", structure.n_in)
    for item in structure.products:
        _product_terms(structure, item, add)
    return terms


def _product_terms(structure: Structure, item: Product, add: _Add) -> None:
    """The terms of one product."""
    rolled = (item.regime != _UNROLLED).astype(float)
    many = rolled * (item.outputs > 1)
    count, summing = item.multipliers * rolled, (item.regime >= _P8) & (item.regime <= _P2)
    add("multiplications_unrolled", (1 - rolled) * item.inputs * item.outputs)
    add("b", count)
    for index, name in enumerate(REGIMES[1:], start=_P8):
        here = (item.regime == index).astype(float)
        add(f"M_{name}", here * item.outputs)
        add(f"one_{name}{'_dense' if structure.kind == 'dense' else ''}", here * many)
        if index == _P8:
            add("b_p8", here * (count - 6 * item.outputs))  # with M_p8: a tree of n words has n - 1 adders
        elif index in (_P4, _P2):
            add(f"b_{name}", here * count)
    add("one_index_table", _index_table(item) * rolled)
    if structure.kind == "dense":
        _dense_terms(structure, item, summing * rolled, many, add)
    else:
        add(f"KM_{structure.kind}", summing * item.inputs * item.outputs)


def _dense_terms(structure: Structure, item: Product, summing: FloatArray, many: FloatArray, add: _Add) -> None:
    """Dense layers of fewer than 512 inputs: indices stay open, so each multiplier chooses among all outputs."""
    is_open = summing * (item.inputs < _WIDE_INPUTS) * (item.reuse >= 4)
    count = item.multipliers
    add("bM_open", is_open * many * count * item.outputs)
    streamed = (item.regime == _P8) | (structure.words != 1)
    add("b_open", is_open * many * count * streamed)
    add("K_resolved", (summing - is_open) * item.inputs)
    add("bK_one_output", summing * (item.outputs == 1) * count * item.inputs)
    add("K_one_output", (item.outputs == 1) * item.inputs)
    deep = is_deep(item)
    add("one_deep", deep)
    add("share_deep", deep * item.reuse / item.inputs)


def residual_inputs(structure: Structure) -> FloatArray:
    """Coordinates in which what the basis leaves is smooth, in octaves, ``[N, D]``."""
    first = structure.products[0]
    columns = [np.log2(first.reuse), np.log2(structure.equivalent_n_in), np.log2(structure.size)]
    columns.append(2.0 * (structure.words != 1) if structure.kind == "dense" else np.log2(structure.length) / 4)
    columns += [np.log2(item.reuse / item.inputs) for item in structure.products]
    for item in structure.products:
        columns += [2.0 * (item.regime == _O4), 2.0 * (item.regime == _P8)]
    return np.stack(columns, axis=1)


if TYPE_CHECKING:
    from collections.abc import Callable

    _Add = Callable[[str, FloatArray], None]
