"""``csynth.xml`` of Vivado HLS and Vitis HLS: the whole design and each module, estimated by HLS."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree

from ntorc.backends.base import Resources
from ntorc.errors import DataError

_RESOURCES = {"lut": ("LUT",), "ff": ("FF",), "dsp": ("DSP", "DSP48E"), "bram18": ("BRAM_18K",)}
_LARGEST_BYTES = 256 << 20


@dataclass(frozen=True)
class ModuleEstimate:
    """One module, as HLS estimates it.

    Attributes:
        name: of the module, without the suffix that HLS appends (``_s``).
        latency_cycles: the worst case; None where HLS does not know it.
        interval_cycles: from start to start, likewise.
        resources: with what is below it.
    """

    name: str
    latency_cycles: int | None
    interval_cycles: int | None
    resources: Resources


@dataclass(frozen=True)
class HlsPort:
    """A port of the generated design: its name, its direction (``in``, ``out``), its bits."""

    name: str
    direction: str
    bits: int


@dataclass(frozen=True)
class HlsReport:
    """A whole report.

    Attributes:
        version: of the tool, as ``2020.1``.
        part: as the tool writes it.
        top: the module that the others are in.
        target_ns, estimated_ns: clock period asked for, and what HLS thinks that it reaches.
        total: the top.
        modules: all others, in the report's order.
        ports: of the top.
    """

    version: str
    part: str
    top: str
    target_ns: float
    estimated_ns: float | None
    total: ModuleEstimate
    modules: tuple[ModuleEstimate, ...]
    ports: tuple[HlsPort, ...]


def parse_csynth(text: str, name: str = "csynth.xml") -> HlsReport:
    """A report.

    Raises:
        DataError: it is none, or states no resources.
    """
    if len(text) > _LARGEST_BYTES or "<!DOCTYPE" in text[:4096] or "<!ENTITY" in text:
        raise DataError(f"{name} is not a report that HLS writes", "run the step again")
    try:
        root = ElementTree.fromstring(text.strip())
    except (ElementTree.ParseError, ValueError) as error:
        raise DataError(f"{name} is not XML: {error}", "run the step again") from error
    top = _text(root, "UserAssignments/TopModelName")
    version = re.search(r"\d{4}\.\d", _text(root, "ReportVersion/Version"))
    target = _number(_text(root, "UserAssignments/TargetClockPeriod"))
    if not top or version is None or target is None or target <= 0:
        raise DataError(f"{name} is no report of HLS: it names no design, version or clock", "run the step again")
    modules = tuple(_module(item, _text(item, "Name"), name) for item in root.findall("ModuleInformation/Module"))
    return HlsReport(
        version[0],
        _text(root, "UserAssignments/Part"),
        top,
        target,
        _number(_text(root, "PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod")),
        _module(root, top, name),
        tuple(module for module in modules if module.name != top),
        tuple(_port(item, name) for item in root.findall("InterfaceSummary/RtlPorts")),
    )


def _text(element: ElementTree.Element, path: str) -> str:
    found = element.find(path)
    return (found.text or "").strip() if found is not None else ""


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"-?\d{1,12}(\.\d{1,9})?", text) else None


def _cycles(element: ElementTree.Element, *names: str) -> int | None:
    for name in names:
        value = _number(_text(element, f"PerformanceEstimates/SummaryOfOverallLatency/{name}"))
        if value is not None and value >= 0:
            return int(value)
    return None


def _module(element: ElementTree.Element, module: str, name: str) -> ModuleEstimate:
    found = {}
    for kind, tags in _RESOURCES.items():
        values = [_number(_text(element, f"AreaEstimates/Resources/{tag}")) for tag in tags]
        known = [value for value in values if value is not None and value >= 0]
        if not known:
            raise DataError(f"{name} states no {kind} of {module[:80]!r}", "run the step again")
        found[kind] = known[0]
    return ModuleEstimate(
        module.removesuffix("_s"),
        _cycles(element, "Worst-caseLatency"),
        _cycles(element, "Interval-max", "PipelineInitiationInterval", "DataflowPipelineThroughput"),
        Resources(**found),
    )


def _port(element: ElementTree.Element, name: str) -> HlsPort:
    bits = _number(_text(element, "Bits"))
    port, way = _text(element, "name"), _text(element, "Dir")
    if not port or bits is None or bits < 0:
        raise DataError(f"{name} has a port without name or width", "run the step again")
    return HlsPort(port, way, int(bits))
