"""The beam against closed forms and against frequencies measured on the rig."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import UsageError
from ntorc.estimator.beam import POSITION_RANGE_V, Beam, reduce_beam
from ntorc.estimator.rig_frequencies import MEASURED_DWELLS, deviation_from_rig


def test_a_plain_cantilever_has_its_textbook_frequencies() -> None:
    beam = replace(Beam(), tip_mass_kg=0.0)
    area = beam.width_m * beam.thickness_m
    inertia = beam.width_m * beam.thickness_m**3 / 12.0
    wave = math.sqrt(beam.youngs_modulus_pa * inertia / (beam.density_kg_per_m3 * area))
    # roots of cos(b) cosh(b) = -1 (Blevins, Formulas for Natural Frequency and Mode Shape)
    roots = np.array([1.87510407, 4.69409113, 7.85475744, 10.99554073])
    exact_hz = roots**2 * wave / beam.length_m**2 / (2.0 * math.pi)
    np.testing.assert_allclose(beam.frequencies_hz(None, 4), exact_hz, rtol=2e-5)


def test_a_heavy_tip_approaches_one_degree_of_freedom() -> None:
    beam = replace(Beam(), tip_mass_kg=1000.0)
    inertia = beam.width_m * beam.thickness_m**3 / 12.0
    spring = 3.0 * beam.youngs_modulus_pa * inertia / beam.length_m**3
    assert beam.frequencies_hz(None, 1)[0] == pytest.approx(math.sqrt(spring / 1000.0) / (2.0 * math.pi), rel=1e-3)


def test_a_rigid_roller_divides_the_beam_as_a_pin() -> None:
    """Clamped-pinned: roots of tan(b) = tanh(b); the roller stands at the very tip."""
    beam = replace(Beam(), tip_mass_kg=0.0, roller_stiffness_n_per_m=1e12, roller_offset_m=0.501, roller_m_per_v=0.0)
    area = beam.width_m * beam.thickness_m
    inertia = beam.width_m * beam.thickness_m**3 / 12.0
    wave = math.sqrt(beam.youngs_modulus_pa * inertia / (beam.density_kg_per_m3 * area))
    exact_hz = np.array([3.92660231, 7.06858275]) ** 2 * wave / beam.length_m**2 / (2.0 * math.pi)
    np.testing.assert_allclose(beam.frequencies_hz(1.0, 2), exact_hz, rtol=1e-4)


def test_the_beam_matches_the_rig() -> None:
    relative = deviation_from_rig(Beam())
    assert relative.shape == (len(MEASURED_DWELLS), 2)
    rms = np.sqrt(np.mean(relative**2, axis=0))
    assert rms[0] < 0.009
    assert rms[1] < 0.006
    assert np.abs(relative).max() < 0.016
    assert np.abs(relative[-1]).max() < 0.009


def test_frequencies_rise_as_the_roller_moves_out() -> None:
    positions = np.linspace(*POSITION_RANGE_V, 12)
    frequencies = np.array([Beam().frequencies_hz(float(v), 2) for v in positions])
    assert (np.diff(frequencies, axis=0) > 0.0).all()


def test_the_reduced_beam_keeps_the_modes_that_matter() -> None:
    beam = Beam()
    reduced = reduce_beam(beam, 8)
    np.testing.assert_allclose(reduced.basis.T @ beam.matrices()[0] @ reduced.basis, np.eye(8), atol=1e-9)
    for position_v in (1.17, 1.63, 2.2, 2.95, 3.4):
        np.testing.assert_allclose(reduced.frequencies_hz(position_v, 4), beam.frequencies_hz(position_v, 4), rtol=5e-4)


@given(st.floats(0.0, 0.501))
def test_shape_functions_reproduce_rigid_and_linear_deflections(distance_m: float) -> None:
    """Nodes moved as w = a x have slope a: Hermite interpolation must return a x anywhere."""
    beam = Beam()
    size = beam.length_m / beam.elements
    nodes = np.zeros(2 * beam.elements)
    nodes[::2] = 0.7 * size * np.arange(1, beam.elements + 1)
    nodes[1::2] = 0.7
    clamped_rotation = 0.7 * (distance_m - 2 * distance_m**2 / size + distance_m**3 / size**2)
    missing = clamped_rotation if distance_m < size else 0.0  # the clamp has no rotation to give
    assert beam.shape(distance_m) @ nodes + missing == pytest.approx(0.7 * distance_m, abs=1e-12)


def test_a_static_load_deflects_as_in_the_handbook() -> None:
    beam = replace(Beam(), tip_mass_kg=0.0)
    tip = beam.shape(beam.length_m)
    deflection_m = tip @ np.linalg.solve(beam.matrices()[1], tip * 10.0)
    inertia = beam.width_m * beam.thickness_m**3 / 12.0
    assert deflection_m == pytest.approx(10.0 * beam.length_m**3 / (3.0 * beam.youngs_modulus_pa * inertia), rel=1e-6)


@pytest.mark.parametrize(
    "change", [{"length_m": 0.0}, {"density_kg_per_m3": float("nan")}, {"elements": 1}, {"tip_mass_kg": -1.0}]
)
def test_impossible_beams_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(UsageError):
        replace(Beam(), **change)  # type: ignore[arg-type]


def test_a_roller_beside_the_beam_is_refused() -> None:
    with pytest.raises(UsageError, match="not on the beam"):
        Beam().frequencies_hz(20.0)
