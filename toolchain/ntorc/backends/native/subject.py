"""What a part of a native design is, as text and as numbers, for the cost models."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from ntorc.backends.base import Directive
from ntorc.backends.native.cells import cell_cost, combined_bits_of, gate_columns
from ntorc.backends.native.finish import NO_BLOCKS, Quotient, finish_cost
from ntorc.backends.native.generate import BANK_SOURCES, address_bits, bias_words, engine_sources, pool_sources
from ntorc.backends.native.geometry import Engine, engine_of
from ntorc.backends.native.logic_only import product_luts
from ntorc.backends.native.memory_cost import (
    distributed_luts,
    multiplexer_luts,
    read_only_luts,
    varying_bits,
)
from ntorc.backends.native.resonator_engine import bank_subject
from ntorc.backends.native.shell import STREAM_DEPTH, shell_sources, window_depth
from ntorc.backends.native.sources import revision
from ntorc.cost.native import block_memory
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import AveragePool1D, Pool, Recurrent, WeightedLayer
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.network.widths import accumulator_fraction, product_shift

SMALL_BUFFER_WORDS = 256
"""Memories of samples and inputs up to so many words lie in logic (``ntorc_mvm``, ``ntorc_window``)."""


def engine_subject(network: Network, layer: WeightedLayer, input_format: FixedFormat) -> str:
    """Signature of a weighted layer: everything that its engine's structure depends on, weights aside."""
    engine = engine_of(layer, 1)
    word = layer.output_format
    cut = "" if layer.accumulator is None else f" cut={product_shift(layer, input_format)}"
    # with the multiplier in logic, as one of a layer's directives needs it: all have one subject
    cut += f" gateware={revision(engine_sources(layer, Directive(1, 1, multiplier_kind='logic')))}"
    if isinstance(layer, Recurrent):
        return (
            f"{layer.kind} steps={engine.length} channels={engine.channels} units={layer.units} in={input_format.bits}"
            f" w={layer.weight_format.bits} acc={accumulator_bits(network, layer)} out={word.bits}"
            f" gate={layer.gate_format.bits} inner={layer.inner_format.bits} last={int(engine.last_only)}"
            f" {layer.recurrent_activation} {layer.activation}{cut}"
        )
    shift = accumulator_fraction(layer, input_format) - word.fraction
    return (
        f"engine length={engine.length} channels={engine.channels} kernel={engine.kernel} stride={engine.stride}"
        f" dilation={engine.dilation} pad_left={engine.pad_left} positions={engine.positions}"
        f" filters={engine.filters} in={input_format.bits} w={layer.weight_format.bits}"
        f" acc={accumulator_bits(network, layer)} out={word.bits} shift={shift} {word.overflow} {layer.activation}{cut}"
    )


def pool_subject(layer: Pool, bits: int) -> str:
    """Signature of a pooling layer."""
    kind = "average" if isinstance(layer, AveragePool1D) else "pool"
    return (
        f"{kind} length={layer.input_length} channels={layer.input_channels} pool={layer.pool} bits={bits}"
        f" gateware={revision(pool_sources(layer))}"
    )


def resonator_subject(network: Network, layer: ResonatorBank, input_format: FixedFormat) -> str:
    """Signature of a resonator bank."""
    return f"{bank_subject(network, layer, input_format)} gateware={revision(BANK_SOURCES)}"


def shell_subject(network: Network, hop: int, *, streaming: bool = False, dma: bool = False) -> str:
    """Signature of the shell around a network."""
    depth = STREAM_DEPTH if streaming else window_depth(network.input_length, hop)
    options = (" streaming" if streaming else "") + (" dma" if dma else "")
    return (
        f"shell{options} window={network.input_length} depth={depth}"
        f" in={network.input_format.bits} out={network.output_format.bits} outputs={network.outputs}"
        f" gateware={revision(shell_sources(streaming=streaming, dma=dma))}"
    )


