"""The generated top: weights inlined, every parameter stated, the same text for equal input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ntorc.backends.base import Directive
from ntorc.backends.native.cells import cell_parameters, cell_sources, cell_tables, gate_biases, gate_columns
from ntorc.backends.native.cycles import engine_weights
from ntorc.backends.native.finish import (
    Quotient,
    finish_module,
    finish_parameters,
    finish_sources,
    table_in_logic,
)
from ntorc.backends.native.geometry import Engine, engine_of
from ntorc.backends.native.resonator_engine import bank_engine, bank_parameters, pole_words
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import AveragePool1D, Pool, Recurrent, WeightedLayer
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.reference import table_words
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.network.resonators import log2_table
from ntorc.network.widths import product_shift, rounding_shift

_ENGINE = ("ntorc_fifo.sv", "ntorc_select.sv", "ntorc_mvm.sv", "ntorc_conv1d.sv")
BANK_SOURCES = (
    "ntorc_fifo.sv",
    "ntorc_select.sv",
    "ntorc_clip.sv",
    "ntorc_relu.sv",
    "ntorc_requantise.sv",
    "ntorc_dc_blocker.sv",
    "ntorc_resonator_lane.sv",
    "ntorc_log2.sv",
    "ntorc_log_features.sv",
    "ntorc_resonators.sv",
)


def engine_sources(layer: WeightedLayer, directive: Directive) -> tuple[str, ...]:
    """The hand-written files of a weighted layer."""
    multiplier = ("ntorc_logic_multiplier.sv",) if directive.multiplier_kind == "logic" else ()
    return (
        *multiplier,
        *_ENGINE,
        *(cell_sources(layer) if isinstance(layer, Recurrent) else finish_sources(layer.activation)),
    )


def pool_sources(layer: Pool) -> tuple[str, ...]:
    """The hand-written files of a pooling layer."""
    if isinstance(layer, AveragePool1D):
        return ("ntorc_fifo.sv", "ntorc_scale.sv", "ntorc_averagepool.sv")
    return ("ntorc_maxpool.sv",)


def address_bits(words: int) -> int:
    """Bits of an address of ``words`` words, at least one."""
    return max(1, (words - 1).bit_length())


def _hex(value: int, bits: int) -> str:
    return f"{bits}'h{value & ((1 << bits) - 1):0{-(-bits // 4)}x}"


def rom_module(name: str, words: Sequence[int], bits: int, style: str, *, registered: bool) -> str:
    """A read-only memory; ``registered`` ones give the word in the cycle after its address."""
    contents = "\n".join(f"    words[{i}] = {_hex(word, bits)};" for i, word in enumerate(words))
    clock = "    input  logic clk,\n" if registered else ""
    read = "always_ff @(posedge clk) data <= words[address];" if registered else "assign data = words[address];"
    # alone, a memory in logic is one LUT6 a bit and 64 words; flattened into the engine yosys spends three times that
    kept = '(* keep_hierarchy = "yes" *)\n' if style == "logic" else ""
    return (
        f"{kept}module {name} (\n{clock}"
        f"    input  logic [{address_bits(len(words)) - 1}:0] address,\n"
        f"    output logic [{bits - 1}:0] data\n);\n"
        f'  (* rom_style = "{style}" *) logic [{bits - 1}:0] words[{len(words)}];\n'
        f"  initial begin\n{contents}\n  end\n  {read}\nendmodule\n"
    )


def weight_words(network: Network, layer: WeightedLayer, engine: Engine) -> list[int]:
    """Words of the weight memory: pass by pass, input by input; lane l in bits [l*W +: W], zero-padded."""
    weights = network.weights[layer.name]
    matrix = gate_columns(layer, weights) if isinstance(layer, Recurrent) else weights.reshape(engine.inputs, -1)
    bits = layer.weight_format.bits
    mask = (1 << bits) - 1
    words = []
    for group in range(engine.groups):
        columns = matrix[:, group * engine.lanes : (group + 1) * engine.lanes]
        for row in columns.tolist():
            words.append(sum((value & mask) << (lane * bits) for lane, value in enumerate(row)))
    return words


def bias_words(network: Network, layer: WeightedLayer, input_format: FixedFormat) -> list[int]:
    """Biases in the accumulator's fraction, with half of the last bit that is cut from the sum added."""
    if isinstance(layer, Recurrent):
        return gate_biases(layer, input_format, network.biases[layer.name])
    shift = rounding_shift(layer, input_format)
    rounding = layer.activation.index_rounding if isinstance(layer.activation, Table) else layer.output_format.rounding
    half_up = rounding == "half_up"
    half = 1 << (shift - 1) if shift > 0 and half_up else 0
    return [int(value) + half for value in network.biases[layer.name]]


