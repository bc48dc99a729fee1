"""Where the figures come from: command, digests, versions, clocks, machine, and how long each stage took."""

from __future__ import annotations

from ntorc import __version__
from ntorc.report.blocks import Column, code, facts, folded, inner, section, table
from ntorc.report.data import ReportData
from ntorc.report.figures import count, duration, megahertz
from ntorc.report.markup import Child, Markup, element


def provenance(data: ReportData) -> Markup:
    """Everything that is needed to make the run again and to know what it was made of."""
    return section(
        "provenance",
        "Environment and provenance",
        element("h3", "Make it again"),
        element("pre", element("code", data.command)),
        element("h3", "Design"),
        facts(_design(data)),
        element("h3", "Tools and machine"),
        facts(_machine(data)),
        _timings(data),
    )


def _design(data: ReportData) -> list[tuple[str, Child]]:
    deployment, allocation = data.deployment, data.allocation
    test = deployment.self_test
    replaced: Child = code(deployment.replaced) if deployment.replaced else "nothing: the target was empty"
    return [
        ("Run", f"{data.run}, {data.created}"),
        ("Board and part", f"{allocation.board}, {allocation.part}"),
        ("Target", deployment.target),
        ("Design ID, read from the logic", code(deployment.design_id)),
        ("Bundle's manifest, SHA-256", code(deployment.digest)),
        ("Network, SHA-256", code(allocation.network)),
        ("Slot", deployment.slot),
        ("Replaced", replaced),
        ("Board's self-test", f"{count(test.mismatches)} of {count(test.vectors)} results differ"),
        (
            "Clock",
            f"{megahertz(deployment.clock_requested_hz)} requested, {megahertz(deployment.clock_set_hz)} set,"
            f" {megahertz(deployment.clock_read_back_hz)} read back",
        ),
    ]


def _machine(data: ReportData) -> list[tuple[str, Child]]:
    environment = data.measurement.environment
    bound = "any processor" if environment.bound_cpu is None else f"bound to processor {environment.bound_cpu}"
    return [
        ("ntorc", __version__),
        ("Synthesis", data.products.tool),
        ("Allocation", data.allocation.solver),
        ("On-board agent", f"{data.deployment.agent_version}, pynq {data.deployment.pynq_version}"),
        ("Kernel", f"{environment.kernel}, {environment.machine}"),
        ("Processor", environment.cpu or "not told by the system"),
        ("Frequency governor", environment.governor or "cannot be read"),
        ("Python", environment.python),
        (
            "Measuring loop",
            f"{environment.scheduler}, memory {'locked' if environment.memory_locked else 'not locked'}, {bound}",
        ),
    ]


def _timings(data: ReportData) -> Markup | None:
    timings = {
        name: float(value)
        for name, value in inner(data.summary, "timings_s").items()
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    if not timings:
        return None
    longest_first = sorted(timings.items(), key=lambda item: (-item[1], item[0]))
    rows = [(name, duration(seconds)) for name, seconds in longest_first]
    columns = [Column("Stage"), Column("Time", True)]
    return folded("How long each stage took", table(columns, rows, label="Time of each stage"))
