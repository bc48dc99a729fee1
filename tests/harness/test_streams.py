"""Live samples, estimates to others, endless runs, loads: what a lab's own programs see of the harness."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from harness_support import VirtualPl, harness_arguments, run_harness, window_sums, write_samples

from ntorc.deploy.firmware import Firmware
from ntorc.measure.probe import compare_probe
from ntorc.measure.records import RECORD_DTYPE, RecordStream, read_records
from ntorc.measure.report import HarnessReport, parse_report
from ntorc.measure.totals import total_of
from ntorc_board.errors import BoardError
from ntorc_board.rings import EstimateReader, SampleWriter

WINDOW, HOP = 32, 16
PIPE_BYTES = 65536


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, because a Unix socket's path has at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="ntorc-") as name:
        yield Path(name)


@pytest.fixture
def samples(folder: Path) -> Path:
    path = folder / "samples"
    write_samples(path, np.random.default_rng(1).integers(-8192, 8192, 321))
    return path


def start(
    firmware: Firmware, url: str, source: str, out: Path, *flags: str, **options: object
) -> subprocess.Popen[str]:
    words = harness_arguments(firmware, url, Path(source), out, **options)
    return subprocess.Popen([*words, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(harness: subprocess.Popen[str]) -> HarnessReport:
    out, errors = harness.communicate(timeout=60)
    assert harness.returncode == 0, errors
    return parse_report(out)


@contextmanager
def as_another_user(folder: Path) -> Iterator[None]:
    """Whom permissions hold back, where root would not be."""
    own = os.geteuid()
    folder.chmod(0o755)
    if own == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(own)


def await_path(path: Path) -> None:
    limit_s = time.monotonic() + 30
    while not path.exists():
        assert time.monotonic() < limit_s
        time.sleep(0.002)


def await_more_than_a_pipe_holds(sink: Path) -> None:
    """Until there were so many estimates that some of the records are still in the harness."""
    limit_s, reader, seen = time.monotonic() + 30, EstimateReader(sink), 0
    while seen <= PIPE_BYTES // RECORD_DTYPE.itemsize:
        assert time.monotonic() < limit_s
        found = reader.take()
        seen = seen if found is None else found.seq


class TestSharedMemory:
    def test_a_labs_loop_feeds_it_and_hears_of_each_estimate(
        self, virtual_pl: VirtualPl, firmware: Firmware, folder: Path
    ) -> None:
        source, sink = folder / "source", folder / "sink"
        harness = start(
            firmware, virtual_pl.url, f"shm:{source}", folder / "out", "--endless", hop=HOP, sink=f"shm:{sink}"
        )
        await_path(sink)
        writer, reader = SampleWriter(source), EstimateReader(sink)
        counts = np.random.default_rng(2).integers(-8192, 8192, WINDOW + 19 * HOP).astype(np.int32)
        told, heard = time.monotonic_ns(), []
        for number, count in enumerate(counts.tolist(), start=1):
            assert writer.put(count, told)
            if number >= WINDOW and (number - WINDOW) % HOP == 0:
                heard.append(reader.wait(30.0))
        writer.end()
        report = finish(harness)
        assert [one.value for one in heard if one is not None] == window_sums(counts, WINDOW, HOP, 20)
        assert reader.take() is None
        assert reader.ended
        assert (report.estimates, report.source_ended, report.starved, report.dropped) == (20, True, 0, 0)
        records = read_records(folder / "out")
        assert records.table["release_ns"].tolist() == [told] * 20, "released when the lab says"
        assert [tuple(row) for row in records.table.tolist()] == [tuple(one) for one in heard if one is not None]

    def test_with_a_period_a_late_source_is_not_waited_for(
        self, virtual_pl: VirtualPl, firmware: Firmware, folder: Path
    ) -> None:
        source = folder / "source"
        harness = start(
            firmware, virtual_pl.url, f"shm:{source}", folder / "out", estimates=3, hop=HOP, period_ns=200_000
        )
        report = finish(harness)
        assert WINDOW + 2 * HOP <= report.starved < WINDOW + 3 * HOP, "samples go on while the last one is awaited"
        assert read_records(folder / "out").table["value"].tolist() == [0, 0, 0], "the sample before is held"

    def test_a_source_that_gives_nothing_is_a_clear_fault(
        self, virtual_pl: VirtualPl, firmware: Firmware, folder: Path
    ) -> None:
        run = run_harness(
            firmware, virtual_pl.url, Path(f"shm:{folder / 'source'}"), folder / "out", estimates=1, hop=1,
            timeout_us=20_000,
        )  # fmt: skip
        assert run.status == 1
        assert run.report is not None
        assert run.report.fault == "the source gave no sample 1 within 20000 us"

    def test_a_reader_that_is_too_slow_knows_what_it_lost(self, firmware: Firmware, samples: Path) -> None:
        sink = samples.parent / "sink"
        run = run_harness(
            firmware, "null:1", samples, samples.parent / "out", estimates=10_000, hop=1, sink=f"shm:{sink}"
        )
        assert run.status == 0, run.errors
        reader = EstimateReader(sink)
        found = [one.seq for one in iter(reader.take, None)]
        assert len(found) + reader.lost == 10_000
        assert found == list(range(10_001 - len(found), 10_001))

    @pytest.mark.parametrize("mode", [None, "0660", "644"])
    def test_rings_have_the_permissions_that_are_asked_for(
        self, firmware: Firmware, samples: Path, mode: str | None
    ) -> None:
        source, sink = samples.parent / "source", samples.parent / "sink"
        options = {"sink": f"shm:{sink}"}
        if mode is not None:
            options["ring_mode"] = mode
        run = run_harness(
            firmware, "null:1", Path(f"shm:{source}"), samples.parent / "out", estimates=3, hop=1, period_ns=1000,
            **options,
        )  # fmt: skip
        assert run.status == 0, run.errors
        wanted = int(mode or "600", 8)
        assert [stat.S_IMODE(path.stat().st_mode) for path in (source, sink)] == [wanted, wanted]

    @pytest.mark.parametrize("mode", ["", "rw", "0777", "1660", "-1", "0o600", "0" * 9 + "600"])
    def test_other_permissions_are_refused(self, firmware: Firmware, samples: Path, mode: str) -> None:
        run = run_harness(
            firmware, "null:1", samples, samples.parent / "out", estimates=1, hop=1, ring_mode=mode
        )
        assert run.status == 2
        assert "--ring-mode takes octal permissions" in run.errors

    def test_estimates_need_no_permission_to_write(self, firmware: Firmware, samples: Path) -> None:
        sink = samples.parent / "sink"
        run_harness(firmware, "null:1", samples, samples.parent / "out", estimates=9, hop=1, sink=f"shm:{sink}")
        sink.chmod(0o444)
        with as_another_user(sink.parent):
            assert len(list(iter(EstimateReader(sink).take, None))) == 9
            with pytest.raises(BoardError) as refused:
                SampleWriter(sink)
        assert "--ring-mode" in refused.value.hint

    def test_other_files_are_no_rings(self, folder: Path) -> None:
        for content in (b"", b"\0" * 300, struct.pack("<4I", 0x4752544E, 1, 8, 16) + b"\0" * 300):
            (folder / "ring").write_bytes(content)
            with pytest.raises(BoardError):
                EstimateReader(folder / "ring")


class TestSockets:
    def test_samples_and_estimates(self, virtual_pl: VirtualPl, firmware: Firmware, folder: Path) -> None:
        counts = np.random.default_rng(3).integers(-8192, 8192, WINDOW + 29 * HOP).astype("<i4")
        with (
            socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as source,
            socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as sink,
        ):
            for listener, name in ((source, "source"), (sink, "sink")):
                listener.bind(str(folder / name))
                listener.listen(1)
                listener.settimeout(30)
            urls = f"unix:{folder / 'source'}", f"unix:{folder / 'sink'}"
            harness = start(firmware, virtual_pl.url, urls[0], folder / "out", "--endless", hop=HOP, sink=urls[1])
            feeder, _ = source.accept()
            listener, _ = sink.accept()
            listener.settimeout(30)
            with feeder, listener:
                content = counts.tobytes()
                for cut in range(0, len(content), 37):  # counts come in parts
                    feeder.sendall(content[cut : cut + 37])
                feeder.shutdown(socket.SHUT_WR)
                heard = [np.frombuffer(listener.recv(400), RECORD_DTYPE)[0] for _ in range(30)]
            report = finish(harness)
        expected = window_sums(counts.astype(np.int32), WINDOW, HOP, 30)
        assert [int(one["value"]) for one in heard] == expected
        assert (report.estimates, report.source_ended, report.unsent) == (30, True, 0)

    def test_nobody_listens(self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path) -> None:
        out = samples.parent / "out"
        for options in ({"sink": f"unix:{samples.parent / 'none'}"}, {"sink": f"unix:{'x' * 200}"}, {"sink": "x"}):
            run = run_harness(firmware, virtual_pl.url, samples, out, estimates=1, hop=1, **options)
            assert (run.status, run.report) == (1, None)
            assert run.errors
            assert not out.exists()


class TestRecords:
    def test_a_pipe_receives_records_while_the_loop_runs(self, firmware: Firmware, samples: Path) -> None:
        pipe = samples.parent / "pipe"
        os.mkfifo(pipe)
        harness = start(firmware, "null:1", str(samples), pipe, estimates=300_000, hop=1, timeout_us=30_000_000)
        with pipe.open("rb") as source:
            stream = RecordStream(source)
            assert stream.header.count is None
            read = total_of(stream.blocks(10_000))
        report = finish(harness)
        assert (report.estimates, report.dropped, read.records) == (300_000, 0, 300_000)
        assert report.intervals is not None
        assert report.block_maxima is not None
        for name in ("pl_cycles", "driver_ns", "loop_ns"):
            assert report.intervals.histogram(name) == getattr(read, name)
        assert (report.block_maxima.records, report.block_maxima.loop_ns) == (read.block_records, read.block_max_ns)

    def test_a_reader_that_goes_away_ends_the_run(self, firmware: Firmware, samples: Path) -> None:
        pipe = samples.parent / "pipe"
        os.mkfifo(pipe)
        harness = start(firmware, "null:1", str(samples), pipe, "--endless", hop=1)
        with pipe.open("rb") as source:
            assert source.read(48)[:4] == b"NTHR"
        out, _ = harness.communicate(timeout=60)
        assert harness.returncode == 1
        assert "cannot write" in parse_report(out).fault

    def test_a_reader_that_stalls_is_a_clear_fault_where_the_loop_waits_for_it(
        self, firmware: Firmware, samples: Path
    ) -> None:
        pipe = samples.parent / "pipe"
        os.mkfifo(pipe)
        harness = start(firmware, "null:1", str(samples), pipe, "--endless", hop=1, timeout_us=100_000)
        with pipe.open("rb") as source:
            assert source.read(48)[:4] == b"NTHR"
            out, _ = harness.communicate(timeout=60)
        report = parse_report(out)
        assert (harness.returncode, report.interrupted) == (1, False)
        assert f"no room for estimate {report.estimates}" in report.fault
        assert "took none within 1000000 us" in report.fault

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("period_ns", [0, 20_000])
    def test_a_reader_that_stalls_does_not_hold_up_a_signal(
        self, firmware: Firmware, samples: Path, number: signal.Signals, period_ns: int
    ) -> None:
        pipe = samples.parent / "pipe"
        os.mkfifo(pipe)
        options = {
            "hop": 1, "period_ns": period_ns, "timeout_us": 300_000 if period_ns else 30_000_000,
            "sink": f"shm:{samples.parent / 'sink'}",
        }  # fmt: skip
        harness = start(firmware, "null:1", str(samples), pipe, "--endless", **options)
        with pipe.open("rb") as source:
            await_path(samples.parent / "sink")
            await_more_than_a_pipe_holds(samples.parent / "sink")
            harness.send_signal(number)
            if period_ns == 0:
                source.close()  # its reader goes: nothing more to wait for
            out, _ = harness.communicate(timeout=25)
        report = parse_report(out)
        assert (harness.returncode, report.interrupted) == (1, True)
        assert ("its reader took nothing within 3000000 us" if period_ns else "Broken pipe") in report.fault

    def test_a_reader_that_goes_on_after_the_signal_loses_nothing(self, firmware: Firmware, samples: Path) -> None:
        pipe = samples.parent / "pipe"
        os.mkfifo(pipe)
        harness = start(
            firmware, "null:1", str(samples), pipe, "--endless", hop=1, period_ns=20_000, timeout_us=30_000_000,
            sink=f"shm:{samples.parent / 'sink'}",
        )  # fmt: skip
        with pipe.open("rb") as source:
            await_path(samples.parent / "sink")
            await_more_than_a_pipe_holds(samples.parent / "sink")
            harness.terminate()
            stream = RecordStream(source)
            read = total_of(stream.blocks(1000))
        report = finish(harness)
        assert report.interrupted
        assert read.records == report.estimates - report.dropped > 1000

    def test_misses_and_the_probes_counts(self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path) -> None:
        out = samples.parent / "out"
        options = {"estimates": 40, "hop": HOP, "deadline_ns": 1, "hist_lower": 990, "hist_shift": 2}
        for deadline, missed in ((999, 40), (1000, 0)):
            run = run_harness(firmware, virtual_pl.url, samples, out, deadline_cycles=deadline, **options)
            assert run.report is not None
            assert run.report.probe is not None
            compared = compare_probe(run.report.probe, read_records(out))
            assert compared.agrees, compared.differences
            assert (compared.missed, compared.histogram, run.report.misses) == (missed, ((998, 40),), 40)


class TestLoads:
    @pytest.mark.parametrize("load", ["cpu", "mem", "io", "net", "cpu,mem,io,net"])
    def test_the_loop_goes_on_beside_it(self, firmware: Firmware, samples: Path, load: str) -> None:
        run = run_harness(
            firmware, "null:1", samples, samples.parent / "out", estimates=100, hop=4, period_ns=100_000, load=load
        )
        assert run.status == 0, run.errors
        assert run.report is not None
        assert (run.report.load, run.report.estimates) == (load, 100)
        assert sorted(path.name for path in samples.parent.iterdir()) == ["out", "samples"], "its file is gone"

    @pytest.mark.parametrize("load", ["", "disk", "cpu,", ",cpu", "cpu io"])
    def test_unknown_ones_are_refused(self, firmware: Firmware, samples: Path, load: str) -> None:
        run = run_harness(firmware, "null:1", samples, samples.parent / "out", estimates=1, hop=1, load=load)
        assert run.status == 2
        assert "--load takes" in run.errors


def test_endless_ends_with_a_signal(firmware: Firmware, samples: Path) -> None:
    harness = start(firmware, "null:1", str(samples), samples.parent / "out", "--endless", hop=1, period_ns=50_000)
    threading.Timer(0.5, harness.terminate).start()
    report = finish(harness)
    assert report.interrupted
    assert report.requested == 0
    assert read_records(samples.parent / "out").table.size == report.estimates > 0


def test_report_is_one_json_object(firmware: Firmware, samples: Path) -> None:
    words = harness_arguments(firmware, "null:8", samples, samples.parent / "out", estimates=50, hop=1)
    out = subprocess.run([*words, "--account"], capture_output=True, text=True, check=True, timeout=60).stdout
    assert len(out.splitlines()) == 1
    told = json.loads(out)
    assert told["account"]["samples"] == 57
    assert told["clock"] == "CLOCK_MONOTONIC"
