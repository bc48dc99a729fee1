"""A virtual PL that simulates its board's time: the harness measures in it, and finds what was hidden there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from harness_support import (
    OK,
    REGISTERS,
    RegisterLibrary,
    VirtualPl,
    compile_fake,
    run_harness,
    window_sums,
    write_samples,
)  # fmt: skip

from ntorc.deploy.firmware import Firmware
from ntorc.measure.polling import grid_of
from ntorc.measure.records import read_records

LATENCY_CYCLES, ACCESS_CYCLES = 1000, 70
PERIOD_NS = 200_000


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    path = tmp_path / "samples"
    write_samples(path, np.random.default_rng(1).integers(-8192, 8192, 321))
    return path


def hidden(wake_up_ns: int = 0, jitter_ns: int = 0, jitter_max_ns: int = 0, ppb: int = 0, seed: int = 1) -> list[str]:
    return [
        "--wake-up-ns", str(wake_up_ns), "--jitter-ns", str(jitter_ns), "--jitter-max-ns", str(jitter_max_ns),
        "--clock-error-ppb", str(ppb), "--seed", str(seed),
    ]  # fmt: skip


def test_times_are_the_boards_and_repeat(firmware: Firmware, fake: Path, samples: Path, tmp_path: Path) -> None:
    tables = []
    for _ in range(2):
        with VirtualPl(firmware, properties=hidden(30_000, 5_000, 20_000)) as server:
            assert server.ask(f"program {fake}") == "ok"
            run = run_harness(
                firmware, server.url, samples, tmp_path / "out", estimates=200, hop=16, period_ns=PERIOD_NS
            )
        assert run.status == 0, run.errors
        assert run.report is not None
        assert run.report.time_is_simulated
        assert run.report.late_samples == 0, "however slow this machine is"
        tables.append(read_records(tmp_path / "out").table)
    assert np.array_equal(*tables)
    counts = np.fromfile(samples, "<i4")
    assert tables[0]["value"].tolist() == window_sums(counts, 32, 16, 200)
    wake_ns = (tables[0]["write_ns"] - tables[0]["release_ns"]).astype(np.int64)
    assert wake_ns.min() >= 30_000
    assert 40_000 < wake_ns.max() <= 50_000 + 20
    assert 33_000 < wake_ns.mean() < 37_000, "an exponential of 5 us, cut off at 20"
    driver_ns = (tables[0]["done_ns"] - tables[0]["write_ns"]).astype(np.int64)
    access_ns = 10 * ACCESS_CYCLES
    least = 10 * LATENCY_CYCLES + 2 * access_ns
    assert least <= driver_ns.min() <= driver_ns.max() <= least + 4 * access_ns


def test_polls_are_a_grid_and_one_latency_tells_others(
    firmware: Firmware, fakes: Path, samples: Path, tmp_path: Path
) -> None:
    seen = {}
    for cycles in (1000, 985, 1045, 1055, 1950):
        logic = compile_fake(fakes, latency_cycles=cycles)
        with VirtualPl(firmware, properties=hidden(30_000, 5_000, 20_000, ppb=-30_000_000)) as server:
            assert server.ask(f"program {logic}") == "ok"
            run = run_harness(
                firmware, server.url, samples, tmp_path / "out", estimates=50, hop=16, period_ns=PERIOD_NS
            )
        assert run.report is not None
        assert run.report.polling is not None
        assert run.report.polling.waits == 50
        records = read_records(tmp_path / "out")
        grid = grid_of(run.report.polling, records, 97e6)
        assert grid is not None
        assert grid.period_s == pytest.approx(ACCESS_CYCLES / 97e6, rel=1e-4)
        assert run.report.polling.polls == 50 * grid.polls
        seen[cycles] = grid, float(records.driver_ns.mean()) * 1e-9 - cycles / 97e6
    grid, overhead_s = seen.pop(1000)
    for cycles, (other, other_s) in seen.items():
        assert grid.polls_for(cycles / 97e6) == other.polls
        assert grid.overhead_s(overhead_s, cycles / 97e6) == pytest.approx(other_s, abs=3e-9)
    whole = {cycles: other_s for cycles, (_, other_s) in seen.items()}
    assert whole[1045] + 60 * 1e-9 < whole[985], "the poll that is just missed costs a whole one"


@pytest.mark.parametrize("ppb", [0, 30_000_000, -20_000_000])
def test_clock_error_is_found(firmware: Firmware, fake: Path, samples: Path, tmp_path: Path, ppb: int) -> None:
    with VirtualPl(firmware, properties=hidden(10_000, ppb=ppb)) as server:
        assert server.ask(f"program {fake}") == "ok"
        assert server.ask("clock 50000000") == "ok 50000000"
        run = run_harness(firmware, server.url, samples, tmp_path / "out", estimates=50, hop=16, period_ns=PERIOD_NS)
    assert run.report is not None
    assert run.report.measured_clock_hz == pytest.approx(50e6 * (1 + ppb * 1e-9), rel=1e-4)


def test_time_goes_on_while_logic_is_changed(firmware: Firmware, fake: Path, registers: RegisterLibrary) -> None:
    with VirtualPl(firmware, properties=hidden(1000)) as server:
        assert server.ask(f"program {fake}") == "ok"
        handle = registers.open(server.url)
        first = registers.read(handle, REGISTERS["CYCLES_LO"])
        assert server.ask(f"program {fake}") == "ok"
        second = registers.read(handle, REGISTERS["CYCLES_LO"])
        registers.close(handle)
    assert first[0] == second[0] == OK


@pytest.mark.parametrize(
    "words",
    [["--wake-up-ns", "-1"], ["--jitter-ns", "x"], ["--seed", "0"], ["--clock-error-ppb", "600000000"],
     ["--jitter-max-ns", "9" * 20]],
)  # fmt: skip
def test_properties_that_no_board_has(firmware: Firmware, words: list[str]) -> None:
    with pytest.raises(RuntimeError) as caught:
        VirtualPl(firmware, properties=words)
    assert "is not possible" in str(caught.value)
