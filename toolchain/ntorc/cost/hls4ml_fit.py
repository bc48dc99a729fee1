"""Fitting the cost model of hls4ml layers.  Every choice is made on inner folds that hold whole weights' shapes out."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.cost.hls4ml import FITTED, Bounds, Hls4mlModel, KindModel, Residual
from ntorc.cost.hls4ml_extension import KIND, Trial, trials
from ntorc.cost.hls4ml_latency import fit_offsets, latency_cycles
from ntorc.cost.hls4ml_structure import Structure, bram18_count, residual_inputs, unrolled_multiplications
from ntorc.cost.hls4ml_weights import physical_weights, structure_of_data
from ntorc.cost.splits import folds
from ntorc.cost.synthesis_data import KINDS, LayerData, SynthesisData
from ntorc.progress import Progress, Silent

FloatArray = npt.NDArray[np.float64]

if TYPE_CHECKING:
    from sklearn.gaussian_process import GaussianProcessRegressor

    IntArray = npt.NDArray[np.int64]

CONFIDENCE = 0.99
SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of the residual process that the inner folds choose from."""

_ALMOST = 1.1  # the smallest share within a tenth of the best error: folds are few, and the basis is the safer part
_NONE: FloatArray = np.zeros(0)

PROTOCOL = (
    "medians of unique keys; non-negative least squares of the relative error on the structural basis, all layer kinds"
    " together; a Gaussian process on the log residual of each kind, of which the smallest share within a tenth of the"
    " least error is used, on inner folds that hold whole (inputs, size) pairs out; bounds are conformal quantiles of"
    " truth over prediction in those folds"
)


def fit_hls4ml(
    data: Mapping[str, LayerData],
    *,
    kinds: Sequence[str] = KINDS,
    confidence: float = CONFIDENCE,
    others: Mapping[str, FloatArray] | None = None,
    progress: Progress | None = None,
) -> Hls4mlModel:
    """Fit everything.

    Args:
        data: keys by layer kind; those of Strategy=Latency count as layers without reuse, but for their latency.
        kinds: which get a residual and bounds of their own; the basis is fitted to all kinds in any case.
        confidence: of the bounds, one-sided.
        others: truth over held-out prediction of further kinds, by target (`held_out_ratios`), for the bounds.
        progress: told of each kind.
    """
    progress = progress or Silent()
    structures = {kind: structure_of_data(item) for kind, item in data.items()}
    coefficients = {target: physical_weights(data, structures, target) for target in FITTED}
    share = _dsp_share(data, structures)
    chosen = {}
    for number, kind in enumerate(kinds):
        chosen[kind] = _inner(data, kind)
        progress.step("cost models fitted", number + 1, len(kinds))
    pooled = {
        target: np.concatenate([*(item.ratios[target] for item in chosen.values()), (others or {}).get(target, _NONE)])
        for target in FITTED
    }
    bounds = {kind: _bounds_of(data[kind], item, pooled, confidence) for kind, item in chosen.items()}
    if KIND in bounds:
        bounds[KIND] = _widened(bounds[KIND], trials(data), confidence)
    found = {
        kind: _kind_model(data[kind], structures[kind], coefficients, item.shares, bounds[kind])
        for kind, item in chosen.items()
    }
    return Hls4mlModel(coefficients, share, found, confidence)


def held_out_ratios(data: Mapping[str, LayerData], kinds: Sequence[str]) -> dict[str, FloatArray]:
    """Truth over prediction of LUT and FF for weights' shapes that were held out, of several kinds together."""
    found = [_inner(data, kind).ratios for kind in kinds]
    return {target: np.concatenate([item[target] for item in found]) for target in FITTED}


def fit_all(data: SynthesisData, progress: Progress | None = None) -> Hls4mlModel:
    """The model that ships: fitted to everything, with its provenance."""
    import sklearn

    model = fit_hls4ml({kind: data.layers(kind) for kind in KINDS}, progress=progress)
    designs = sum(len(data.layers(kind)) for kind in KINDS)
    return Hls4mlModel(
        model.coefficients,
        model.dsp_share,
        model.kinds,
        model.confidence,
        {
            "data": "single-layer hls4ml synthesis published with N-TORC (FCCM 2025), MIT",
            "data_digest": data.digest,
            "designs": designs,
            "tool": "Vivado HLS 2019.1 (csynth estimate)",
            "source": "csynth",
            "device": "xczu7ev",
            "clock_hz": 250e6,
            "word": "ap_fixed<16,8>, io_stream, Strategy=Resource",
            "protocol": PROTOCOL,
            "fitted_with": f"scikit-learn {sklearn.__version__}",
        },
    )


