"""A report's data: what is refused, and that it survives the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from report_samples import sample

from ntorc.errors import MeasurementError, StorageError
from ntorc.report.data import ReportData
from ntorc.report.html import render


@pytest.mark.parametrize("changes, complaint", [
    ({"pl_cycles": np.empty(0, np.int64), "loop_s": np.empty(0)}, "0 cycle counts"),
    ({"loop_s": np.ones(3)}, "12000 cycle counts and 3 loop times"),
    ({"truth_v": np.ones(3)}, "other lengths"),
    ({"estimate_v": np.full(40, np.nan)}, "estimate_v is not one series"),
    ({"time_s": -np.arange(40.0)}, "run backwards"),
    ({"loop_s": np.ones((12_000, 1))}, "loop_s is not one series"),
])  # fmt: skip
def test_series_that_cannot_be_shown(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(MeasurementError, match=complaint):
        sample(points=40, **changes)


def test_saved_data_give_the_same_report(tmp_path: Path) -> None:
    data = sample(points=500)
    assert render(ReportData.load(data.save(tmp_path / "run"))) == render(data)


@pytest.mark.parametrize("name", ["report.json", "report.npz"])
@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage"])
def test_damaged_data_are_refused(tmp_path: Path, name: str, damage: str) -> None:
    sample(points=40).save(tmp_path)
    path = tmp_path / name
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    else:
        path.write_bytes(b"\x93nonsense\n" * 20)
    with pytest.raises(StorageError):
        ReportData.load(tmp_path)
