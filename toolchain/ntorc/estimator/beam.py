"""The DROPBEAR beam: a cantilever on a roller that moves along it, by finite elements.

Euler-Bernoulli elements with cubic Hermite shape functions, two degrees of freedom a node
(deflection in m, rotation in rad); element matrices as in Cook, Malkus, Plesha, Witt, "Concepts
and Applications of Finite Element Analysis", 4th ed., sections 2.3 and 11.3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import UsageError

DoubleArray = npt.NDArray[np.float64]

POSITION_RANGE_V = (1.14, 3.44)
"""Positions that the roller reaches on the rig."""


@dataclass(frozen=True)
class Beam:
    """Dimensions and constants of the rig.

    The roller's offset is fitted: of the positions ``roller_offset_m + roller_m_per_v * volts`` it
    is the one whose first two frequencies are nearest to those measured in 18 dwells between
    1.17 V and 3.31 V (see `measured` in tests/estimator); all else is the rig's.

    Attributes:
        length_m, width_m, thickness_m: of the steel beam, from the clamp to its tip.
        youngs_modulus_pa, density_kg_per_m3: of its steel.
        tip_mass_kg: accelerometer and mount, at the tip.
        roller_stiffness_n_per_m: the roller as an elastic support.
        roller_m_per_v: roller position a volt of the position sensor.
        roller_offset_m: distance from the clamp at 0 V.
        elements: number of finite elements.
    """

    length_m: float = 0.501
    width_m: float = 0.051
    thickness_m: float = 0.00666
    youngs_modulus_pa: float = 200e9
    density_kg_per_m3: float = 7850.0
    tip_mass_kg: float = 0.12
    roller_stiffness_n_per_m: float = 1.7e6
    roller_m_per_v: float = 0.0486
    roller_offset_m: float = 0.0734
    elements: int = 40

    def __post_init__(self) -> None:
        positive = (self.length_m, self.width_m, self.thickness_m, self.youngs_modulus_pa, self.density_kg_per_m3)
        if not all(math.isfinite(value) and value > 0.0 for value in positive) or self.elements < 2:
            raise UsageError("a beam needs positive dimensions and constants and two elements or more")
        if self.tip_mass_kg < 0.0 or self.roller_stiffness_n_per_m < 0.0:
            raise UsageError("a beam's tip mass and roller stiffness cannot be negative")

    def roller_m(self, position_v: float) -> float:
        """Distance of the roller from the clamp in m at a sensor voltage."""
        return self.roller_offset_m + self.roller_m_per_v * position_v

    def matrices(self) -> tuple[DoubleArray, DoubleArray]:
        """Mass (kg, kg m, kg m2) and stiffness matrices [2 * elements]^2, clamped, without the roller."""
        size = self.length_m / self.elements
        area_m2 = self.width_m * self.thickness_m
        inertia_m4 = self.width_m * self.thickness_m**3 / 12.0
        stiffness = (
            self.youngs_modulus_pa
            * inertia_m4
            / size**3
            * np.array(
                [
                    [12.0, 6.0 * size, -12.0, 6.0 * size],
                    [6.0 * size, 4.0 * size**2, -6.0 * size, 2.0 * size**2],
                    [-12.0, -6.0 * size, 12.0, -6.0 * size],
                    [6.0 * size, 2.0 * size**2, -6.0 * size, 4.0 * size**2],
                ]
            )
        )
        mass = (
            self.density_kg_per_m3
            * area_m2
            * size
            / 420.0
            * np.array(
                [
                    [156.0, 22.0 * size, 54.0, -13.0 * size],
                    [22.0 * size, 4.0 * size**2, 13.0 * size, -3.0 * size**2],
                    [54.0, 13.0 * size, 156.0, -22.0 * size],
                    [-13.0 * size, -3.0 * size**2, -22.0 * size, 4.0 * size**2],
                ]
            )
        )
        total_mass = np.zeros((2 * self.elements + 2,) * 2)
        total_stiffness = np.zeros_like(total_mass)
        for element in range(self.elements):
            nodes = slice(2 * element, 2 * element + 4)
            total_mass[nodes, nodes] += mass
            total_stiffness[nodes, nodes] += stiffness
        total_mass[-2, -2] += self.tip_mass_kg
        return total_mass[2:, 2:], total_stiffness[2:, 2:]

    def shape(self, distance_m: float) -> DoubleArray:
        """Deflection at a distance from the clamp for each degree of freedom, shape [2 * elements].

        Raises:
            UsageError: outside the beam.
        """
        if not 0.0 <= distance_m <= self.length_m:
            raise UsageError(
                f"{distance_m * 1e3:.1f} mm from the clamp is not on the beam (0..{self.length_m * 1e3:.0f} mm)",
                "check the roller's position in volts and its scale",
            )
        size = self.length_m / self.elements
        element = min(int(distance_m / size), self.elements - 1)
        s = distance_m / size - element
        values = np.zeros(2 * self.elements + 2)
        values[2 * element : 2 * element + 4] = (
            1.0 - 3.0 * s**2 + 2.0 * s**3,
            size * (s - 2.0 * s**2 + s**3),
            3.0 * s**2 - 2.0 * s**3,
            size * (s**3 - s**2),
        )
        return values[2:]

    def modes(self, position_v: float | None, count: int) -> tuple[DoubleArray, DoubleArray]:
        """The lowest natural frequencies and mass-normalised mode shapes.

        Args:
            position_v: where the roller is; None for no roller.
            count: how many.

        Returns:
            Frequencies in Hz [count] and shapes [2 * elements, count].
        """
        from scipy.linalg import eigh

        mass, stiffness = self.matrices()
        if position_v is not None:
            at_roller = self.shape(self.roller_m(position_v))
            stiffness = stiffness + self.roller_stiffness_n_per_m * np.outer(at_roller, at_roller)
        squares, shapes = eigh(stiffness, mass, subset_by_index=[0, count - 1])
        return np.sqrt(np.maximum(squares, 0.0)) / (2.0 * math.pi), np.asarray(shapes)

    def frequencies_hz(self, position_v: float | None, count: int = 3) -> DoubleArray:
        """The lowest natural frequencies in Hz, shape [count]."""
        return self.modes(position_v, count)[0]


@dataclass(frozen=True)
class ReducedBeam:
    """The beam in a fixed basis, in which the moving roller is a rank-one stiffness.

    With q the coordinates [modes]: q'' + damping q' + (stiffness + k r r^T) q = forces, where
    r = ``roller_shape`` at the roller.

    Attributes:
        stiffness: shape [modes, modes], 1/s2 (the basis is mass-normalised).
        basis: shape [2 * elements, modes].
    """

    beam: Beam
    stiffness: DoubleArray
    basis: DoubleArray

    def shape_at(self, distance_m: float) -> DoubleArray:
        """Deflection at a distance for each coordinate, shape [modes]; also the force's distribution."""
        return np.asarray(self.beam.shape(distance_m) @ self.basis)

    def stiffness_at(self, position_v: float) -> DoubleArray:
        """Stiffness with the roller at a position, shape [modes, modes]."""
        at_roller = self.shape_at(self.beam.roller_m(position_v))
        return self.stiffness + self.beam.roller_stiffness_n_per_m * np.outer(at_roller, at_roller)

    def inertia_load(self) -> DoubleArray:
        """Forces that an acceleration of the clamp of 1 m/s2 exerts on the coordinates, shape [modes]."""
        mass, _ = self.beam.matrices()
        rigid = np.zeros(mass.shape[0])
        rigid[::2] = 1.0
        return np.asarray(-(self.basis.T @ mass @ rigid))

    def frequencies_hz(self, position_v: float, count: int = 3) -> DoubleArray:
        """The lowest natural frequencies of the reduced beam in Hz, shape [count]."""
        squares = np.linalg.eigvalsh(self.stiffness_at(position_v))[:count]
        return np.asarray(np.sqrt(squares) / (2.0 * math.pi))


def reduce_beam(beam: Beam, modes: int = 10, *, low_v: float = 1.0, high_v: float = 3.6) -> ReducedBeam:
    """Reduce the beam to ``modes`` coordinates that represent it for every roller position.

    The basis spans the first four modes at 14 positions (proper orthogonal decomposition in the
    mass metric); modes of the beam without roller would converge slowly around the support.
    """
    mass, stiffness = beam.matrices()
    snapshots = []
    for position_v in np.linspace(low_v, high_v, 14):
        frequencies, shapes = beam.modes(float(position_v), 4)
        # low modes carry the signal: weigh a mode by its compliance
        snapshots.append(shapes * (frequencies[0] / frequencies))
    root = np.linalg.cholesky(mass)
    left, _, _ = np.linalg.svd(root.T @ np.concatenate(snapshots, axis=1), full_matrices=False)
    basis = np.linalg.solve(root.T, left[:, :modes])
    return ReducedBeam(beam, basis.T @ stiffness @ basis, basis)