def _dsp_share(data: Mapping[str, LayerData], structures: Mapping[str, Structure]) -> float:
    """Median share of constant multiplications that take a DSP."""
    shares = []
    for kind, item in structures.items():
        constants = unrolled_multiplications(item)
        elementwise = 3 * item.size if kind == "lstm" else 0.0
        here = constants > 0
        shares += ((data[kind].values["dsp"] - elementwise)[here] / constants[here]).tolist()
    return float(np.median(shares)) if shares else 0.5


def _kind_model(
    data: LayerData,
    structure: Structure,
    coefficients: Mapping[str, Mapping[str, float]],
    shares: Mapping[str, float],
    bounds: Mapping[str, Bounds],
) -> KindModel:
    """Offsets and residual processes of one kind."""
    bare = Hls4mlModel(coefficients, 0.5, {}, CONFIDENCE)
    looped = np.flatnonzero(~data.latency_strategy)
    offsets = fit_offsets(structure_of_data(data.take(looped)), data.values["latency_max"][looped])
    inputs = residual_inputs(structure)[looped]
    residuals = {}
    for target in FITTED:
        sums = np.maximum(bare.physical(structure, target)[looped], 1.0)
        residuals[target] = fit_residuals(inputs, np.log(data.values[target][looped] / sums), shares.get(target, 1.0))
    seen = np.unique(data.features[looped][:, :3], axis=0).astype(float)
    return KindModel(offsets, inputs, residuals, bounds, seen)


def fit_residuals(inputs: FloatArray, logs: FloatArray, share: float) -> tuple[Residual, ...]:
    """The fitted process (left out where its share is 0), and the short one on what it leaves.

    Args:
        inputs: ``[N, D]``.
        logs: log of truth over the basis' sum, ``[N]``.
        share: of the fitted process' mean.
    """
    found: list[Residual] = []
    if share > 0:
        found.append(_residual(long_process(inputs.shape[1]), inputs, logs, share))
        logs = logs - found[0].log_factor(inputs, inputs)
    signal = float(np.mean(logs**2))
    if signal > _NEGLIGIBLE**2:
        found.append(_residual(short_process(inputs.shape[1], signal), inputs, logs, 1.0))
    return tuple(found)


