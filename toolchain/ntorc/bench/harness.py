"""Benchmarks of the harness itself: its own time in a turn of the loop, and a day's records in little memory."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.boards import load_board
from ntorc.errors import MeasurementError
from ntorc.measure.parquet import ParquetWriter, read_parquet
from ntorc.measure.records import Records, RecordStream
from ntorc.measure.report import HarnessReport, parse_report
from ntorc.measure.totals import Totals, total_of
from ntorc.pipeline.flow import Flow

MOST_BYTES = 1 << 30
"""What a day's records may take of memory, in both processes together."""
MOST_OWN_NS = 1000.0
"""What the harness may take for itself of a turn of the loop on the virtual board."""
_WINDOW, _HOP = 16, 16


def harness_overhead(flow: Flow, estimates: int) -> dict[str, Any]:
    """The harness's own time, register accesses, sleep and polling taken off.

    With no logic behind it (``null``), and on the virtual board at a control loop's pace of 5 kHz and freely.

    Args:
        flow: for the cache and progress.
        estimates: of each run.
    """
    from ntorc.deploy.firmware import build_firmware

    firmware = build_firmware(flow.cache)
    with tempfile.TemporaryDirectory(prefix="ntorc-harness-") as name:
        folder = Path(name)
        samples = folder / "samples.i32"
        samples.write_bytes(np.arange(-500, 500, dtype="<i4").tobytes())
        alone = {
            pace: _account(_run(firmware.harness, f"null:{_WINDOW}", samples, folder / "out", estimates, period_ns))
            for pace, period_ns in (("null_free", 0), ("null_5_khz", 200_000))
        }
        flow.progress.message("  harness alone: measured; now on the virtual board")
        virtual = _virtual_accounts(flow, folder, estimates)
    return {
        "benchmark": "harness",
        "estimates": estimates,
        "own_ns_per_loop": {**alone, **virtual},
        "asked_ns": MOST_OWN_NS,
        "short": too_slow(virtual),
    }


def too_slow(own_ns: dict[str, float]) -> list[str]:
    """The paces at which the harness takes longer than it may; a busy machine is reason enough, so it is no failure."""
    return [pace for pace, value in own_ns.items() if value > MOST_OWN_NS]


def _virtual_accounts(flow: Flow, folder: Path, estimates: int) -> dict[str, float]:
    from ntorc.bench.deployments import deployed_design
    from ntorc.pipeline.prove import Pace, observe

    found = {}
    board = load_board("pynq-z2")
    with deployed_design(flow, board, seed=1, root=folder) as (target, design):
        for pace, period_ns in (("virtual_free", 0), ("virtual_5_khz", 200_000)):
            wanted = Pace(estimates, period_ns, account=True)
            observed = observe(flow, target, folder, design.samples, wanted, expected_cycles=design.predicted)
            observed.records_file.unlink()
            found[pace] = _account(observed.report)
    return found


def _account(report: HarnessReport) -> float:
    if report.account is None:
        raise MeasurementError("the harness gave no account of its time", "build the firmware again")
    return round(report.account.own_ns_per_sample, 1)


def _run(program: Path, url: str, samples: Path, out: Path, estimates: int, period_ns: int) -> HarnessReport:
    words = _words(program, url, samples, out, estimates, _HOP)
    done = subprocess.run(
        [*words, "--period-ns", str(period_ns), "--account"], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise MeasurementError(f"the harness failed: {done.stderr.strip()}", "build the firmware again")
    return parse_report(done.stdout)


def _words(program: Path, url: str, samples: Path, out: Path, estimates: int, hop: int) -> list[str]:
    return [
        str(program), "--regs", url, "--samples", str(samples), "--out", str(out), "--estimates", str(estimates),
        "--hop", str(hop),
    ]  # fmt: skip


def day_of_records(flow: Flow, count: int) -> dict[str, Any]:
    """Records through the harness's writer into a pipe, from it to Parquet and totals, and read back.

    Args:
        flow: for the cache and progress.
        count: records: 432 million are 24 hours at 5 kHz.

    Raises:
        MeasurementError: what was read back is not what the harness summed up.
    """
    from ntorc.deploy.firmware import build_firmware

    firmware, peaks = build_firmware(flow.cache), [0]
    with tempfile.TemporaryDirectory(prefix="ntorc-day-") as name:
        folder = Path(name)
        samples, pipe, parquet = folder / "samples.i32", folder / "records", folder / "records.parquet"
        samples.write_bytes(np.arange(-500, 500, dtype="<i4").tobytes())
        os.mkfifo(pipe)
        started_s = time.monotonic()
        words = _words(firmware.harness, "null:1", samples, pipe, count, 1)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as harness:
            with pipe.open("rb") as source, ParquetWriter(parquet) as writer:
                blocks = _watched(RecordStream(source).blocks(), harness.pid, peaks)
                written = total_of(_kept(flow, blocks, writer, count, "written"))
            report = parse_report(harness.stdout.read() if harness.stdout is not None else "")
            harness.wait()
        written_s, size = time.monotonic() - started_s, parquet.stat().st_size
        started_s = time.monotonic()
        read = total_of(_kept(flow, read_parquet(parquet), None, count, "read back"))
        read_s = time.monotonic() - started_s
    off = int(written != read) + _differences(report, read)
    own, child = _peak_bytes(os.getpid()), max(peaks)
    return {
        "benchmark": "day",
        "records": read.records,
        "hours_at_5_khz": round(read.records / 5000 / 3600, 3),
        "total_mismatches": off + int(read.records != count),
        "broken_bounds": too_large(own + child),
        "peak_memory_bytes": own + child,
        "of_which_harness_bytes": child,
        "parquet_bytes": size,
        "written_s": round(written_s, 1),
        "read_s": round(read_s, 1),
        "loop_p99_999_ns": read.loop_ns.quantile(0.99999),
        "loop_max_ns": read.loop_ns.max,
    }


def too_large(peak_bytes: int) -> list[str]:
    """What is to be said of memory beyond its bound; empty within it."""
    if peak_bytes <= MOST_BYTES:
        return []
    return [f"{peak_bytes / 2**20:.0f} MiB of memory, and {MOST_BYTES >> 20} MiB are asked"]


def _watched(blocks: Iterator[Records], pid: int, peaks: list[int]) -> Iterator[Records]:
    """The blocks, with the peak memory of the process that writes them noted after each: it is gone after the last."""
    for block in blocks:
        peaks.append(_peak_bytes(pid))
        yield block


def _peak_bytes(pid: int) -> int:
    """The most memory that a process has held since it began its program; 0 for one that has ended.

    Not ``ru_maxrss``, which a program inherits from whatever started it (Linux, getrusage(2)): a shell or a test
    runner of 500 MiB would be counted here.
    """
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _kept(
    flow: Flow, blocks: Iterator[Records], writer: ParquetWriter | None, count: int, what: str
) -> Iterator[Records]:
    done = 0
    for block in blocks:
        if writer is not None:
            writer.add(block)
        done += int(block.table.size)
        flow.progress.step(f"records {what}", done, count)
        yield block


def _differences(report: HarnessReport, read: Totals) -> int:
    """How many of the three histograms, and of the block maxima, are not those of the harness."""
    if report.intervals is None or report.block_maxima is None:
        return 4
    names = ("pl_cycles", "driver_ns", "loop_ns")
    off = sum(bool(report.intervals.histogram(name) != getattr(read, name)) for name in names)
    blocks = report.block_maxima
    return off + int((blocks.records, blocks.loop_ns) != (read.block_records, read.block_max_ns))
