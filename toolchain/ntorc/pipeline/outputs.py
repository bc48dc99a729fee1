"""What a measurement leaves in its folder besides the records: JSON, JUnit XML, a picture, the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.pipeline.junit import DEADLINE, SHOWN, Suite
from ntorc.records import save, write_atomically
from ntorc.units import format_seconds

if TYPE_CHECKING:
    from ntorc.measure.measurement import Measurement
    from ntorc.measure.records import Records


def write_outputs(measurement: Measurement, records: Records, folder: Path, suite: Suite) -> dict[str, str]:
    """Write ``measurement.json``, ``environment.json``, the suite's ``junit.xml`` and ``histogram.svg``.

    Returns:
        The paths of these and of ``records.parquet``, by kind.

    Raises:
        StorageError: the folder cannot be written.
    """
    from ntorc.report.picture import intervals_picture

    paths = {
        "json": save(measurement, folder / "measurement.json"),
        "environment": save(measurement.environment, folder / "environment.json"),
        "junit": suite.write(),
        "histogram": write_atomically(folder / "histogram.svg", intervals_picture(measurement, records).encode()),
        "parquet": folder / "records.parquet",
    }
    return {kind: str(path) for kind, path in paths.items()}


def add_cases(suite: Suite, measurement: Measurement, *, is_miss_asked: bool) -> None:
    """The cases that a judged measurement has: the deadline, what so many estimates show of it, the probe.

    Args:
        suite: it has the delivery and the outputs already.
        measurement: what was judged.
        is_miss_asked: the allowed share of misses was asked for and is not the default, so that it has to be shown.
    """
    suite.properties |= _properties(measurement)
    met = measurement.verdict == "met"
    suite.add(DEADLINE, "" if met else measurement.verdict_basis)
    statement = measurement.statement
    if met and statement is not None:
        text = "" if statement.shown else not_shown(statement.needed, measurement.miss_probability)
        suite.add(SHOWN, text if is_miss_asked else "", text)
    if measurement.probe is not None:
        suite.add("probe", "" if measurement.probe.agrees else "; ".join(measurement.probe.differences))


def not_shown(needed: int, miss_probability: float) -> str:
    """What is to be said where too few estimates met a deadline to show how rarely it is missed."""
    return f"not shown: {needed} estimates are needed for {miss_probability:g} at 95 %"


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
        "loop_max": format_seconds(measurement.loop_s.max),
        "scheduler": machine.scheduler,
        "bound_cpu": "any" if machine.bound_cpu is None else str(machine.bound_cpu),
        "kernel": machine.kernel,
        "preempt_rt": str(machine.preempt_rt),
        "governor": machine.governor,
        "load": machine.load or "none",
    }
