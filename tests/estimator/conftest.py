"""Runs for the estimator's tests: recorded (when present) and simulated, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc.estimator.readers import load_runs
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs


@pytest.fixture(scope="session")
def dropbear_folder(recorded_data: Path) -> Path:
    """Folder of the recorded DROPBEAR runs."""
    return recorded_data / "dropbear"


@pytest.fixture(scope="session")
def dropbear(dropbear_folder: Path) -> Runs:
    """The recorded DROPBEAR runs."""
    return load_runs(dropbear_folder)


@pytest.fixture(scope="session")
def simulated() -> Runs:
    """Simulated runs as the product makes them by default."""
    return simulate_runs(seed=3)
