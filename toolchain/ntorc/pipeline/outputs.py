"""What a measurement leaves in its folder besides the records: JSON, JUnit XML, a picture, the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from ntorc.records import save, write_atomically
from ntorc.units import format_seconds

if TYPE_CHECKING:
    from ntorc.measure.measurement import Measurement
    from ntorc.measure.records import Records


def write_outputs(measurement: Measurement, records: Records, folder: Path) -> dict[str, str]:
    """Write ``measurement.json``, ``environment.json``, ``junit.xml`` and ``histogram.svg``.

    Returns:
        The paths of these and of ``records.parquet``, by kind.

    Raises:
        StorageError: the folder cannot be written.
    """
    from ntorc.report.picture import intervals_picture

    paths = {
        "json": save(measurement, folder / "measurement.json"),
        "environment": save(measurement.environment, folder / "environment.json"),
        "junit": write_atomically(folder / "junit.xml", junit(measurement)),
        "histogram": write_atomically(folder / "histogram.svg", intervals_picture(measurement, records).encode()),
        "parquet": folder / "records.parquet",
    }
    return {kind: str(path) for kind, path in paths.items()}


def junit(measurement: Measurement) -> bytes:
    """The measurement as a JUnit test suite: the deadline, the outputs' delivery, and the probe's agreement."""
    suite = ElementTree.Element("testsuite", name=f"ntorc.{measurement.board}")
    torn, timeouts, skipped = measurement.torn, measurement.timeouts, measurement.skipped
    whole = torn + timeouts + skipped == 0 and not measurement.overrun
    cases = [
        ("deadline", measurement.verdict == "met", measurement.verdict_basis),
        (
            "delivered",
            whole,
            f"{torn} torn, {timeouts} timed out, {skipped} skipped",
        ),
    ]
    if measurement.probe is not None:
        cases.append(("probe", measurement.probe.agrees, "; ".join(measurement.probe.differences)))
    for name, passed, text in cases:
        case = ElementTree.SubElement(
            suite, "testcase", classname=f"ntorc.{measurement.target}", name=name, time=f"{measurement.loop_s.max:.9f}"
        )
        if not passed:
            ElementTree.SubElement(case, "failure", message=text)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(not passed for _, passed, _ in cases)))
    properties = ElementTree.Element("properties")
    for name, value in _properties(measurement).items():
        ElementTree.SubElement(properties, "property", name=name, value=value)
    suite.insert(0, properties)
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite)


def _properties(measurement: Measurement) -> dict[str, str]:
    machine = measurement.environment
    return {
        "design_id": measurement.design_id,
        "samples": str(measurement.samples),
        "deadline": format_seconds(measurement.deadline_s),
        "misses": str(measurement.misses),
        "miss_bound_95": f"{measurement.miss_bound:.3g}",
        "largest_seen": format_seconds(measurement.statement.max_s) if measurement.statement is not None else "",
        "pl_cycles_max": str(measurement.pl_cycles_max),
        "kernel": machine.kernel,
        "preempt_rt": str(machine.preempt_rt),
        "governor": machine.governor,
        "load": machine.load or "none",
    }
