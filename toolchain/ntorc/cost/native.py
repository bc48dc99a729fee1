"""Costs of native parts: what was measured for this very part, else a fitted model on a physical basis.

LUT and FF: non-negative least squares of the relative error on the features of
``backends/native/subject.py`` (widths of registers and multiplexers, distributed memory in units of a
LUT's capacity, address widths).  The upper bound is the conformal 95 % quantile of truth / prediction
over shapes that the fit did not see.  DSP48E1 and RAMB18 follow from the structure.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.backends.base import RESOURCES, Resources
from ntorc.cost.base import QUANTITIES, Estimates, OptionTable
from ntorc.errors import StorageError
from ntorc.paths import project_root
from ntorc.records import to_json, write_atomically
from ntorc.store.base import Observation

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

MODEL_FILE = "models/cost/native.json"
FITTED = ("lut", "ff")
CONFIDENCE = 0.95
"""Of the upper bounds of LUT and FF."""
_RAMB18_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
_RAMB18_COST, _RAMB36_COST = 129, 257  # of the mapper; a RAMB36 is a little less than two RAMB18


def bram18_blocks(bits: float, words: float, *, written: bool = False) -> int:
    """The blocks of `block_memory`."""
    return block_memory(bits, words, written=written)[0]


def block_memory(bits: float, words: float, *, written: bool = False) -> tuple[int, int]:
    """RAMB18E1 (a RAMB36E1 counts as two), and LUTs behind them, of a memory of ``words`` words of ``bits`` bits.

    As yosys' mapper lays it out: a row of the memory holds several words side by side when that takes fewer
    blocks, and a multiplexer behind it chooses.  ``written`` ones have each such word on bytes of nine bits, which is
    what a write enables.  Blocks are equal to synthesis for each of 315 memories (4 to 150 bits, 20 to 8,192 words).
    """
    if bits <= 0 or words <= 0:
        return 0, 0
    found = []
    for unit, cost in ((1, _RAMB18_COST), (2, _RAMB36_COST)):
        for width, depth in _RAMB18_SHAPES:
            for wide, deep in ((width, depth), (width, depth * 2), (width * 2, depth))[unit - 1 : 2 * unit - 1]:
                taken = -(-int(bits) // 9) * 9 if written and wide >= 9 and bits > 8 else int(bits)
                side_by_side = -(-int(words) // deep)
                count = -(-side_by_side * taken // wide)
                found.append((count * cost + side_by_side * bits / 10, count * unit, side_by_side))
    _, blocks, words_a_row = min(found)
    return blocks, int(bits) * -(-words_a_row // 4) if words_a_row > 1 else 0


def structural(features: Mapping[str, float]) -> tuple[int, int]:
    """DSP48E1 and RAMB18 that the structure implies."""
    return int(by_structure(features, "dsp")), int(by_structure(features, "bram18"))


def by_structure(features: Mapping[str, float], target: str) -> float:
    """What is counted, not fitted: DSPs, block RAM, and LUTs and flip-flops whose number is known."""
    return features.get(f"{target}_by_structure", 0.0)


@dataclass(frozen=True)
class FittedModel:
    """Coefficients by target and feature, with their bound, where they come from, and each feature's range there."""

    coefficients: Mapping[str, Mapping[str, float]]
    bound_factor: Mapping[str, float]
    provenance: Mapping[str, object]
    ranges: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def predict(self, features: Mapping[str, float]) -> tuple[Resources, Resources]:
        """Mean and upper bound."""
        dsp, bram = structural(features)
        mean = {
            target: by_structure(features, target)
            + sum(weight * features.get(name, 0.0) for name, weight in row.items())
            for target, row in self.coefficients.items()
        }
        bound = {target: value * self.bound_factor[target] for target, value in mean.items()}
        return Resources(mean["lut"], mean["ff"], dsp, bram), Resources(bound["lut"], bound["ff"], dsp, bram)


def load_model(path: Path | None = None) -> FittedModel:
    """The shipped model, or another file of the same form."""
    path = path or project_root() / MODEL_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        ranges = content.get("ranges", {})
        return FittedModel(content["coefficients"], content["bound_factor"], content["provenance"], ranges)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"cannot read the cost model {path}: {error}", "remake it: ntorc characterize --backend native"
        ) from error


def save_model(model: FittedModel, path: Path) -> Path:
    """Write a model as `load_model` reads it."""
    content = {
        "coefficients": {target: dict(row) for target, row in model.coefficients.items()},
        "bound_factor": dict(model.bound_factor),
        "provenance": dict(model.provenance),
        "ranges": {name: list(pair) for name, pair in model.ranges.items()},
    }
    return write_atomically(path, to_json(content).encode())


