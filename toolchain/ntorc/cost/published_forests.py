"""The published cost models (N-TORC, FCCM 2025): what the paper's figures rest on, for comparison with ours.

One random forest with scikit-learn's default settings for each layer kind and target, trained on all rows as they are:
labels unrepaired, both strategies mixed, keys repeated.  `ntorc.cost.synthesis_data` says what is wrong with that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ntorc.cost.synthesis_data import KINDS, RESOURCE_TARGETS, SynthesisData, labels
from ntorc.progress import Progress, Silent

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

FOREST_TARGETS = (*RESOURCE_TARGETS, "latency_max")


@dataclass(frozen=True)
class PublishedForests:
    """The fitted forests by kind and target."""

    forests: Mapping[tuple[str, str], Any]

    def predict(self, kind: str, features: npt.ArrayLike) -> dict[str, FloatArray]:
        """Predictions by target (`FOREST_TARGETS`), each ``[N]``.

        Args:
            kind: ``conv``, ``lstm`` or ``dense``.
            features: reuse factor, inputs (channels of a convolution), filters or units, sequence length (1 for
                a dense layer; the published optimiser gives the layer's own input length), ``[N, 4]``.
        """
        return {target: self.forests[kind, target].predict(features) for target in FOREST_TARGETS}


def default_forest(features: npt.ArrayLike, values: npt.ArrayLike, random_state: int = 0) -> Any:
    """scikit-learn's default random forest, fitted to ``[N, 4]`` features and ``[N]`` values."""
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(random_state=random_state).fit(features, values)


def train_published(
    data: SynthesisData, progress: Progress | None = None, *, repair: bool = False
) -> PublishedForests:
    """Fit all forests as published, or the same recipe on repaired labels; about four seconds."""
    progress = progress or Silent()
    step = "forests on repaired labels" if repair else "published forests"
    forests = {}
    for number, kind in enumerate(KINDS):
        raw = data.raw[kind]
        for target in FOREST_TARGETS:
            rows = raw.latency if target == "latency_max" else raw.resources
            forests[kind, target] = default_forest(labels(kind, rows, repair=repair), rows.values[target])
        progress.step(step, number + 1, len(KINDS))
    return PublishedForests(forests)
