"""The closed forms of memories against real synthesis."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ntorc.backends.native.generate import rom_module
from ntorc.backends.native.memory_cost import distributed_luts, multiplexer_luts
from ntorc.backends.native.synth import Unit, synthesise
from ntorc.cost.native import block_memory, bram18_blocks
from ntorc.paths import project_root

WRITTEN = """\
module memory (
    input logic clk, input logic write, input logic [15:0] write_at, read_at, input logic [{bits}-1:0] data,
    output logic [{bits}-1:0] word
);
  (* ram_style = "{style}" *) logic [{bits}-1:0] words[{words}];
  always_ff @(posedge clk) begin
    if (write) words[write_at[$clog2({words})-1:0]] <= data;
    word <= words[read_at[$clog2({words})-1:0]];
  end
endmodule
"""


@pytest.mark.parametrize("bits, words", [(14, 300), (12, 1500), (24, 3000), (20, 5000)])
def test_block_memories_that_are_written(bits: int, words: int, ntorc_cache: Path) -> None:
    text = WRITTEN.format(bits=bits, words=words, style="block")
    found = synthesise([Unit({"memory.sv": text}, "memory")], ntorc_cache)
    blocks, luts = block_memory(bits, words, written=True)
    assert found.bram18 == blocks
    assert abs(found.lut - luts) <= 8


@pytest.mark.parametrize("bits, words", [(6, 2500), (20, 2500), (48, 1500), (100, 300)])
def test_block_memories_that_are_not(bits: int, words: int, ntorc_cache: Path) -> None:
    draw = random.Random(bits)
    text = rom_module("memory", [draw.getrandbits(bits) for _ in range(words)], bits, "block", registered=True)
    assert synthesise([Unit({"memory.sv": text}, "memory")], ntorc_cache).bram18 == bram18_blocks(bits, words)


@pytest.mark.parametrize("bits, words", [(14, 16), (14, 64), (8, 65), (12, 100), (12, 129), (16, 200), (12, 192)])
def test_distributed_memories(bits: int, words: int, ntorc_cache: Path) -> None:
    text = WRITTEN.format(bits=bits, words=words, style="distributed")
    found = synthesise([Unit({"memory.sv": text}, "memory")], ntorc_cache)
    assert found.bram18 == 0
    assert found.lut == pytest.approx(distributed_luts(words, bits), rel=0.05)


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 5, 9, 16, 17, 24, 41, 64])
def test_a_choice_costs_what_its_tree_says(inputs: int, ntorc_cache: Path) -> None:
    bits = 7
    source = (project_root() / "firmware/gateware/ntorc_select.sv").read_text(encoding="utf-8")
    source = source.replace("BITS   = 16", f"BITS = {bits}").replace("INPUTS = 4", f"INPUTS = {inputs}")
    found = synthesise([Unit({"ntorc_select.sv": source}, "ntorc_select")], ntorc_cache)
    assert found.lut == bits * multiplexer_luts(inputs)
