"""Whether stored measurements still agree with the cost models: drift of a tool, a device or the gateware."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ntorc.cost.calibration import Drift, Measurement, Prior, SourceError, find_drift
from ntorc.cost.native import FITTED
from ntorc.store.base import Observation

PREDICTION = "prediction"
"""Source of an observation that is no measurement: what the model alone had said of a part before it was measured."""

_NATIVE = Prior(
    shift=0.03, kind=0.03, smooth=0.03, subject=0.04, sources={"post_synthesis": SourceError("", 0.0, 0.0, 0.01)},
    model_source="post_synthesis",
)  # fmt: skip
"""Of logs; the native model is fitted to this very tool, and off by 4 % for parts that it has not seen."""


def measured_only(observations: Sequence[Observation]) -> list[Observation]:
    """Without predictions."""
    return [item for item in observations if item.source != PREDICTION]


def native_measurements(observations: Sequence[Observation], target: str) -> list[Measurement]:
    """Synthesis over prediction of the parts that the native model had to predict alone, oldest first."""
    predicted = {
        (item.subject, item.directive): item.quantities[target]
        for item in observations
        if item.source == PREDICTION and item.quantities.get(target, 0.0) > 0
    }
    found = []
    for item in observations:
        guess = predicted.get((item.subject, item.directive))
        if item.source == "post_synthesis" and guess and item.quantities.get(target, 0.0) > 0:
            ratio = math.log(item.quantities[target] / guess)
            label = f"{item.tool} {item.run}".strip()
            found.append(Measurement(item.subject.split()[0], item.subject, (0.0,), item.source, ratio, label))
    return found


def drifts_of(backend: str, observations: Sequence[Observation]) -> dict[str, tuple[int, Drift]]:
    """By quantity: how many measurements there are beside a prediction, and whether they drifted."""
    if backend == "native":
        pairs = {target: native_measurements(observations, target) for target in FITTED}
        return {target: (len(items), find_drift(items, _NATIVE)) for target, items in pairs.items() if items}
    from ntorc.cost.hls4ml import load_hls4ml
    from ntorc.cost.hls4ml_measured import measurements_of, prior_of

    found = measurements_of(load_hls4ml(), measured_only(observations))
    return {name: (len(items), find_drift(items, prior_of(name))) for name, items in found.items() if items}


def drift_lines(found: dict[str, tuple[int, Drift]]) -> list[str]:
    """For people."""
    lines = []
    for name, (count, drift) in sorted(found.items()):
        if drift.is_found:
            way = "more" if drift.direction > 0 else "less"
            since = f"measurement {drift.since + 1} of {count}" + (f" ({drift.label})" if drift.label else "")
            lines.append(f"{name.upper()}: DRIFT since {since}: {way} than the model with what came before says")
        else:
            lines.append(f"{name.upper()}: {count} measurements agree with the model, no drift")
    return lines
