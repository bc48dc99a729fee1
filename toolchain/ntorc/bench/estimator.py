"""What the estimator reaches: honest, paper's and simulated splits, three seeds each, integer arithmetic."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import UsageError
from ntorc.estimator.forms import RIG_BANK, SMALL_BANK, StreamingForm
from ntorc.estimator.judging import judge_network
from ntorc.estimator.metrics import Metrics
from ntorc.estimator.named_splits import holding_out, paper, simulated_then_recorded
from ntorc.estimator.runs import Runs
from ntorc.estimator.splits import Split
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.pipeline.estimator.learn import estimator_stage, network_stage
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, load, save

HELD_OUT = ("set2", "set5", "set8", "set9")
CHOOSING = ("set3", "set7")
SEEDS = (1, 2, 3)
SIMULATED_TRAJECTORIES, SIMULATED_S = 64, 12.0


@dataclass(frozen=True)
class Setting:
    """One line of the table.

    Attributes:
        name: of the line.
        split: ``honest``, ``paper`` or ``simulated``.
        form: what is trained.
        asked_v: the error that is asked for.
        most_multiplies: and with how many.
        iterations_of: the setting whose validation says how many iterations; its own if the same name.
    """

    name: str
    split: str
    form: StreamingForm
    asked_v: float
    most_multiplies: int
    iterations_of: str


SETTINGS = (
    Setting("honest-8.5K", "honest", StreamingForm(RIG_BANK, 32), 0.075, 8500, "honest-8.5K"),
    Setting("paper-8.5K", "paper", StreamingForm(RIG_BANK, 32), 0.060, 8500, "paper-8.5K"),
    Setting("simulated-8.5K", "simulated", StreamingForm(RIG_BANK, 32), 0.120, 8500, "simulated-8.5K"),
    Setting("honest-5K", "honest", StreamingForm(SMALL_BANK, 24), 0.085, 5000, "honest-8.5K"),
    Setting("honest-25K", "honest", StreamingForm(RIG_BANK, 72, members=3), 0.065, 25000, "honest-8.5K"),
)


@dataclass(frozen=True)
class Row:
    """One trained estimator, judged once."""

    setting: str
    seed: int
    iterations: int
    validation_rmse_v: float | None
    float_rmse_v: float
    multiplies: int
    metrics: Metrics


def estimator_figures(
    flow: Flow, runs: Runs, seeds: tuple[int, ...] = SEEDS, only: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Train what is not in the store yet, and judge all.

    Raises:
        UsageError: a setting that there is not.
    """
    names = tuple(setting.name for setting in SETTINGS)
    for name in only:
        if name not in names:
            raise UsageError(f"there is no setting '{name}'", f"known: {', '.join(names)}")
    chosen = [setting for setting in SETTINGS if not only or setting.name in only]
    lines = []
    for number, setting in enumerate(chosen):
        found, split = data_of(flow, runs, setting.split)
        iterations = iterations_for(flow, runs, setting)
        rows = []
        for seed in seeds:
            flow.progress.message(f"{setting.name}: seed {seed}, {setting.form.describe()}")
            rows.append(row_of(flow, found, split, setting, seed, iterations))
        lines.append(summarise(setting, split, rows))
        flow.progress.message("  " + text_of(lines[-1]))
        flow.progress.step("settings", number + 1, len(chosen))
    return {"benchmark": "estimator", "data": runs.source, "lines": lines}


def data_of(flow: Flow, runs: Runs, split: str) -> tuple[Runs, Split]:
    """Runs and split of a setting."""
    if split == "honest":
        return runs, holding_out(runs, HELD_OUT, CHOOSING)
    if split == "paper":
        return runs, paper(runs)
    return simulated_then_recorded(simulated_runs(flow), runs)


def simulated_runs(flow: Flow) -> Runs:
    """Many short motions of the simulator, each on another rig of the kind."""
    from ntorc.estimator.simulator import SOURCES, Spread, simulate_runs

    spread = Spread()
    asked = [1, SIMULATED_TRAJECTORIES, SIMULATED_S, digest_of(spread)]
    key = digest_of({"simulated": asked, "code": code_of(*SOURCES)})

    def make(work: Path) -> None:
        simulate_runs(
            seed=1,
            trajectories=SIMULATED_TRAJECTORIES,
            replicas=1,
            duration_s=SIMULATED_S,
            spread=spread,
            progress=flow.progress,
        ).save(work)

    return Runs.load(flow.once("runs", key, make))


