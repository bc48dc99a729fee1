"""The loop's scheduler and processor: asked of a board over a real sshd, granted or refused aloud."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from virtual_lab import HOP, WINDOW

from ntorc.bundle.bundle import Bundle
from ntorc.deploy.ssh_target import SshTarget
from ntorc.deploy.target import MeasureRequest, Target
from ntorc.errors import UsageError
from ntorc.measure.report import HarnessReport
from ntorc.pipeline.board.realtime import BY_TARGET, RealTime, refusals
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.prove import Observed, Pace, observe, stream_for
from ntorc.store.local import LocalStore


@dataclass
class Words:
    """Progress that is kept."""

    said: list[str]

    def message(self, text: str) -> None:
        self.said.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        pass

    status = message


def may_be_real_time() -> bool:
    """Whether this system grants SCHED_FIFO here: to root it does."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except PermissionError:
        return False
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    return True


def measured(target: SshTarget, folder: Path, realtime: RealTime) -> tuple[Observed, list[str]]:
    words = Words([])
    flow = Flow(LocalStore(folder / "store"), folder, folder, words)
    samples = stream_for(np.arange(-500, 500), WINDOW, HOP, 20)
    return observe(flow, target, folder, samples, Pace(20, realtime=realtime)), words.said


def test_a_board_over_ssh_measures_under_sched_fifo(remote: SshTarget, bundle: Bundle, tmp_path: Path) -> None:
    remote.install(bundle.folder)
    last = max(os.sched_getaffinity(0))
    found, said = measured(remote, tmp_path, RealTime(fifo=20, cpu=last))
    report = found.report
    assert report.cpu == last
    if may_be_real_time():
        assert (report.scheduler_text, found.refused) == ("SCHED_FIFO 20", ())
    else:
        assert report.scheduler_text == "SCHED_OTHER"
        assert "run the agent as root" in found.refused[0]
    assert [f"warning: {text}" for text in found.refused] == [line for line in said if line.startswith("warning")]


def test_simulated_logic_is_measured_as_any_program(remote: SshTarget, bundle: Bundle, tmp_path: Path) -> None:
    remote.install(bundle.folder)
    found, _ = measured(remote, tmp_path, BY_TARGET)
    assert (found.report.scheduler_text, found.report.cpu, found.refused) == ("SCHED_OTHER", None, ())


def test_the_agent_finds_the_last_processor(remote: SshTarget, bundle: Bundle, tmp_path: Path) -> None:
    remote.install(bundle.folder)
    samples = tmp_path / "samples"
    samples.write_bytes(np.arange(400, dtype="<i4").tobytes())
    files = remote.measure(MeasureRequest(samples, tmp_path / "records", 5, cpu="last"))
    assert files.harness["cpu"] is not None


@dataclass(frozen=True)
class Kind:
    is_virtual: bool


REQUEST = MeasureRequest(Path("s"), Path("r"), 1)


@pytest.mark.parametrize(
    ("asked", "is_virtual", "sent"),
    [
        (BY_TARGET, False, (80, "last")),
        (BY_TARGET, True, (None, None)),
        (RealTime(fifo=0, cpu=-1), False, (None, None)),
        (RealTime(fifo=0), False, (None, "last")),
        (RealTime(cpu=0), False, (80, 0)),
        (RealTime(fifo=5, cpu=1), True, (5, 1)),
    ],
)
def test_what_is_left_out_follows_from_the_target(
    asked: RealTime, is_virtual: bool, sent: tuple[Any, Any]
) -> None:
    request = asked.asked_of(cast(Target, Kind(is_virtual)), REQUEST)
    assert (request.fifo, request.cpu) == sent


@pytest.mark.parametrize("wrong", [{"fifo": 100}, {"fifo": -1}, {"cpu": -2}, {"cpu": 1024}])
def test_other_numbers_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match=r"no (priority|processor)"):
        RealTime(**wrong)


def test_a_refusal_says_what_to_do() -> None:
    granted = HarnessReport(
        1, 1, 0, 0, 0, 0, 0, False, "0" * 16, 1, 10**8, 32, 8, 1, 0, "CLOCK_MONOTONIC", "SCHED_FIFO", 80, True, 1
    )  # fmt: skip
    request = replace(REQUEST, fifo=80, cpu="last")
    assert refusals(request, granted, "rack1") == ()
    refused = replace(granted, scheduler="SCHED_OTHER", priority=0, cpu=None)
    fifo, cpu = refusals(request, refused, "rack1")
    assert "rack1 refused SCHED_FIFO: the loop ran under SCHED_OTHER" in fifo
    assert "run the agent as root" in fifo
    assert "--cpu N" in cpu
    assert refusals(REQUEST, refused, "rack1") == ()
