"""Where a measurement was made: the part of it that figures depend on without showing it."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

_CPU_INFO = Path("/proc/cpuinfo")
_GOVERNOR = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


@dataclass(frozen=True)
class Environment:
    """The measuring machine.

    Attributes:
        kernel: name and release.
        machine: architecture.
        cpu: the processor's name, empty when the system does not tell it.
        governor: frequency governor of the first processor, empty when it cannot be read.
        python: version of the Python that started the measurement.
        scheduler: scheduler of the measuring loop, with its priority when it has one.
        memory_locked: whether the loop's memory was locked.
        bound_cpu: the processor that the loop was bound to, None for any.
    """

    kernel: str
    machine: str
    cpu: str
    governor: str
    python: str
    scheduler: str
    memory_locked: bool
    bound_cpu: int | None


def environment(scheduler: str, *, memory_locked: bool = False, bound_cpu: int | None = None) -> Environment:
    """Describe this machine; the arguments come from the harness's report."""
    return Environment(
        kernel=f"{platform.system()} {platform.release()}",
        machine=platform.machine(),
        cpu=_cpu_name(),
        governor=_text_of(_GOVERNOR).strip(),
        python=platform.python_version(),
        scheduler=scheduler,
        memory_locked=memory_locked,
        bound_cpu=bound_cpu,
    )


def _cpu_name() -> str:
    for line in _text_of(_CPU_INFO).splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("model name", "hardware"):
            return value.strip()
    return platform.processor()


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