def iterations_for(flow: Flow, runs: Runs, setting: Setting) -> int:
    """What the validation trajectories say (simulated ones if such are trained on), asked once by the first seed."""
    source = next(one for one in SETTINGS if one.name == setting.iterations_of)
    found, split = data_of(flow, runs, source.split)
    config = StreamingConfig(form=source.form, seed=SEEDS[0])
    _, estimator, _ = estimator_stage(flow, found, config, split)
    return estimator.epochs[1]


def row_of(flow: Flow, runs: Runs, split: Split, setting: Setting, seed: int, iterations: int) -> Row:
    """One estimator: from the store, or trained; then its integer network on the test runs."""
    config = StreamingConfig(form=setting.form, seed=seed)
    validate = setting.iterations_of == setting.name and seed == SEEDS[0]
    if not validate:
        config = replace(config, iterations=iterations)
    _, estimator, folder = estimator_stage(flow, runs, config, split, validate=validate)
    network = network_stage(flow, runs, split, estimator, folder)
    code = code_of("network", "estimator/judging.py", "estimator/metrics.py")
    key = digest_of({"network": network.digest, "runs": runs.digest, "split": digest_of(split), "code": code})

    def make(work: Path) -> None:
        flow.progress.message(f"  judging {len(split.test)} runs in integers")
        test = [runs[name] for name in split.test]
        save(judge_network(network, test, estimator.valid_range_v, estimator.position_mm_per_v), work / "metrics.json")

    metrics = load(Metrics, flow.once("judged", key, make) / "metrics.json")
    return Row(
        setting.name,
        seed,
        estimator.epochs[1],
        estimator.validation_rmse_v,
        estimator.test_rmse_v,
        network.multiplies,
        metrics,
    )


def summarise(setting: Setting, split: Split, rows: list[Row]) -> dict[str, Any]:
    """The seeds of one setting together."""
    reached = np.array([row.metrics.total.rmse_v for row in rows])
    first = rows[0]
    regimes = sorted({name for row in rows for name in row.metrics.by_regime})
    return {
        "setting": setting.name,
        "split": split.name,
        "form": setting.form.describe(),
        "multiplies": first.multiplies,
        "most_multiplies": setting.most_multiplies,
        "asked_rmse_v": setting.asked_v,
        "rmse_v": {str(row.seed): round(row.metrics.total.rmse_v, 5) for row in rows},
        "mean_rmse_v": round(float(reached.mean()), 5),
        "spread_v": round(float(np.ptp(reached)), 5),
        "reached": bool(reached.max() <= setting.asked_v and first.multiplies <= setting.most_multiplies),
        "float_rmse_v": {str(row.seed): round(row.float_rmse_v, 5) for row in rows},
        "validation_rmse_v": first.validation_rmse_v,
        "iterations": first.iterations,
        "by_regime_rmse_v": {
            name: round(float(np.mean([row.metrics.by_regime[name].rmse_v for row in rows])), 5) for name in regimes
        },
        "p95_v": round(float(np.mean([row.metrics.total.p95_v for row in rows])), 5),
        "max_v": round(float(np.max([row.metrics.total.max_v for row in rows])), 5),
        "delay_s": round(float(np.mean([row.metrics.delay_s for row in rows])), 5),
        "clamped_rmse_v": round(float(np.mean([row.metrics.clamped_rmse_v for row in rows])), 5),
        "rmse_mm": round(float(np.mean([row.metrics.rmse_mm for row in rows])), 3),
        "mm_per_v": first.metrics.mm_per_v,
        "test_runs": list(split.test),
        "rows": [asdict(row) for row in rows],
    }


def text_of(line: dict[str, Any]) -> str:
    """One line for people."""
    seeds = ", ".join(f"{value:.4f}" for value in line["rmse_v"].values())
    regimes = ", ".join(f"{name} {value:.4f}" for name, value in line["by_regime_rmse_v"].items())
    return (
        f"{line['setting']} ({line['split']} split): {seeds} V by seed, mean {line['mean_rmse_v']:.4f} V"
        f" ({line['rmse_mm']:.2f} mm at {line['mm_per_v']:.1f} mm/V), asked {line['asked_rmse_v']:.3f} V with"
        f" {line['most_multiplies']}: {'reached' if line['reached'] else 'SHORT'}; {line['multiplies']} multiplies,"
        f" {line['form']}; {regimes}; p95 {line['p95_v']:.3f} V, max {line['max_v']:.2f} V,"
        f" delay {1e3 * line['delay_s']:.1f} ms"
    )
