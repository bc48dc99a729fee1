"""What a part of a native design is, as text and as numbers, for the cost models."""

from __future__ import annotations

from ntorc.backends.base import Directive
from ntorc.backends.native.cells import cell_cost
from ntorc.backends.native.finish import Quotient, finish_cost
from ntorc.backends.native.generate import address_bits
from ntorc.backends.native.geometry import engine_of
from ntorc.backends.native.shell import STREAM_DEPTH, window_depth
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import AveragePool1D, Pool, Recurrent, WeightedLayer
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.widths import accumulator_fraction, product_shift


def engine_subject(network: Network, layer: WeightedLayer, input_format: FixedFormat) -> str:
    """Signature of a weighted layer: everything that its engine's structure depends on, weights aside."""
    engine = engine_of(layer, 1)
    word = layer.output_format
    cut = "" if layer.accumulator is None else f" cut={product_shift(layer, input_format)}"
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
    return f"{kind} length={layer.input_length} channels={layer.input_channels} pool={layer.pool} bits={bits}"


def shell_subject(network: Network, hop: int, *, streaming: bool = False, dma: bool = False) -> str:
    """Signature of the shell around a network.

    ``version=3`` (of the register map) sets it apart from earlier shells: what a store knows about those says
    nothing about this one.
    """
    depth = STREAM_DEPTH if streaming else window_depth(network.input_length, hop)
    options = (" streaming" if streaming else "") + (" dma" if dma else "")
    return (
        f"shell version=3{options} window={network.input_length} depth={depth}"
        f" in={network.input_format.bits} out={network.output_format.bits} outputs={network.outputs}"
    )


def engine_features(
    network: Network, layer: WeightedLayer, input_format: FixedFormat, directive: Directive
) -> dict[str, float]:
    """The physical basis of an engine's LUT and FF counts (see `cost.native`).

    Widths of registers and multiplexers, words of distributed memory in the units in which a LUT holds
    them, and address widths; all from the structure of ``ntorc_conv1d``.
    """
    engine = engine_of(layer, directive.multipliers)
    accumulator = accumulator_bits(network, layer)
    rom_bits = engine.lanes * layer.weight_format.bits
    in_logic = directive.weight_storage == "lut"
    depth = engine.slots * engine.channels
    last_tap = (engine.positions - 1) * engine.stride + engine.span - engine.pad_left
    masked = engine.pad_left > 0 or last_tap > engine.length
    small_buffer = depth <= 256
    return {
        "kind_engine": 1.0,
        "lanes": float(engine.lanes),
        "accumulator_bits": float(accumulator),
        "hold_bits": float(engine.lanes * accumulator),
        "hold_multiplexed": float((engine.lanes - 1) * accumulator) if engine.lanes > 1 else 0.0,
        "in_bits": float(input_format.bits),
        "out_bits": float(layer.output_format.bits),
        "buffer_luts": float(input_format.bits * -(-depth // 64)) if small_buffer else 0.0,
        "fifo_luts": float(layer.output_format.bits * -(-2 * engine.outputs // 32)),
        "bias_luts": float(accumulator * -(-engine.filters // 64)),
        "rom_luts": float(rom_bits * -(-engine.rom_words // 64)) if in_logic else 0.0,
        "rom_bits_small": float(rom_bits) if in_logic else 0.0,
        "address_bits": float(
            address_bits(depth) * 3
            + address_bits(engine.rom_words)
            + 3 * address_bits(engine.length)
            + address_bits(engine.filters) * 4
            + address_bits(engine.inputs)
        ),
        "masked": float(masked) * input_format.bits,
        "weight_block_words": 0.0 if in_logic else float(engine.rom_words),
        "weight_block_bits": 0.0 if in_logic else float(rom_bits),
        "buffer_block_bits": 0.0 if small_buffer else float(depth * input_format.bits),
        "buffer_block_words": 0.0 if small_buffer else float(depth),
        **(cell_cost(network, layer) if isinstance(layer, Recurrent) else finish_cost(network, layer)),
    }


def pool_features(layer: Pool, bits: int) -> dict[str, float]:
    """The basis of a pooling layer's counts."""
    extra = Quotient(bits, layer.pool).cost if isinstance(layer, AveragePool1D) else {}
    return {
        **extra,
        "kind_pool": 1.0,
        "out_bits": float(bits),
        "fifo_luts": float(bits * -(-layer.input_channels // 32)),
        "address_bits": float(
            address_bits(layer.input_channels) + address_bits(layer.input_length) + address_bits(layer.pool)
        ),
    }


def shell_features(network: Network, hop: int) -> dict[str, float]:
    """The basis of the shell's counts."""
    depth = window_depth(network.input_length, hop)
    return {
        "kind_shell": 1.0,
        "in_bits": float(network.input_format.bits),
        "buffer_luts": float(network.input_format.bits * -(-depth // 64)) if depth <= 256 else 0.0,
        "buffer_block_bits": 0.0 if depth <= 256 else float(depth * network.input_format.bits),
        "buffer_block_words": 0.0 if depth <= 256 else float(depth),
        "address_bits": float(3 * address_bits(depth)),
        "results": 32.0 * (network.outputs - 1),
    }
