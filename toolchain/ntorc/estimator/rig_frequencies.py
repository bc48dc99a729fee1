"""Natural frequencies of the real DROPBEAR rig, and how far the beam model is from them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from ntorc.estimator.beam import Beam
    from ntorc.estimator.rig_modes import RigModes

MEASURED_DWELLS = (
    # roller position in volts, first and second natural frequency in Hz: medians over the dwells of the
    # recorded runs, from the peaks of spectra over half a second
    (1.173, 25.94, 158.7),
    (1.228, 26.09, 160.4),
    (1.364, 26.78, 165.3),
    (1.514, 27.47, 170.1),
    (1.648, 28.23, 176.8),
    (1.797, 28.99, 183.0),
    (1.881, 29.60, 185.5),
    (1.931, 29.91, 187.7),
    (2.085, 30.82, 194.1),
    (2.236, 31.89, 200.7),
    (2.370, 32.81, 206.4),
    (2.597, 34.64, 217.4),
    (2.651, 35.10, 220.6),
    (2.788, 36.32, 227.8),
    (2.939, 37.54, 236.4),
    (3.074, 38.91, 240.6),
    (3.226, 40.36, 252.9),
    (3.311, 41.35, 253.3),
)


def deviation_from_rig(beam: Beam, modes: RigModes | None = None) -> npt.NDArray[np.float64]:
    """Relative deviation of the first two natural frequencies from the measured ones, [dwells, 2].

    Args:
        beam: the model.
        modes: the simulator's curves of both modes, if not the model alone is meant.
    """
    measured = np.array(MEASURED_DWELLS)
    if modes is not None:
        model = modes.frequencies_hz(beam, measured[:, 0])[:, :2]
    else:
        model = np.array([beam.frequencies_hz(float(position_v), 2) for position_v in measured[:, 0]])
    return np.asarray(model / measured[:, 1:] - 1.0, dtype=np.float64)
