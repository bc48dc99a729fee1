"""The machine that measures, as its system describes it: what latencies depend on without showing it."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

_GOVERNOR = "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
_FREQUENCY = "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"
_RT_RUNTIME = "proc/sys/kernel/sched_rt_runtime_us"
_ISOLATED = "sys/devices/system/cpu/isolated"
_RT_FLAG = "sys/kernel/realtime"
_LAST_OF = re.compile(r"(\d+)$")
_XADC = "sys/bus/iio/devices/iio:device0"


def describe_machine(root: Path = Path("/")) -> dict[str, Any]:
    """Kernel, real-time patch, governor, temperature and the like; None where the system does not tell.

    Args:
        root: the file system that is described, for tests.
    """
    version = platform.version()
    return {
        "kernel": f"{platform.system()} {platform.release()}",
        "kernel_version": version,
        "preempt_rt": _text(root / _RT_FLAG) == "1" or "PREEMPT_RT" in version or "PREEMPT RT" in version,
        "machine": platform.machine(),
        "cpu": _cpu_name(root),
        "processors": os.cpu_count(),
        "governor": _text(root / _GOVERNOR),
        "frequency_hz": _scaled(_text(root / _FREQUENCY), 1e3),
        "rt_runtime_us": _scaled(_text(root / _RT_RUNTIME), 1.0),
        "isolated_cpus": _text(root / _ISOLATED),
        "temperature_c": temperature_c(root),
        "load_average": _text(root / "proc/loadavg"),
        "python": platform.python_version(),
    }


def last_cpu(root: Path = Path("/")) -> int:
    """The processor for a loop that must not be late: the last isolated one, else the last that this process may use.

    Interrupts and services are mostly on the first one.

    Args:
        root: the file system that is looked at, for tests.
    """
    isolated = _LAST_OF.search(_text(root / _ISOLATED) or "")
    return int(isolated[1]) if isolated is not None else max(os.sched_getaffinity(0))


def temperature_c(root: Path = Path("/")) -> float | None:
    """Of the chip in degrees Celsius: a Zynq's XADC by the kernel's IIO driver, else the hottest thermal zone."""
    raw, offset, scale = (_scaled(_text(root / _XADC / f"in_temp0_{name}"), 1.0) for name in ("raw", "offset", "scale"))
    if raw is not None and offset is not None and scale is not None:
        return round((raw + offset) * scale * 1e-3, 2)
    zones = [_scaled(_text(path), 1e-3) for path in sorted(root.glob("sys/class/thermal/thermal_zone*/temp"))]
    return max((zone for zone in zones if zone is not None), default=None)


def _cpu_name(root: Path) -> str | None:
    for line in (_text(root / "proc/cpuinfo") or "").splitlines():
        name, _, value = line.partition(":")
        if name.strip().lower() in ("model name", "hardware"):
            return value.strip()
    return None


def _scaled(text: str | None, factor: float) -> float | None:
    try:
        return None if text is None else float(text) * factor
    except ValueError:
        return None


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None
