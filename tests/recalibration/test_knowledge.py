"""What measurements say about a board replaces its file's prior: by board, by load, newest first."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Resources
from ntorc.boards import load_board
from ntorc.deploy.registry import KnownBoard, Registry, write_registry
from ntorc.errors import UsageError
from ntorc.lab import lab_of, load_lab
from ntorc.measure.environment import environment
from ntorc.measure.measurement import Measurement, Requirement, evaluate
from ntorc.measure.records import RECORD_DTYPE, Records
from ntorc.pipeline.flow import open_flow
from ntorc.pipeline.make import requirement_for
from ntorc.pipeline.measured.calibration import Calibration
from ntorc.pipeline.measured.knowledge import board_key, drift_warnings, knowledge_of, prior_knowledge, steps, summary
from ntorc.pipeline.measured.recalibrate import learn_board
from ntorc.pipeline.measured.show import calibration_history
from ntorc.polls import PollGrid
from ntorc.progress import Silent
from ntorc.records import save
from ntorc.store.local import LocalStore
from ntorc.units import parse_duration

BOARD = load_board("pynq-z2")
SSH = "ssh://xilinx@pynq"
ALLOCATION = Allocation(
    "ab", "native", "pynq-z2", BOARD.part, 100e6, 500e-6, 55.6e-6, 44440, 16, (), Resources(), 18000, Resources(),
    Resources(), 0.1, 0, 0, "CBC",
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


def measured(
    overhead_us: float, count: int = 1000, load: str = "", target: str = SSH, cycles: int = 18000, clock_hz: float = 1e8
) -> Measurement:
    """A board whose overhead is uniform up to ``overhead_us``."""
    table = np.zeros(count, RECORD_DTYPE)
    table["seq"] = np.arange(1, count + 1)
    table["pl_cycles"] = cycles
    table["release_ns"] = 10**9 + 3_200_000 * np.arange(count)
    table["write_ns"] = table["release_ns"] + 1000
    more_ns = np.linspace(0.5, 1.0, count) * overhead_us * 1e3
    table["done_ns"] = table["release_ns"] + (cycles / clock_hz * 1e9 + more_ns).astype(np.uint64)
    virtual = target.startswith("virtual")
    asked = Requirement(
        500e-6, 1e-5, 100e6, 55.6e-6, is_virtual=virtual, time_is_simulated=target != "virtual" and virtual,
        true_clock_hz=None if target == "virtual" else clock_hz,
    )  # fmt: skip
    records = Records(table, 16, 128, 100_000_000, 200_000, "ff")
    machine = replace(environment("SCHED_FIFO 80"), load=load)
    return evaluate(records, asked, machine, target=target, board="pynq-z2")


def learn(store: LocalStore, measurement: Measurement, run: str) -> tuple[str, ...]:
    lesson = learn_board(ALLOCATION, measurement, run, knowledge_of(store, BOARD, measurement.target, "", 1e-5))
    store.observe(list(lesson.observations))
    return tuple(change.quantity for change in lesson.changes) + lesson.notes


def test_without_a_measurement_it_is_the_prior(store: LocalStore) -> None:
    assert knowledge_of(store, BOARD, SSH, "", 1e-5) == prior_knowledge(BOARD)
    assert steps(store, BOARD, SSH, "", 1e-5) == []


def test_the_virtual_boards_times_teach_nothing(store: LocalStore) -> None:
    said = learn(store, measured(90, target="virtual"), "r1")
    assert said == ("driver and loop times are this computer's: the board's I/O overhead stands",)
    assert knowledge_of(store, BOARD, "virtual", "", 1e-5) == prior_knowledge(BOARD)


def test_a_measured_overhead_replaces_the_prior_and_the_newest_counts(store: LocalStore) -> None:
    for run, overhead in (("r1", 90.0), ("r2", 70.0), ("r3", 90.0)):
        learn(store, measured(overhead), run)
        known = knowledge_of(store, BOARD, SSH, "", 1e-5)
        assert known.overhead_s == pytest.approx(overhead * 1e-6, rel=1e-3)
        assert f"run {run}" in known.overhead_source
    wanted = requirement_for(
        BOARD, parse_duration("500us"), None, 16, 0.8, "CBC", known=knowledge_of(store, BOARD, SSH, "", 1e-5)
    )
    assert wanted.budget_cycles == pytest.approx(41000, abs=2)
    assert "measured" in wanted.io_overhead_source


def test_few_estimates_are_admitted_and_many_bound_the_share(store: LocalStore) -> None:
    learn(store, measured(90, count=1000), "r1")
    assert "the largest of 1000, too few to bound 1e-05" in knowledge_of(store, BOARD, SSH, "", 1e-5).overhead_source
    learn(store, measured(90, count=300_000), "r2")
    known = knowledge_of(store, BOARD, SSH, "", 1e-5)
    assert "at most 1e-05 of estimates exceed it at 95 %" in known.overhead_source
    stricter = knowledge_of(store, BOARD, SSH, "", 1e-6)
    assert "too few to bound 1e-06" in stricter.overhead_source


def test_each_load_has_its_own(store: LocalStore) -> None:
    learn(store, measured(60), "r1")
    learn(store, measured(200, load="cpu,io"), "r2")
    assert knowledge_of(store, BOARD, SSH, "", 1e-5).overhead_s == pytest.approx(60e-6, rel=1e-3)
    assert knowledge_of(store, BOARD, SSH, "cpu,io", 1e-5).overhead_s == pytest.approx(200e-6, rel=1e-3)
    assert knowledge_of(store, BOARD, SSH, "net", 1e-5).overhead_s == prior_knowledge(BOARD).overhead_s


def test_clock_and_latency_go_into_the_budget(store: LocalStore) -> None:
    learn(store, measured(50, cycles=18003, clock_hz=98e6), "r1")
    known = knowledge_of(store, BOARD, SSH, "", 1e-5)
    assert known.clock_ratio == pytest.approx(0.98)
    assert known.offset_cycles == 3
    wanted = requirement_for(BOARD, parse_duration("500us"), None, 16, 0.8, "CBC", known=known)
    assert wanted.budget_cycles == int((500e-6 - known.overhead_s) * 98e6 + 1e-6) - 3
    learn(store, measured(50), "r2")
    assert knowledge_of(store, BOARD, SSH, "", 1e-5).clock_ratio == 1.0
    assert knowledge_of(store, BOARD, SSH, "", 1e-5).offset_cycles == 0


def test_drift_warns_until_a_measurement_confirms(store: LocalStore) -> None:
    learn(store, measured(58), "r1")
    assert drift_warnings(store, BOARD, SSH, "", 1e-5) == [], "within a tenth of the prior"
    learn(store, measured(90, cycles=18001), "r2")
    warnings = drift_warnings(store, BOARD, SSH, "", 1e-5)
    assert len(warnings) == 2
    assert "I/O overhead (load=none), us drifted from 58 to 90, beyond 10%" in warnings[0]
    assert "latency beyond the closed form, cycles drifted from 0 to 1" in warnings[1]
    assert all("run r2" in warning for warning in warnings)
    learn(store, measured(91, cycles=18001), "r3")
    assert drift_warnings(store, BOARD, SSH, "", 1e-5) == []
    assert [step.has_drifted for step in steps(store, BOARD, SSH, "", 1e-5) if "overhead" in step.what] == [
        False, True, False,
    ]  # fmt: skip


def test_each_board_of_a_kind_has_its_own_and_a_new_one_begins_with_anothers(
    store: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTORC_HOME", str(tmp_path))
    write_registry(Registry((KnownBoard("rack-1", SSH, "pynq-z2"),)))
    other = "ssh://xilinx@other"
    learn(store, measured(90, clock_hz=98e6, cycles=18002), "r1")
    learn(store, measured(70, target=other), "r2")
    assert board_key("rack-1", BOARD) == board_key(SSH, BOARD) != board_key(other, BOARD)
    first, second = (knowledge_of(store, BOARD, target, "", 1e-5) for target in ("rack-1", other))
    assert first.overhead_s == pytest.approx(90e-6, rel=1e-3)
    assert (first.clock_ratio, first.offset_cycles) == (pytest.approx(0.98), 2)
    assert second.overhead_s == pytest.approx(70e-6, rel=1e-3)
    assert (second.clock_ratio, second.offset_cycles) == (1.0, 0)
    assert " on " not in first.overhead_source + second.overhead_source
    for target in ("ssh://xilinx@third", "virtual"):
        third = knowledge_of(store, BOARD, target, "", 1e-5)
        assert third.overhead_s == pytest.approx(70e-6, rel=1e-3)
        assert f"run r2 on {other}" in third.overhead_source
        assert third.clock_ratio == 1.0, "a clock is the board's own"


def test_what_is_shown_of_a_board_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NTORC_HOME", str(tmp_path))
    flow = open_flow(Silent())
    write_registry(Registry((KnownBoard("rack-1", SSH, "pynq-z2"),)))
    (tmp_path / "lab.toml").write_text(LAB)
    lab = f"virtual:{tmp_path / 'lab.toml'}"
    made = {}
    for target in ("virtual", lab, f"{lab}.gone", SSH, "ssh://a@nohost (virtual board)"):
        record = flow.store.new_run("ntorc deploy")
        save(Calibration((), 1, 2), Path(record.folder) / "calibration.json")
        flow.store.save_run(replace(record, summary={"board": "pynq-z2", "target": target}))
        made[target] = record.run

    def shown(target: str) -> tuple[list[str], str]:
        result, text = calibration_history(flow, "pynq-z2", "native", target)
        return list(result["runs"]), text

    for target, run in (("virtual", made["virtual"]), (lab, made[lab]), (SSH, made[SSH]), ("rack-1", made[SSH])):
        runs, text = shown(target)
        assert runs == [run], target
        assert ("are this computer's" in text) == (target == "virtual")
    assert shown("ssh://a@nohost")[0] == [made["ssh://a@nohost (virtual board)"]]
    runs, text = shown("ssh://b@nohost")
    assert runs == []
    assert "this computer's" not in text
    assert "nothing that bears on this board was measured yet" in text
    assert calibration_history(flow, "zcu104", "native", "virtual")[0]["runs"] == {}


def test_regular_polls_go_into_the_budget_and_are_each_boards_own(store: LocalStore) -> None:
    def with_grid(latency_us: float, target: str = SSH) -> Measurement:
        plain = measured(90, cycles=round(latency_us * 100), target=target)
        assert plain.overhead is not None
        polls = -(-round(latency_us * 10) // 12)  # polls each 1.2 us, seen without a phase
        high_s = latency_us * 1e-6 - (polls - 1) * 1.2e-6
        grid = PollGrid(1.2e-6, polls, latency_us * 1e-6, high_s - 1.2e-6, high_s)
        return replace(plain, overhead=replace(plain.overhead, grid=grid))

    def budget() -> int:
        known = knowledge_of(store, BOARD, SSH, "", 1e-5)
        return requirement_for(BOARD, parse_duration("500us"), None, 16, 0.8, "CBC", known=known).budget_cycles

    learn(store, with_grid(180.0), "r1")  # 150 polls to the cycle: none is waited for in vain
    known = knowledge_of(store, BOARD, SSH, "", 1e-5)
    assert known.grid is not None
    assert "one each 1.2 us" in summary(known)[0]
    assert budget() == (150 + int((500 - 180 - 90) / 1.2)) * 120, "as many whole polls"
    learn(store, with_grid(180.5), "r2")  # of the 151st poll .7 us are in vain
    known = knowledge_of(store, BOARD, SSH, "", 1e-5)
    assert known.grid is not None
    assert known.grid.phase_low_s == pytest.approx(0.0, abs=1e-9), "of the first"
    assert known.grid.phase_high_s == pytest.approx(0.5e-6), "of the second"
    learn(store, with_grid(180.5, target="ssh://xilinx@other"), "r3")
    assert knowledge_of(store, BOARD, SSH, "", 1e-5) == known
    other = knowledge_of(store, BOARD, "ssh://xilinx@other", "", 1e-5).grid
    assert other is not None
    assert other.phase_low_s == pytest.approx(-0.7e-6), "its own alone"


LAB = """
name = "bench-1"
[io]
register_access_s = 1e-6
wake_up_s = 50e-6
jitter_s = 5e-6
jitter_max_s = 20e-6
seed = 3
[clock]
error = 0.01
[logic]
extra_stages = 2
"""


def test_a_lab_is_a_board_of_its_own(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(LAB)
    target = f"virtual:{tmp_path / 'lab.toml'}"
    assert lab_of("virtual") is None
    assert lab_of(SSH) is None
    assert board_key(target, BOARD) == "pynq-z2@bench-1"
    learn(store, measured(120, target=target), "r1")
    assert knowledge_of(store, BOARD, target, "", 1e-5).overhead_s == pytest.approx(120e-6, rel=1e-3)
    assert knowledge_of(store, BOARD, SSH, "", 1e-5) == prior_knowledge(BOARD)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("seed = 3", "seed = 0"), ("50e-6", '"50us"'), ("error = 0.01", "error = 2"), ("[logic]", "[other]"),
        ("extra_stages = 2", "extra_stages = -1"), ("bench-1", "../x"), ("= 1e-6", "= true"), ("[io]", "[io"),
        ("wake_up_s", "wake_up_us"),
    ],
)  # fmt: skip
def test_files_that_are_no_labs(tmp_path: Path, old: str, new: str) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(LAB.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_lab(path)
    assert str(path) in caught.value.message
    with pytest.raises(UsageError):
        load_lab(tmp_path / "none.toml")