def _residual(process: GaussianProcessRegressor, inputs: FloatArray, logs: FloatArray, share: float) -> Residual:
    from sklearn.exceptions import ConvergenceWarning

    step = -(-len(logs) // _LENGTH_POINTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # lengths at their limits: a coordinate without effect
        process.fit(inputs[::step], logs[::step])
    if step > 1:
        process = process.set_params(kernel=process.kernel_, optimizer=None).fit(inputs, logs)
    parts = process.kernel_.k1
    scales = np.broadcast_to(parts.k2.length_scale, (inputs.shape[1],)).astype(float).copy()
    return Residual(scales, float(parts.k1.constant_value), np.asarray(process.alpha_, float), share)


_SHORT_OCTAVES = 0.35
_LENGTH_POINTS = 90  # lengths are chosen on so many points at the most; time grows with the cube
_NEGLIGIBLE = 1e-3  # what is left of the log is not worth a process


def short_process(dimensions: int, signal: float) -> GaussianProcessRegressor:
    """scikit-learn's process of a fixed length of a third of an octave."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    kernel = ConstantKernel(signal) * RBF(np.full(dimensions, _SHORT_OCTAVES)) + WhiteKernel(0.01 * signal)
    return GaussianProcessRegressor(kernel, optimizer=None)


def long_process(dimensions: int) -> GaussianProcessRegressor:
    """scikit-learn's process with one length for each coordinate, chosen by the marginal likelihood."""
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel

    smooth = ConstantKernel(0.01, (1e-5, 1.0)) * RBF(np.full(dimensions, 2.0), (0.3, 50.0))
    return GaussianProcessRegressor(smooth + WhiteKernel(1e-4, (1e-6, 1e-2)), random_state=0)


@dataclass
class _HeldOut:
    """Predictions of inner folds for each key: the basis' sum and the fitted process' log factor by target."""

    physical: dict[str, FloatArray]
    log_factor: dict[str, FloatArray]
    latency: FloatArray
    outside: npt.NDArray[np.bool_]
    used: npt.NDArray[np.bool_]


@dataclass
class _Inner:
    """What the inner folds say of a kind: shares of the residual, truth over prediction of LUT, FF and latency for
    every key that was held out, and which of these lay outside the folds' data."""

    shares: dict[str, float]
    ratios: dict[str, FloatArray]
    latency: FloatArray
    outside: npt.NDArray[np.bool_]


def _inner(data: Mapping[str, LayerData], kind: str) -> _Inner:
    """Hold each weights' shape out in turn."""
    own = data[kind]
    held = _held_out(data, kind)
    used = held.used & ~own.latency_strategy
    shares, ratios = {}, {}
    for target in FITTED:
        truth = own.values[target][used]
        guesses = {
            share: held.physical[target][used] * np.exp(share * held.log_factor[target][used]) for share in SHARES
        }
        errors = {share: float(np.abs(guess / truth - 1).sum()) for share, guess in guesses.items()}
        shares[target] = next(share for share in SHARES if errors[share] <= _ALMOST * min(errors.values()))
        ratios[target] = truth / guesses[shares[target]]
    return _Inner(shares, ratios, own.values["latency_max"][used] / held.latency[used], held.outside[used])


def _bounds_of(
    data: LayerData, inner: _Inner, pooled: Mapping[str, FloatArray], confidence: float
) -> dict[str, Bounds]:
    """Conformal factors.  A kind has few different weights, so its LUT and FF must also hold for all kinds together."""
    bounds = {}
    for target in FITTED:
        floor = conformal_factor(pooled[target], confidence)
        own = _bounds(inner.ratios[target], inner.outside, confidence)
        bounds[target] = Bounds(max(floor, own.inside), max(floor, own.outside), max(floor, own.beyond))
    bounds["latency_cycles"] = _bounds(inner.latency, inner.outside, confidence)
    blocks = bram18_count(structure_of_data(data))
    some = (blocks > 0) & ~data.latency_strategy
    bounds["bram18"] = _bounds(data.values["bram18"][some] / blocks[some], np.zeros(some.sum(), bool), confidence)
    return bounds


def _widened(bounds: Mapping[str, Bounds], tried: Sequence[Trial], confidence: float) -> dict[str, Bounds]:
    """Bounds of convolutions beyond the data: at least what the worst trial of the structure says."""
    found = dict(bounds)
    for trial in tried:
        for name, ratio in trial.ratios.items():
            factor = conformal_factor(ratio, confidence)
            found[name] = replace(found[name], beyond=max(found[name].beyond, factor))
    return found


def _held_out(data: Mapping[str, LayerData], kind: str) -> _HeldOut:
    own = data[kind]
    size = len(own)
    held = _HeldOut(
        {target: np.ones(size) for target in FITTED},
        {target: np.zeros(size) for target in FITTED},
        np.ones(size),
        np.zeros(size, bool),
        np.zeros(size, bool),
    )
    whole = structure_of_data(own)
    inputs = residual_inputs(whole)
    for test in _inner_folds(own):
        train = np.setdiff1d(np.arange(size), test)
        if not (~own.latency_strategy[train]).any():
            continue
        part = {**data, kind: own.take(train)}
        structures = {name: structure_of_data(item) for name, item in part.items()}
        coefficients = {target: physical_weights(part, structures, target) for target in FITTED}
        fitted = _kind_model(part[kind], structures[kind], coefficients, {}, {})
        model = Hls4mlModel(coefficients, 0.5, {kind: fitted}, CONFIDENCE)
        tested = structure_of_data(own.take(test))
        for target in FITTED:
            held.physical[target][test] = model.physical(tested, target)
            long = fitted.residuals[target][0]
            held.log_factor[target][test] = long.log_factor(inputs[test], fitted.points)
        held.latency[test] = latency_cycles(tested, fitted.offsets)
        held.outside[test] = model.is_outside(tested)
        held.used[test] = True
    return held


_MOST_INNER_FOLDS = 7


def _inner_folds(data: LayerData) -> list[IntArray]:
    """Weights' shapes, gathered into at most seven folds."""
    groups = folds(data, "weights")
    return [np.concatenate(groups[start::_MOST_INNER_FOLDS]) for start in range(min(_MOST_INNER_FOLDS, len(groups)))]


def _bounds(ratio: FloatArray, outside: npt.NDArray[np.bool_], confidence: float) -> Bounds:
    """Factors for options inside the data and outside; never below 1, nor tighter outside than inside."""
    inside = conformal_factor(ratio[~outside], confidence) if (~outside).any() else conformal_factor(ratio, confidence)
    beyond = conformal_factor(ratio[outside], confidence) if outside.any() else inside
    outer = max(inside, beyond)
    return Bounds(inside, outer, outer)


def conformal_factor(ratio: FloatArray, confidence: float) -> float:
    """The conformal quantile of truth over prediction, at least 1 (Vovk; split conformal, one-sided).

    With fewer than confidence / (1 - confidence) ratios it is their largest, which covers n / (n + 1).
    """
    if not len(ratio):
        return 1.0
    ordered = np.sort(ratio)
    rank = min(len(ordered), int(np.ceil(confidence * (len(ordered) + 1))))
    return max(1.0, float(ordered[rank - 1]))
