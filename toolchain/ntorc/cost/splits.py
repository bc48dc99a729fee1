"""Splits of the synthesis data that say something: whole groups are held out, so no design is on both sides."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntorc.cost.synthesis_data import LayerData

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    IntArray = npt.NDArray[np.int64]

SPLITS = ("shape", "weights", "reuse factor", "extrapolation")
_FOLDS = 8


def folds(data: LayerData, split: str) -> list[IntArray]:
    """Indices of the keys to hold out, fold by fold.

    Args:
        data: keys of one layer kind.
        split: ``shape`` (inputs, size and sequence length; eight folds), ``weights`` (inputs and size, one pair a
            fold), ``reuse factor`` (one a fold), or ``extrapolation`` (one fold: the quarter of the weights' sizes
            with the most weights).
    """
    import numpy as np

    if split == "extrapolation":
        weights = data.n_in * data.size + (data.size**2 if data.kind == "lstm" else 0)
        sizes = np.unique(weights)
        return [np.flatnonzero(weights >= sizes[-max(1, len(sizes) // 4)])]
    columns = {
        "shape": (data.n_in, data.size, data.length),
        "weights": (data.n_in, data.size),
        "reuse factor": (data.reuse_factor,),
    }[split]
    _, group = np.unique(np.stack(columns, axis=1), axis=0, return_inverse=True)
    group = group.reshape(-1)
    if split == "shape":
        order = np.random.default_rng(0).permutation(group.max() + 1)
        group = order[group] % _FOLDS
    return [np.flatnonzero(group == index) for index in np.unique(group)]
