"""What an allocation for the open tools counts on: neither DSP blocks nor block RAM, and LUTs in their place."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from ntorc.allocate.allocation import allocate
from ntorc.allocate.requirement import Requirement
from ntorc.backends.base import Resources
from ntorc.backends.bitstream.zynq_top import LANES, PRIMITIVES, top_sources
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.logic_only import in_logic, product_luts
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.synth import count_cells, run_yosys
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.make import backend_for
from ntorc.store.base import Observation
from ntorc.store.local import LocalStore


@pytest.mark.parametrize("seed", range(12))
def test_no_option_needs_a_block(seed: int) -> None:
    network = draw_network(seed)
    bare, full = NativeBackend(logic_only=True), NativeBackend()
    if full.unsupported(network):
        pytest.skip("drawn for another test")
    cost = NativeCost(load_model())
    options, usual = bare.options(network, cost, 16), full.options(network, cost, 16)
    assert options.fixed.bram18 == 0
    for layer, row, all_of_it in zip(network.layers, options.layers, usual.layers, strict=True):
        known = {option.directive: option for option in all_of_it}
        assert {option.directive.multipliers for option in row} == {one.multipliers for one in known}
        for option in row:
            assert (option.resources.dsp, option.resources.bram18) == (0, 0)
            before = known[option.directive].resources  # the same directive with blocks: what they held is LUTs now
            assert option.resources.lut >= before.lut - 1e-6
            assert option.resources.lut > before.lut or not before.dsp, layer.name


def test_directives_say_logic_where_they_can(network: Any) -> None:
    full = NativeBackend()
    for layer in network.layers:
        chosen = in_logic(full.legal_directives(network, layer))
        assert len({one.multipliers for one in chosen}) == len(chosen)
        if chosen[0].multipliers:  # eight bits of weights, so each has a multiplier of our own
            assert {(one.multiplier_kind, one.weight_storage) for one in chosen} == {("logic", "lut")}


def test_what_was_synthesised_with_blocks_says_nothing_of_it(network: Any) -> None:
    board = load_board("pynq-z2")
    need = Requirement(board, 200e-6, 100e6, 4, 5000.0, 55e-6, "test", solver="MERGE")
    bare = NativeBackend(logic_only=True)
    plan = NativeBackend().plan(network, [row[0] for row in _legal(network)], 100e6, 4)
    cheap = {"lut": 1.0, "ff": 1.0, "dsp": 0.0, "bram18": 0.0}
    seen = [
        Observation("post_synthesis", "native", board.part, part.subject, part.directive, cheap, "yosys")
        for part in plan.parts
    ]
    plain = allocate(network, bare, NativeCost(load_model()), need)
    told = allocate(network, bare, NativeCost(load_model(), seen), need)
    assert told.fixed == plain.fixed
    for one, other in zip(told.layers, plain.layers, strict=True):
        if one.directive.multipliers:
            assert (one.resources, one.basis) == (other.resources, "model")


def _legal(network: Any) -> list[Any]:
    return [NativeBackend(logic_only=True).legal_directives(network, layer) for layer in network.layers]


def test_products_in_logic_cost_what_yosys_makes_of_them(tmp_path: Path) -> None:
    """One of the thirteen that the formula was read off, and one that it was not."""
    pairs = ((8, 9), (13, 11))
    modules = [
        f"module m_{a}_{b}(input clk, input signed [{a - 1}:0] x, input signed [{b - 1}:0] y,"
        f" output reg signed [{a + b - 1}:0] p); always @(posedge clk) p <= x * y; endmodule"
        for a, b in pairs
    ]
    kept = " ".join(f"(* keep *) m_{a}_{b} u{a}_{b}();" for a, b in pairs)
    found = _cells("\n".join(modules), kept, tmp_path)
    for a, b in pairs:
        luts = sum(count for cell, count in found[f"m_{a}_{b}"].items() if re.fullmatch("LUT[1-6]", cell))
        assert product_luts(a, b) == pytest.approx(luts, rel=0.1)


@pytest.mark.parametrize("board_name", ["pynq-z2", "zcu104"])
def test_a_bitstream_is_predicted_with_its_bridge(board_name: str, network: Any, tmp_path: Path) -> None:
    """What yosys makes of the bridge for the board's port is in what its tools' designs are predicted to take."""
    board = load_board(board_name)
    port = PRIMITIVES[board.family]
    parameters = f".ID_BITS({port.id_bits}), .LENGTH_BITS({port.length_bits}), .DATA_BITS({port.data_bits})"
    for folder, dma, stated in (("registers", False, port.bridge), ("dma", True, port.bridge + port.memory)):
        kept = f"(* keep *) ntorc_axi_bridge #({parameters}, .ADDRESS_BITS({13 if dma else 12})) bridge();"
        names = top_sources(board.family, dma=dma)
        if LANES in names:
            kept += f" (* keep *) ntorc_memory_lanes #(.DATA_BITS({port.memory_bits})) lanes();"
        (tmp_path / folder).mkdir()
        found = _cells("\n".join(library_sources(names).values()), kept, tmp_path / folder)
        cells = [count_cells(cells) for name, cells in found.items() if "bridge" in name or "lanes" in name]
        assert len(cells) == len(names)
        made = sum(cells, Resources())
        assert made.lut == pytest.approx(stated.lut, rel=0.05)
        assert made.ff == stated.ff
    flow, cost = Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path), NativeCost(load_model())
    for name in ("native", "hls4ml"):
        without, with_it = (
            backend_for(flow, name, board, board.default_clock_hz, tool).options(network, cost, 16)
            for tool in ("", "vivado")
        )
        assert with_it.fixed == without.fixed + port.bridge
        assert with_it.fixed_bound == without.fixed_bound + port.bridge
    without, with_it = (
        backend_for(flow, "native", board, board.default_clock_hz, tool, dma=True).options(network, cost, 16)
        for tool in ("", "vivado")
    )
    assert with_it.fixed == without.fixed + port.bridge + port.memory


def _cells(modules: str, instances: str, folder: Path) -> dict[str, dict[str, int]]:
    """Cells by type of each module that ``instances`` keeps, as yosys makes them without blocks."""
    (folder / "m.v").write_text(f"{modules}\nmodule top; {instances} endmodule\n", encoding="utf-8")
    (folder / "m.ys").write_text(
        "read_verilog -sv m.v\nhierarchy -top top\nsetattr -mod -set keep_hierarchy 1 m_* *bridge* *lanes*\n"
        "synth_xilinx -flatten -abc9 -arch xc7 -nodsp -nobram -noiopad -top top\ntee -q -o stat.json stat -json\n",
        encoding="utf-8",
    )
    run_yosys(["-q", "-s", "m.ys"], folder)
    found = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    return {
        name.lstrip("\\"): {cell.lstrip("\\"): count for cell, count in module["num_cells_by_type"].items()}
        for name, module in found.items()
    }
