"""hls4ml from the integer network to a bitstream: gated conversion, stand-ins for HLS and Vivado, the wrapper."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import hls_samples
import numpy as np
import pytest
from test_vivado_build import GOLDEN, here
from zynq_model import Zynq

from ntorc.allocate.allocation import allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.bitstream.hls import hls_project, layer_modules, read_hls_reports, wrapper
from ntorc.backends.bitstream.project import write_project
from ntorc.backends.hls4ml.backend import Hls4mlBackend
from ntorc.backends.hls4ml.convert import Converted, ConvertRequest, convert, gate, gate_windows
from ntorc.backends.hls4ml.expressible import inexpressible
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.errors import DataError, GateError, ToolError
from ntorc.network import reference
from ntorc.network.hls4ml_mode import Hls4mlMode, hls4ml_format, hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.layers import LSTM
from ntorc.network.network import Network
from ntorc.pipeline.bitstream.hardware import Design, build_hardware
from ntorc.pipeline.flow import open_flow
from ntorc.progress import Silent


@pytest.fixture(scope="session")
def backend(ntorc_cache: Path) -> Hls4mlBackend:
    return Hls4mlBackend("xc7z020clg400-1", 100e6, cache=ntorc_cache)


@pytest.fixture(scope="session")
def design(backend: Hls4mlBackend, network: Network, samples: Any) -> Design:
    board = load_board("pynq-z2")
    need = Requirement(board, 500e-6, 100e6, 4, 5000.0, 55e-6, "test", solver="MERGE")
    return Design(network, backend, board, allocate(network, backend, NativeCost(load_model()), need), samples)


def test_through_hls_and_vivado_to_a_bundle(design: Design, vendor: Any, ntorc_home: Path) -> None:
    """Golden commands of HLS, the core's ports found, memories' contents found, each layer measured twice."""
    flow = open_flow(Silent())
    found = build_hardware(flow, design, "vivado", here)
    assert found.bundle.manifest.kind == "bitstream"
    assert vendor.commands[0] == "vitis-run tcl/csynth.tcl"
    hls = "\n".join(vendor.commands[: vendor.commands.index("csynth_design") + 1]) + "\n"
    golden = GOLDEN / "hls_pynq-z2.txt"
    if os.environ.get("NTORC_GOLDEN"):
        golden.write_text(hls, encoding="utf-8")
    assert hls == golden.read_text(encoding="utf-8")
    core = (found.folder / "build" / "ntorc_hls_core.v").read_text(encoding="utf-8")
    assert ".samples_TDATA(in_tdata[15:0])" in core
    assert "wire [23:0] result" in core
    # the same layers under the same reuse factors, once as HLS estimates them and once routed
    seen = {(item.source, item.subject, item.directive) for item in flow.store.observations("hls4ml")}
    layers = {(part.subject, part.directive) for part in found.plan.parts}
    assert seen == {(source, *layer) for source in ("csynth", "post_route") for layer in layers}
    quantities = {item.source: item.quantities for item in flow.store.observations("hls4ml")}
    assert quantities["csynth"]["latency_cycles"] in (100, 101)
    assert quantities["csynth"]["dsp"] == 3
    # and the next allocation says so
    from ntorc.pipeline.make import backend_for

    later = backend_for(flow, "hls4ml", design.board, 100e6)
    again = allocate(design.network, later, NativeCost(load_model()), _need(design.board))
    assert any(item.basis.startswith(("measured", "calibrated")) for item in again.layers)


def _need(board: Any) -> Requirement:
    return Requirement(board, 500e-6, 100e6, 4, 5000.0, 55e-6, "test", solver="MERGE")


def test_old_installations_and_other_names(design: Design, vendor: Any, tmp_path: Path) -> None:
    """``vitis_hls`` where there is no ``vitis-run``; Vivado HLS with its own names of ports; no licence."""
    plan = design.plan
    for name, backend, missing in (("a", "Vitis", "vitis-run"), ("b", "Vivado", "vitis_hls")):
        (vendor.record.with_name("vendor-bin") / missing).unlink()
        vendor.forget()
        project = hls_project(design.network, plan, design.board, backend, "ntorc_hls")
        folder = write_project(project, tmp_path / name)
        here(folder, project)
        assert vendor.commands[0] == {"a": "vitis_hls", "b": "vivado_hls"}[name] + " tcl/csynth.tcl"
        core = (folder / "build" / "ntorc_hls_core.v").read_text(encoding="utf-8")
        assert (".samples_V_data_V_TDATA(" in core) == (backend == "Vivado")
    top, layers = read_hls_reports(folder, "ntorc_hls")
    assert top.total.latency_cycles == 2000
    assert sorted(layers) == sorted(part.top for part in plan.parts)
    vendor.behave(trouble="hls_licence")
    with pytest.raises(ToolError, match="csynth: no licence"):
        here(write_project(project, tmp_path / "c"), project)


def test_the_largest_module_of_a_layer_is_taken() -> None:
    names = {"x_conv_config2": 900.0, "dense_config2_mult": 2000.0, "config2": 10.0, "y_config12_s": 5.0, "top": 1e6}
    assert layer_modules(names) == {"config2": "x_conv_config2", "config12": "y_config12_s"}


def test_the_wrapper_at_work(design: Design, plan: Any, vendor: Any, tmp_path: Path, ntorc_cache: Path) -> None:
    """Processing system, bridge, shell and wrapper around a core with HLS' ports, in it our own gateware."""
    network, samples = design.network, design.samples
    verilog = tmp_path / "hls_prj" / "solution1" / "syn"
    (verilog / "verilog").mkdir(parents=True)
    (verilog / "report").mkdir()
    (verilog / "report" / "ntorc_hls_csynth.xml").write_text("x", encoding="utf-8")
    ports = hls_samples.core("ntorc_hls", source_with_streams(tmp_path), {}, "vitis_hls")
    (verilog / "verilog" / "ntorc_hls.v").write_text(ports, encoding="utf-8")
    project = hls_project(network, design.plan, design.board, "Vitis", "ntorc_hls")
    (tmp_path / "build").mkdir()
    (tmp_path / "core.tcl").write_text(project.files["tcl/hls_core.tcl"], encoding="utf-8")
    subprocess.run(["tclsh", "core.tcl"], cwd=tmp_path, check=True)
    files = {name: text for name, text in plan.files.items() if name not in ("ntorc_top.sv", "ntorc_network.sv")}
    files["native.sv"] = plan.files["ntorc_network.sv"].replace("module ntorc_network", "module native_network")
    files["core.sv"] = CORE
    files["build_core.sv"] = (tmp_path / "build" / "ntorc_hls_core.v").read_text(encoding="utf-8")
    files["ntorc_network.sv"] = wrapper(network)
    files["ntorc_top.sv"] = plan.files["ntorc_top.sv"]
    window, hop = network.input_length, 4
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop, :, None][:8]
    wanted = reference.run(network, frames)[:, 0].tolist()
    base = 0x43C00000
    with Zynq(files, "zynq7", ntorc_cache) as zynq:
        for attempt in range(2):
            assert zynq.estimates(samples[: window + 7 * hop], window, hop, base) == wanted
            if attempt == 0:
                # a soft reset in the middle of a frame: nothing of it is left over
                for sample in samples[:hop]:
                    zynq.write("SAMPLE", int(sample), base)
                zynq.run(20)
                zynq.write("CONTROL", 1, base)
                zynq.run(40)


