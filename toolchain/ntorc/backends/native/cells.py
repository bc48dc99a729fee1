"""The elementwise part of recurrent engines: module, parameters, column order, cycles."""

from __future__ import annotations

from ntorc.backends.native.finish import stored_bits, table_in_logic, table_luts
from ntorc.backends.native.memory_cost import distributed_luts
from ntorc.cost.native import bram18_blocks
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import GRU, LSTM, Recurrent
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.widths import (
    accumulator_fraction,
    combined_bits,
    combined_fraction,
    gate_matrix,
    gate_shifts,
)

_COLUMNS = {"lstm": (0, 2, 1, 3), "gru": (0, 1, 2, 3)}  # i, g, f, o and z, r, x, n out of `gate_matrix`
_CYCLES = {"lstm": 12, "gru": 10}


def cell_cycles(layer: Recurrent) -> int:
    """Cycles from a unit's last sum to its output, beyond the two of ``ntorc_requantise`` (the modules' heads)."""
    return _CYCLES[layer.kind]


def cell_sources(layer: Recurrent) -> tuple[str, ...]:
    """The hand-written files of the elementwise part."""
    common = ("ntorc_clip.sv", "ntorc_table.sv", "ntorc_relu.sv", "ntorc_requantise.sv", "ntorc_cell_memory.sv")
    return (*common, f"ntorc_{layer.kind}.sv")


def gate_columns(layer: Recurrent, weights: IntArray) -> IntArray:
    """Weights as ``[inputs, 4 * units]``, the four columns of a unit side by side, as they are summed."""
    matrix = gate_matrix(layer, weights)[:, _COLUMNS[layer.kind], :]
    result: IntArray = matrix.transpose(0, 2, 1).reshape(layer.inputs, -1)
    return result


def gate_biases(layer: Recurrent, input_format: FixedFormat, bias: IntArray) -> list[int]:
    """Biases in the same order, each with half of the last bit that is cut from its sum."""
    shifts = gate_shifts(layer, input_format)
    nearest = [layer.recurrent_activation.index_rounding == "half_up"] * 4
    if isinstance(layer, LSTM):
        nearest[2] = layer.activation.index_rounding == "half_up"
    halves = [1 << (shift - 1) if shift > 0 and half else 0 for shift, half in zip(shifts, nearest, strict=True)]
    if isinstance(layer, GRU):
        halves[2] = 0  # the candidate's index is cut from the combined sum
        if layer.inner_format.rounding == "truncate":
            halves[3] = 0
    rows = bias.reshape(4, layer.units)
    order = _COLUMNS[layer.kind]
    return [int(rows[gate, unit]) + halves[gate] for unit in range(layer.units) for gate in order]


def cell_parameters(network: Network, layer: Recurrent, input_format: FixedFormat) -> dict[str, int | str]:
    """The parameters of ``ntorc_lstm`` or ``ntorc_gru``."""
    accumulator, fraction = accumulator_bits(network, layer), accumulator_fraction(layer, input_format)
    gate, inner, output = layer.gate_format, layer.inner_format, layer.output_format
    combined, index = combined_fraction(layer, input_format), layer.activation.index_fraction
    stated: dict[str, int | str] = {
        "ACC_BITS": accumulator,
        "UNITS": layer.units,
        "STEPS": layer.input_length,
        "STATEFUL": int(layer.stateful),
        "GATE_BITS": gate.bits,
        "INNER_BITS": inner.bits,
        "OUT_BITS": output.bits,
        "GATE_INDEX_BITS": layer.recurrent_activation.address_bits,
        "GATE_SHIFT": fraction - layer.recurrent_activation.index_fraction,
        "INDEX_BITS": layer.activation.address_bits,
        "COMBINED_BITS": combined_bits_of(network, layer),
        "INNER_SATURATE": int(inner.overflow == "saturate"),
        "OUT_HALF_UP": int(output.rounding == "half_up"),
        "OUT_SATURATE": int(output.overflow == "saturate"),
    }
    if isinstance(layer, LSTM):
        tables = {"GATE_TOWARD_ZERO": layer.recurrent_activation, "TOWARD_ZERO": layer.activation}
        stated |= {name: 1 for name, table in tables.items() if table.index_rounding == "toward_zero"}
        return stated | {
            "SHIFT": fraction - index,
            "NEW_LEFT": combined - 2 * gate.fraction,
            "KEPT_LEFT": combined - gate.fraction - inner.fraction,
            "INNER_SHIFT": combined - inner.fraction,
            "INNER_HALF_UP": int(inner.rounding == "half_up"),
            "STATE_SHIFT": inner.fraction - index,
            "OUT_SHIFT": 2 * gate.fraction - output.fraction,
        }
    return stated | {
        "SHIFT": combined - index,
        "INPUT_LEFT": combined - fraction,
        "PRODUCT_LEFT": combined - gate.fraction - inner.fraction,
        "INNER_SHIFT": fraction - inner.fraction,
        "OUT_SHIFT": gate.fraction,
    }


def cell_tables(layer: Recurrent) -> tuple[FixedFormat, FixedFormat]:
    """Word formats of the gates' table and the activation's table."""
    return layer.gate_format, layer.gate_format if isinstance(layer, LSTM) else layer.output_format


def cell_cost(network: Network, layer: Recurrent, table_storage: str) -> dict[str, float]:
    """LUTs and flip-flops of the elementwise part and the state, by structure; its tables' memory; its multiplier.

    Two adders and a clip in front of the tables, two words on the way to the multiplier and behind it, and
    distributed memory in units of 32 words of two bits (a RAM64 has as many LUTs a bit and 64 words).
    """
    accumulator, combined = accumulator_bits(network, layer), combined_bits_of(network, layer)
    gate, inner, output = layer.gate_format.bits, layer.inner_format.bits, layer.output_format.bits
    tables = list(zip((layer.recurrent_activation, layer.activation), cell_tables(layer), strict=True))
    small = [table_luts(table, word) for table, word in tables if table_in_logic(table, table_storage)]
    large = [
        bram18_blocks(stored_bits(table, word), table.entries)
        for table, word in tables
        if not table_in_logic(table, table_storage)
    ]
    state = distributed_luts(2 << layer.units.bit_length(), output)
    memory = distributed_luts(layer.units, inner if isinstance(layer, LSTM) else output) + state
    return {
        f"kind_{layer.kind}": 1.0,
        "cell_adders": float(2 * accumulator + 2 * combined + inner + output),
        "cell_words": float(3 * gate + 2 * inner + 2 * output),
        "table_luts": float(sum(small)),
        "cell_memory": float(memory),
        "cell_sums": float(accumulator + combined),
        "dsp_by_structure": 1.0,
        "bram18_by_structure": float(sum(large)),
    }


def combined_bits_of(network: Network, layer: Recurrent) -> int:
    """See `widths.combined_bits`, for a layer of a network."""
    return combined_bits(layer, network.before(layer), accumulator_bits(network, layer))
