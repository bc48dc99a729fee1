"""Reports as Vivado writes them, version by version, from figures: for the parsers' tests and the mock tools.

The forms follow the real report in the recorded data (2020.1) and what later versions are known to have changed: from
2021.1 on a column ``Prohibited``, from 2020.1 on ``DSP Blocks`` for ``DSP48 Blocks``, ``CLB`` for ``Slice`` on
UltraScale+, and the rows' line ``Speed File``.  Only the standard library, so that the mock tools need no environment.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

VERSIONS = ("2019.1", "2020.1", "2021.2", "2022.1", "2023.2", "2024.2")
_AVAILABLE = {
    "zynq7": {"lut": 53200, "ff": 106400, "dsp": 220, "bram36": 140},
    "zynquplus": {"lut": 230400, "ff": 460800, "dsp": 1728, "bram36": 312},
}


def heading(version: str, command: str, design: str, device: str, state: str = "") -> str:
    """The box at a report's top."""
    lines = [
        f"| Tool Version : Vivado v.{version} (lin64) Build 1234567 Fri Oct 13 20:13:54 MDT 2023",
        "| Date         : Fri Jan 24 16:49:35 2025",
        "| Host         : builder running 64-bit Linux",
        f"| Command      : {command}",
        f"| Design       : {design}",
        f"| Device       : {device}",
    ]
    if version >= "2021":
        lines.append("| Speed File   : -1")
    if state:
        lines.append(f"| Design State : {state}")
    rule = "-" * max(map(len, lines))
    return "\n".join(["Copyright 1986-2022 Xilinx, Inc. All Rights Reserved.", rule, *lines, rule]) + "\n"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a drawn table, the first one its titles; the first cell is to the left, others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = [rule]
    for number, row in enumerate(rows):
        first = " " + row[0].ljust(widths[0])
        cells = [first, *(" " + cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("|" + " |".join(cells) + " |")
        if number == 0:
            lines.append(rule)
    return "\n".join([*lines, rule]) + "\n"


def utilisation(version: str, family: str, used: Mapping[str, int], design: str, device: str, state: str) -> str:
    """``report_utilization``; ``used`` has lut, ff, dsp, ramb36 and ramb18."""
    have = _AVAILABLE[family]
    kind = "Slice" if family == "zynq7" else "CLB"
    prohibited = ["0"] if version >= "2021" else []
    titles = ["Site Type", "Used", "Fixed", *(["Prohibited"] if prohibited else []), "Available", "Util%"]

    def row(name: str, number: float, of: int) -> list[str]:
        shown = f"{number:g}"
        share = f"{100 * number / of:.2f}"
        return [name, shown, "0", *prohibited, str(of), "<0.01" if number and share == "0.00" else share]

    lut, ff = used["lut"], used["ff"]
    parts = [
        heading(version, "report_utilization -file reports/route.rpt", design, device, state),
        "\nUtilization Design Information\n\nTable of Contents\n-----------------\n1. Logic\n2. Memory\n\n",
        f"1. {kind} Logic\n--------------\n\n",
        table(
            [
                titles,
                row(f"{kind} LUTs{'*' if 'Synth' in state else ''}", lut, have["lut"]),
                row("  LUT as Logic", lut, have["lut"]),
                row("  LUT as Memory", 0, have["lut"] // 3),
                ["    LUT as Shift Register", "0", "0", *([""] if prohibited else []), "", ""],
                row(f"{kind} Registers", ff, have["ff"]),
                row("  Register as Flip Flop", ff, have["ff"]),
                row("F7 Muxes", 0, have["lut"] // 2),
            ]
        ),
        "\n\n2. Memory\n---------\n\n",
        table(
            [
                titles,
                row("Block RAM Tile", used["ramb36"] + used["ramb18"] / 2, have["bram36"]),
                row("  RAMB36/FIFO*", used["ramb36"], have["bram36"]),
                row("  RAMB18", used["ramb18"], 2 * have["bram36"]),
                *([] if family == "zynq7" else [row("URAM", 0, 96)]),
            ]
        ),
        "* Note: Each Block RAM Tile only has one FIFO logic available.\n\n\n3. DSP\n------\n\n",
        table([titles, row("DSPs", used["dsp"], have["dsp"])]),
        "\n\n7. Primitives\n-------------\n\n",
        table([["Ref Name", "Used", "Functional Category"], ["FDRE", str(ff), "Flop & Latch"]]),
    ]
    return "".join(parts)


def hierarchy(
    version: str, family: str, rows: Sequence[tuple[int, str, str, Mapping[str, int]]], design: str, device: str
) -> str:
    """``report_utilization -hierarchical``: depth, instance, module, what it uses."""
    dsp = "DSP48 Blocks" if version < "2020" else "DSP Blocks"
    uram = [] if family == "zynq7" else ["URAM"]
    titles = ["Instance", "Module", "Total LUTs", "Logic LUTs", "LUTRAMs", "SRLs", "FFs", "RAMB36", "RAMB18"]
    titles += [*uram, dsp]
    found = [titles]
    for depth, instance, module, used in rows:
        numbers = [used["lut"], used["lut"], 0, 0, used["ff"], used["ramb36"], used["ramb18"]]
        numbers += [*[0] * len(uram), used["dsp"]]
        found.append(["  " * depth + instance, module, *map(str, numbers)])
        if depth == 0:  # what is in the top itself
            found.append(["  (" + instance + ")", module, *["0"] * len(numbers)])
    # modules are written to the left too; the parser must not depend on it
    return (
        heading(version, "report_utilization -hierarchical", design, device, "Routed")
        + "\nUtilization Design Information\n\n1. Utilization by Hierarchy\n---------------------------\n\n"
        + table(found)
        + "* Note: The sum of lower-level cells may be larger than their parent cells total.\n"
    )


def timing(
    version: str, period_ns: float, slack_ns: float, design: str, device: str, hold_ns: float = 0.031,
    endpoints: int = 4321,
) -> str:  # fmt: skip
    """``report_timing_summary`` with its worst setup and hold path."""
    met = "MET" if slack_ns >= 0 else "VIOLATED"
    delay_ns = period_ns - slack_ns - 0.2
    logic_ns = 0.4 * delay_ns
    edge = f"{{rise@0.000ns fall@{period_ns / 2:.3f}ns period={period_ns:.3f}ns}}"
    columns = [
        (7, "WNS(ns)"), (7, "TNS(ns)"), (21, "TNS Failing Endpoints"), (19, "TNS Total Endpoints"), (7, "WHS(ns)"),
        (7, "THS(ns)"), (21, "THS Failing Endpoints"), (19, "THS Total Endpoints"), (8, "WPWS(ns)"),
        (8, "TPWS(ns)"), (22, "TPWS Failing Endpoints"), (20, "TPWS Total Endpoints"),
    ]  # fmt: skip
    failing = 7 if slack_ns < 0 else 0
    values = [
        f"{slack_ns:.3f}", f"{min(slack_ns, 0) * failing:.3f}", failing, endpoints, f"{hold_ns:.3f}", "0.000", 0,
        endpoints, f"{period_ns / 2 - 0.98:.3f}", "0.000", 0, 1765,
    ]  # fmt: skip
    summary = ["    " + "  ".join(f"{title:>{max(width, 11)}}" for width, title in columns) + "  "]
    summary.append("    " + "  ".join("-" * len(title) for _, title in columns))
    cells = (f"{value:>{max(width, 11)}}" for (width, _), value in zip(columns, values, strict=True))
    summary.append("    " + "  ".join(cells))
    extra = "\n".join(
        [
            "Max Delay Paths",
            "-" * 86,
            f"Slack ({met}) :           {slack_ns:.3f}ns  (required time - arrival time)",
            "  Source:                 core/network/u_l1/engine/column_reg[3]/C",
            f"                            (rising edge-triggered cell FDRE clocked by ntorc_clock  {edge})",
            "  Destination:            core/network/u_l1/engine/sum_reg/D[12]",
            f"                            (rising edge-triggered cell DSP48E1 clocked by ntorc_clock  {edge})",
            "  Path Group:             ntorc_clock",
            "  Path Type:              Setup (Max at Slow Process Corner)",
            f"  Requirement:            {period_ns:.3f}ns  (ntorc_clock rise@{period_ns:.3f}ns - 0.000ns)",
            f"  Data Path Delay:        {delay_ns:.3f}ns  (logic {logic_ns:.3f}ns (40.000%)"
            f"  route {delay_ns - logic_ns:.3f}ns (60.000%))",
            "  Logic Levels:           9  (CARRY4=4 LUT3=1 LUT5=2 LUT6=2)",
            "",
            "Min Delay Paths",
            "-" * 86,
            f"Slack (MET) :             {hold_ns:.3f}ns  (arrival time - required time)",
            "  Source:                 core/shell/probe/start_reg/C",
            f"                            (rising edge-triggered cell FDRE clocked by ntorc_clock  {edge})",
            "  Destination:            core/shell/probe/next_reg/D",
            f"                            (rising edge-triggered cell FDRE clocked by ntorc_clock  {edge})",
            "  Path Group:             ntorc_clock",
            "  Path Type:              Hold (Min at Fast Process Corner)",
            "  Requirement:            0.000ns  (ntorc_clock rise@0.000ns - ntorc_clock rise@0.000ns)",
            "  Data Path Delay:        0.139ns  (logic 0.073ns (52.518%)  route 0.066ns (47.482%))",
            "  Logic Levels:           1  (LUT3=1)",
            "",
        ]
    )
    frequency_mhz = 1e3 / period_ns
    return (
        heading(version, "report_timing_summary -file reports/timing.rpt", design, device)
        + "\nTiming Summary Report\n\ncheck_timing report\n\n1. checking no_clock (0)\n------------------------\n"
        + " There are 0 register/latch pins with no clock.\n\n"
        + "-" * 96 + "\n| Design Timing Summary\n| ---------------------\n" + "-" * 96 + "\n\n"
        + "\n".join(summary)
        + "\n\n\n" + "-" * 96 + "\n| Clock Summary\n| -------------\n" + "-" * 96 + "\n\n"
        + "Clock        Waveform(ns)         Period(ns)      Frequency(MHz)\n"
        + "-----        ------------         ----------      --------------\n"
        + f"ntorc_clock  {{0.000 {period_ns / 2:.3f}}}        {period_ns:.3f}          {frequency_mhz:.3f}\n\n\n"
        + extra
    )  # fmt: skip


def bit_file(design: str, part: str, user_id: int | None, version: str, data: bytes = b"\xff" * 4096) -> bytes:
    """A ``.bit`` file around some data, as Vivado writes it; without a user's ID as prjxray does."""

    def field(key: bytes, text: str) -> bytes:
        value = text.encode() + b"\0"
        return key + struct.pack(">H", len(value)) + value

    vivado = f";UserID=0X{user_id or 0:08X};Version={version}"
    magic = bytes.fromhex("0ff00ff00ff00ff000")
    return (
        struct.pack(">H", len(magic)) + magic + b"\x00\x01"
        + field(b"a", design + (";Generator=xc7frames2bit" if user_id is None else vivado))
        + field(b"b", part) + field(b"c", "2025/01/24") + field(b"d", "16:57:57")
        + b"e" + struct.pack(">I", len(data)) + data
    )  # fmt: skip