def source_with_streams(folder: Path) -> Path:
    (folder / "ntorc_hls.h").write_text(
        "void ntorc_hls(hls::stream<input_t> &samples, hls::stream<result_t> &layer6_out);\n", encoding="utf-8"
    )
    return folder


CORE = """\
module ntorc_hls (
    input wire ap_clk, input wire ap_rst_n, input wire ap_start, output wire ap_done, output wire ap_ready,
    output wire ap_idle, input wire [15:0] samples_TDATA, input wire samples_TVALID, output wire samples_TREADY,
    output wire [23:0] layer6_out_TDATA, output wire layer6_out_TVALID, input wire layer6_out_TREADY
);
  wire signed [17:0] result;
  wire idle;
  assign layer6_out_TDATA = {6'h2a, result};  // what is beyond the word is nobody's business
  assign {ap_done, ap_ready, ap_idle} = {2'b00, idle};
  wire unused = &{1'b0, ap_start, samples_TDATA[15:14]};
  native_network native (
      .clk(ap_clk), .rst(!ap_rst_n), .in_valid(samples_TVALID), .in_ready(samples_TREADY),
      .in_data(samples_TDATA[13:0]), .out_valid(layer6_out_TVALID), .out_ready(layer6_out_TREADY), .out_data(result),
      .idle(idle)
  );
endmodule
"""


