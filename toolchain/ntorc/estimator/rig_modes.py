"""Natural frequencies and damping of the real rig's modes against the roller's position.

The beam model gives the modes' shapes and, within a percent, the first two frequencies.  On the rig the higher
modes go another way, and the second is pushed off where it meets resonances of the frame (177 Hz, 247 Hz); none of
the beam's free parameters follows that.  So frequencies are the model's times a measured factor, and each mode has
the decay rate that its ring-downs show.  The shipped values are what ``ntorc bench excitation`` found in the
recorded Random sets 1, 3, 6 and 7; where to look for the higher modes had been read off all runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc import records
from ntorc.errors import UsageError
from ntorc.estimator.beam import Beam

DoubleArray = npt.NDArray[np.float64]

_BEAM_KNOTS_V = np.linspace(0.9, 3.7, 57)


@dataclass(frozen=True)
class Curve:
    """A quantity against the roller's position: straight between the points, constant outside.

    Attributes:
        position_v: increasing positions in volts.
        values: one each.
    """

    position_v: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.position_v or len(self.position_v) != len(self.values):
            raise UsageError("a curve needs as many values as positions, and at least one")
        if any(a >= b for a, b in zip(self.position_v, self.position_v[1:], strict=False)):
            raise UsageError("the positions of a curve must increase")

    def at(self, position_v: DoubleArray) -> DoubleArray:
        """Values at positions, in their shape."""
        return np.asarray(np.interp(position_v, self.position_v, self.values))


@dataclass(frozen=True)
class RigModes:
    """What the rig's modes have of their own, lowest first; modes without a curve are the model's.

    Attributes:
        frequency_factors: natural frequency over the beam model's.
        decays_per_s: rate at which an amplitude falls.
    """

    frequency_factors: tuple[Curve, ...] = ()
    decays_per_s: tuple[Curve, ...] = ()

    def frequencies_hz(self, beam: Beam, position_v: DoubleArray) -> DoubleArray:
        """Natural frequencies of the modes with a curve, shape [positions, modes]."""
        count = len(self.frequency_factors)
        if not count:
            return np.empty((len(position_v), 0))
        knots = np.array(_beam_hz(beam, count))
        columns = [
            curve.at(position_v) * np.interp(position_v, _BEAM_KNOTS_V, knots[:, mode])
            for mode, curve in enumerate(self.frequency_factors)
        ]
        return np.stack(columns, axis=1)

    def decay_rates_per_s(self, position_v: DoubleArray) -> DoubleArray:
        """Decay rates of the modes with a curve, shape [positions, modes]."""
        columns = [curve.at(position_v) for curve in self.decays_per_s]
        return np.stack(columns, axis=1) if columns else np.empty((len(position_v), 0))


@lru_cache(maxsize=8)
def _beam_hz(beam: Beam, count: int) -> tuple[tuple[float, ...], ...]:
    """The model's frequencies at the knots: the same for all rigs of a kind."""
    return tuple(tuple(beam.frequencies_hz(float(value), count).tolist()) for value in _BEAM_KNOTS_V)


@cache
def dropbear_modes() -> RigModes:
    """Those of the DROPBEAR rig."""
    return records.load(RigModes, Path(__file__).with_name("rig_modes.json"))
