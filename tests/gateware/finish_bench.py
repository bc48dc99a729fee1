"""The generated finishing stages alone in one small design, fed with a sum a cycle."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.backends.native.finish import finish_sources
from ntorc.backends.native.generate import bias_words, finish_text
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import gxx, run_verilator, runtime_objects, verilator_root
from ntorc.network.network import Network, accumulator_bits
from ntorc.processes import run_tool


def stage(network: Network, index: int) -> str:
    """A network's only layer without its engine: sums in, pushes out."""
    (layer,) = network.weighted_layers
    accumulator = accumulator_bits(network, layer)
    bias = bias_words(network, layer, network.input_format)[0]
    tables, instances = finish_text(network, layer, network.input_format, "auto")
    return "".join(tables.values()) + (
        f"module stage_{index} (\n  input logic clk, input logic rst, input logic sum_valid,\n"
        f"  input logic signed [{accumulator - 1}:0] sum_data, output logic push,\n"
        f"  output logic signed [{layer.output_format.bits - 1}:0] push_data\n);\n"
        f"  logic signed [{accumulator - 1}:0] bias_data;\n"
        f"  assign bias_data = {accumulator}'h{bias & ((1 << accumulator) - 1):x};\n"
        f"{instances}endmodule\n"
    )


def design(networks: Sequence[Network]) -> str:
    """All stages side by side."""
    count = len(networks)
    text = [stage(network, index) for index, network in enumerate(networks)]
    text.append(
        "module finish_bench (\n  input logic clk, input logic rst, input logic in_valid,\n"
        f"  input logic [{64 * count - 1}:0] in_data, output logic [{count - 1}:0] out_valid,\n"
        f"  output logic [{32 * count - 1}:0] out_data\n);\n"
    )
    for index, network in enumerate(networks):
        (layer,) = network.weighted_layers
        bits, word = accumulator_bits(network, layer), layer.output_format.bits
        text.append(
            f"  logic signed [{word - 1}:0] data_{index};\n"
            f"  stage_{index} u{index} (.clk, .rst, .sum_valid(in_valid), .sum_data(in_data[{64 * index}+:{bits}]),\n"
            f"      .push(out_valid[{index}]), .push_data(data_{index}));\n"
            f"  assign out_data[{32 * index}+:32] = 32'(data_{index});\n"
        )
    return "".join(text) + "endmodule\n"


def run_stages(
    networks: Sequence[Network], sums: Sequence[npt.NDArray[np.int64]], folder: Path, cache: Path
) -> list[npt.NDArray[np.int64]]:
    """What each network's stage pushes for its sums (bias not yet added)."""
    names = dict.fromkeys(n for network in networks for n in finish_sources(network.weighted_layers[0].activation))
    for name, content in library_sources(list(names)).items():
        (folder / name).write_text(content, encoding="utf-8")
    (folder / "finish_bench.sv").write_text(design(networks), encoding="utf-8")
    sources = [*names, "finish_bench.sv"]
    flags = ["--cc", "--top-module", "finish_bench", "-O3", "-Wno-fatal", "-Wno-lint", "--Mdir", "model"]
    run_verilator([*flags, *sources], folder, log=folder / "verilator.log")
    include = verilator_root() / "include"
    generated = sorted(str(path) for path in (folder / "model").glob("*.cpp"))
    options = ["-std=c++17", "-O2", "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TRACE=0", "-pthread"]
    main = Path(__file__).parent / "finish_bench.cpp"
    folders = [f"-I{include}", f"-I{include / 'vltstd'}", f"-I{folder / 'model'}"]
    program = folder / "bench"
    run_tool([gxx(), *options, *folders, main, *generated, *runtime_objects(cache), "-o", program])
    np.stack(sums, axis=1).astype(np.int64).tofile(folder / "sums")
    run_tool([program, folder / "sums", folder / "results", str(len(networks))])
    content, results, at = (folder / "results").read_bytes(), [], 0
    for _ in networks:
        count = int(np.frombuffer(content, np.uint64, 1, at)[0])
        results.append(np.frombuffer(content, np.int32, count, at + 8).astype(np.int64))
        at += 8 + 4 * count
    return results