def engine_parameters(
    network: Network, layer: WeightedLayer, engine: Engine, input_format: FixedFormat
) -> dict[str, int | str]:
    """The parameters of ``ntorc_conv1d``."""
    parameters: dict[str, int | str] = {
        "IN_BITS": input_format.bits,
        "W_BITS": layer.weight_format.bits,
        "ACC_BITS": accumulator_bits(network, layer),
        "OUT_BITS": layer.output_format.bits,
        "LENGTH": engine.length,
        "CHANNELS": engine.channels,
        "KERNEL": engine.kernel,
        "STRIDE": engine.stride,
        "DILATION": engine.dilation,
        "PAD_LEFT": engine.pad_left,
        "POSITIONS": engine.positions,
        "FILTERS": engine.filters,
        "LANES": engine.lanes,
        "SLOTS": engine.slots,
        "ROM_AW": address_bits(engine.rom_words),
        "BIAS_AW": address_bits(engine.filters),
    }
    if layer.accumulator is not None:
        parameters["PRODUCT_SHIFT"] = product_shift(layer, input_format)
    if engine.state:
        flags = {"LAST_ONLY": int(engine.last_only), "STATEFUL": int(engine.stateful)}
        recurrent = {"OUTPUTS": engine.outputs, "STATE": engine.state, "STEP": engine_weights(engine)[0]}
        return parameters | recurrent | flags
    return parameters


@dataclass(frozen=True)
class LayerText:
    """A layer as a module of its own, and the modules of its read-only memories by name."""

    logic: str
    memories: dict[str, str]


def layer_modules(network: Network, layer: WeightedLayer, directive: Directive, input_format: FixedFormat) -> LayerText:
    """A layer with weights: what is synthesised and cached alone."""
    engine = engine_of(layer, directive.multipliers)
    accumulator = accumulator_bits(network, layer)
    rom_bits = layer.weight_format.bits * engine.lanes
    style = "block" if directive.weight_storage == "block" else "logic"
    name = f"layer_{layer.name}"
    parameters = engine_parameters(network, layer, engine, input_format)
    if directive.multiplier_kind == "logic":
        parameters["LOGIC"] = 1
    tables, finish = finish_text(network, layer, input_format, directive.table_storage)
    memories = {
        f"{name}_weights": rom_module(
            f"{name}_weights", weight_words(network, layer, engine), rom_bits, style, registered=True
        ),
        f"{name}_bias": rom_module(
            f"{name}_bias", bias_words(network, layer, input_format), accumulator, "logic", registered=False
        ),
    }
    logic = (
        f"// {layer.kind} {layer.name}: {directive}\n"
        + _stream_header(name, input_format.bits, layer.output_format.bits)
        + f"  logic [{address_bits(engine.rom_words) - 1}:0] rom_address;\n"
        f"  logic [{rom_bits - 1}:0] rom_data;\n"
        f"  logic [{address_bits(engine.filters) - 1}:0] bias_address;\n"
        f"  logic signed [{accumulator - 1}:0] bias_data;\n"
        f"  {name}_weights weights (.clk, .address(rom_address), .data(rom_data));\n"
        f"  {name}_bias bias (.address(bias_address), .data(bias_data));\n"
        "  logic sum_valid, push;\n"
        f"  logic signed [{accumulator - 1}:0] sum_data;\n"
        f"  logic signed [{layer.output_format.bits - 1}:0] push_data;\n"
        f"  ntorc_conv1d #({_stated(parameters)}) engine (\n"
        "      .clk, .rst, .in_valid, .in_ready, .in_data, .rom_address, .rom_data, .sum_valid, .sum_data,\n"
        "      .bias_address, .push, .push_data, .out_valid, .out_ready, .out_data, .idle\n  );\n"
        f"{finish}endmodule\n"
    )
    return LayerText(logic, memories | tables)


