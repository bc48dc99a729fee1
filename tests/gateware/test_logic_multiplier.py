"""The multiplier in logic: proved equal to the product for small widths, and the proof shown to find faults."""

from __future__ import annotations

from pathlib import Path

import pytest
from formal_runs import check, write_model

from ntorc.backends.base import Directive
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.synth import synthesise, units_of
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import random_network

NAME = "ntorc_logic_multiplier.sv"
MITER = """\
module miter #(parameter int A = 4, parameter int W = 4) (
    input logic clk, input logic signed [A-1:0] operand, input logic signed [W-1:0] weight
);
  logic signed [A+W-1:0] product;
  wire signed [A+W-1:0] wanted = operand * weight;
  ntorc_logic_multiplier #(.A_BITS(A), .W_BITS(W)) multiplier (.operand, .weight, .product);
  always_ff @(posedge clk) assert (product == wanted);
endmodule
"""


def holds(source: str, a: int, w: int, folder: Path) -> bool:
    files = {NAME: source, "miter.sv": MITER}
    return check(write_model(files, "miter", folder, [], {"A": a, "W": w}), "-t", "2")[0]


@pytest.mark.parametrize("a, w", [(2, 2), (4, 3), (7, 4), (5, 5), (6, 6), (4, 7), (5, 8)])
def test_it_is_the_product(a: int, w: int, tmp_path: Path) -> None:
    assert holds(library_sources([NAME])[NAME], a, w, tmp_path)


@pytest.mark.parametrize(
    "right, wrong",
    [
        ("negative = digit[2]", "negative = digit[1]"),
        ("(digit == 3'b100) ||", ""),
        ("{multiple, negative}", "{multiple, 1'b0}"),
        ("sum >>> 2", "sum >> 2"),
        ("RB = A_BITS + 2", "RB = A_BITS + 1"),
    ],
)
def test_a_fault_is_found(right: str, wrong: str, tmp_path: Path) -> None:
    source = library_sources([NAME])[NAME]
    assert right in source
    assert not holds(source.replace(right, wrong), 5, 6, tmp_path)


def test_logic_takes_no_dsp_and_fewer_luts_than_a_dsp_is_worth(ntorc_cache: Path) -> None:
    """An xc7z020 has 242 LUTs for each of its DSP blocks."""
    network = random_network(1, FixedFormat(14, 8), 32, (Dense("d", 32, 1, 8, FixedFormat(8, 6), FixedFormat(14, 6)),))
    found = {}
    for kind in ("dsp", "logic"):
        plan = make_plan(network, [Directive(4, 64, "lut", kind)], 100e6, 16)
        part = plan.parts[0]
        found[kind] = synthesise(units_of(plan.files, part), ntorc_cache)
    assert (found["dsp"].dsp, found["logic"].dsp) == (4, 0)
    assert found["logic"].lut - found["dsp"].lut < 4 * 53200 / 220
