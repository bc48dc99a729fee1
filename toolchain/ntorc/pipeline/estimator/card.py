"""The card of an estimator: what it is worth, where, and when not to believe it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.estimator.flags import FLAG_NAMES, FlagLimits
from ntorc.estimator.judging import integer_estimates_v, judge_network, warm_up_of
from ntorc.estimator.metrics import Metrics
from ntorc.estimator.robustness import CHANGES, FAULTS, Robustness, robustness_of
from ntorc.estimator.runs import Run
from ntorc.network.network import Network
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, load, save

if TYPE_CHECKING:
    from ntorc.pipeline.estimator.learn import Learned

CARD_NAME = "card.json"
_WARM_UP_S = 0.48
_WARM_UP_AT_S = (0.0032, 0.032, 0.064, 0.096, 0.128, 0.192, 0.256, 0.384)
_LEAST_RUN_S = 4.0  # of a disturbed run: a fault at .4 of it, and the slowest flag looks at .8 s


@dataclass(frozen=True)
class Effort:
    """How much a card may cost: multiplies in the reference, which does some 50 to 200 million a second.

    Attributes:
        judge: for the errors; beyond it each second, third... estimate of a window network is judged.
        disturb: for disturbances and faults; beyond it fewer runs are disturbed, less of each, and of a window network
            with fewer estimates.
        runs: disturbed at the most.
    """

    judge: float
    disturb: float
    runs: int


THOROUGH = Effort(judge=3e9, disturb=6e9, runs=8)
"""Beside a training."""

QUICK = Effort(judge=5e8, disturb=3e8, runs=2)
"""Seconds, in a deployment."""


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
        float_rmse_v: before quantisation, on the same runs; None where no float model has been judged on them.
        warm_up_rmse_v: the error so many seconds after a reset; of a window network none, as it says nothing before.
        limits: of the flags.
        robustness: disturbed sensors, faults and false alarms.
        seed: that it was trained with; None if that is not known.
        judged_samples: from one judged estimate to the next; a frame if left out.
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
    float_rmse_v: float | None
    warm_up_rmse_v: dict[str, float]
    limits: FlagLimits
    robustness: Robustness
    seed: int | None = None
    judged_samples: int | None = None


def card_of(learned: Learned, effort: Effort = THOROUGH) -> Card:
    """Judge an estimator of either form on its test runs; disturbances on some of them.

    Raises:
        DataError: no test run is longer than the warm-up.
    """
    estimator, network = learned.estimator, learned.network
    test = [learned.runs[name] for name in learned.split.test]
    hop = _judged_hop(network, test, estimator.hop_samples, effort.judge)
    disturbed, most_s, each = _disturbed(network, test, estimator.hop_samples, effort)
    mm_per_v, valid = estimator.position_mm_per_v, estimator.valid_range_v
    limits = FlagLimits(warm_up_of(network, estimator.hop_samples), valid)
    is_trained = bool(estimator.training_key)
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
        warm_up_s=_warm_up_samples(network) / estimator.sample_rate_hz,
        adc_lsb_v=estimator.adc_lsb_v,
        mm_per_v=mm_per_v,
        valid_range_v=valid,
        multiplies=network.multiplies,
        formats=tuple(str(word) for word in network.formats),
        metrics=judge_network(network, test, valid, mm_per_v, hop),
        float_rmse_v=estimator.test_rmse_v if is_trained and learned.split == estimator.split else None,
        warm_up_rmse_v=warm_up_curve(network, test) if network.stateful else {},
        limits=limits,
        robustness=robustness_of(network, disturbed, limits, mm_per_v, hop=each, most_s=most_s),
        seed=estimator.seed if is_trained else None,
        judged_samples=hop,
    )


def card_stage(flow: Flow, learned: Learned, effort: Effort) -> Card:
    """The card of an estimator that has none: from the store, or made now."""
    key = digest_of(
        {
            "estimator": digest_of(replace(learned.estimator, versions={})),
            "network": learned.network.digest,
            "runs": learned.runs.digest,
            "split": digest_of(learned.split),
            "effort": digest_of(effort),
            "code": code_of("network", "pipeline/estimator/card.py", *_CODE),
        }
    )

    def make(work: Path) -> None:
        save(card_of(learned, effort), work / CARD_NAME)

    return load(Card, flow.once("card", key, make) / CARD_NAME)


_CODE = tuple(f"estimator/{name}.py" for name in ("judging", "metrics", "robustness", "flags", "windows"))


def _warm_up_samples(network: Network) -> int:
    return network.warm_up * network.input_length if network.stateful else network.input_length


def _judged_hop(network: Network, runs: Sequence[Run], hop: int, most: float) -> int:
    """The hop, or a multiple of it: of a network without state fewer estimates are as good a sample."""
    if network.stateful:
        return network.input_length
    estimates = sum(run.samples for run in runs) / hop
    return hop * max(int(np.ceil(estimates * network.multiplies / most)), 1)


def _disturbed(
    network: Network, runs: Sequence[Run], hop: int, effort: Effort
) -> tuple[list[Run], float | None, int]:
    """Which runs are disturbed, how much of each at the most (None for all), and how often there is an estimate."""
    of_an_estimate = (len(CHANGES) + len(FAULTS)) * network.multiplies
    of_a_second = of_an_estimate * runs[0].sample_rate_hz / hop
    if not network.stateful:
        coarser = max(int(np.ceil(of_a_second * _LEAST_RUN_S / effort.disturb)), 1)
        hop, of_a_second = hop * coarser, of_a_second / coarser
    affordable_s = effort.disturb / of_a_second
    count = int(np.clip(affordable_s // _LEAST_RUN_S, 1, min(effort.runs, len(runs))))
    chosen = list(runs[:count])
    most_s = max(affordable_s / count, _LEAST_RUN_S)
    return chosen, None if most_s >= max(run.duration_s for run in chosen) else most_s, hop


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


def figures_of(card: Card) -> dict[str, Any]:
    """A card's figures as plain values, for ``--json``."""
    total, found = card.metrics.total, card.robustness
    return {
        "split": card.split,
        "test_runs": list(card.test_runs),
        "data": card.data_source,
        "seed": card.seed,
        "rmse_v": round(total.rmse_v, 5),
        "rmse_mm": round(card.metrics.rmse_mm, 3),
        "mm_per_v": card.mm_per_v,
        "float_rmse_v": card.float_rmse_v,
        "by_regime_rmse_v": {name: round(part.rmse_v, 5) for name, part in card.metrics.by_regime.items()},
        "p95_v": round(total.p95_v, 5),
        "max_v": round(total.max_v, 5),
        "delay_s": round(card.metrics.delay_s, 5),
        "warm_up_s": card.warm_up_s,
        "multiplies": card.multiplies,
        "judged_samples": card.judged_samples or card.frame_samples,
        "disturbed_runs": list(found.runs),
        "disturbed_rmse_v": {name: round(value, 5) for name, value in found.rmse_v.items()},
        "false_sensor_faults": found.false_alarms,
        "false_out_of_range": found.false_out_of_range,
        "too_quiet": found.quiet,
        "rmse_without_flag_v": found.rmse_not_quiet_v,
        "faults": {name: vars(fault) for name, fault in found.faults.items()},
    }


