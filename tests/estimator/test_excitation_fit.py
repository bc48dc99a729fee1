"""The simulator's fit to runs: what is put in comes out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ntorc.bench.excitation import fit_excitation, fitted_runs
from ntorc.bench.rig_modes import rig_modes
from ntorc.estimator.beam import Beam
from ntorc.estimator.excitation import Excitation
from ntorc.estimator.rig_modes import Curve, RigModes
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import Rig, simulate_runs
from ntorc.progress import Silent


def off_rig() -> Rig:
    """A rig whose two lowest modes lie elsewhere, and that shakes twice as much as the shipped one."""
    rig = Rig()
    factors = (Curve((1.0, 3.5), (0.97, 0.99)), Curve((1.0, 3.5), (1.02, 1.0)), *rig.modes.frequency_factors[2:])
    excitation = replace(
        Excitation(), ripple_m_per_s2=2.0 * Excitation().ripple_m_per_s2, rolling_n=2.0 * Excitation().rolling_n
    )
    return replace(rig, modes=RigModes(factors, rig.modes.decays_per_s), excitation=excitation)


@pytest.fixture(scope="module")
def runs() -> Runs:
    return simulate_runs(seed=7, trajectories=3, replicas=1, duration_s=7.0, rig=off_rig())


def test_frequencies_of_the_modes_come_out(runs: Runs) -> None:
    found, rig = rig_modes(runs, Beam()), off_rig()
    places_v = np.linspace(1.3, 3.0, 12)
    off = found.frequencies_hz(Beam(), places_v) / rig.frequencies_hz(places_v) - 1.0
    assert np.median(np.abs(off[:, 0])) < 0.004
    assert np.median(np.abs(off[:, 1])) < 0.006
    assert np.median(np.abs(off[:, 3])) < 0.02


def test_strengths_come_out(runs: Runs) -> None:
    runs = replace(runs, runs=runs.runs[:2])
    found = fit_excitation(runs, Silent())
    assert found["runs"] == [run.name for run in fitted_runs(runs)]
    assert found["distance"] < 0.35
    fitted, true = found["excitation"], off_rig().excitation
    power = fitted["ripple_power"]
    # at 4 V/s, where it matters, whatever power of the speed was found
    assert fitted["ripple_m_per_s2"] * 4.0 ** (power - 1.0) == pytest.approx(true.ripple_m_per_s2, rel=0.5)
    # far from the shipped strength
    assert fitted["ripple_m_per_s2"] * 4.0 ** (power - 1.0) > 1.3 * Excitation().ripple_m_per_s2
