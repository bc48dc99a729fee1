"""Our parsers on the real reports, on samples of all versions, and on whatever else a file may hold."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import vendor_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.backends.base import Resources
from ntorc.backends.reports.bitfile import bit_header
from ntorc.backends.reports.csynth import parse_csynth
from ntorc.backends.reports.timing import parse_timing
from ntorc.backends.reports.utilisation import parse_hierarchy, parse_utilisation
from ntorc.errors import DataError

USED = {"lut": 4313, "ff": 5883, "dsp": 32, "ramb36": 7, "ramb18": 3}
FAMILIES = {"zynq7": "xc7z020clg400-1", "zynquplus": "xczu7ev-ffvc1156-2-e"}


def utilisation(version: str, family: str, state: str = "Routed") -> str:
    return vendor_samples.utilisation(version, family, USED, "ntorc_zynq", FAMILIES[family], state)


def hierarchy(version: str, family: str) -> str:
    shell = {"lut": 900, "ff": 700, "dsp": 0, "ramb36": 0, "ramb18": 1}
    rows = [
        (0, "ntorc_zynq", "(top)", USED),
        (1, "core", "ntorc_top", USED),
        (2, "shell", "ntorc_fitted_shell__parameterized0", shell),
        (3, "u_conv", "layer_conv", USED),
    ]
    return vendor_samples.hierarchy(version, family, rows, "ntorc_zynq", FAMILIES[family])


def csynth(version: str = "2023.2") -> str:
    """As Vitis HLS writes it: all modules in one file."""

    def resources(lut: int, dsp: int) -> str:
        kind = "DSP48E" if version < "2020.2" else "DSP"
        return (
            f"<AreaEstimates><Resources><BRAM_18K>4</BRAM_18K><{kind}>{dsp}</{kind}><FF>120</FF><LUT>{lut}</LUT>"
            "<URAM>0</URAM></Resources></AreaEstimates>"
        )

    def latency(worst: str, interval: str) -> str:
        return (
            "<PerformanceEstimates><SummaryOfOverallLatency>"
            f"<Worst-caseLatency>{worst}</Worst-caseLatency><Interval-max>{interval}</Interval-max>"
            "</SummaryOfOverallLatency></PerformanceEstimates>"
        )

    return (
        f"<profile><ReportVersion><Version>{version}</Version></ReportVersion><UserAssignments>"
        "<Part>xc7z020-clg400-1</Part><TopModelName>small</TopModelName><TargetClockPeriod>10.00</TargetClockPeriod>"
        f"</UserAssignments>{latency('2310', '2200')}{resources(5000, 9)}<ModuleInformation>"
        f"<Module><Name>dense_array_config5_s</Name>{latency('71', '70')}{resources(800, 3)}</Module>"
        f"<Module><Name>conv_1d_cl_array_config2_s</Name>{latency('undef', '?')}{resources(2100, 6)}</Module>"
        f"<Module><Name>small</Name>{latency('2310', '2200')}{resources(5000, 9)}</Module></ModuleInformation>"
        "<InterfaceSummary><RtlPorts><name>in_TDATA</name><Dir>in</Dir><Bits>16</Bits></RtlPorts></InterfaceSummary>"
        "</profile>"
    )


def test_the_real_reports(recorded_data: Path) -> None:
    folder = recorded_data / "reports" / "hls4ml_vivado"
    report = parse_utilisation((folder / "vivado_synth.rpt").read_text(encoding="utf-8"))
    assert report.used == Resources(1526, 2428, 66, 0)
    assert report.available == Resources(53200, 106400, 220, 280)
    assert (report.heading.version, report.heading.device, report.is_placed) == ("2020.1", "7z020clg400-1", False)
    hls = parse_csynth((folder / "myproject_csynth.xml").read_text(encoding="utf-8"))
    assert (hls.version, hls.top, hls.target_ns, hls.estimated_ns) == ("2020.1", "myproject", 5.0, 4.049)
    assert hls.total.resources == Resources(2532, 7969, 73, 0)
    assert (hls.total.latency_cycles, hls.total.interval_cycles) == (10, 8)
    ports = {port.name: (port.direction, port.bits) for port in hls.ports}
    assert ports["fc1_input_V_data_0_V_TDATA"] == ("in", 16)
    assert ports["layer3_out_V_data_0_V_TDATA"] == ("out", 16)
    assert ports["ap_idle"] == ("out", 1)


@pytest.mark.parametrize("version", vendor_samples.VERSIONS)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_version_of_every_report(version: str, family: str) -> None:
    report = parse_utilisation(utilisation(version, family))
    assert report.used == Resources(4313, 5883, 32, 17)
    assert report.available.lut == {"zynq7": 53200, "zynquplus": 230400}[family]
    assert report.available.bram18 == {"zynq7": 280, "zynquplus": 624}[family]
    assert (report.heading.version, report.is_placed) == (version, True)
    assert not parse_utilisation(utilisation(version, family, "Synthesized")).is_placed
    found = {one.module: (one.depth, one.used) for one in parse_hierarchy(hierarchy(version, family))}
    assert found["ntorc_fitted_shell"] == (2, Resources(900, 700, 0, 1))
    assert found["layer_conv"] == (3, Resources(4313, 5883, 32, 17))
    timing = parse_timing(vendor_samples.timing(version, 10.0, -1.25, "ntorc_zynq", FAMILIES[family]))
    assert (timing.setup_ns, timing.hold_ns, timing.period_ns) == (-1.25, 0.031, 10.0)
    assert (timing.is_met, timing.endpoints) == (False, 4321)
    assert timing.reached_hz == pytest.approx(1e9 / 11.25)
    assert timing.worst is not None
    assert str(timing.worst).startswith("core/network/u_l1/engine/column_reg[3]/C to core/network/u_l1/engine/sum_reg")
    assert (timing.worst.levels, timing.worst.slack_ns) == (9, -1.25)


def test_a_design_without_constraints_never_passes() -> None:
    text = vendor_samples.timing("2023.2", 10.0, 0.3, "d", "7z020")
    assert parse_timing(text).is_met
    assert not parse_timing(vendor_samples.timing("2023.2", 10.0, 0.3, "d", "7z020", endpoints=0)).is_met
    assert not parse_timing(text.replace("no_clock (0)", "no_clock (4)")).is_met
    assert not parse_timing(vendor_samples.timing("2023.2", 10.0, 0.3, "d", "7z020", hold_ns=-0.01)).is_met
    for cell in ("NA", "inf", "-"):
        with pytest.raises(DataError):
            parse_timing(re.sub(r"(?m)^(\s+)0\.300 ", rf"\g<1>{cell} ", text, count=1))
    with pytest.raises(DataError, match="no clock"):
        parse_timing(re.sub(r"(?m)^ntorc_clock .*$", "", text))


def test_each_module_of_hls() -> None:
    report = parse_csynth(csynth())
    assert [module.name for module in report.modules] == ["dense_array_config5", "conv_1d_cl_array_config2"]
    assert report.modules[0].resources == Resources(800, 120, 3, 4)
    assert [module.latency_cycles for module in report.modules] == [71, None]
    assert parse_csynth(csynth("2019.1")).total.resources.dsp == 9
    for text in ("", "<profile/>", csynth().replace("<LUT>5000</LUT>", ""), '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'):
        with pytest.raises(DataError):
            parse_csynth(text)


def test_a_bitstreams_header() -> None:
    whole = vendor_samples.bit_file("ntorc_zynq", "7z020clg400", 0xDEADBEEF, "2023.2")
    found = bit_header(whole, len(whole))
    assert (found.design, found.part, found.user_id, found.version) == (
        "ntorc_zynq", "7z020clg400", 0xDEADBEEF, "2023.2",
    )  # fmt: skip
    for cut in (0, 5, 40, len(whole) - 1):
        with pytest.raises(DataError):
            bit_header(whole[:cut], cut)


PARSERS: dict[str, tuple[Callable[[str], object], str]] = {
    "utilisation": (parse_utilisation, utilisation("2023.2", "zynquplus")),
    "hierarchy": (parse_hierarchy, hierarchy("2020.1", "zynq7")),
    "timing": (parse_timing, vendor_samples.timing("2022.1", 10.0, 0.3, "d", "7z020")),
    "csynth": (parse_csynth, csynth()),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_altered_reports_give_an_answer_or_a_clear_error(name: str, data: st.DataObject) -> None:
    """Lines removed, doubled, exchanged; characters changed; the end cut off."""
    parse, text = PARSERS[name]
    draw = random.Random(data.draw(st.integers(0, 2**32)))
    for _ in range(draw.randint(1, 6)):
        lines = text.split("\n")
        at = draw.randrange(len(lines))
        kind = draw.randrange(6)
        if kind == 0:
            del lines[at]
        elif kind == 1:
            lines.insert(draw.randrange(len(lines)), lines[at])
        elif kind == 2:
            lines = lines[: at + 1]
        else:
            line = lines[at]
            place = draw.randrange(len(line) + 1)
            junk = draw.choice(["|", "-", "9" * 400, "1e999", "\x00", "nan", "(", " ", "<", "&#0;", "é", "", "."])
            lines[at] = line[:place] + junk + line[place + draw.randint(0, 3) :]
        text = "\n".join(lines)
    _parse(parse, text)


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=300))
def test_any_text_gives_a_clear_error(text: str) -> None:
    for parse, _ in PARSERS.values():
        with pytest.raises(DataError):
            parse(text)


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200), cut=st.integers(0, 120))
def test_any_bytes_are_no_bitstream(content: bytes, cut: int) -> None:
    whole = vendor_samples.bit_file("ntorc_zynq", "7z020clg400", 1, "2023.2")
    for head in (content, whole[:cut] + content):
        try:
            bit_header(head, len(head))
        except DataError:
            continue
        assert head == whole[: len(head)] or head.startswith(whole[:13])


def _parse(parse: Callable[[str], object], text: str) -> None:
    with suppress(DataError):
        parse(text)
