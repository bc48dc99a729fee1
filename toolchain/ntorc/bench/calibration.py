"""How much a few measurements of a shifted tool or device are worth: the conjugate update against simpler ways.

The shift is simulated on the recorded synthesis data, so the truth is known for every design: a common factor, one of
each layer kind, a trend over the reuse factor, and a scatter of each design, all drawn anew for each repetition.
The model's predictions are those of the structural basis with the design's weights held out, so its own error counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.cost.calibration import Asked, Calibration, Measurement
from ntorc.cost.hls4ml import FITTED, Hls4mlModel, load_hls4ml
from ntorc.cost.hls4ml_measured import prior_of
from ntorc.cost.hls4ml_weights import physical_weights, structure_of_data
from ntorc.cost.splits import folds
from ntorc.cost.synthesis_data import KINDS, LayerData, load_synthesis, synthesis_folder
from ntorc.progress import Progress

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

COUNTS = (0, 1, 2, 5, 10, 20)
WAYS = (
    "model",
    "global factor",
    "refit to measurements alone",
    "refit to old data and measurements",
    "conjugate update",
)

_COMMON, _KIND, _TREND, _SCATTER = 0.4, 0.15, 0.03, 0.03  # deviations of logs; the trend's an octave of reuse factor


def calibration_accuracy(folder: Path | None, repetitions: int, seed: int, progress: Progress) -> dict[str, Any]:
    """MAPE on the designs that were not measured, by way and number of measurements.

    Args:
        folder: of the synthesis data; where it is looked for when left out.
        repetitions: simulated shifts.
        seed: of shifts and of which designs are measured.
        progress: told of each repetition.
    """
    data = load_synthesis(synthesis_folder(folder))
    model = load_hls4ml()
    keys = {kind: (own := data.layers(kind).resource).take(own.reuse_factor > 1) for kind in KINDS}
    names = np.concatenate([[kind] * len(keys[kind]) for kind in KINDS])
    points = np.concatenate([np.log2(item.features[:, :3]) for item in keys.values()])
    result: dict[str, Any] = {"benchmark": "calibration", "repetitions": repetitions, "seed": seed}
    covered: dict[int, list[float]] = {count: [] for count in COUNTS}
    for number, target in enumerate(FITTED):
        truth = np.concatenate([item.values[target] for item in keys.values()])
        guess = _held_out(keys, model, target)
        errors: dict[str, dict[int, list[float]]] = {way: {count: [] for count in COUNTS} for way in WAYS}
        draw = np.random.default_rng([seed, number])
        for repetition in range(repetitions):
            shifted = truth * np.exp(_draw_shift(draw, names, points))
            order = draw.permutation(len(truth))
            for count in COUNTS:
                measured, rest = order[:count], order[count:]
                conjugate, deviation = _conjugate(names, points, shifted, guess, measured, target)
                predictions = {
                    "model": guess,
                    "global factor": guess * _global(shifted, guess, measured),
                    "refit to measurements alone": _refit(keys, model, target, shifted, guess, measured, old=False),
                    "refit to old data and measurements": _refit(
                        keys, model, target, shifted, guess, measured, old=True
                    ),
                    "conjugate update": conjugate,
                }
                for way, prediction in predictions.items():
                    errors[way][count].append(float(np.mean(np.abs(prediction[rest] / shifted[rest] - 1))))
                within = np.abs(np.log(shifted / conjugate)) <= 2.576 * np.hypot(deviation, _SCATTER)
                covered[count].append(float(np.mean(within[rest])))
            progress.step(f"shifts of {target.upper()}", repetition + 1, repetitions)
        result[target] = {
            way: {str(count): round(100 * float(np.mean(values)), 2) for count, values in rows.items()}
            for way, rows in errors.items()
        }
    result["conjugate_99_percent_interval_covers"] = {
        str(count): round(100 * float(np.mean(values)), 1) for count, values in covered.items()
    }
    return result


def _held_out(keys: Mapping[str, LayerData], model: Hls4mlModel, target: str) -> FloatArray:
    """Predictions of every design by a basis that was fitted without its weights' shape."""
    found = []
    for kind, own in keys.items():
        guess = np.ones(len(own))
        for test in folds(own, "weights"):
            part = {**keys, kind: own.take(np.setdiff1d(np.arange(len(own)), test))}
            structures = {name: structure_of_data(item) for name, item in part.items()}
            fitted = Hls4mlModel({target: physical_weights(part, structures, target)}, 0.5, {}, model.confidence)
            guess[test] = fitted.physical(structure_of_data(own.take(test)), target)
        found.append(guess)
    return np.concatenate(found)


