"""The shipped cost model against synthesis of parts that no choice about it has seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from ntorc.backends.native.characterise import draw_trials, synthesised
from ntorc.cost.native import FITTED, load_model
from ntorc.errors import UsageError
from ntorc.pipeline.flow import Flow


def cost_accuracy(flow: Flow, seed: int, count: int, workers: int = 2) -> dict[str, Any]:
    """Mean absolute percentage errors, how often the upper bound held, and by how much a part was above it at most.

    The bound is one of 95 %: single parts lie above it.  ``factor_over_all`` is the factor on the
    prediction that would have covered every part drawn here, beside the model's ``bound_factor``.

    Args:
        flow: for the cache and progress.
        seed: of the draw; not the model's own.
        count: parts to draw and synthesise.
        workers: synthesis processes side by side.
    """
    model = load_model()
    bounds = model.provenance.get("bounds")
    if seed in (model.provenance["seed"], bounds["seed"] if isinstance(bounds, dict) else None):
        raise UsageError(f"the model was fitted to the parts of seed {seed}", "take another: --seed 4")
    trials = list(draw_trials(seed, count))
    truths = synthesised(trials, workers, None, flow.cache, flow.progress)
    predicted = [model.predict(trial.features) for trial in trials]
    result: dict[str, Any] = {"benchmark": "cost", "seed": seed, "parts": count}
    for target in FITTED:
        truth = np.array([getattr(item, target) for item in truths], float)
        mean = np.array([getattr(pair[0], target) for pair in predicted], float)
        bound = np.array([getattr(pair[1], target) for pair in predicted], float)
        result[target] = {
            "mape_percent": round(float(100 * np.mean(np.abs(mean - truth) / truth)), 2),
            "total_percent": round(float(100 * (mean.sum() / truth.sum() - 1)), 2),
            "below_bound_percent": round(float(100 * np.mean(truth <= bound)), 1),
            "largest_over_bound_percent": round(100 * max(0.0, float(np.max(truth / bound)) - 1), 2),
            "bound_factor": round(model.bound_factor[target], 4),
            "factor_over_all": round(float(np.max(truth / mean)), 4),
        }
    for target in ("dsp", "bram18"):
        exact = [
            getattr(pair[0], target) == getattr(item, target) for pair, item in zip(predicted, truths, strict=True)
        ]
        result[target] = {"exact_percent": round(100 * float(np.mean(exact)), 1)}
    return result
