"""The cost model of hls4ml layers: closed forms and fitted terms, as numbers in ``models/cost/hls4ml.json``.

LUT and FF are the sum of the non-negative terms of `hls4ml_structure.basis` times the exponential of the means of two
Gaussian processes over what they leave (log of truth over sum): one whose lengths are fitted, used by the share that
helps on held-out weights, and a short one that only acts next to synthesised designs.  Everything a prediction needs
is in the JSON; a test holds the processes' means against scikit-learn's.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntorc.cost.base import QUANTITIES, Estimates, OptionTable
from ntorc.errors import StorageError, UsageError
from ntorc.paths import project_root
from ntorc.records import to_json, write_atomically

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ntorc.cost.hls4ml_structure import Structure

    FloatArray = npt.NDArray[np.float64]
    BoolArray = npt.NDArray[np.bool_]

MODEL_FILE = "models/cost/hls4ml.json"
FITTED = ("lut", "ff")
REACH_OCTAVES = 1.5
"""An option further than this from every synthesised one (reuse factor, inputs, size) is outside the data."""

LENGTH_COORDINATE = 3
"""Of `hls4ml_structure.residual_inputs`: the sequence length, or whether a dense layer's frame is one word."""

_CHUNK = 1024  # options at a time, so that their kernel stays in the processor's cache
_CLOCK_TOLERANCE = 0.01  # HLS places registers by the clock, so another one is another design


@dataclass(frozen=True)
class Residual:
    """A Gaussian process' mean: sum over points of weight times signal times exp(-distance^2 / 2).

    Attributes:
        scales: length of each coordinate, ``[D]``.
        signal: variance of the process.
        weights: ``[P]``.
        share: of the mean that is used.
    """

    scales: FloatArray
    signal: float
    weights: FloatArray
    share: float

    def log_factor(self, inputs: FloatArray, points: FloatArray) -> FloatArray:
        """Log of the factor on the basis' sum for ``[N, D]`` inputs, ``[N]``.

        The kernel is a product, and many points differ in their length alone: exponentials are taken of the different
        designs and of the different lengths, not of all pairs.
        """
        import numpy as np

        designs, design = np.unique(np.delete(points, LENGTH_COORDINATE, 1), axis=0, return_inverse=True)
        lengths, length = np.unique(points[:, LENGTH_COORDINATE], return_inverse=True)
        weights = np.zeros((len(designs), len(lengths)))
        np.add.at(weights, (design.reshape(-1), length), self.share * self.signal * self.weights)
        scales, scale = np.delete(self.scales, LENGTH_COORDINATE), self.scales[LENGTH_COORDINATE]
        right, norms = designs / scales, -0.5 * ((designs / scales) ** 2).sum(1)
        others = np.delete(inputs, LENGTH_COORDINATE, 1)
        found = np.empty(len(inputs))
        for start in range(0, len(inputs), _CHUNK):
            here = slice(start, start + _CHUNK)
            left = others[here] / scales
            exponents = left @ right.T
            exponents += norms
            exponents -= 0.5 * (left**2).sum(1)[:, None]
            np.minimum(exponents, 0.0, out=exponents)
            apart = (inputs[here, LENGTH_COORDINATE, None] - lengths) / scale
            found[here] = ((np.exp(exponents, out=exponents) @ weights) * np.exp(-0.5 * apart**2)).sum(axis=1)
        return found


@dataclass(frozen=True)
class Bounds:
    """Conformal factors of one quantity: truth is at most the factor times the mean.

    Attributes:
        inside, outside: the range of the data.
        beyond: for convolutions of another kind than the data's, see `hls4ml_extension`.
    """

    inside: float
    outside: float
    beyond: float


@dataclass(frozen=True)
class KindModel:
    """What belongs to one layer kind alone.

    Attributes:
        offsets: of the latency, see `hls4ml_latency`.
        points: where the data lies, ``[P, D]``, see `hls4ml_structure.residual_inputs`.
        residuals: by target of `FITTED`, the processes whose means add.
        bounds: by quantity.
        seen: reuse factor, inputs and size of the synthesised options, ``[S, 3]``.
    """

    offsets: Mapping[str, float]
    points: FloatArray
    residuals: Mapping[str, tuple[Residual, ...]]
    bounds: Mapping[str, Bounds]
    seen: FloatArray

    def log_factor(self, target: str, inputs: FloatArray) -> FloatArray:
        """Log of the factor of all processes of a target, ``[N]``."""
        import numpy as np

        parts = (item.log_factor(inputs, self.points) for item in self.residuals[target])
        return sum(parts, np.zeros(len(inputs)))


