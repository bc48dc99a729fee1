"""Vivado in batch: Tcl scripts without a project, one a step, each from the checkpoint of the one before.

Written for Vivado 2019.1 and later: only commands and options that all of these have.  **No vendor tool was at hand**:
the scripts run under ``tclsh`` with recorded commands in the tests, and nothing has read them that would place a cell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ntorc.backends.bitstream.project import Project, Step
from ntorc.backends.bitstream.zynq_top import TOP, constraints
from ntorc.boards import Board

SYNTHESISED = "checkpoints/synthesis.dcp"
ROUTED = "checkpoints/routed.dcp"
BITSTREAM = "products/design.bit"
SYNTHESIS_REPORT = "reports/synthesis.rpt"
ROUTE_REPORT = "reports/route.rpt"
HIERARCHY_REPORT = "reports/route_hierarchy.rpt"
TIMING_REPORT = "reports/timing.rpt"
WORST_PATH = "reports/worst_path.rpt"
HOUR_S = 3600

# What is only a warning to Vivado and wrong here: a memory whose contents were not found (zeros instead), and a port
# that is connected to a wire of another width.
_SEVERE = ("Synth 8-4445", "Synth 8-689")

_COMMON = """\
# {what}
set here [file dirname [file normalize [info script]]]
cd [file dirname $here]
"""
_SYNTHESIS = """\
{common}file mkdir checkpoints reports
{severe}{reads}
synth_design -top {top} -part {part} -include_dirs [list {include}]
report_utilization -file {report}
write_checkpoint -force {checkpoint}
"""
_IMPLEMENTATION = """\
{common}open_checkpoint {synthesised}
opt_design
place_design
phys_opt_design
route_design
proc slack {{}} {{ return [get_property SLACK [lindex [get_timing_paths -max_paths 1 -nworst 1 -setup] 0]] }}
# once more from where it is, before it is called too slow
if {{[slack] < 0}} {{
  phys_opt_design -directive AggressiveExplore
  route_design
}}
report_route_status -file reports/route_status.rpt
report_drc -file reports/drc.rpt
report_utilization -file {route}
report_utilization -hierarchical -file {hierarchy}
report_timing -max_paths 1 -nworst 1 -setup -file {worst}
report_timing_summary -file {timing}
write_checkpoint -force {routed}
"""
_BITSTREAM = """\
{common}open_checkpoint {routed}
set slack [get_property SLACK [lindex [get_timing_paths -max_paths 1 -nworst 1 -setup] 0]]
if {{$slack < 0}} {{
  error "timing is not met: slack $slack ns; see {timing}"
}}
set_property BITSTREAM.CONFIG.USERID 0x{user_id} [current_design]
file mkdir products
write_bitstream -force {bitstream}
"""


def words_of(items: Sequence[str]) -> str:
    """Items as words of a Tcl list.

    Raises:
        ValueError: one of them has characters that Tcl could read as something else.
    """
    for item in items:
        if not re.fullmatch(r"[A-Za-z0-9_./+*-]+", item):
            raise ValueError(f"{item!r} is no plain word of Tcl")
    return " ".join(items)


def vivado_project(
    name: str,
    board: Board,
    design_id: str,
    clock_hz: float,
    files: Mapping[str, str],
    reads: Sequence[str],
    include: Sequence[str],
    before: Sequence[Step] = (),
    notes: Sequence[str] = (),
) -> Project:
    """Synthesis, implementation and bitstream by Vivado, behind other steps.

    Args:
        name: of the network.
        board: it is for.
        design_id: of the plan.
        clock_hz: that place and route must close.
        files: of the folder, by path.
        reads: Tcl lines that read the sources.
        include: folders of included files.
        before: steps that make further sources.
        notes: for people.
    """
    scripts = {
        "tcl/synthesis.tcl": _SYNTHESIS.format(
            common=_COMMON.format(what="Sources to a netlist of the device's cells."),
            severe="".join(f"set_msg_config -id {{{name}}} -new_severity ERROR\n" for name in _SEVERE),
            reads="\n".join(reads), top=TOP, part=words_of([board.part]), include=words_of(include),
            report=SYNTHESIS_REPORT, checkpoint=SYNTHESISED,
        ),
        "tcl/implementation.tcl": _IMPLEMENTATION.format(
            common=_COMMON.format(what="Placed and routed; what it needs and how fast it is."),
            synthesised=SYNTHESISED, route=ROUTE_REPORT, hierarchy=HIERARCHY_REPORT, timing=TIMING_REPORT,
            worst=WORST_PATH, routed=ROUTED,
        ),
        "tcl/bitstream.tcl": _BITSTREAM.format(
            common=_COMMON.format(what="The bitstream, if the clock is met; it names its design."), routed=ROUTED,
            timing=TIMING_REPORT, user_id=design_id[-8:], bitstream=BITSTREAM,
        ),
    }  # fmt: skip
    clock = {"src/clock.xdc": constraints(board.family, clock_hz)}
    steps = (
        *before,
        _step("synthesis", "Vivado: synthesis", (SYNTHESISED, SYNTHESIS_REPORT), 4 * HOUR_S),
        _step("implementation", "Vivado: place and route", _ROUTE_PRODUCTS, 8 * HOUR_S),
        _step("bitstream", "Vivado: bitstream", (BITSTREAM,), HOUR_S),
    )
    return Project(
        name, "vivado", board.part, design_id, clock_hz, {**files, **clock, **scripts}, steps, BITSTREAM, tuple(notes)
    )


_ROUTE_PRODUCTS = (ROUTED, ROUTE_REPORT, HIERARCHY_REPORT, TIMING_REPORT, WORST_PATH)


def _step(name: str, what: str, products: tuple[str, ...], limit_s: int) -> Step:
    command = (
        "vivado", "-mode", "batch", "-nojournal", "-notrace", "-log", f"logs/{name}.vivado.log", "-source",
        f"tcl/{name}.tcl",
    )  # fmt: skip
    return Step(name, what, (command,), products, limit_s)