def _draw_shift(draw: np.random.Generator, names: npt.NDArray[np.str_], points: FloatArray) -> FloatArray:
    """The log of the new tool's figure over the old one's, each design's."""
    kinds = {kind: draw.normal(0, _KIND) for kind in KINDS}
    trend = draw.normal(0, _TREND) * (points[:, 0] - points[:, 0].mean())
    shift: FloatArray = (
        draw.normal(0, _COMMON)
        + np.array([kinds[name] for name in names.tolist()])
        + trend
        + draw.normal(0, _SCATTER, len(names))
    )
    return shift


def _global(truth: FloatArray, guess: FloatArray, measured: IntArray) -> float:
    """The geometric mean of measured over predicted."""
    return float(np.exp(np.mean(np.log(truth[measured] / guess[measured])))) if len(measured) else 1.0


def _conjugate(
    names: npt.NDArray[np.str_],
    points: FloatArray,
    truth: FloatArray,
    guess: FloatArray,
    measured: IntArray,
    target: str,
) -> tuple[FloatArray, FloatArray]:
    subjects = [str(index) for index in range(len(names))]
    items = [
        Measurement(
            str(names[index]),
            subjects[index],
            tuple(points[index].tolist()),
            "csynth",
            float(np.log(truth[index] / guess[index])),
        )
        for index in measured.tolist()
    ]
    calibration = Calibration(items, prior_of(target))
    shift, deviation = calibration.shift(Asked(names.tolist(), subjects, points, "csynth"))
    return guess * np.exp(shift), deviation


def _refit(
    keys: Mapping[str, LayerData],
    model: Hls4mlModel,
    target: str,
    truth: FloatArray,
    guess: FloatArray,
    measured: IntArray,
    *,
    old: bool,
) -> FloatArray:
    """The structural basis fitted anew, to the measurements alone or with the old data in the other designs' place."""
    if not len(measured):
        return guess
    values = np.concatenate([item.values[target] for item in keys.values()])
    values[measured] = truth[measured]
    used = np.ones(len(values), bool)
    if not old:
        used[:] = False
        used[measured] = True
    start, chosen = 0, {}
    for kind, item in keys.items():
        here = slice(start, start + len(item))
        replaced = LayerData(**{**vars(item), "values": {**item.values, target: values[here]}})
        chosen[kind] = replaced.take(np.flatnonzero(used[here]))
        start += len(item)
    chosen = {kind: item for kind, item in chosen.items() if len(item)}
    weights = physical_weights(chosen, {kind: structure_of_data(item) for kind, item in chosen.items()}, target)
    fitted = Hls4mlModel({target: weights}, model.dsp_share, {}, model.confidence)
    found = np.concatenate([fitted.physical(structure_of_data(item), target) for item in keys.values()])
    return np.maximum(found, 1.0)


def as_text(result: Mapping[str, Any]) -> str:
    """Tables for people."""
    lines = [f"MAPE in % on designs not measured, after so many measurements; {result['repetitions']} simulated shifts"]
    for target in FITTED:
        lines.append(f"{target.upper():36}" + "".join(f"{count:>9}" for count in COUNTS))
        for way in WAYS:
            lines.append(f"  {way:34}" + "".join(f"{result[target][way][str(count)]:9.1f}" for count in COUNTS))
    inside = result["conjugate_99_percent_interval_covers"]
    lines.append("the update's 99 % interval covers, %  " + "".join(f"{inside[str(count)]:9.1f}" for count in COUNTS))
    return "\n".join(lines)
