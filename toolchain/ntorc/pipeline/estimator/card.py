"""The card of a trained estimator: what it is worth, where, and when not to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ntorc.estimator.flags import FLAG_NAMES, FlagLimits
from ntorc.estimator.judging import integer_estimates_v, judge_network
from ntorc.estimator.metrics import Metrics
from ntorc.estimator.robustness import Robustness, robustness_of
from ntorc.estimator.runs import Run
from ntorc.network.network import Network
from ntorc.records import load

if TYPE_CHECKING:
    from ntorc.pipeline.estimator.learn import Learned

CARD_NAME = "card.json"
_WARM_UP_S = 0.48
_WARM_UP_AT_S = (0.0032, 0.032, 0.064, 0.096, 0.128, 0.192, 0.256, 0.384)


@dataclass(frozen=True)
class Card:
    """All figures in the integer arithmetic of the gateware, on runs that neither trained nor chose it.

    Attributes:
        name, form, split, test_runs: which estimator, judged on what.
        data_digest, data_source: of the data that it was trained and judged on.
        sample_rate_hz, frame_samples, period_s, warm_up_s: how it is run.
        adc_lsb_v, mm_per_v, valid_range_v: scales and range.
        multiplies: of one estimate, all counted.
        formats: of the words between the layers.
        metrics: the errors.
        float_rmse_v: before quantisation, on the same runs.
        warm_up_rmse_v: the error so many seconds after a reset.
        limits: of the flags.
        robustness: disturbed sensors, faults and false alarms.
    """

    name: str
    form: str
    split: str
    test_runs: tuple[str, ...]
    data_digest: str
    data_source: str
    sample_rate_hz: float
    frame_samples: int
    period_s: float
    warm_up_s: float
    adc_lsb_v: float
    mm_per_v: float
    valid_range_v: tuple[float, float]
    multiplies: int
    formats: tuple[str, ...]
    metrics: Metrics
    float_rmse_v: float
    warm_up_rmse_v: dict[str, float]
    limits: FlagLimits
    robustness: Robustness


def card_of(learned: Learned, most_runs: int = 8) -> Card:
    """Judge a streaming estimator on its test runs; disturbances on at most ``most_runs`` of them."""
    estimator, network = learned.estimator, learned.network
    test = [learned.runs[name] for name in learned.split.test]
    limits = FlagLimits(network.warm_up, estimator.valid_range_v)
    mm_per_v = estimator.position_mm_per_v
    return Card(
        name=estimator.name,
        form=estimator.form.describe(),
        split=learned.split.name,
        test_runs=learned.split.test,
        data_digest=learned.runs.digest,
        data_source=learned.runs.label,
        sample_rate_hz=estimator.sample_rate_hz,
        frame_samples=network.input_length,
        period_s=estimator.period_s,
        warm_up_s=network.warm_up * network.input_length / estimator.sample_rate_hz,
        adc_lsb_v=estimator.adc_lsb_v,
        mm_per_v=mm_per_v,
        valid_range_v=estimator.valid_range_v,
        multiplies=network.multiplies,
        formats=tuple(str(word) for word in network.formats),
        metrics=judge_network(network, test, estimator.valid_range_v, mm_per_v),
        float_rmse_v=estimator.test_rmse_v,
        warm_up_rmse_v=warm_up_curve(network, test),
        limits=limits,
        robustness=robustness_of(network, test[:most_runs], limits, mm_per_v),
    )


def card_in(folder: Path) -> Card | None:
    """The card beside an estimator, where there is one."""
    path = folder / CARD_NAME
    return load(Card, path) if path.is_file() else None


def warm_up_curve(network: Network, runs: Sequence[Run]) -> dict[str, float]:
    """RMSE in volts by the time since a reset in seconds: runs in pieces that each begin from one."""
    pieces = []
    for run in runs:
        length = round(_WARM_UP_S * run.sample_rate_hz)
        for begin in range(0, run.samples - length + 1, length):
            part = slice(begin, begin + length)
            pieces.append(
                replace(run, acceleration_v=run.acceleration_v[part], position_v=run.position_v[part])
            )
    frame, rate = network.input_length, runs[0].sample_rate_hz
    estimates = np.array(integer_estimates_v(network, pieces))
    truth = np.array([piece.position_v[frame - 1 :: frame][: estimates.shape[1]] for piece in pieces])
    errors = np.sqrt(np.mean((estimates - truth) ** 2, axis=0))
    return {f"{at_s:.4f}": float(errors[max(round(at_s * rate / frame) - 1, 0)]) for at_s in _WARM_UP_AT_S}


def card_text(card: Card) -> str:
    """A card for people."""
    total, found = card.metrics.total, card.robustness
    lines = [
        f"{card.name}: {card.form}",
        f"  {total.rmse_v:.4f} V RMSE ({card.metrics.rmse_mm:.2f} mm at {card.mm_per_v:.1f} mm/V) on"
        f" {len(card.test_runs)} runs, {card.split} split, integer arithmetic; {card.float_rmse_v:.4f} V in float",
        f"  p95 {total.p95_v:.3f} V, largest {total.max_v:.3f} V, delay {1e3 * card.metrics.delay_s:.1f} ms,"
        f" warm-up {1e3 * card.warm_up_s:.0f} ms, an estimate each {1e3 * card.period_s:.1f} ms,"
        f" {card.multiplies} multiplies each",
        "  " + ", ".join(f"{name} {part.rmse_v:.4f} V" for name, part in card.metrics.by_regime.items()),
        "  disturbed: " + ", ".join(f"{name} {value:.4f} V" for name, value in found.rmse_v.items()),
        f"  flags ({', '.join(FLAG_NAMES.values())}): false sensor faults {100 * found.false_alarms:.3f} %,"
        f" too quiet {100 * found.quiet:.1f} % of the frames, {found.rmse_not_quiet_v:.4f} V without any flag",
    ]
    for name, fault in found.faults.items():
        lines.append(
            f"  {name}: flagged in {100 * fault.runs_detected:.0f} % of the runs within {1e3 * fault.delay_s:.0f} ms,"
            f" then in {100 * fault.detected:.1f} % of the frames; {fault.rmse_v:.3f} V if used"
        )
    return "\n".join(lines)