def card_text(card: Card) -> str:
    """A card for people."""
    total, found = card.metrics.total, card.robustness
    seed = "" if card.seed is None else f", seed {card.seed} (the spread of seeds: ntorc bench estimator)"
    floating = "" if card.float_rmse_v is None else f"; {_volts(card.float_rmse_v)} in float"
    part = f"; each {card.judged_samples} samples judged" if card.judged_samples != _hop_samples(card) else ""
    runs = f"on {len(found.runs)} of {len(card.test_runs)} runs" if found.runs else "on at most 8 of the runs"
    runs += f", at most {found.run_s:.1f} s of each" if found.run_s is not None else ""
    lines = [
        f"{card.name}: {card.form}{seed}",
        f"  {total.rmse_v:.4f} V RMSE ({card.metrics.rmse_mm:.2f} mm at {card.mm_per_v:.1f} mm/V) on"
        f" {len(card.test_runs)} runs, {card.split} split, integer arithmetic{floating}{part}",
        f"  p95 {total.p95_v:.3f} V, largest {total.max_v:.3f} V, delay {1e3 * card.metrics.delay_s:.1f} ms,"
        f" warm-up {1e3 * card.warm_up_s:.0f} ms, an estimate each {1e3 * card.period_s:.1f} ms,"
        f" {card.multiplies} multiplies each",
        "  " + ", ".join(f"{name} {part.rmse_v:.4f} V" for name, part in card.metrics.by_regime.items()),
        f"  disturbed ({runs}): " + ", ".join(f"{name} {value:.4f} V" for name, value in found.rmse_v.items()),
        f"  flags ({', '.join(FLAG_NAMES.values())}): false sensor faults {100 * found.false_alarms:.3f} %, falsely out"
        f" of range {100 * found.false_out_of_range:.3f} %, too quiet {100 * found.quiet:.1f} % of the frames,"
        f" {_volts(found.rmse_not_quiet_v)} without any flag",
    ]
    for name, fault in found.faults.items():
        within = "-" if fault.delay_s is None else f"{1e3 * fault.delay_s:.0f} ms"
        before = f"; up before in {100 * fault.flagged_before:.0f} %" if fault.flagged_before else ""
        lines.append(
            f"  {name}: flagged in {100 * fault.runs_detected:.0f} % of the runs within {within},"
            f" then in {100 * fault.detected:.1f} % of the frames; {fault.rmse_v:.3f} V if used{before}"
        )
    return "\n".join(lines)


def _hop_samples(card: Card) -> int | None:
    """From one estimate to the next, where the card says what was judged."""
    return None if card.judged_samples is None else round(card.period_s * card.sample_rate_hz)


def _volts(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f} V"
