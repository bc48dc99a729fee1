"""The measuring loop against the virtual PL with the fake estimator."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from harness_support import (
    OK,
    REGISTERS,
    RegisterLibrary,
    VirtualPl,
    compile_fake,
    harness_arguments,
    run_harness,
    window_sums,
    write_samples,
)

from ntorc.deploy.firmware import Firmware
from ntorc.measure.records import OVERRUN, SKIPPED, TIMEOUT, TORN, read_records
from ntorc.measure.report import parse_report

WINDOW, LATENCY_CYCLES = 32, 1000


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples.bin"
    write_samples(path, np.random.default_rng(1).integers(-8192, 8192, 321))
    return path


def counts_of(samples: Path) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    return np.fromfile(samples, dtype="<i4")


def wait_for_accesses(server: VirtualPl, count: int) -> None:
    """Until so many registers were accessed; the limit only ends a hanging test."""
    start_s = time.monotonic()
    while int(server.info()["accesses"]) < count:
        assert time.monotonic() - start_s < 30
        time.sleep(0.005)


class TestEstimates:
    @pytest.mark.parametrize("hop", [1, 16, 32, 50])
    def test_values_are_the_estimators(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path, hop: int
    ) -> None:
        run = run_harness(firmware, virtual_pl.url, samples, tmp_path / "out", estimates=60, hop=hop)
        assert run.status == 0, run.errors
        records = read_records(run.out)
        expected = window_sums(counts_of(samples), WINDOW, hop, 60)
        assert records.table["value"].tolist() == expected, "also when the file is used again"
        assert records.table["seq"].tolist() == list(range(1, 61))
        assert set(records.table["pl_cycles"].tolist()) == {LATENCY_CYCLES}
        assert not records.table["status"].any()
        assert (records.hop_samples, records.window_samples) == (hop, WINDOW)
        assert (records.clock_hz, records.design_id) == (100_000_000, "0123456789abcdef")

    def test_second_run_starts_afresh(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        tables = [
            read_records(run_harness(firmware, virtual_pl.url, samples, tmp_path / "out", estimates=20, hop=16).out)
            for _ in range(2)
        ]
        assert tables[0].table["value"].tolist() == tables[1].table["value"].tolist()

    def test_report_says_what_was_done(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(
            firmware,
            virtual_pl.url,
            samples,
            tmp_path / "out",
            estimates=7,
            hop=3,
            design_id="0123456789ABCDEF",
        )
        report = run.report
        assert report is not None
        assert (report.estimates, report.requested, report.hop, report.window) == (7, 7, 3, WINDOW)
        assert (report.design_id, report.shell_version, report.outputs) == ("0123456789abcdef", 3, 1)
        assert (report.clock, report.clock_hz, report.period_ns) == ("CLOCK_MONOTONIC", 100_000_000, 0)
        assert (report.torn, report.timeouts, report.skipped, report.overruns) == (0, 0, 0, 0)
        assert (report.scheduler_text, report.cpu, report.interrupted) == ("SCHED_OTHER", None, False)
        assert report.fault == ""

    def test_what_is_granted_is_reported(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        cpu = min(os.sched_getaffinity(0))
        run = run_harness(firmware, virtual_pl.url, samples, tmp_path / "out", estimates=20, hop=16, cpu=cpu, fifo=10)
        report = run.report
        assert report is not None
        assert run.status == 0
        assert report.cpu == cpu
        assert (report.scheduler_text == "SCHED_FIFO 10") == ("no SCHED_FIFO" not in run.errors)
        assert report.locked == ("not locked" not in run.errors)

    def test_processor_that_is_not_there_is_said(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(firmware, virtual_pl.url, samples, tmp_path / "out", estimates=2, hop=16, cpu=1023)
        assert run.report is not None
        assert run.report.cpu is None
        assert "not bound to processor 1023" in run.errors


class TestSchedule:
    PERIOD_NS = 100_000

    def test_latency_counts_from_the_scheduled_release(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(
            firmware, virtual_pl.url, samples, tmp_path / "out", estimates=50, hop=16, period_ns=self.PERIOD_NS
        )
        records = read_records(run.out)
        release = records.table["release_ns"].astype(np.int64)
        assert set(np.diff(release)) == {16 * self.PERIOD_NS}, "absolute, whatever happened before"
        assert records.table["value"].tolist() == window_sums(counts_of(samples), WINDOW, 16, 50)
        assert records.period_ns == self.PERIOD_NS

    def test_a_stall_is_not_omitted(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        """The logic stands still for a while; every estimate that fell due meanwhile shows its wait."""
        harness = subprocess.Popen(
            harness_arguments(
                firmware,
                virtual_pl.url,
                samples,
                tmp_path / "out",
                estimates=100_000,
                hop=16,
                period_ns=self.PERIOD_NS,
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_accesses(virtual_pl, 1000)
        virtual_pl.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        virtual_pl.process.send_signal(signal.SIGCONT)
        wait_for_accesses(virtual_pl, 6000)
        harness.send_signal(signal.SIGINT)
        out, errors = harness.communicate(timeout=60)
        assert harness.returncode == 0, errors
        records = read_records(tmp_path / "out")
        assert set(np.diff(records.table["release_ns"].astype(np.int64))) == {16 * self.PERIOD_NS}
        stalled = np.count_nonzero(records.loop_ns > 2 * 16 * self.PERIOD_NS)
        assert stalled >= 20, "a stall of 100 ms holds up 62 estimates, not one"
        assert parse_report(out).late_samples > 0
        expected = window_sums(counts_of(samples), WINDOW, 16, records.table.size)
        assert records.table["value"].tolist() == expected

    def test_samples_go_on_while_an_estimate_is_awaited(
        self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path, registers: RegisterLibrary
    ) -> None:
        """An estimate of 2000 accesses takes longer than a period, also on a much faster machine."""
        slow = compile_fake(fakes, latency_cycles=70 * 2000)
        with VirtualPl(firmware) as server:
            server.ask(f"program {slow}")
            run = run_harness(
                firmware, server.url, samples, tmp_path / "out", estimates=10, hop=16, period_ns=self.PERIOD_NS,
                timeout_us=60_000_000,
            )  # fmt: skip
            handle = registers.open(server.url)
            result, written = registers.read(handle, REGISTERS["SAMPLE_COUNT"])
            registers.close(handle)
        records = read_records(run.out)
        assert run.status == 0, run.errors
        assert result == OK
        assert WINDOW + 9 * 16 < written < WINDOW + 10 * 16, "some of the next hop, not its last"
        assert not records.table["status"].any(), "and no estimate was overrun"
        assert records.table["value"].tolist() == window_sums(counts_of(samples), WINDOW, 16, 10)


class TestIdentity:
    def test_other_logic_is_left_alone(self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes, magic=0x12345678)}")
            run = run_harness(firmware, server.url, samples, tmp_path / "out", estimates=5, hop=16)
            assert (run.status, run.report) == (1, None)
            assert "MAGIC reads 0x12345678" in run.errors
            assert server.info()["accesses"] == "1", "only MAGIC was read"
        assert not run.out.exists()

    def test_other_design_is_left_alone(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(
            firmware, virtual_pl.url, samples, tmp_path / "out", estimates=5, hop=16, design_id="0123456789abcdee"
        )
        assert (run.status, run.report) == (1, None)
        assert "another design is programmed: its identity is 0123456789abcdef" in run.errors
        assert virtual_pl.info()["accesses"] == "3", "only MAGIC and DESIGN_ID were read"

    def test_nothing_programmed(
        self, unprogrammed: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(firmware, unprogrammed.url, samples, tmp_path / "out", estimates=5, hop=16)
        assert run.status == 1
        assert "cannot read the register MAGIC: bus error" in run.errors


class TestFaults:
    def test_missing_estimate_is_recorded(self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes, stuck_after=5)}")
            run = run_harness(
                firmware, server.url, samples, tmp_path / "out", estimates=9, hop=16, timeout_us=2_000_000
            )
        assert run.status == 1
        assert run.report is not None
        assert run.report.fault == "no estimate 6 within 2000000 us of its last sample"
        assert run.report.fault in run.errors
        assert (run.report.timeouts, run.report.estimates) == (1, 6)
        records = read_records(run.out)
        assert records.table["status"].tolist() == [0] * 5 + [TIMEOUT]
        last = records.table[-1]
        assert (last["seq"], last["value"], last["pl_cycles"]) == (6, 0, 0)
        assert last["done_ns"] - last["write_ns"] >= 2_000_000_000

    def test_result_that_is_replaced_while_read_is_torn(
        self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path
    ) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes, torn_every=10)}")
            run = run_harness(firmware, server.url, samples, tmp_path / "out", estimates=40, hop=16)
        records = read_records(run.out)
        assert run.report is not None
        assert run.report.torn == 4
        assert np.flatnonzero(records.having(TORN)).tolist() == [9, 19, 29, 39]
        assert not records.having(SKIPPED).any()

    def test_lost_estimate_is_an_overrun(self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes, overrun_after=7)}")
            run = run_harness(firmware, server.url, samples, tmp_path / "out", estimates=10, hop=16)
        assert run.report is not None
        assert run.report.overruns == 3
        assert read_records(run.out).table["status"].tolist() == [0] * 7 + [OVERRUN] * 3, "it is sticky"

    def test_result_that_was_not_seen_is_skipped(
        self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path
    ) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes, skip_after=3)}")
            run = run_harness(firmware, server.url, samples, tmp_path / "out", estimates=6, hop=16)
        assert run.report is not None
        assert run.report.skipped == 1
        records = read_records(run.out)
        assert records.table["seq"].tolist() == [1, 2, 3, 5, 6, 7]
        assert np.flatnonzero(records.having(SKIPPED)).tolist() == [3]

    def test_server_dies_in_the_loop(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        harness = subprocess.Popen(
            harness_arguments(firmware, virtual_pl.url, samples, tmp_path / "out", estimates=10_000_000, hop=16),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_accesses(virtual_pl, 500)
        virtual_pl.kill()
        out, errors = harness.communicate(timeout=60)
        report = parse_report(out)
        assert harness.returncode == 1
        assert "the virtual PL has ended" in report.fault
        assert report.fault in errors
        assert read_records(tmp_path / "out").table.size == report.estimates > 0

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
    @pytest.mark.parametrize("period_ns", [0, 5_000_000])
    def test_signal_ends_the_loop_and_keeps_the_records(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path, number: int, period_ns: int
    ) -> None:
        harness = subprocess.Popen(
            harness_arguments(
                firmware, virtual_pl.url, samples, tmp_path / "out", estimates=1_000_000, hop=1, period_ns=period_ns
            ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_for_accesses(virtual_pl, 400)  # the first estimate comes behind some 100
        harness.send_signal(number)
        out, errors = harness.communicate(timeout=60)
        report = parse_report(out)
        assert harness.returncode == 0, errors
        assert report.interrupted
        assert read_records(tmp_path / "out").table.size == report.estimates > 0

    def test_progress_is_on_stderr_and_the_report_alone_on_stdout(
        self, firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path
    ) -> None:
        with VirtualPl(firmware) as server:
            server.ask(f"program {compile_fake(fakes)}")
            harness = subprocess.Popen(
                harness_arguments(firmware, server.url, samples, tmp_path / "out", estimates=10_000_000, hop=16),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            assert harness.stderr is not None
            line = harness.stderr.readline()
            harness.send_signal(signal.SIGINT)
            out, _ = harness.communicate(timeout=60)
        words = line.split()
        assert (words[0], words[2]) == ("ntorc-harness:", "estimates")
        assert words[1].endswith("/10000000")
        assert parse_report(out).interrupted


class TestInputs:
    @pytest.mark.parametrize("content", [b"", b"abc", b"12345"])
    def test_samples_that_are_none(
        self, virtual_pl: VirtualPl, firmware: Firmware, tmp_path: Path, content: bytes
    ) -> None:
        bad = tmp_path / "bad.bin"
        bad.write_bytes(content)
        run = run_harness(firmware, virtual_pl.url, bad, tmp_path / "out", estimates=1, hop=1)
        assert (run.status, run.report) == (1, None)
        assert "is not a file of" in run.errors

    def test_no_samples_and_no_place_for_records(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        run = run_harness(firmware, virtual_pl.url, tmp_path / "none", tmp_path / "out", estimates=1, hop=1)
        assert run.status == 1
        assert "cannot read the samples" in run.errors
        run = run_harness(firmware, virtual_pl.url, samples, tmp_path / "no" / "out", estimates=1, hop=1)
        assert (run.status, run.report) == (1, None), "before anything is measured"
        assert "cannot write" in run.errors

    @pytest.mark.parametrize(
        ("option", "value"),
        [
            ("estimates", "0"),
            ("estimates", "-1"),
            ("estimates", "1e3"),
            ("estimates", "4000000001"),
            ("hop", "0"),
            ("hop", "x"),
            ("period-ns", "-5"),
            ("timeout-us", "0"),
            ("design-id", "12"),
            ("design-id", "0x23456789abcdef"),
            ("cpu", "-1"),
            ("fifo", "0"),
            ("fifo", "100"),
            ("fifo", ""),
            ("bogus", "1"),
            ("period-ns", "99999999999999999999999"),
        ],
    )
    def test_wrong_usage(self, firmware: Firmware, samples: Path, tmp_path: Path, option: str, value: str) -> None:
        given = {"estimates": "5", "hop": "16", option: value}
        run = run_harness(firmware, "sim:/nonexistent", samples, tmp_path / "out", **given)
        assert run.status == 2
        assert run.errors
        assert not run.out.exists()

    def test_failed_write_leaves_the_earlier_records(
        self, virtual_pl: VirtualPl, firmware: Firmware, samples: Path, tmp_path: Path
    ) -> None:
        folder = tmp_path / "folder"
        folder.mkdir()
        (folder / "inside").touch()
        run = run_harness(firmware, virtual_pl.url, samples, folder, estimates=3, hop=1)
        assert run.status == 1
        assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "samples.bin"], "no temporary file stays"
