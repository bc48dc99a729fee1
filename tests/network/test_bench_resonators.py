"""The measurement behind the table of the resonator bank in docs/results.md."""

from __future__ import annotations

import numpy as np

from cli_program import Program
from ntorc.bench.resonators import resonator_accuracy
from ntorc.estimator.forms import RIG_BANK
from ntorc.estimator.runs import Runs, make_run
from ntorc.progress import Silent


def test_errors_fall_with_the_width_of_the_state() -> None:
    generator = np.random.default_rng(2)
    rows = []
    for index, count in enumerate((4000, 2600)):  # of different lengths
        time_s = np.arange(count) / 5000.0
        tones = 0.8 * np.sin(2 * np.pi * 31 * time_s) + 0.3 * np.sin(2 * np.pi * 200 * time_s)
        acceleration = tones + generator.normal(0, 0.1, count)
        rows.append(make_run(f"r{index}", "f", acceleration, np.ones(count), 5000.0))
    result = resonator_accuracy(Runs(tuple(rows), "a test"), Silent())
    assert result["frames"] == 4000 // 16 + 2600 // 16 - 32
    errors = result["log2_errors"]
    assert [row["state_bits"] for row in errors] == [14, 16, 18, 20]
    assert all(row["saturated_frames"] == 0 for row in errors)
    falling = [row["all_share_rms"] for row in errors]
    assert falling == sorted(falling, reverse=True)
    assert errors[2]["loud_share_rms"] < 0.05
    assert errors[2]["loud_total_max"] < 0.1


def test_the_rigs_bank_is_the_published_one() -> None:
    bank = RIG_BANK.real(5000.0)
    assert (len(bank.poles), min(bank.frequencies_hz), max(bank.frequencies_hz)) == (31, 18.0, 700.0)
    assert bank.time_constants_s.count(0.04) == 10


def test_the_command_asks_for_runs(program: Program) -> None:
    done = program("bench", "resonators")
    assert done.returncode == 2
    assert "--data DIR" in done.stderr
