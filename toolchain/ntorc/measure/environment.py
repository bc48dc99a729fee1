"""Where a measurement was made: the part of it that figures depend on without showing it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ntorc_board.environment import describe_machine


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
        kernel_version: as ``uname -v`` says it.
        preempt_rt: whether the kernel has the real-time patch.
        rt_runtime_us: of each second that real-time tasks may have; -1: all of it.
        isolated_cpus: processors that the scheduler leaves alone.
        no_deep_sleep: whether processors were kept from sleeping deeply.
        temperature_c, temperature_end_c: of the chip before and after, None when the system does not tell it.
        fclk_hz: FCLK0 as it reads back, 0 when it was not told.
        load: the interference that was asked for, empty for none.
    """

    kernel: str
    machine: str
    cpu: str
    governor: str
    python: str
    scheduler: str
    memory_locked: bool
    bound_cpu: int | None
    kernel_version: str = ""
    preempt_rt: bool = False
    rt_runtime_us: float | None = None
    isolated_cpus: str = ""
    no_deep_sleep: bool = False
    temperature_c: float | None = None
    temperature_end_c: float | None = None
    fclk_hz: float = 0.0
    load: str = ""


def environment(
    scheduler: str,
    *,
    memory_locked: bool = False,
    bound_cpu: int | None = None,
    no_deep_sleep: bool = False,
    machine: Mapping[str, object] | None = None,
    fclk_hz: float = 0.0,
    load: str = "",
) -> Environment:
    """Describe the measuring machine.

    Args:
        scheduler, memory_locked, bound_cpu, no_deep_sleep, load: from the harness's report.
        machine: what the agent beside the harness says of its machine, or None for this one.
        fclk_hz: FCLK0 as it reads back.
    """
    told = machine if machine is not None else describe_machine()

    def text(name: str) -> str:
        value = told.get(name)
        return value if isinstance(value, str) else ""

    def number(name: str) -> float | None:
        value = told.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    return Environment(
        kernel=text("kernel"),
        machine=text("machine"),
        cpu=text("cpu"),
        governor=text("governor"),
        python=text("python"),
        scheduler=scheduler,
        memory_locked=memory_locked,
        bound_cpu=bound_cpu,
        kernel_version=text("kernel_version"),
        preempt_rt=told.get("preempt_rt") is True,
        rt_runtime_us=number("rt_runtime_us"),
        isolated_cpus=text("isolated_cpus"),
        no_deep_sleep=no_deep_sleep,
        temperature_c=number("temperature_c"),
        temperature_end_c=number("temperature_end_c"),
        fclk_hz=fclk_hz,
        load=load,
    )
