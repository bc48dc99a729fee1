"""A lab's board through agent and harness: its hidden properties show in what is measured."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from virtual_lab import CLOCK_HZ, HOP

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.target import MeasureRequest, write_samples
from ntorc.deploy.virtual import VirtualTarget
from ntorc.lab import Lab
from ntorc.measure.records import read_records
from ntorc.measure.report import parse_report
from ntorc.records import to_json

LAB = Lab("bench-1", "virtual:lab.toml", 1.2e-6, 60e-6, 5e-6, 20e-6, 5, -0.03, 0)


@pytest.mark.parametrize("truth", [LAB, replace(LAB, clock_error=0.0, wake_up_s=0.0, jitter_max_s=0.0)])
def test_hidden_properties_are_measured(
    tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle, truth: Lab
) -> None:
    samples = write_samples(tmp_path / "samples", np.random.default_rng(1).integers(-8192, 8192, 400))
    request = MeasureRequest(
        samples, tmp_path / "records", 300, period_ns=200_000, deadline_ns=100_000, hist_lower=0, account=True
    )
    with VirtualTarget(load_board("pynq-z2"), tmp_path / "target", firmware, trusted, truth) as target:
        assert (target.name, target.is_virtual) == (truth.target, True)
        target.install(bundle.folder)
        files = target.measure(request)
    report, records = parse_report(to_json(files.harness)), read_records(files.records)
    assert report.time_is_simulated
    assert report.measured_clock_hz == pytest.approx(CLOCK_HZ * (1 + truth.clock_error), rel=1e-4)
    wake_s = (records.table["write_ns"] - records.table["release_ns"]).astype(float) * 1e-9
    assert truth.wake_up_s <= wake_s.min() <= wake_s.max() <= truth.wake_up_s + truth.jitter_max_s + 1e-7
    latency_s = records.table["pl_cycles"] / report.measured_clock_hz
    rest_s = records.driver_ns * 1e-9 - latency_s
    accesses = rest_s / (round(truth.register_access_s * CLOCK_HZ) / report.measured_clock_hz)
    assert accesses.min() > 1.9
    assert accesses.max() < 6.1
    assert report.misses == np.count_nonzero(records.loop_ns > 100_000)
    assert records.hop_samples == HOP
    assert {"kernel", "preempt_rt", "governor", "temperature_c"} <= set(files.harness["machine"])
