"""Convolutions of other taps, strides and paddings than the published data's: the structure carried on, and how far.

`hls4ml_structure` takes a convolution for a matrix-vector product of taps x channels inputs, repeated at each position.
All synthesised ones have three taps, so what can be tried is how well products of one number of inputs (3, 48, 96) tell
about those of another, and how well the other layer kinds tell about convolutions that nothing was seen of.  The worst
of these trials bounds what lies beyond the data.  Strides are in no trial: their cycles are a count of positions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.cost.hls4ml import FITTED, Hls4mlModel
from ntorc.cost.hls4ml_latency import fit_offsets, latency_cycles
from ntorc.cost.hls4ml_weights import physical_weights, structure_of_data
from ntorc.cost.synthesis_data import LayerData

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

KIND = "conv"


@dataclass(frozen=True)
class Trial:
    """What some convolutions tell about others.

    Attributes:
        known: what the structure was fitted to, for people.
        designs: how many others were predicted.
        ratios: truth over prediction, by quantity.
    """

    known: str
    designs: int
    ratios: Mapping[str, FloatArray]

    def as_dict(self) -> dict[str, Any]:
        """Mean absolute errors and the largest factors by which truth exceeds the prediction."""
        found: dict[str, Any] = {"known": self.known, "designs": self.designs}
        for name, ratio in self.ratios.items():
            error = float(100 * np.abs(1 / ratio - 1).mean())
            found[name] = {"mape_percent": round(error, 2), "largest_factor": round(float(ratio.max()), 3)}
        return found


def trials(data: Mapping[str, LayerData]) -> list[Trial]:
    """All trials on the convolutions of Strategy=Resource.

    Args:
        data: keys by layer kind, with convolutions of at least two numbers of inputs; else there are none.
    """
    own = data[KIND]
    inputs = structure_of_data(own).products[0].inputs
    different = np.unique(inputs).tolist()
    if len(different) < 2:
        return []
    found = []
    for count in different:
        here = inputs == count
        found.append(_trial(data, ~here, f"all but those of {count:.0f} inputs"))
        found.append(_trial(data, here, f"those of {count:.0f} inputs alone"))
    if len(data) > 1:
        found.append(_trial(data, np.zeros(len(own), bool), "no convolution, the other kinds alone"))
    return found


def _trial(data: Mapping[str, LayerData], known: BoolArray, name: str) -> Trial:
    """Fit the structure to some convolutions and the other kinds, predict the other convolutions."""
    own = data[KIND]
    part = {kind: item for kind, item in data.items() if kind != KIND}
    if known.any():
        part[KIND] = own.take(known)
    structures = {kind: structure_of_data(item) for kind, item in part.items()}
    test = own.take(~known & ~own.latency_strategy)
    asked = structure_of_data(test)
    ratios = {}
    for target in FITTED:
        model = Hls4mlModel({target: physical_weights(part, structures, target)}, 0.5, {}, 0.0)
        ratios[target] = test.values[target] / model.physical(asked, target)
    if known.any():
        looped = own.take(known & ~own.latency_strategy)
        offsets = fit_offsets(structure_of_data(looped), looped.values["latency_max"])
        ratios["latency_cycles"] = test.values["latency_max"] / latency_cycles(asked, offsets)
    return Trial(name, len(test), ratios)
