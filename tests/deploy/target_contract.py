"""What every target does: run by the tests of each implementation against a started, empty target."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from virtual_lab import CLOCK_HZ, HOP, WINDOW

from ntorc.bundle.bundle import Bundle
from ntorc.deploy.deployment import Deployment
from ntorc.deploy.target import MeasureRequest, Target, write_samples
from ntorc.errors import BundleError, DeploymentError, UsageError
from ntorc.measure.records import read_records
from ntorc.progress import Progress
from ntorc.records import from_json, to_json


class Heard(Progress):
    """Keeps what was said."""

    def __init__(self) -> None:
        self.messages: list[str] = []
        self.steps: list[tuple[str, int, int]] = []

    def message(self, text: str) -> None:
        self.messages.append(text)

    def step(self, what: str, done: int, total: int) -> None:
        self.steps.append((what, done, total))


def samples_file(folder: Path, count: int = 4000) -> tuple[Path, np.ndarray]:
    counts = np.random.default_rng(7).integers(-8192, 8192, count, np.int32)
    return write_samples(folder / "samples.bin", counts), counts


class TargetContract:
    """Fixtures that an implementation gives: ``target``, ``bundle``, ``other_bundle``."""

    def test_starts_empty(self, target: Target) -> None:
        info, status = target.hello(), target.status()
        assert (info.board, info.part) == ("pynq-z2", "xc7z020clg400-1")
        assert info.pynq_version[0].isdigit()
        assert (status.confirmed, status.previous, status.programmed, status.is_intact) == (None, None, None, False)

    def test_installs_and_confirms(self, target: Target, bundle: Bundle) -> None:
        heard = Heard()
        deployment = target.install(bundle.folder, heard)
        assert deployment.design_id == bundle.manifest.design_id
        assert deployment.digest == bundle.digest
        assert (deployment.target, deployment.board) == (target.name, "pynq-z2")
        assert (deployment.self_test.vectors, deployment.self_test.mismatches) == (5, 0)
        assert deployment.replaced is None
        assert deployment.clock_requested_hz == CLOCK_HZ
        assert deployment.clock_set_hz == deployment.clock_read_back_hz == CLOCK_HZ
        assert ("self-test", 5, 5) in heard.steps
        assert any("programming" in text for text in heard.messages)
        status = target.status()
        assert status.confirmed == status.programmed == bundle.manifest.design_id
        assert status.is_intact
        assert from_json(Deployment, to_json(deployment)) == deployment

    def test_a_second_design_replaces_the_first_and_can_be_taken_back(
        self, target: Target, bundle: Bundle, other_bundle: Bundle
    ) -> None:
        first = target.install(bundle.folder)
        second = target.install(other_bundle.folder)
        assert second.replaced == first.design_id
        assert second.slot != first.slot
        assert target.status().previous == first.design_id
        back = target.rollback()
        assert (back.design_id, back.slot, back.replaced) == (first.design_id, first.slot, second.design_id)
        assert target.status().confirmed == target.status().programmed == first.design_id

    def test_nothing_to_go_back_to(self, target: Target, bundle: Bundle) -> None:
        for act in (target.rollback, target.restore):
            with pytest.raises(DeploymentError):
                act()
        target.install(bundle.folder)
        with pytest.raises(DeploymentError, match="no earlier design"):
            target.rollback()

    def test_an_altered_bundle_is_refused_and_the_old_design_stays(
        self, target: Target, bundle: Bundle, other_bundle: Bundle, tmp_path: Path
    ) -> None:
        target.install(bundle.folder)
        altered = tmp_path / "altered"
        shutil.copytree(other_bundle.folder, altered)
        with (altered / "logic.so").open("ab") as stream:
            stream.write(b"\0")
        with pytest.raises(BundleError, match=r"logic\.so was altered"):
            target.install(altered)
        assert target.status().confirmed == target.status().programmed == bundle.manifest.design_id

    def test_measures_what_was_programmed(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        target.install(bundle.folder)
        path, counts = samples_file(tmp_path)
        estimates = 300
        files = target.measure(MeasureRequest(path, tmp_path / "records.bin", estimates), Heard())
        assert files.design_id == bundle.manifest.design_id
        assert files.clock_hz == CLOCK_HZ
        assert not files.is_cancelled
        assert files.harness["estimates"] == estimates
        assert files.harness["torn"] == files.harness["timeouts"] == 0
        records = read_records(files.records)
        assert len(records.table) == estimates
        assert (records.hop_samples, records.window_samples) == (HOP, WINDOW)
        endless = np.tile(counts, 2)
        sums = [endless[i * HOP : i * HOP + WINDOW].sum() for i in range(estimates)]
        np.testing.assert_array_equal(records.table["value"], sums)

    def test_the_hop_can_be_chosen(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        target.install(bundle.folder)
        path, counts = samples_file(tmp_path)
        files = target.measure(MeasureRequest(path, tmp_path / "records.bin", 20, hop=3))
        sums = [counts[i * 3 : i * 3 + WINDOW].sum() for i in range(20)]
        np.testing.assert_array_equal(read_records(files.records).table["value"], sums)

    def test_measuring_needs_a_design_and_samples(self, target: Target, bundle: Bundle, tmp_path: Path) -> None:
        path, _ = samples_file(tmp_path)
        with pytest.raises(DeploymentError, match="nothing is programmed"):
            target.measure(MeasureRequest(path, tmp_path / "records.bin", 10))
        target.install(bundle.folder)
        with pytest.raises(UsageError, match="int32 samples"):
            target.measure(MeasureRequest(tmp_path / "missing", tmp_path / "records.bin", 10))
        with pytest.raises(UsageError, match="estimates"):
            target.measure(MeasureRequest(path, tmp_path / "records.bin", 0))
        with pytest.raises(UsageError, match="does not exist"):
            target.measure(MeasureRequest(path, tmp_path / "nowhere" / "records.bin", 10))

    def test_the_state_is_plain_json(self, target: Target, bundle: Bundle) -> None:
        target.install(bundle.folder)
        assert json.loads(to_json(target.status()))["confirmed"] == bundle.manifest.design_id
        assert json.loads(to_json(target.hello()))["board"] == "pynq-z2"