_SOURCES = ("post_synthesis", "post_route")
"""Observations that count, later ones nearer to the board."""


class NativeCost:
    """The cost model of the native backend, calibrated by the observations of a store.

    Basis of a prediction: ``measured`` (this very part and directive were synthesised or routed), ``calibrated``
    (another directive of this part was: LUT and FF of the model times the geometric mean of its truth
    over prediction, since most of the model's error is common to a part), else ``model``.
    """

    def __init__(self, model: FittedModel, observations: Iterable[Observation] = ()) -> None:
        self._model = model
        self._measured: dict[str, dict[str, Resources]] = {}
        nearest: dict[tuple[str, str], int] = {}
        for item in observations:
            if item.source not in _SOURCES:
                continue
            option, rank = (item.subject, item.directive), _SOURCES.index(item.source)
            if rank >= nearest.get(option, 0):  # what was routed outweighs what was synthesised, the newest of each
                nearest[option] = rank
                resources = Resources(**{name: item.quantities[name] for name in ("lut", "ff", "dsp", "bram18")})
                self._measured.setdefault(item.subject, {})[item.directive] = resources

    def predict(
        self, subject: str, features: Callable[[str], Mapping[str, float]], directive: str
    ) -> tuple[Resources, Resources, str]:
        """See `CostModel.predict`."""
        known = self._measured.get(subject, {})
        if directive in known:
            return known[directive], known[directive], "measured"
        mean, bound = self._model.predict(features(directive))
        if not known:
            return mean, bound, "model"
        factors = [self._factor(features(other), truth) for other, truth in known.items()]
        lut, ff = (math.prod(pair[i] for pair in factors) ** (1.0 / len(factors)) for i in (0, 1))
        return _scaled(mean, lut, ff), _scaled(bound, lut, ff), "calibrated"

    def estimate(self, table: OptionTable, device: str, clock_hz: float) -> Estimates:
        """See `BatchCosts.estimate`; tables come from ``backends/native/estimates.py``.

        Cycles, DSPs and block RAM are counted and so exact.  Without ranges in the model's file every option is
        called outside.
        """
        import numpy as np

        zeros = np.zeros(len(table))
        columns = {name: np.asarray(column, float) for name, column in table.columns.items()}
        mean = {name: columns.get(f"{name}_by_structure", zeros).copy() for name in QUANTITIES}
        for target, row in self._model.coefficients.items():
            mean[target] += sum((weight * columns.get(name, zeros) for name, weight in row.items()), zeros)
        bound = {name: values * self._model.bound_factor.get(name, 1.0) for name, values in mean.items()}
        basis = ["model"] * len(table)
        known = self._measured.get(table.subject, {})
        rows = {text: index for index, text in enumerate(table.directives) if text in known}
        if rows:
            basis = ["calibrated"] * len(table)
            for target in FITTED:
                logs = [
                    math.log(max(getattr(known[text], target), 1.0) / max(float(mean[target][index]), 1.0))
                    for text, index in rows.items()
                ]
                factor = math.exp(sum(logs) / len(logs))
                mean[target], bound[target] = mean[target] * factor, bound[target] * factor
            for text, index in rows.items():
                basis[index] = "measured"
                for name in RESOURCES:
                    mean[name][index] = bound[name][index] = getattr(known[text], name)
        outside = self._is_outside(columns, len(table), device)
        source = self._model.provenance
        text = f"{source.get('tool', '')}, {source.get('runs', 0)} syntheses, seed {source.get('seed', '')}"
        data = {"model": text, "calibrated": f"{len(known)} syntheses of this part on {text}"}
        data["measured"] = "post-synthesis of this very part and directive"
        return Estimates(mean, bound, CONFIDENCE, outside, tuple(basis), data)

    def _is_outside(self, columns: Mapping[str, FloatArray], count: int, device: str) -> BoolArray:
        """Whether a feature lies beyond those of the synthesised parts, or the device is of another family."""
        import numpy as np

        ranges, family = self._model.ranges, str(self._model.provenance.get("family", ""))
        if not ranges or not device.startswith(family):
            return np.ones(count, bool)
        found = np.zeros(count, bool)
        for name, column in columns.items():
            if not name.endswith("_by_structure"):
                least, most = ranges.get(name, (0.0, 0.0))
                found |= (column < least - 1e-9) | (column > most + 1e-9)
        return found

    def _factor(self, features: Mapping[str, float], truth: Resources) -> tuple[float, float]:
        guess, _ = self._model.predict(features)
        return max(truth.lut, 1.0) / max(guess.lut, 1.0), max(truth.ff, 1.0) / max(guess.ff, 1.0)


