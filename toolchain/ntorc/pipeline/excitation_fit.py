"""The simulator's excitation fitted to recorded runs: RMS by regime, kurtosis, and the power in each mode's band."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from ntorc.estimator.excitation import Excitation
from ntorc.estimator.runs import Runs
from ntorc.estimator.signal_card import SignalCard, signal_card
from ntorc.estimator.simulator import Rig, simulate_runs
from ntorc.estimator.trajectories import recognise
from ntorc.progress import Progress

FITTED = (
    "bump_n_s_per_v",
    "bump_s",
    "bump_spread",
    "knock_m_per_s2",
    "knock_s",
    "rolling_n_s_per_v",
    "hunting_m_per_s2",
)
_BANDS = ("15-60 Hz", "140-300 Hz", "300-450 Hz", "450-800 Hz")
_FLOOR = 1e-3  # of a band's share
_SEED, _TRAJECTORIES, _DURATION_S = 5, 8, 8.0


def figures_of(card: SignalCard) -> dict[str, float]:
    """What is fitted, as logarithms, so that a factor counts the same up and down."""
    figures = {
        f"RMS {name}": math.log(max(card.regime_rms_v.get(name, 1e-3), 1e-3)) for name in ("moving", "vibrating dwell")
    }
    figures["kurtosis"] = math.log(card.kurtosis[1])
    return figures | {name: math.log(max(card.band_share[name], _FLOOR)) for name in _BANDS}


def one_of_each(runs: Runs) -> Runs:
    """One replica of each trajectory, so that a motion that was much repeated counts once."""
    names = {found.replicas[0] for found in recognise(runs)}
    return replace(runs, runs=tuple(run for run in runs if run.name in names))


def fit_excitation(runs: Runs, evaluations: int, progress: Progress) -> dict[str, Any]:
    """Nelder and Mead's search over the logarithms of `FITTED`, from the shipped values.

    Args:
        runs: recorded.
        evaluations: simulations at most.
        progress: told of each.

    Returns:
        The best values, the distance (RMS of the figures' log ratios) before and after, and the figures.
    """
    from scipy.optimize import minimize

    wanted = figures_of(signal_card(one_of_each(runs)))
    start = Excitation()
    tried: list[tuple[float, Excitation, dict[str, float]]] = []

    def distance(logarithms: Any) -> float:
        values = {
            name: float(getattr(start, name) * math.exp(step)) for name, step in zip(FITTED, logarithms, strict=True)
        }
        excitation = replace(start, **values)
        simulated = simulate_runs(
            seed=_SEED,
            trajectories=_TRAJECTORIES,
            replicas=1,
            duration_s=_DURATION_S,
            rig=Rig(excitation=excitation),
        )
        found = figures_of(signal_card(simulated))
        off = float(np.sqrt(np.mean([(found[name] - wanted[name]) ** 2 for name in wanted])))
        tried.append((off, excitation, found))
        progress.step(f"simulations, distance {min(item[0] for item in tried):.3f}", len(tried), evaluations)
        return off

    simplex = np.zeros((len(FITTED) + 1, len(FITTED)))
    for index in range(len(FITTED)):
        simplex[index + 1, index] = 0.5
    minimize(
        distance,
        simplex[0],
        method="Nelder-Mead",
        options={"maxfev": evaluations, "initial_simplex": simplex},
    )
    off, best, found = min(tried, key=lambda item: item[0])
    return {
        "benchmark": "excitation",
        "evaluations": len(tried),
        "distance_before": round(tried[0][0], 4),
        "distance": round(off, 4),
        "excitation": {name: float(f"{asdict(best)[name]:.3g}") for name in FITTED},
        "figures": {
            name: {
                "recorded": round(math.exp(wanted[name]), 4),
                "simulated_before": round(math.exp(tried[0][2][name]), 4),
                "simulated": round(math.exp(found[name]), 4),
            }
            for name in wanted
        },
    }