class EngineFeatures:
    """The physical basis of an engine's LUT and FF counts (see `cost.native`), under any directive of its layer.

    Widths of registers and multiplexers, LUTs of memories in logic, and widths of counters and addresses; all
    from the structure of ``ntorc_conv1d`` and ``ntorc_mvm``, whose names the shorter ones here are.
    """

    def __init__(
        self, network: Network, layer: WeightedLayer, input_format: FixedFormat, *, logic_only: bool = False
    ) -> None:
        """Features of a layer.

        Args:
            network, layer: it and its network.
            input_format: of what it takes.
            logic_only: there are neither DSP blocks nor block RAM (see `logic_only`).
        """
        self.network, self.layer, self.input_format, self.logic_only = network, layer, input_format, logic_only
        self._finish: dict[str, dict[str, float]] = {}

    @cached_property
    def accumulator_bits(self) -> int:
        """See `network.accumulator_bits`."""
        return accumulator_bits(self.network, self.layer)

    @cached_property
    def bias_luts(self) -> int:
        """LUTs of the biases."""
        words = np.asarray(bias_words(self.network, self.layer, self.input_format), np.int64)[:, None]
        return read_only_luts(words, self.accumulator_bits)

    @cached_property
    def matrix(self) -> IntArray:
        """Weights ``[inputs, outputs]``, a recurrent layer's gates side by side."""
        weights = self.network.weights[self.layer.name]
        if isinstance(self.layer, Recurrent):
            return gate_columns(self.layer, weights)
        return weights.reshape(engine_of(self.layer, 1).inputs, -1)

    def finish(self, table_storage: str) -> dict[str, float]:
        """Of what stands behind the sums."""
        if table_storage not in self._finish:
            self._finish[table_storage] = (
                cell_cost(self.network, self.layer, table_storage)
                if isinstance(self.layer, Recurrent)
                else finish_cost(self.network, self.layer, table_storage)
            )
        return self._finish[table_storage]

    @cached_property
    def cell_product_luts(self) -> float:
        """LUTs of a recurrent layer's elementwise multiplier and the sum behind it, where they lie in logic."""
        layer = self.layer
        if not isinstance(layer, Recurrent):
            return 0.0
        inner = max(layer.inner_format.bits, layer.output_format.bits)
        return product_luts(layer.gate_format.bits, inner) + combined_bits_of(self.network, layer)

    def weight_rows(self, engine: Engine) -> IntArray:
        """Words of the weights' memory ``[n, lanes]``, in the order of its addresses."""
        padded = np.zeros((engine.inputs, engine.groups * engine.lanes), np.int64)
        padded[:, : self.matrix.shape[1]] = self.matrix
        by_group = padded.reshape(engine.inputs, engine.groups, engine.lanes).swapaxes(0, 1)
        return by_group.reshape(-1, engine.lanes)

    def under(self, directive: Directive) -> dict[str, float]:
        """The features by name."""
        layer, input_format, accumulator = self.layer, self.input_format, self.accumulator_bits
        engine = engine_of(layer, directive.multipliers)
        bare = self.logic_only
        in_logic = bare or directive.weight_storage == "lut"
        depth = engine.slots * engine.channels
        last_tap = (engine.positions - 1) * engine.stride + engine.span - engine.pad_left
        masked = engine.pad_left > 0 or last_tap > engine.length
        operand = max(input_format.bits, layer.output_format.bits) if engine.state else input_format.bits
        soft = directive.multiplier_kind == "logic"
        vectors = address_bits(engine.length + engine.positions * engine.stride + engine.slots + engine.span) + 2
        finish = self.finish(NO_BLOCKS if bare else directive.table_storage)
        array = bare and not soft  # a product that yosys makes of LUTs, its sum and registers as those of ours
        words = self.weight_rows(engine)
        stored = varying_bits(words, layer.weight_format.bits)
        buffer_blocks, buffer_luts = (
            (0, distributed_luts(depth, input_format.bits))
            if bare or depth <= SMALL_BUFFER_WORDS
            else block_memory(input_format.bits, depth, written=True)
        )
        rom_blocks, rom_luts = (
            (0, read_only_luts(words, layer.weight_format.bits)) if in_logic else block_memory(stored, engine.rom_words)
        )
        return {
            **finish,
            "kind_engine": 1.0,
            "lanes": float(engine.lanes),
            "accumulator_bits": float(accumulator),
            "hold_bits": float(engine.lanes * accumulator),
            "hold_multiplexed": float(accumulator * multiplexer_luts(engine.lanes)),
            "kernel": float(engine.kernel > 1),
            "one_group": float(engine.groups == 1),
            "operand_bits": float(operand),
            "fed_back_bits": float(operand) if engine.state else 0.0,
            "in_bits": float(input_format.bits),
            "out_bits": float(layer.output_format.bits),
            "memory_luts": float(buffer_luts + distributed_luts(2 * engine.outputs, layer.output_format.bits)),
            "read_only_luts": float(self.bias_luts + rom_luts),
            "rom_bits_in_logic": float(stored) if in_logic and engine.rom_words > 1 else 0.0,
            "buffer_address_bits": float(address_bits(depth)),
            "rom_address_bits": float(address_bits(engine.rom_words)),
            "vector_bits": float(vectors),
            "position_bits": float(address_bits(engine.positions + 1)),
            "element_bits": float(address_bits(engine.interval_cycles + 1)),
            "group_bits": float(address_bits(engine.groups)) if engine.groups > 1 else 0.0,
            "filter_bits": float(address_bits(engine.filters)),
            "lane_bits": float(address_bits(engine.lanes + 1)),
            "channel_bits": float(address_bits(engine.channels)) if engine.channels > 1 else 0.0,
            "fifo_address_bits": float(address_bits(2 * engine.outputs)),
            "masked": float(masked),
            "masked_bits": float(masked) * operand,
            "strided": float(engine.stride > 1 or engine.dilation > 1) * address_bits(depth),
            "one_position": float(engine.positions == 1),
            "logic_products": float(engine.lanes * -(-layer.weight_format.bits // 2) * (operand + 2)) if soft else 0.0,
            "logic_sums": float(engine.lanes * accumulator) if soft or array else 0.0,
            "logic_words": float(engine.lanes * (operand + 2 * layer.weight_format.bits)) if soft or array else 0.0,
            "cut_sums": float(engine.lanes * accumulator) if layer.accumulator is not None and not soft else 0.0,
            "lut_by_structure": (engine.lanes * product_luts(operand, layer.weight_format.bits) if array else 0.0)
            + (self.cell_product_luts if bare else 0.0),
            "dsp_by_structure": 0.0 if bare else finish.get("dsp_by_structure", 0.0) + (0.0 if soft else engine.lanes),
            "bram18_by_structure": finish.get("bram18_by_structure", 0.0) + buffer_blocks + rom_blocks,
        }


def pool_features(layer: Pool, bits: int) -> dict[str, float]:
    """The basis of a pooling layer's counts."""
    extra = Quotient(bits, layer.pool).cost if isinstance(layer, AveragePool1D) else {}
    return {
        **extra,
        "kind_pool": 1.0,
        "pool_bits": float(bits),
        "pool_adders": float(bits) * (layer.pool > 2),
        "memory_luts": float(distributed_luts(layer.input_channels, bits)),
        "pool_address_bits": float(
            address_bits(layer.input_channels) + address_bits(layer.input_length) + address_bits(layer.pool)
        ),
    }


def shell_features(
    network: Network, hop: int, *, streaming: bool = False, dma: bool = False, logic_only: bool = False
) -> dict[str, float]:
    """The basis of the shell's counts."""
    depth = STREAM_DEPTH if streaming else window_depth(network.input_length, hop)
    bits, outputs = network.input_format.bits, network.outputs
    blocks, luts = (
        (0, distributed_luts(depth, bits))
        if logic_only or depth <= SMALL_BUFFER_WORDS
        else block_memory(bits, depth, written=True)
    )
    return {
        "kind_shell": 1.0,
        "shell_streaming": float(streaming),
        "shell_dma": float(dma),
        "in_bits": float(bits),
        "shell_out_bits": float(network.output_format.bits),
        "memory_luts": float(luts),
        "shell_address_bits": float(address_bits(depth)),
        "results": float(network.output_format.bits * (outputs - 1)),
        "results_multiplexed": float(network.output_format.bits * multiplexer_luts(outputs)),
        "results_sent": float(network.output_format.bits * outputs) if dma else 0.0,
        "bram18_by_structure": float(blocks),
    }