def _stated(parameters: Mapping[str, int | str]) -> str:
    return ", ".join(f".{key}({value})" for key, value in parameters.items())


def finish_text(
    network: Network, layer: WeightedLayer, input_format: FixedFormat, table_storage: str
) -> tuple[dict[str, str], str]:
    """The stage between the engine's sums and its pushes: its tables as modules, and its instances."""
    if isinstance(layer, Recurrent):
        return _cell_text(network, layer, input_format, table_storage)
    head = (
        f"  {finish_module(layer.activation)} #({_stated(finish_parameters(network, layer, input_format))}) finish (\n"
        "      .clk, .rst, .in_valid(sum_valid), .in_data(sum_data), .in_bias(bias_data), .out_valid(push),"
    )
    if not isinstance(layer.activation, Table):
        return {}, f"{head} .out_data(push_data)\n  );\n"
    name = f"layer_{layer.name}_table"
    return {name: table_module(name, layer.activation, layer.output_format, table_storage)}, (
        f"  logic [{layer.activation.address_bits - 1}:0] table_address;\n{head} .table_address\n  );\n"
        f"  {name} entries (.clk, .address(table_address), .data(push_data));\n"
    )


def _cell_text(
    network: Network, layer: Recurrent, input_format: FixedFormat, table_storage: str
) -> tuple[dict[str, str], str]:
    name, words = f"layer_{layer.name}", cell_tables(layer)
    tables = (layer.recurrent_activation, layer.activation)
    modules = {
        f"{name}_{kind}": table_module(f"{name}_{kind}", table, word, table_storage)
        for kind, table, word in zip(("gates", "table"), tables, words, strict=True)
    }
    return modules, (
        f"  logic [{tables[0].address_bits - 1}:0] gate_address;\n"
        f"  logic [{tables[1].address_bits - 1}:0] table_address;\n"
        f"  logic signed [{words[0].bits - 1}:0] gate_word;\n  logic signed [{words[1].bits - 1}:0] table_word;\n"
        f"  {name}_gates gates (.clk, .address(gate_address), .data(gate_word));\n"
        f"  {name}_table entries (.clk, .address(table_address), .data(table_word));\n"
        f"  ntorc_{layer.kind} #({_stated(cell_parameters(network, layer, input_format))}) cell_part (\n"
        "      .clk, .rst, .in_valid(sum_valid), .in_data(sum_data), .in_bias(bias_data), .gate_address, .gate_word,\n"
        "      .table_address, .table_word, .out_valid(push), .out_data(push_data)\n  );\n"
    )


def table_module(name: str, table: Table, word: FixedFormat, storage: str) -> str:
    """An activation's table, addressed by the index as two's complement."""
    words = table_words(table, word).tolist()
    half = table.entries // 2
    style = "logic" if table_in_logic(table, storage) else "block"
    return rom_module(name, words[half:] + words[:half], word.bits, style, registered=True)


def pool_module(layer: Pool, bits: int) -> LayerText:
    """A pooling layer."""
    module, parameters = (
        "ntorc_maxpool",
        dict[str, int | str](BITS=bits, LENGTH=layer.input_length, CHANNELS=layer.input_channels, POOL=layer.pool),
    )
    if isinstance(layer, AveragePool1D):
        module, parameters = "ntorc_averagepool", parameters | Quotient(bits, layer.pool).parameters
    logic = _stream_header(f"layer_{layer.name}", bits, bits) + (
        f"  {module} #({_stated(parameters)}) engine (\n"
        "      .clk, .rst, .in_valid, .in_ready, .in_data, .out_valid, .out_ready, .out_data, .idle\n  );\nendmodule\n"
    )
    return LayerText(logic, {})


