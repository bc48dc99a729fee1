"""A native design without DSP blocks and block RAM, as the open tools for the xc7z020 build it: directives and LUTs.

Those tools write wrong DSP blocks and lose bits of block RAM (see ``backends/bitstream/openxc7.py``), so all
multipliers and memories of such a design lie in logic, whatever its directives say.  Here the directives are those
that say so where there are any, and costs are of what is built.
"""

from __future__ import annotations

from collections.abc import Sequence

from ntorc.backends.base import Directive

SUBJECT = " in logic alone"
"""What subjects of such parts end with: measurements with blocks say nothing of them."""


def product_luts(first_bits: int, second_bits: int) -> float:
    """LUTs of a signed product in logic, as yosys makes it where a module just multiplies.

    Read off syntheses of 13 products of 8 x 9 to 25 x 18 bits by yosys 0.70 (``synth_xilinx -nodsp -abc9``), from
    which it differs by 7 % at the most.
    """
    narrow = min(first_bits, second_bits)
    return first_bits * second_bits * (2.05 + 0.035 * (narrow - 8))


def in_logic(directives: Sequence[Directive]) -> tuple[Directive, ...]:
    """Of a layer's directives, for each number of multipliers the one that puts most into logic by itself.

    Multipliers of our own and weights in a memory of their own take fewer LUTs than what yosys makes of the others.
    """
    best: dict[int, Directive] = {}
    for one in directives:
        before = best.get(one.multipliers)
        if before is None or _rank(one) > _rank(before):
            best[one.multipliers] = one
    return tuple(best.values())


def _rank(one: Directive) -> tuple[bool, bool]:
    return one.multiplier_kind == "logic", one.weight_storage == "lut"
