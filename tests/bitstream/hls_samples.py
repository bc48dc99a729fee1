"""What HLS leaves of an hls4ml project: the core's Verilog with its ports, a module a layer, and their reports.

Vitis HLS packs a stream's element into one port named after the argument; Vivado HLS names the array's element too.
Only the standard library: the mock tools use it.
"""

from __future__ import annotations

import re
from pathlib import Path

_KINDS = {"conv1d_config": "conv_1d_cl_array_array", "dense_config": "dense_array_array", "lstm_config": "lstm_stack"}


def layers(folder: Path) -> dict[str, str]:
    """Each layer's module by ``config<number>``, as hls4ml's parameters name them."""
    text = (folder / "parameters.h").read_text(encoding="utf-8")
    found = {}
    for number, kind in re.findall(r"struct config(\d+) : nnet::(\w+)", text):
        if kind in _KINDS:
            found[f"config{number}"] = f"{_KINDS[kind]}_ap_fixed_16_6_5_3_0_4u_config{number}_s"
    return found


def resources(name: str) -> dict[str, int]:
    """Figures of a module."""
    seed = sum(map(ord, name))
    return {"LUT": 900 + seed % 50, "FF": 700, "DSP": 3, "BRAM_18K": 2}


def report(name: str, part: str, period_ns: str, version: str, cycles: int, ports: str = "") -> str:
    """A module's report."""
    area = resources(name)
    dsp = "DSP48E" if version < "2020.2" else "DSP"
    return (
        f"<profile>\n<ReportVersion>\n<Version>{version}</Version>\n</ReportVersion>\n<UserAssignments>\n"
        f"<unit>ns</unit><Part>{part}</Part><TopModelName>{name}</TopModelName>"
        f"<TargetClockPeriod>{period_ns}</TargetClockPeriod></UserAssignments>\n"
        "<PerformanceEstimates><SummaryOfTimingAnalysis><EstimatedClockPeriod>7.1</EstimatedClockPeriod>"
        "</SummaryOfTimingAnalysis><SummaryOfOverallLatency>"
        f"<Worst-caseLatency>{cycles}</Worst-caseLatency><Interval-max>{cycles}</Interval-max>"
        "</SummaryOfOverallLatency></PerformanceEstimates>\n<AreaEstimates><Resources>"
        f"<BRAM_18K>{area['BRAM_18K']}</BRAM_18K><{dsp}>{area['DSP']}</{dsp}><FF>{area['FF']}</FF>"
        f"<LUT>{area['LUT']}</LUT><URAM>0</URAM></Resources></AreaEstimates>\n"
        f"<InterfaceSummary>{ports}</InterfaceSummary>\n</profile>\n"
    )


def core(top: str, source: Path, names: dict[str, str], hls: str) -> str:
    """The core's Verilog: its ports as HLS declares them, its layers inside, nothing that works."""
    header = (source / f"{top}.h").read_text(encoding="utf-8")
    streams = re.findall(r"hls::stream<(\w+)> &(\w+)", header)
    element = "" if hls != "vivado_hls" else "_V_data_V"
    (_, first), (_, last) = streams[0], streams[-1]
    first, last = f"{first}{element}", f"{last}{element}"
    ports = ["ap_clk", "ap_rst_n", "ap_start", "ap_done", "ap_ready", "ap_idle"]
    ports += [f"{name}_{signal}" for name in (first, last) for signal in ("TDATA", "TVALID", "TREADY")]
    inner = "".join(f"{module} {module}_U0 ();\n" for module in names.values())
    return (
        f'`timescale 1 ns / 1 ps\n(* CORE_GENERATION_INFO="{top}" *)\nmodule {top} (\n        '
        + ",\n        ".join(ports)
        + f"\n);\n\ninput  [15:0] {first}_TDATA;\noutput  [23:0] {last}_TDATA;\ninput   ap_clk;\n"
        f"input   ap_rst_n;\ninput   {first}_TVALID;\noutput   {first}_TREADY;\ninput   ap_start;\n"
        f"output   {last}_TVALID;\ninput   {last}_TREADY;\noutput   ap_done;\noutput   ap_ready;\n"
        f"output   ap_idle;\n\n{inner}endmodule //{top}\n"
    )


def write(made: Path, state: dict[str, str], version: str) -> None:
    """All of it below ``syn``."""
    source, top = Path(state["source"]), state["top"]
    names = layers(source)
    (made / "verilog" / f"{top}.v").write_text(core(top, source, names, state["hls"]), encoding="utf-8")
    reports = made / "report"
    arguments = (state["part"], state["period"], version)
    (reports / f"{top}_csynth.xml").write_text(report(top, *arguments, 2000), encoding="utf-8")
    for number, (layer, module) in enumerate(names.items()):
        text = (
            f"`timescale 1 ns / 1 ps\nmodule {module} ();\nreg [7:0] rom[0:3];\n"
            f'initial begin $readmemh("./{module}_rom.dat", rom); end\nendmodule\n'
        )
        (made / "verilog" / f"{module}.v").write_text(text, encoding="utf-8")
        (made / "verilog" / f"{module}_rom.dat").write_text("00\n01\n02\n03\n", encoding="utf-8")
        name = module.removesuffix("_s")
        (reports / f"{name}_csynth.xml").write_text(report(module, *arguments, 100 + number), encoding="utf-8")
        inside = f"dense_resource_{layer}_mult_s"  # part of a layer: must not pass for it
        (reports / f"{inside}_csynth.xml").write_text(report(inside, *arguments, 5), encoding="utf-8")