def _scaled(resources: Resources, lut: float, ff: float) -> Resources:
    return replace(resources, lut=resources.lut * lut, ff=resources.ff * ff)


def fit(
    features: Sequence[Mapping[str, float]],
    truths: Sequence[Resources],
    groups: Sequence[str],
    provenance: Mapping[str, object],
) -> FittedModel:
    """Fit LUT and FF, judged by leaving groups (shapes) out, eight folds.

    Args:
        features: one mapping a synthesis run.
        truths: what synthesis gave.
        groups: runs of one group are held out together.
        provenance: recorded with the model; the held-out errors are added.
    """
    import numpy as np

    names = sorted({name for row in features for name in row if not name.endswith("_by_structure")})
    matrix = np.array([[row.get(name, 0.0) for name in names] for row in features])
    unique = sorted(set(groups))
    fold = np.array([unique.index(group) % 8 for group in groups])
    coefficients, bounds, errors = {}, {}, {}
    for target in FITTED:
        pairs_of = zip(features, truths, strict=True)
        truth = np.array([getattr(item, target) - by_structure(row, target) for row, item in pairs_of], float)
        held_out = np.empty_like(truth)
        for k in range(8):
            test = fold == k
            if test.any():
                held_out[test] = matrix[test] @ _relative_nnls(matrix[~test], truth[~test])
        bounds[target] = _conformal_factor(truth, held_out)
        errors[target] = round(float(100 * np.mean(np.abs(held_out - truth) / truth)), 3)
        weights = _relative_nnls(matrix, truth)
        coefficients[target] = {n: round(float(w), 6) for n, w in zip(names, weights, strict=True) if w > 0}
    ranges = {
        name: [float(low), float(high)] for name, low, high in zip(names, matrix.min(0), matrix.max(0), strict=True)
    }
    pairs = [(structural(row), truth) for row, truth in zip(features, truths, strict=True)]
    exact = {
        "dsp": round(100 * float(np.mean([guess[0] == truth.dsp for guess, truth in pairs])), 2),
        "bram18": round(100 * float(np.mean([guess[1] == truth.bram18 for guess, truth in pairs])), 2),
    }
    return FittedModel(
        coefficients,
        bounds,
        {
            **provenance,
            "runs": len(truths),
            "shapes": len(unique),
            "held_out_mape_percent": errors,
            "structural_exact_percent": exact,
        },
        ranges,
    )


def with_bounds(
    model: FittedModel, features: Sequence[Mapping[str, float]], truths: Sequence[Resources], seed: int
) -> FittedModel:
    """The model with its upper bounds by split conformal prediction, on parts that no choice about it has seen.

    Folds of the fit's own parts give bounds that are a little too small: the features were chosen by those folds.

    Args:
        model: keeps its coefficients.
        features, truths: one a part.
        seed: of their draw, for the provenance.
    """
    import numpy as np

    bounds = {}
    for target in FITTED:
        known = np.array([by_structure(row, target) for row in features])
        truth = np.array([getattr(item, target) for item in truths], float) - known
        guess = np.array([getattr(model.predict(row)[0], target) for row in features]) - known
        bounds[target] = _conformal_factor(truth, guess)
    source = {"seed": seed, "parts": len(truths), "confidence": CONFIDENCE}
    return replace(model, bound_factor=bounds, provenance={**model.provenance, "bounds": source})


def _conformal_factor(truth: FloatArray, guess: FloatArray) -> float:
    """The factor on a prediction that the truth exceeds with the probability 1 - `CONFIDENCE` at most."""
    import numpy as np

    ratio = np.sort(truth / np.maximum(guess, 1.0))
    rank = min(len(ratio) - 1, int(np.ceil(CONFIDENCE * (len(ratio) + 1))) - 1)
    return round(float(max(ratio[rank], 1.0)), 4)


def _relative_nnls(matrix: FloatArray, truth: FloatArray) -> FloatArray:
    """Non-negative weights with the least squared relative error (Lawson and Hanson's NNLS)."""
    import numpy as np
    from scipy.optimize import nnls

    weights: FloatArray = nnls(matrix / truth[:, None], np.ones(len(truth)))[0]
    return weights
