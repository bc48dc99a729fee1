"""Shells that break the bus's rules, one at a time: what the checker must be able to see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

RULES = (
    "no_response_out_of_reset",
    "b_valid_stays",
    "b_payload_stays",
    "r_valid_stays",
    "r_payload_stays",
    "one_b_a_write",
    "one_r_a_read",
    "response_is_legal",
    "response_comes",
    "request_is_taken",
    "few_outstanding",
)
"""The checker's assertions in the order of its ``broken`` bits."""


@dataclass(frozen=True)
class Mutant:
    """A fault: pieces of the shell's text, what stands in their place (``@`` is "this fault is on"), the rule."""

    name: str
    rule: str
    patches: tuple[tuple[str, str], ...]


MUTANTS = (
    Mutant(
        "BVALID is dropped",
        "b_valid_stays",
        (("else if (s_axi_bready) s_axi_bvalid", "else if (s_axi_bready || @) s_axi_bvalid"),),
    ),
    Mutant(
        "RVALID is dropped",
        "r_valid_stays",
        (("else if (s_axi_rready) s_axi_rvalid", "else if (s_axi_rready || @) s_axi_rvalid"),),
    ),
    Mutant("RDATA changes", "r_payload_stays", (("if (ar_held) s_axi_rdata", "if (ar_held || @) s_axi_rdata"),)),
    Mutant(
        "BRESP changes",
        "b_payload_stays",
        (("s_axi_bresp   = 2'b00;", "s_axi_bresp   = {@ && s_axi_wvalid, 1'b0};"),),
    ),
    Mutant(
        "a write is answered twice",
        "one_b_a_write",
        (("if (write) s_axi_bvalid", "if (write || (@ && s_axi_bvalid && s_axi_bready)) s_axi_bvalid"),),
    ),
    Mutant(
        "a write does not wait for its data",
        "one_b_a_write",
        (("aw_held && w_held &&", "aw_held && (w_held || @) &&"),),
    ),
    Mutant(
        "a read is answered twice",
        "one_r_a_read",
        (("if (ar_held) s_axi_rvalid", "if (ar_held || (@ && s_axi_rvalid && s_axi_rready)) s_axi_rvalid"),),
    ),
    Mutant(
        "an address is not answered",
        "response_comes",
        (
            (
                "ar_held <= s_axi_arvalid && s_axi_arready",
                "ar_held <= s_axi_arvalid && s_axi_arready && !(@ && s_axi_araddr == 12'h00C)",
            ),
        ),
    ),
    Mutant(
        "a write waits until a read is taken",
        "request_is_taken",
        (("s_axi_wready  = !w_held;", "s_axi_wready  = !w_held && !(@ && s_axi_rvalid);"),),
    ),
    Mutant("a response is EXOKAY", "response_is_legal", (("s_axi_rresp   = 2'b00;", "s_axi_rresp   = {1'b0, @};"),)),
    Mutant(
        "a response survives the reset",
        "no_response_out_of_reset",
        (("      s_axi_bvalid <= 1'b0;\n", "      s_axi_bvalid <= @ && s_axi_bvalid;\n"),),
    ),
    Mutant(
        "addresses are taken and not kept",
        "few_outstanding",
        (("s_axi_awready = !aw_held;", "s_axi_awready = !aw_held || @;"),),
    ),
)


CLOCK = "    input  logic        clk,\n"


def with_mutants(files: Mapping[str, str]) -> dict[str, str]:
    """The checked shell with all faults in it; its port ``mutant`` switches one on, counted from 1, or none.

    Raises:
        ValueError: a piece of text is not there exactly once, so the shell has changed and the fault must too.
    """
    changed = dict(files)
    patches = [
        (before, after.replace("@", f"(mutant == 4'd{number})"))
        for number, mutant in enumerate(MUTANTS, 1)
        for before, after in mutant.patches
    ]
    slave, shell, checked = "ntorc_lite_slave.sv", "ntorc_shell.sv", "ntorc_shell_checked.sv"
    for before, after in patches:
        changed[slave] = replaced(changed[slave], before, after)
    port = "    input  logic [3:0]  mutant,\n"
    for name, clock in ((slave, "    input  logic                    clk,\n"), (shell, CLOCK), (checked, CLOCK)):
        changed[name] = replaced(changed[name], clock, port + clock)
    changed[shell] = replaced(changed[shell], " bus (\n      .clk,", " bus (\n      .mutant, .clk,")
    changed[checked] = replaced(changed[checked], ") shell (\n      .clk,", ") shell (\n      .mutant, .clk,")
    return changed


def replaced(text: str, before: str, after: str) -> str:
    """Replace the only occurrence."""
    if text.count(before) != 1:
        raise ValueError(f"found {text.count(before)} times, not once: {before!r}")
    return text.replace(before, after)
