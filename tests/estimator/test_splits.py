"""Honest splits: whole trajectories, every part filled, the same each time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.bench.estimator import CHOOSING, HELD_OUT, SETTINGS
from ntorc.errors import DataError, UsageError
from ntorc.estimator.estimator import load_estimator
from ntorc.estimator.motions import random_motion, slow_motion
from ntorc.estimator.named_splits import holding_out, paper, split_named, whole_run
from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.splits import Split, honest
from ntorc.estimator.trajectories import recognise
from ntorc.pipeline.estimator.shipped import UNKNOWN, UNSEEN, shipped_folder, split_for


def motion_runs(randoms: int, slows: int, replicas: int) -> Runs:
    """Runs with real motions and no vibration: splits look at positions only."""
    runs = []
    for number in range(randoms + slows):
        maker = random_motion if number < randoms else slow_motion
        motion = maker(np.random.default_rng([9, number]), 25_000, 5000.0, f"m{number}")
        for replica in range(replicas):
            runs.append(Run(f"m{number}_test{replica}", "f", np.ones(25_000), motion.position_v))  # type: ignore[arg-type]
    return Runs(tuple(runs), "motions")


def assert_honest(split: Split, runs: Runs) -> None:
    parts = (split.train, split.validation, split.test)
    assert all(parts)
    assert sorted(name for part in parts for name in part) == [run.name for run in runs]
    used = [{split.trajectories[name] for name in part} for part in parts]
    assert sum(len(part) for part in used) == len(set.union(*used))


def test_recorded_runs_are_tested_on_random_motion(dropbear: Runs) -> None:
    split = honest(dropbear)
    assert_honest(split, dropbear)
    assert split == honest(Runs(dropbear.runs[::-1], "elsewhere"))
    lengths = {t.name: t.duration_s for t in recognise(dropbear)}
    total_s = sum(lengths.values())
    for part, low, high in ((split.test, 0.17, 0.26), (split.validation, 0.1, 0.2)):
        assert all(name.startswith("Random") for name in part)
        assert low < sum(lengths[name] for name in {split.trajectories[run] for run in part}) / total_s < high
    # motion of every kind is left to train on
    assert {name.split("_")[0] for name in split.train} == {"Random", "Slow", "Standard"}


@settings(max_examples=25)
@given(st.integers(0, 6), st.integers(0, 3), st.integers(1, 2), st.floats(0.01, 0.6), st.floats(0.01, 0.39))
def test_any_three_trajectories_can_be_split(
    randoms: int, slows: int, replicas: int, test_fraction: float, validation_fraction: float
) -> None:
    if randoms + slows == 0:
        return
    runs = motion_runs(randoms, slows, replicas)
    if len(recognise(runs)) < 3:
        with pytest.raises(DataError, match="needs three"):
            honest(runs)
    else:
        assert_honest(honest(runs, test_fraction=test_fraction, validation_fraction=validation_fraction), runs)


@pytest.mark.parametrize("fractions", [(0.0, 0.1), (0.5, 0.5), (0.2, -0.1), (float("nan"), 0.1)])
def test_fractions_must_leave_something(simulated: Runs, fractions: tuple[float, float]) -> None:
    with pytest.raises(DataError, match="cannot hold out"):
        honest(simulated, test_fraction=fractions[0], validation_fraction=fractions[1])


def test_a_torn_trajectory_is_found(simulated: Runs) -> None:
    split = honest(simulated)
    split.check(simulated)
    moved = split.test[0]
    torn = replace(split, test=split.test[1:], train=(*split.train, moved))
    with pytest.raises(DataError, match="trajectory"):
        torn.check(simulated)
    with pytest.raises(DataError, match="empty"):
        replace(split, validation=()).check(simulated)
    with pytest.raises(DataError, match="no run named"):
        replace(split, test=("nobody",)).check(simulated)
    with pytest.raises(DataError, match="both in"):
        replace(split, validation=split.test).check(simulated)


def test_splits_by_name_say_what_they_are() -> None:
    runs = motion_runs(6, 2, 2)
    same, split = split_named(runs, "honest")
    assert same is runs
    assert_honest(split, runs)
    pieces, torn = split_named(runs, "leaky")
    assert torn.name == "leaky"
    assert {whole_run(name) for name in torn.train} & {whole_run(name) for name in torn.test}
    assert {whole_run(run.name) for run in pieces} == {run.name for run in runs}
    with pytest.raises(DataError, match="published run"):
        split_named(runs, "paper")
    with pytest.raises(UsageError, match="no split 'random'"):
        split_named(runs, "random")


@pytest.mark.parametrize("name", ["honest", "leaky"])
def test_runs_that_may_have_been_trained_on_are_never_called_unseen(name: str) -> None:
    """An estimator that is judged on a part of its data, or on the whole runs that its pieces were cut from."""
    runs = motion_runs(6, 2, 2)
    own, split = split_named(runs, name)
    about = replace(load_estimator(shipped_folder()), split=split, data_digest=own.digest)
    assert split_for(about, own) == split
    trained = {whole_run(name) for name in split.train}
    part = replace(runs, runs=tuple(run for run in runs if run.name in trained)[:3])
    assert split_for(about, part).name == UNKNOWN
    others = replace(runs, runs=tuple(replace(run, name=f"other_{run.name}") for run in runs))
    assert split_for(about, others).name == UNSEEN


def test_no_line_of_the_benchmark_is_chosen_by_its_own_test_runs(dropbear: Runs) -> None:
    splits = {"honest": holding_out(dropbear, HELD_OUT, CHOOSING), "paper": paper(dropbear)}
    of_line = {setting.name: setting.split for setting in SETTINGS}
    for setting in SETTINGS:
        if setting.split in splits:
            chosen_on = splits[of_line[setting.iterations_of]].validation
            tested_on = splits[setting.split].test
            assert not set(chosen_on) & set(tested_on), setting.name
