"""What the loop asks of the system, by a trace; and the harness built for the board's processor."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness_support import ROOT, VirtualPl, harness_arguments, window_sums, write_samples

from ntorc.deploy.firmware import Firmware, harness_sources
from ntorc.measure.records import read_records
from ntorc.measure.report import parse_report
from ntorc.processes import run_tool

_LINE = re.compile(r"^(\d+)\s+(?:<\.\.\. )?(\w+)")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples"
    write_samples(path, np.random.default_rng(5).integers(-8192, 8192, 200))
    return path


def calls_of_the_loop(trace: str) -> list[str]:
    """System calls of the main thread from the locking of its memory to the loop's end.

    The loop is over where the main thread gives up the scheduler, or takes progress' lock: with the first call that
    no loop makes.
    """
    lines = [_LINE.match(line) for line in trace.splitlines()]
    calls = [(found[1], found[2]) for found in lines if found is not None]
    main = calls[0][0]
    own = [name for thread, name in calls if thread == main]
    begin = len(own) - own[::-1].index("mlockall")
    return own[begin:]


@pytest.mark.parametrize("more", [{"period_ns": 200_000}, {"period_ns": 0}])
def test_the_loop_makes_no_call_but_the_clocks_sleep(
    require: Callable[[str], Path], firmware: Firmware, samples: Path, tmp_path: Path, more: dict[str, int]
) -> None:
    trace, estimates = tmp_path / "trace", 60
    words = harness_arguments(
        firmware,
        "null:16",
        samples,
        tmp_path / "out",
        estimates=estimates,
        hop=4,
        sink=f"shm:{tmp_path / 'sink'}",
        **more,
    )
    subprocess.run([require("strace"), "-f", "-o", trace, *words], check=True, capture_output=True, timeout=60)
    calls = calls_of_the_loop(trace.read_text(encoding="utf-8"))
    # what follows the loop: joining threads, then writing; the loop's own calls come first
    loop = calls[: calls.index("close")] if "close" in calls else calls
    sleeps = [name for name in loop if name == "clock_nanosleep"]
    others = [name for name in loop if name not in ("clock_nanosleep", "restart_syscall")]
    assert others in ([], ["futex"]), "the end of the progress thread alone"
    written = 16 + (estimates - 1) * 4
    if more["period_ns"]:
        assert len(sleeps) >= written, "one for each sample"
    else:
        assert not sleeps


class TestArm:
    @pytest.fixture(scope="class")
    def program(self, require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The harness for the PYNQ-Z2's Cortex-A9, linked statically so that it needs no system of its own."""
        target, firmware = tmp_path_factory.mktemp("arm") / "ntorc-harness", ROOT / "firmware"
        flags = [
            "-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread",
            "-mcpu=cortex-a9", "-mfpu=neon", "-static",
        ]  # fmt: skip
        includes = [f"-I{firmware / part}" for part in ("virtual", "harness")]
        run_tool([require("arm-gcc"), *flags, *includes, *harness_sources(), "-o", target])
        return target

    def run(self, require: Callable[[str], Path], program: Path, words: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [require("qemu-arm"), program, *words[1:]], capture_output=True, text=True, timeout=120, check=False
        )

    def test_it_measures_alone(
        self, require: Callable[[str], Path], firmware: Firmware, program: Path, samples: Path, tmp_path: Path
    ) -> None:
        words = harness_arguments(
            firmware, "null:16", samples, tmp_path / "out", estimates=500, hop=4, period_ns=20_000, load="cpu,mem"
        )
        done = self.run(require, program, words)
        assert done.returncode == 0, done.stderr
        report, records = parse_report(done.stdout), read_records(tmp_path / "out")
        assert (report.estimates, report.dropped, records.table.size) == (500, 0, 500)
        assert set(np.diff(records.table["release_ns"].astype(np.int64))) == {4 * 20_000}

    def test_it_reaches_the_virtual_pl(
        self,
        require: Callable[[str], Path],
        firmware: Firmware,
        program: Path,
        virtual_pl: VirtualPl,
        samples: Path,
        tmp_path: Path,
    ) -> None:
        words = harness_arguments(
            firmware, virtual_pl.url, samples, tmp_path / "out", estimates=30, hop=16, sink=f"shm:{tmp_path / 'sink'}"
        )
        done = self.run(require, program, words)
        assert done.returncode == 0, done.stderr
        counts = np.fromfile(samples, "<i4")
        assert read_records(tmp_path / "out").table["value"].tolist() == window_sums(counts, 32, 16, 30)