@dataclass(frozen=True)
class Hls4mlModel:
    """The whole model.

    Attributes:
        coefficients: by target and term of the basis.
        dsp_share: DSPs for each multiplication by a constant, where nothing is reused.
        kinds: by layer kind.
        confidence: of the bounds, one-sided.
        provenance: data and its digest, tool, device, clock, protocol, errors on held-out data.
    """

    coefficients: Mapping[str, Mapping[str, float]]
    dsp_share: float
    kinds: Mapping[str, KindModel]
    confidence: float
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def physical(self, structure: Structure, target: str) -> FloatArray:
        """The basis' sum for LUT or FF, ``[N]``."""
        import numpy as np

        from ntorc.cost.hls4ml_structure import basis

        weights = self.coefficients[target]
        terms = basis(structure)
        return sum((weights.get(name, 0.0) * value for name, value in terms.items()), np.zeros_like(structure.n_in))

    def mean(self, structure: Structure) -> dict[str, FloatArray]:
        """Means by quantity, each ``[N]``."""
        import numpy as np

        from ntorc.cost import hls4ml_structure as parts
        from ntorc.cost.hls4ml_latency import latency_cycles

        own = self.kinds[structure.kind]
        inputs = parts.residual_inputs(structure)
        found = {"latency_cycles": latency_cycles(structure, own.offsets)}
        for target in FITTED:
            found[target] = self.physical(structure, target) * np.exp(own.log_factor(target, inputs))
        found["dsp"] = parts.dsp_count(structure) + self.dsp_share * parts.unrolled_multiplications(structure)
        found["bram18"] = parts.bram18_count(structure)
        return found

    def bound(self, structure: Structure, mean: Mapping[str, FloatArray], outside: BoolArray) -> dict[str, FloatArray]:
        """Upper bounds by quantity, each ``[N]``."""
        import numpy as np

        from ntorc.cost import hls4ml_structure as parts
        from ntorc.cost.hls4ml_latency import latency_cycles

        own = self.kinds[structure.kind]
        factor = {
            name: np.where(
                structure.beyond,
                own.bounds[name].beyond,
                np.where(outside, own.bounds[name].outside, own.bounds[name].inside),
            )
            for name in ("latency_cycles", *FITTED, "bram18")
        }
        most = np.maximum(mean["latency_cycles"], latency_cycles(structure, own.offsets, bound=True))
        return {
            "latency_cycles": np.ceil(np.round(most * factor["latency_cycles"], 6)),
            **{name: mean[name] * factor[name] for name in FITTED},
            "dsp": parts.dsp_count(structure) + parts.unrolled_multiplications(structure),
            "bram18": np.ceil(np.round(mean["bram18"] * factor["bram18"], 6)),
        }

    def is_outside(self, structure: Structure) -> BoolArray:
        """Whether options lie beyond the synthesised ones in any direction, or far from all of them, ``[N]``."""
        import numpy as np

        seen = np.log2(self.kinds[structure.kind].seen)
        asked = np.log2(np.stack([structure.products[0].reuse, structure.equivalent_n_in, structure.size], axis=1))
        beyond = ((asked < seen.min(0) - 1e-9) | (asked > seen.max(0) + 1e-9)).any(axis=1)
        nearest, norms = np.empty(len(asked)), (seen**2).sum(1)
        for start in range(0, len(asked), _CHUNK):
            here = asked[start : start + _CHUNK]
            nearest[start : start + _CHUNK] = (here**2).sum(1) + (norms - 2 * here @ seen.T).min(axis=1)
        found: BoolArray = beyond | structure.beyond | (nearest > REACH_OCTAVES**2)
        return found


