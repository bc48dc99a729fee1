"""A search's front as a table: what cannot be allocated is said, and is never what is recommended."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ntorc.backends.base import Resources
from ntorc.errors import InfeasibleError, UsageError
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.search.front import as_result, as_text, knee_of, picked
from ntorc.pipeline.search.joint import Searched
from ntorc.search.hardware import HardwareCost
from ntorc.search.record import SearchConfig, TrialRecord
from ntorc.store.local import LocalStore

NEVER = HardwareCost(False, "256 BRAM18 of 224", 0.2, 0.0, 0, 14440, Resources(), 900, 1.0)


def cost_of(area: float, multiplies: int) -> HardwareCost:
    return HardwareCost(True, "", 0.0, area, 1000, 14440, Resources(lut=1000.0, ff=900.0), multiplies, 1.0)


def record(number: int, error_v: float, cost: HardwareCost) -> TrialRecord:
    return TrialRecord(number, {}, "trained", describe=f"form {number}", trained_hardware=cost, error_v=error_v)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)


def searched(tmp_path: Path, *records: TrialRecord, board: str = "pynq-z2") -> Searched:
    config = SearchConfig("px", board, "200us", goal="multiplies", clock_hz=80e6)
    return Searched(config, tmp_path, records, 0.0)


def test_what_cannot_be_allocated_is_marked_and_never_the_knee(flow: Flow, tmp_path: Path) -> None:
    """A search by proxy has trained it before anyone knew."""
    found = searched(
        tmp_path,
        record(0, 0.09, NEVER),
        record(1, 0.10, cost_of(0.1, 800)),
        record(2, 0.11, cost_of(0.05, 700)),
        record(3, 0.2, cost_of(0.049, 600)),
    )
    result = as_result(flow, found)
    first = result["front"][0]
    assert (first["feasible"], first["area"], first["predicted"]) == (False, None, None)
    assert result["front"][result["knee"] - 1]["trial"] == 2
    assert picked(found, "knee").number == 2
    assert picked(found, "1").number == 0  # by its place it still goes, to another deadline
    text = as_text(result)
    row = next(line for line in text.splitlines() if "form 0" in line)
    assert "infeasible" in row
    assert "256 BRAM18 of 224" in row
    assert "knee" not in row
    words = shlex.split(text.splitlines()[-1].removeprefix("go on: "))
    wanted = {"--board": "pynq-z2", "--deadline": "200us", "--clock-hz": "80000000", "--from-search": "px"}
    assert words[:2] == ["ntorc", "deploy"]
    assert wanted.items() <= dict(zip(words[2::2], words[3::2], strict=True)).items()


def test_a_front_of_nothing_that_can_be_allocated_has_no_knee(flow: Flow, tmp_path: Path) -> None:
    found = searched(tmp_path, record(0, 0.09, NEVER))
    assert knee_of(list(found.records)) is None
    with pytest.raises(InfeasibleError, match="no point of 'px' can be allocated"):
        picked(found, "knee")
    result = as_result(flow, found)
    assert (result["knee"], result["next"], result["hypervolume"]) == (None, None, 0.0)
    assert as_text(result).splitlines()[-1] == "nothing on this front can be allocated for 200us on pynq-z2"


def test_a_search_without_training_has_no_point(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="trained nothing yet"):
        picked(searched(tmp_path), "knee")