def test_a_recurrent_keras_model_is_bit_equal_with_larger_tables(tmp_path: Path, ntorc_cache: Path) -> None:
    """2,048 entries, an LSTM's reuse factor legal for both its products; hls4ml aborts on one that is not."""
    import keras

    keras.utils.clear_session()
    layers = keras.layers
    model = keras.Sequential(
        [layers.Input((12, 1)), layers.Conv1D(3, 3, activation="tanh"), layers.LSTM(4), layers.Dense(1)]
    )
    draw = np.random.default_rng(7)
    for layer in model.layers:
        layer.set_weights([draw.uniform(-1, 1, array.shape) for array in layer.get_weights()])
    model.save(tmp_path / "recurrent.keras")
    mode = Hls4mlMode("name", hls4ml_format(16, 6), hls4ml_format(16, 6), table_error=2.0**-8)
    network = hls4ml_network(import_keras(tmp_path / "recurrent.keras"), mode)
    lstm = next(layer for layer in network.layers if isinstance(layer, LSTM))
    assert lstm.activation.entries == 2048
    assert inexpressible(network) == []
    legal = [
        {one.reuse_factor for one in Hls4mlBackend("x", 1e8).legal_directives(network, layer)}
        for layer in network.layers
    ]
    assert 6 not in legal[1]  # legal for its inputs (3, 16), not for what is fed back (4, 16)
    reuse = {layer.name: max(row) for layer, row in zip(network.layers, legal, strict=True)}
    found = convert(network, ConvertRequest("Vitis", "xc7z020clg400-1", 100e6, reuse), ntorc_cache)
    assert found.converted.output_bits == 16
    assert {"weights/w2.h", "parameters.h", "ntorc_hls.cpp"} <= set(found.files)


def test_what_hls4ml_changes_or_gets_wrong_is_an_error(design: Design, tmp_path: Path) -> None:
    illegal = ConvertRequest("Vitis", "xc7z020clg400-1", 100e6, {"conv": 5, "dense": 7})
    with pytest.raises(ToolError, match="hls4ml failed") as caught:
        convert(design.network, illegal, tmp_path)
    assert "hls4ml changed of layer 'conv': reuse_factor 5 to" in str(caught.value)


def test_one_other_output_stops_it(network: Network) -> None:
    windows = gate_windows(network)
    emulated = reference.run(network, windows)
    found = Converted("samples", "layer6_out", 18, 12, {}, "hls4ml")
    gate(network, windows, emulated, found)
    emulated[17, 0] += 1
    with pytest.raises(GateError, match="in 1 of 128 windows"):
        gate(network, windows, emulated, found)
    with pytest.raises(GateError, match="17 bits"):
        gate(network, windows, reference.run(network, windows), replace(found, output_bits=17))


def test_what_it_cannot_express_is_said(network: Network, backend: Hls4mlBackend) -> None:
    dilated = replace(network.layers[0], dilation=2, padding_left=1, padding_right=1)
    changed = replace(network, layers=(dilated, *network.layers[1:]))
    assert any("dilated" in reason for reason in inexpressible(changed))
    curve = replace(network.layers[-1], activation="hard_sigmoid")
    changed = replace(network, layers=(*network.layers[:-1], curve))
    directives = [backend.legal_directives(network, layer)[0] for layer in network.layers]
    with pytest.raises(DataError, match="has the activation hard_sigmoid") as caught:
        backend.plan(changed, directives, 100e6, 4)
    assert "Keras model itself" in caught.value.hint