def bank_modules(network: Network, layer: ResonatorBank, directive: Directive, input_format: FixedFormat) -> LayerText:
    """A resonator bank."""
    engine, name = bank_engine(layer, directive.multipliers), f"layer_{layer.name}"
    parameters, bias = bank_parameters(network, layer, engine, input_format), network.biases[layer.name]
    memories = {
        "pole": (pole_words(network, layer, engine), layer.weight_format.bits * engine.lanes),
        "weight": (bias[:-1, 1].tolist(), layer.total_bits),
        "constant": (bias[:, 0].tolist(), int(parameters["LOG_BITS"])),
        "table": (log2_table(layer.mantissa_bits, layer.log_fraction).tolist(), layer.log_fraction),
    }
    modules = {
        f"{name}_{key}": rom_module(f"{name}_{key}", *memory, "logic", registered=False)
        for key, memory in memories.items()
    }
    text = [f"// {layer.kind} {layer.name}: {directive}\n"]
    text.append(_stream_header(name, input_format.bits, layer.output_format.bits))
    for key, (words, bits) in memories.items():
        text.append(
            f"  logic [{address_bits(len(words)) - 1}:0] {key}_address;\n  logic [{bits - 1}:0] {key}_data;\n"
            f"  {name}_{key} {key}_words (.address({key}_address), .data({key}_data));\n"
        )
    wires = ", ".join(f".{key}_address, .{key}_data" for key in memories)
    text.append(
        f"  ntorc_resonators #({_stated(parameters)}) engine (\n"
        f"      .clk, .rst, .in_valid, .in_ready, .in_data, {wires},\n"
        "      .out_valid, .out_ready, .out_data, .idle\n  );\nendmodule\n"
    )
    return LayerText("".join(text), modules)


def _stream_header(name: str, in_bits: int, out_bits: int) -> str:
    return (
        f"module {name} (\n    input  logic clk,\n    input  logic rst,\n    input  logic in_valid,\n"
        f"    output logic in_ready,\n    input  logic signed [{in_bits - 1}:0] in_data,\n"
        f"    output logic out_valid,\n    input  logic out_ready,\n"
        f"    output logic signed [{out_bits - 1}:0] out_data,\n    output logic idle\n);\n"
    )


def network_module(network: Network) -> str:
    """The layers, chained by valid and ready."""
    formats = network.formats
    lines = [_stream_header("ntorc_network", formats[0].bits, formats[-1].bits)]
    for index, word in enumerate(formats):
        lines.append(f"  logic valid_{index}, ready_{index};\n  logic signed [{word.bits - 1}:0] data_{index};\n")
    for index, layer in enumerate(network.layers):
        lines.append(
            f"  layer_{layer.name} u_{layer.name} (\n      .clk, .rst, .in_valid(valid_{index}),"
            f" .in_ready(ready_{index}), .in_data(data_{index}),\n      .out_valid(valid_{index + 1}),"
            f" .out_ready(ready_{index + 1}), .out_data(data_{index + 1}), .idle(idle_{index})\n  );\n"
        )
    last = len(network.layers)
    idles = [f"idle_{index}" for index in range(last)]
    lines.insert(1, f"  logic {', '.join(idles)};\n  assign idle = {' && '.join(idles)};\n")
    lines.append(
        "  assign valid_0 = in_valid;\n  assign in_ready = ready_0;\n  assign data_0 = in_data;\n"
        f"  assign out_valid = valid_{last};\n  assign ready_{last} = out_ready;\n"
        f"  assign out_data = data_{last};\nendmodule\n"
    )
    return "".join(lines)
