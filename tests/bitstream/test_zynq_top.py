"""The generated top with the processing system in it: as tools read it, and at work as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from zynq_model import Zynq

from ntorc.backends.bitstream.zynq_top import BRIDGE, PRIMITIVES, TOP, constraints, stub, zynq_top
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.synth import run_yosys
from ntorc.backends.native.verilate import lint
from ntorc.network import reference
from ntorc.network.network import Network

_BASES = {"zynq7": 0x43C00000, "zynquplus": 0xA0000000}


def sources(plan: Any, family: str) -> dict[str, str]:
    return {**plan.files, **library_sources([BRIDGE]), f"{TOP}.sv": zynq_top(family)}


@pytest.mark.parametrize("family", PRIMITIVES)
def test_no_warnings(plan: Any, family: str, tmp_path: Path) -> None:
    files = {"stub.v": stub(PRIMITIVES[family]), **sources(plan, family)}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lint(tmp_path, [name for name in files if not name.endswith(".svh")], TOP)


@pytest.mark.parametrize("family", PRIMITIVES)
def test_the_primitives_have_the_pins_that_yosys_knows(family: str, tmp_path: Path) -> None:
    """Names and widths against the vendor's cells as yosys has them; without the design, which changes nothing here."""
    slave = (
        "input s_axi_awvalid, output s_axi_awready, input [11:0] s_axi_awaddr, input s_axi_wvalid, output s_axi_wready,"
        " input [31:0] s_axi_wdata, output s_axi_bvalid, input s_axi_bready, output [1:0] s_axi_bresp,"
        " input s_axi_arvalid, output s_axi_arready, input [11:0] s_axi_araddr, output s_axi_rvalid,"
        " input s_axi_rready, output [31:0] s_axi_rdata, output [1:0] s_axi_rresp"
    )
    core = f"module ntorc_top (input clk, input aresetn, {slave});\nendmodule\n"
    (tmp_path / "core.sv").write_text(core, encoding="utf-8")
    (tmp_path / "top.sv").write_text(zynq_top(family), encoding="utf-8")
    (tmp_path / BRIDGE).write_text(library_sources([BRIDGE])[BRIDGE], encoding="utf-8")
    script = (
        "read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v\n"
        f"read_verilog -sv core.sv top.sv {BRIDGE}\nhierarchy -check -top {TOP}\nproc\nflatten\n"
        f"select -assert-count 1 t:{PRIMITIVES[family].name}\nselect -assert-count 1 t:{PRIMITIVES[family].buffer}\n"
        "select -assert-count 0 w:unresolved\n"
    )
    (tmp_path / "read.ys").write_text(script, encoding="utf-8")
    resized = f"Resizing cell port {TOP}.ps"
    assert resized not in run_yosys(["-s", "read.ys"], tmp_path)
    strobes = PRIMITIVES[family].data_bits // 8
    wider = zynq_top(family).replace(f"wire [{strobes - 1}:0] maxigp0wstrb", f"wire [{strobes}:0] maxigp0wstrb")
    (tmp_path / "top.sv").write_text(wider, encoding="utf-8")
    assert resized in run_yosys(["-s", "read.ys"], tmp_path)
    broken = zynq_top(family).replace("MAXIGP0WSTRB(", "MAXIGP0WSTROBE(", 1)
    (tmp_path / "top.sv").write_text(broken, encoding="utf-8")
    with pytest.raises(Exception, match="yosys failed"):
        run_yosys(["-q", "-s", "read.ys"], tmp_path)


@pytest.mark.parametrize("family", PRIMITIVES)
def test_a_processor_gets_what_the_reference_says(
    family: str, plan: Any, network: Network, samples: Any, ntorc_cache: Path
) -> None:
    """Identity, samples in, results out, through primitive, bridge, shell and network."""
    base, window, hop = _BASES[family], network.input_length, plan.hop
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop, :, None][:12]
    wanted = reference.run(network, frames)[:, 0]
    with Zynq(dict(plan.files), family, ntorc_cache) as zynq:
        assert zynq.read("MAGIC", base) == 0x4E544F52
        assert f"{zynq.read('DESIGN_ID_HI', base):08x}{zynq.read('DESIGN_ID_LO', base):08x}" == plan.design_id
        assert zynq.read("CLOCK_HZ", base) == 100_000_000
        assert zynq.estimates(samples[: window + 11 * hop], window, hop, base) == wanted.tolist()
        assert zynq.read("LOST", base) == 0


def test_constraints_name_the_primitives_clock_pin() -> None:
    assert constraints("zynq7", 100e6).splitlines() == [
        "create_clock -name ntorc_clock -period 10.000 [get_pins {ps/FCLKCLK[0]}]",
        "set_input_jitter ntorc_clock 0.300",
    ]
    assert "[get_pins {ps/PLCLK[0]}]" in constraints("zynquplus", 250e6)
