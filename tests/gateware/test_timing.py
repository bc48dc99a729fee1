"""Place and route as a stand-in for vendor timing: the report's reading, and a real run where nextpnr is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from ntorc.backends.native.timing import NEXTPNR, module_of, place_and_route, read_report
from ntorc.backends.native.webassembly import WebAssemblyTool
from ntorc.bench.timing import window_network
from ntorc.errors import ToolError
from ntorc.progress import Silent

ADDER = """\
module adder (input logic clk, input logic [BITS-1:0] a, output logic [BITS-1:0] total);
  logic [BITS-1:0] held;
  always_ff @(posedge clk) begin
    held  <= a;
    total <= total + held;
  end
endmodule
"""


def part(kind: str, cell: str, delay_ns: float) -> dict[str, Any]:
    return {"type": kind, "delay": delay_ns, "from": {"cell": cell, "port": "Q"}, "to": {"cell": cell, "port": "D"}}


def report() -> dict[str, Any]:
    path = [part("clk-to-q", "u_a.x_FF", 0.5), part("routing", "u_a.x_FF", 2.0), part("setup", "u_b.y_FF", 0.1)]
    return {
        "fmax": {"clk": {"achieved": 384.6, "constraint": 125.0}},
        "critical_paths": [
            {"from": "<async>", "to": "posedge clk", "path": [part("routing", "pin", 9.0)]},
            {"from": "posedge clk", "to": "posedge clk", "path": path},
        ],
        "utilization": {"TRELLIS_COMB": {"used": 7, "available": 9}, "TRELLIS_FF": {"used": 3, "available": 9}},
    }


def test_report_gives_the_path_between_registers_not_the_one_from_a_pin() -> None:
    found = read_report(report(), 125e6, "tool")
    assert found.fmax_hz == pytest.approx(384.6e6)
    assert (found.path_s, found.routing_s) == (pytest.approx(2.6e-9), pytest.approx(2.0e-9))
    assert (found.from_module, found.to_module) == ("u_a", "u_b")
    assert (found.lut4, found.ff, found.mult18, found.ebr) == (7, 3, 0, 0)


@pytest.mark.parametrize("clocks", [0, 2])
def test_a_design_without_exactly_one_clock_is_refused(clocks: int) -> None:
    changed = report() | {"fmax": {f"clk{i}": {"achieved": 1.0} for i in range(clocks)}}
    with pytest.raises(ToolError, match=f"{clocks} clocks"):
        read_report(changed, 125e6, "tool")


@pytest.mark.parametrize(
    "cell, module",
    [
        ("network.u_lstm.engine.core.need_TRELLIS_FF_Q_3_DI", "network.u_lstm.engine.core"),
        ("network.u_pool1.engine.largest.0.1$DPRAM_COMB1", "network.u_pool1.engine"),
        ("network.u_lstm.weights.words.0.2", "network.u_lstm.weights"),
        ("network.u_lstm.engine.core.words.0.0_DO_2_LUT4_C", "network.u_lstm.engine.core"),
        ("u.lanes[5].product_TRELLIS_FF_Q", "u.lanes[5]"),
        ("total_TRELLIS_FF_Q", ""),
    ],
)
def test_module_of_a_cell(cell: str, module: str) -> None:
    assert module_of(cell) == module


def test_a_missing_tool_says_how_to_install_it(tmp_path: Path) -> None:
    missing = WebAssemblyTool("no-such-tool", "ntorc-no-such-package", "run", "-V")
    with pytest.raises(ToolError, match="pip install ntorc-no-such-package"):
        missing.run([], tmp_path)


def test_the_network_that_is_timed_has_the_stated_shape() -> None:
    network = window_network(1)
    assert [layer.output_length for layer in network.layers] == [126, 63, 61, 30, 1, 1, 1]
    assert {word.bits for word in network.formats} == {16}


def test_a_longer_carry_is_slower(tmp_path: Path) -> None:
    """Real place and route of two adders, and the second question answered from the cache."""
    if importlib.util.find_spec(NEXTPNR.package.replace("-", "_")) is None:
        pytest.skip(f"{NEXTPNR.package} is not installed")
    short, long = (
        place_and_route({"adder.sv": ADDER.replace("BITS", str(bits))}, "adder", tmp_path, Silent()) for bits in (8, 60)
    )
    assert short.fmax_hz > long.fmax_hz > 50e6
    assert short.path_s == pytest.approx(1 / short.fmax_hz, rel=0.01)
    assert (short.ff, long.ff) == (16, 120)
    kept = list((tmp_path / "timing").iterdir())
    again = place_and_route({"adder.sv": ADDER.replace("BITS", "8")}, "adder", tmp_path, Silent())
    assert again == short
    assert sorted((tmp_path / "timing").iterdir()) == sorted(kept)