class Hls4mlCosts:
    """`BatchCosts` of hls4ml layers."""

    def __init__(self, model: Hls4mlModel) -> None:
        self.model = model

    def estimate(self, table: OptionTable, device: str, clock_hz: float) -> Estimates:
        """See `BatchCosts.estimate`.

        The table's kind is ``conv``, ``lstm`` or ``dense``, its columns are those of `hls4ml_structure.structure_of`.
        Another device or clock than that of the data makes every option one outside the data.
        """
        import numpy as np

        from ntorc.cost.hls4ml_structure import structure_of

        if table.kind not in self.model.kinds:
            known = ", ".join(sorted(self.model.kinds))
            raise UsageError(f"hls4ml's cost model knows no layer kind '{table.kind}'", f"known kinds: {known}")
        try:
            structure = structure_of(table.kind, table.columns)
        except KeyError as error:
            raise UsageError(
                f"the options of a {table.kind} layer lack the column {error}", "see hls4ml_structure.structure_of"
            ) from error
        outside = self.model.is_outside(structure)
        if not self.is_known(device, clock_hz):
            outside = np.ones_like(outside)
        mean = self.model.mean(structure)
        bound = self.model.bound(structure, mean, outside)
        source = self.model.provenance
        text = (
            f"{source.get('tool', 'unknown tool')}, {source.get('device', 'unknown device')},"
            f" {source.get('designs', 0)} designs, data {str(source.get('data_digest', ''))[:12]}"
        )
        ordered = {name: mean[name] for name in QUANTITIES}, {name: bound[name] for name in QUANTITIES}
        return Estimates(*ordered, self.model.confidence, outside, ("model",) * len(outside), {"model": text})

    def is_known(self, device: str, clock_hz: float) -> bool:
        """Whether the data is of this device's chip (package and speed aside) and clock."""
        source = self.model.provenance
        chip, clock = str(source.get("device", "")), float(source.get("clock_hz", 0.0))
        return bool(chip) and device.startswith(chip) and abs(clock_hz - clock) <= _CLOCK_TOLERANCE * clock


def load_hls4ml(path: Path | None = None) -> Hls4mlModel:
    """The shipped model, or another file of the same form.

    Raises:
        StorageError: it cannot be read, or is not such a model.
    """
    import numpy as np

    path = path or project_root() / MODEL_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kinds = {}
        for kind, one in content["kinds"].items():
            residuals = {
                target: tuple(
                    Residual(
                        np.array(state["scales"], float),
                        float(state["signal"]),
                        np.array(state["weights"], float),
                        float(state["share"]),
                    )
                    for state in states
                )
                for target, states in one["residuals"].items()
            }
            bounds = {name: Bounds(*(float(value) for value in row)) for name, row in one["bounds"].items()}
            offsets = {name: float(value) for name, value in one["offsets"].items()}
            kinds[kind] = KindModel(
                offsets, np.array(one["points"], float), residuals, bounds, np.array(one["seen"], float)
            )
        return Hls4mlModel(
            content["coefficients"],
            float(content["dsp_share"]),
            kinds,
            float(content["confidence"]),
            content["provenance"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StorageError(
            f"cannot read the cost model {path}: {error}", "remake it: ntorc calibrate --backend hls4ml --refit"
        ) from error


def save_hls4ml(model: Hls4mlModel, path: Path) -> Path:
    """Write a model as `load_hls4ml` reads it; numbers keep every digit."""
    kinds = {}
    for kind, one in model.kinds.items():
        kinds[kind] = {
            "offsets": dict(one.offsets),
            "points": one.points.tolist(),
            "residuals": {
                target: [
                    {
                        "scales": item.scales.tolist(),
                        "signal": item.signal,
                        "weights": item.weights.tolist(),
                        "share": item.share,
                    }
                    for item in items
                ]
                for target, items in one.residuals.items()
            },
            "bounds": {name: [row.inside, row.outside, row.beyond] for name, row in one.bounds.items()},
            "seen": one.seen.tolist(),
        }
    content = {
        "coefficients": {target: dict(row) for target, row in model.coefficients.items()},
        "dsp_share": model.dsp_share,
        "kinds": kinds,
        "confidence": model.confidence,
        "provenance": dict(model.provenance),
    }
    text = json.dumps(json.loads(to_json(content)), sort_keys=True, separators=(",", ":"))
    return write_atomically(path, text.encode() + b"\n")
