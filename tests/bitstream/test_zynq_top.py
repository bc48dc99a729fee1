"""The generated top with the processing system in it: as tools read it, and at work as a whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from zynq_model import MEMORY_AT, Zynq

from ntorc.backends.bitstream.zynq_top import (
    PRIMITIVES,
    TOP,
    constraints,
    stub,
    top_sources,
    zynq_top,
)
from ntorc.backends.native.plan import with_extra_stages
from ntorc.backends.native.shell import MEMORY
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.synth import run_yosys
from ntorc.backends.native.verilate import lint
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.pipeline.make import windows_of

_BASES = {"zynq7": 0x43C00000, "zynquplus": 0xA0000000}


def sources(plan: Any, family: str) -> dict[str, str]:
    """Of the whole bitstream, without the primitive."""
    top = {f"{TOP}.sv": zynq_top(family, dma=plan.dma)}
    return {**plan.files, **library_sources(top_sources(family, dma=plan.dma)), **top}


@pytest.fixture(params=[False, True], ids=["registers", "dma"])
def any_plan(request: pytest.FixtureRequest, plan: Any, dma_plan: Any) -> Any:
    return dma_plan if request.param else plan


@pytest.mark.parametrize("family", PRIMITIVES)
def test_no_warnings(any_plan: Any, family: str, tmp_path: Path) -> None:
    files = {"stub.v": stub(PRIMITIVES[family], dma=any_plan.dma), **sources(any_plan, family)}
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lint(tmp_path, [name for name in files if not name.endswith(".svh")], TOP)


def test_a_lab_board_s_extra_stages_keep_the_dma(dma_plan: Any, network: Network, tmp_path: Path) -> None:
    staged = with_extra_stages(network, dma_plan, 3)
    for name, text in staged.files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lint(tmp_path, [name for name in staged.files if not name.endswith(".svh")], staged.top)
    assert staged.design_id != dma_plan.design_id


@pytest.mark.parametrize("dma", [False, True], ids=["registers", "dma"])
@pytest.mark.parametrize("family", PRIMITIVES)
def test_the_primitives_have_the_pins_that_yosys_knows(family: str, dma: bool, tmp_path: Path) -> None:
    """Names and widths against the vendor's cells as yosys has them; without the design, which changes nothing here."""
    slave = (
        "input s_axi_awvalid, output s_axi_awready, input [{0}:0] s_axi_awaddr, input s_axi_wvalid,"
        " output s_axi_wready, input [31:0] s_axi_wdata, output s_axi_bvalid, input s_axi_bready,"
        " output [1:0] s_axi_bresp, input s_axi_arvalid, output s_axi_arready,"
        " input [{0}:0] s_axi_araddr, output s_axi_rvalid, input s_axi_rready,"
        " output [31:0] s_axi_rdata, output [1:0] s_axi_rresp"
    )
    memory = "".join(f", {way} [{bits - 1}:0] {name}" for way, bits, name in MEMORY)
    slave = slave.format(12 if dma else 11) + (memory if dma else "")
    core = f"module ntorc_top (input clk, input aresetn, {slave});\nendmodule\n"
    top, libraries = zynq_top(family, dma=dma), library_sources(top_sources(family, dma=dma))
    (tmp_path / "core.sv").write_text(core, encoding="utf-8")
    for name, text in {"top.sv": top, **libraries}.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    script = (
        "read_verilog -lib +/xilinx/cells_sim.v +/xilinx/cells_xtra.v\n"
        f"read_verilog -sv core.sv top.sv {' '.join(libraries)}\nhierarchy -check -top {TOP}\nproc\nflatten\n"
        f"select -assert-count 1 t:{PRIMITIVES[family].name}\nselect -assert-count 1 t:{PRIMITIVES[family].buffer}\n"
        "select -assert-count 0 w:unresolved\n"
    )
    (tmp_path / "read.ys").write_text(script, encoding="utf-8")
    resized = f"Resizing cell port {TOP}.ps"
    assert resized not in run_yosys(["-s", "read.ys"], tmp_path)
    port = PRIMITIVES[family].memory_port if dma else "MAXIGP0"
    strobes = (PRIMITIVES[family].memory_bits if dma else PRIMITIVES[family].data_bits) // 8
    wire = f"wire [{strobes - 1}:0] {port.lower()}wstrb"
    assert wire in top
    wider = top.replace(wire, wire.replace(f"[{strobes - 1}", f"[{strobes}"))
    (tmp_path / "top.sv").write_text(wider, encoding="utf-8")
    assert resized in run_yosys(["-s", "read.ys"], tmp_path)
    broken = top.replace(f"{port}WSTRB(", f"{port}WSTROBE(", 1)
    (tmp_path / "top.sv").write_text(broken, encoding="utf-8")
    with pytest.raises(Exception, match="yosys failed"):
        run_yosys(["-q", "-s", "read.ys"], tmp_path)


