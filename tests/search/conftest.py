"""Runs and folders for searches: everything real, and small."""

from __future__ import annotations

from pathlib import Path

import pytest
from small import SMALL

from ntorc.estimator.simulator import simulate_runs
from ntorc.search.material import Material, material_of
from ntorc.search.record import SearchConfig


@pytest.fixture(scope="session")
def material() -> Material:
    return material_of(simulate_runs(seed=2, trajectories=4, replicas=2, duration_s=3.0), 1)


@pytest.fixture
def config(material: Material) -> SearchConfig:
    return SearchConfig("", "pynq-z2", "200us", material.digest, budget=SMALL)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "searches"
