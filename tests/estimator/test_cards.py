"""The card of a network of either form: what is judged, on what, and what a deployment can afford of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ntorc.errors import DataError, UsageError
from ntorc.estimator.estimator import load_model
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.estimator.judging import integer_estimates_v, judge_network, warm_up_of
from ntorc.estimator.lengths import check_lengths
from ntorc.estimator.models import build_model
from ntorc.estimator.runs import Run, Runs, make_run
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import honest
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.estimator.training import TrainingConfig
from ntorc.estimator.windows import cut
from ntorc.network import reference
from ntorc.pipeline.estimator.card import QUICK, Card, Effort, card_of, card_stage, card_text, figures_of
from ntorc.pipeline.estimator.judge import held_out, judged
from ntorc.pipeline.estimator.learn import Given, Learned, estimator_stage, learn
from ntorc.pipeline.estimator.shipped import load_ready, shipped_folder, split_for
from ntorc.pipeline.flow import Flow
from ntorc.records import load, save
from ntorc.store.local import LocalStore

SMALL = TrainingConfig(form=WindowForm(200, (ConvLayer(4, 8, stride=4),), (8,)), epochs=1, steps_per_epoch=20, batch=64)


def new_flow(folder: Path) -> Flow:
    return Flow(LocalStore(folder / "store"), folder / "cache", folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cards")
    simulate_runs(seed=2, trajectories=3, replicas=1, duration_s=5.0).save(folder / "runs")
    return folder


@pytest.fixture(scope="module")
def window(place: Path) -> Learned:
    return learn(new_flow(place), place / "runs", SMALL)


def check(card: Card, learned: Learned) -> None:
    """What every card says."""
    figures, text = figures_of(card), card_text(card)
    assert figures["split"] == learned.split.name
    assert f"{learned.split.name} split" in text
    assert f"{card.metrics.rmse_mm:.2f} mm at {card.mm_per_v:.1f} mm/V" in text
    assert figures["multiplies"] == learned.network.multiplies
    assert figures["by_regime_rmse_v"].keys() == card.metrics.by_regime.keys()
    assert figures["disturbed_rmse_v"]["nominal"] > 0.0
    assert figures["faults"]["dead"]["runs_detected"] == 1.0
    assert "falsely out of range" in text
    assert f"disturbed (on {len(card.robustness.runs)} of {len(card.test_runs)} runs" in text


def test_the_card_of_a_window_network(window: Learned, tmp_path: Path) -> None:
    card = card_of(window)
    check(card, window)
    assert (card.frame_samples, card.judged_samples, card.seed) == (200, 16, 0)
    assert card.warm_up_s == pytest.approx(0.04)
    assert card.float_rmse_v == pytest.approx(window.estimator.test_rmse_v)
    assert f"{card.float_rmse_v:.4f} V in float" in card_text(card)
    # the same estimates as the deployment judges, but for those at which windows begin
    found = judged(held_out(window), window.network, 16, lambda *_: None)
    assert card.metrics.total.rmse_v == pytest.approx(found.rmse_v, rel=0.05)
    assert card.metrics.total.rmse_v == pytest.approx(card.float_rmse_v, rel=0.05)
    assert load(Card, save(card, tmp_path / "card.json")) == card


def test_estimates_of_windows_come_at_each_hop(window: Learned) -> None:
    run, network = window.runs.runs[0], window.network
    found = integer_estimates_v(network, [run], hop=40)[0]
    assert (len(found), warm_up_of(network, 40), warm_up_of(network, 16)) == (run.samples // 40, 4, 12)
    windows = cut([run], 200, 40)
    counts = windows.inputs(0).astype(np.int64)
    wanted = network.output_format.values(reference.run(network, counts)[:, 0])
    np.testing.assert_array_equal(found[4:], wanted)
    assert judge_network(network, [run], (0.0, 5.0), 40.0, hop=40).total.frames == len(wanted)


def test_a_card_that_must_be_quick_judges_less(window: Learned) -> None:
    few = card_of(window, Effort(judge=1e6, disturb=5e6, runs=8))
    assert few.judged_samples is not None
    assert few.judged_samples > 16
    assert few.metrics.total.frames * window.network.multiplies < 2e6
    assert f"each {few.judged_samples} samples judged" in card_text(few)
    assert len(few.robustness.runs) == 1


def test_a_card_is_made_once(window: Learned, place: Path) -> None:
    flow = new_flow(place)
    first = card_stage(flow, window, QUICK)
    assert card_stage(flow, window, QUICK) == first
    assert flow.reused == ["card"]


def test_the_card_of_a_given_model(place: Path, tmp_path: Path) -> None:
    model = build_model(WindowForm(64, (), (4,)), seed=3)
    model.save(tmp_path / "mine.keras")
    learned = learn(new_flow(place), place / "runs", StreamingConfig(), given=Given(tmp_path / "mine.keras"))
    card = card_of(learned, QUICK)
    check(card, learned)
    assert (card.split, card.seed, card.float_rmse_v) == ("unknown", None, None)
    assert "in float" not in card_text(card)


def test_the_card_of_a_streaming_network_on_other_runs(place: Path) -> None:
    estimator, network = load_ready(shipped_folder())
    runs = Runs.load(place / "runs")
    learned = Learned(runs, split_for(estimator, runs), estimator, shipped_folder(), network)
    card = card_of(learned, QUICK)
    check(card, learned)
    assert (card.split, card.float_rmse_v, card.seed) == ("unseen", None, estimator.seed)
    assert card.warm_up_s == pytest.approx(0.128)
    assert card.warm_up_rmse_v["0.0032"] > card.warm_up_rmse_v["0.3840"]


def test_no_frame_without_a_flag_is_no_error_of_zero(window: Learned) -> None:
    card = card_of(window, QUICK)
    assert "- without any flag" in card_text(
        replace(card, robustness=replace(card.robustness, rmse_not_quiet_v=None))
    )


def test_counts_are_no_volts() -> None:
    counts = (np.random.default_rng(1).normal(0.0, 800.0, 5_000)).astype(np.int16)
    with pytest.raises(DataError, match="are no volts") as caught:
        make_run("a_test0", "a", counts, np.full(5_000, 2.0), 5000.0)
    assert "volts a count" in caught.value.hint
    make_run("a_test0", "a", np.full(5_000, -49.0), np.full(5_000, 2.0), 5000.0)


@pytest.mark.parametrize(("config", "told"), [(SMALL, "window of 200 samples"), (StreamingConfig(), "warm-up of 40")])
def test_runs_that_are_too_short_are_refused_before_training(
    tmp_path: Path, config: TrainingConfig | StreamingConfig, told: str
) -> None:
    whole = simulate_runs(seed=2, trajectories=3, replicas=1, duration_s=3.0)
    split = honest(whole)
    short = [
        Run(run.name, run.family, run.acceleration_v[:256], run.position_v[:256]) if run.name in split.test else run
        for run in whole
    ]
    runs = replace(whole, runs=tuple(short))
    form = replace(config.form, window_samples=300) if isinstance(config, TrainingConfig) else config.form
    with pytest.raises(DataError, match=f"no run of the test part is longer than the {told[:9]}") as caught:
        check_lengths(runs, split, form)
    assert "256 samples" in str(caught.value)
    flow = new_flow(tmp_path)
    with pytest.raises(DataError, match="no run of the test part"):
        estimator_stage(flow, runs, replace(config, form=form), split)  # type: ignore[arg-type]
    assert not list((tmp_path / "store").glob("work/*/*"))
    check_lengths(whole, split, form)


def test_resume_goes_on_with_what_was_begun_alone(place: Path, tmp_path: Path) -> None:
    flow, runs = new_flow(tmp_path), Runs.load(place / "runs")
    config = replace(SMALL, epochs=2, steps_per_epoch=2)
    with pytest.raises(UsageError, match="nothing to resume") as caught:
        estimator_stage(flow, runs, config, resume=True)
    assert "without --resume" in caught.value.hint

    class Stop(type(flow.progress)):  # type: ignore[misc]
        said: list[str]

        def step(self, what: str, done: int, total: int) -> None:
            raise KeyboardInterrupt

    stopped = replace(flow, progress=Stop())
    with pytest.raises(KeyboardInterrupt):
        estimator_stage(stopped, runs, config)
    with pytest.raises(UsageError, match="nothing to resume"):
        estimator_stage(flow, runs, replace(config, seed=5), resume=True)
    _, estimator, folder = estimator_stage(flow, runs, config, resume=True)
    assert estimator.epochs[0] == 2
    assert load_model(folder) is not None
    assert estimator_stage(flow, runs, config, resume=True)[2] == folder