@pytest.mark.parametrize("family", PRIMITIVES)
def test_a_processor_gets_what_the_reference_says(
    family: str, plan: Any, network: Network, samples: Any, ntorc_cache: Path
) -> None:
    """Identity, samples in, results out, through primitive, bridge, shell and network."""
    base, window, hop = _BASES[family], network.input_length, plan.hop
    frames = windows_of(samples, window, hop)[:12]
    wanted = reference.run(network, frames)[:, 0]
    with Zynq(dict(plan.files), family, ntorc_cache) as zynq:
        assert zynq.read("MAGIC", base) == 0x4E544F52
        assert f"{zynq.read('DESIGN_ID_HI', base):08x}{zynq.read('DESIGN_ID_LO', base):08x}" == plan.design_id
        assert zynq.read("CLOCK_HZ", base) == 100_000_000
        assert zynq.estimates(samples[: window + 11 * hop], window, hop, base) == wanted.tolist()
        assert zynq.read("LOST", base) == 0


def _moved(zynq: Zynq, samples: Any, outputs: int, packets: int, base: int) -> list[int]:
    """Samples from memory into the design and its results into memory, by the DMA's registers as pynq writes them."""
    dma, read_from, write_to = base + 0x1000, 5, 8192 + 3  # words; neither begins at a border of a burst or a lane
    for place, sample in enumerate(samples.tolist()):
        zynq.poke(read_from + place, sample)
    zynq.write("CONTROL", 3, base)  # reset, and results to the stream
    zynq.write_at(dma + 0x00, 1)
    zynq.write_at(dma + 0x30, 1)
    zynq.write_at(dma + 0x18, MEMORY_AT + 4 * read_from)
    zynq.write_at(dma + 0x28, 4 * len(samples))
    found = []
    for packet in range(packets):
        at = write_to + packet * outputs
        zynq.write_at(dma + 0x48, MEMORY_AT + 4 * at)
        zynq.write_at(dma + 0x58, 4 * outputs)
        for _ in range(100):
            zynq.run(100)
            if zynq.read_at(dma + 0x34) & 2:  # idle
                break
        assert zynq.read_at(dma + 0x34) & 0x70 == 0, "an error"
        found += [zynq.peek(at + place) for place in range(outputs)]
    assert zynq.read_at(dma + 0x04) & 0x72 == 2, "all samples sent, no error"
    return found


@pytest.mark.parametrize("family", PRIMITIVES)
def test_a_dma_moves_samples_and_results(
    family: str, dma_plan: Any, network: Network, samples: Any, ntorc_cache: Path
) -> None:
    """From the memory behind the primitive's slave port through the design and back, on the lanes of its width."""
    base, window, hop, packets = _BASES[family], network.input_length, dma_plan.hop, 12
    used = samples[: window + (packets - 1) * hop]
    frames = windows_of(used, window, hop)
    wanted = reference.run(network, frames)[:, 0]
    with Zynq(dict(dma_plan.files), family, ntorc_cache, dma=True) as zynq:
        assert f"{zynq.read('DESIGN_ID_HI', base):08x}{zynq.read('DESIGN_ID_LO', base):08x}" == dma_plan.design_id
        assert zynq.read("FEATURES", base) == 2
        assert zynq.estimates(used, window, hop, base) == wanted.tolist(), "by register"
        assert _moved(zynq, used, network.outputs, packets, base) == wanted.tolist()
        assert zynq.read("LOST", base) == 0
        assert not zynq.is_broken


@pytest.mark.parametrize(
    ("fault", "instead"),
    [
        (".read_lane(core_araddr[3:2])", ".read_lane(core_araddr[3:2] ^ 2'b01)"),
        (".write_lane(core_awaddr[3:2])", ".write_lane(2'b00)"),
        (".sent(core_wvalid && core_wready)", ".sent(core_wvalid)"),
        (".given(core_rvalid && core_rready)", ".given(1'b0)"),
    ],
)
def test_a_wrong_lane_is_noticed(
    fault: str, instead: str, dma_plan: Any, network: Network, samples: Any, ntorc_cache: Path
) -> None:
    base, window, hop, packets = _BASES["zynquplus"], network.input_length, dma_plan.hop, 12
    used = samples[: window + (packets - 1) * hop]
    frames = windows_of(used, window, hop)
    top = zynq_top("zynquplus", dma=True)
    assert fault in top
    with Zynq(dict(dma_plan.files), "zynquplus", ntorc_cache, dma=True, top=top.replace(fault, instead)) as zynq:
        found = _moved(zynq, used, network.outputs, packets, base)
        assert found != reference.run(network, frames)[:, 0].tolist() or zynq.is_broken


def test_constraints_name_the_primitives_clock_pin() -> None:
    assert constraints("zynq7", 100e6).splitlines() == [
        "create_clock -name ntorc_clock -period 10.000 [get_pins {ps/FCLKCLK[0]}]",
        "set_input_jitter ntorc_clock 0.300",
    ]
    assert "[get_pins {ps/PLCLK[0]}]" in constraints("zynquplus", 250e6)
