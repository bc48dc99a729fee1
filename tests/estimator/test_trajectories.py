"""Replicas are recognised by what the roller did."""

from __future__ import annotations

import numpy as np

from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.trajectories import is_irregular, recognise, reversal_fraction


def renamed(runs: Runs) -> tuple[Runs, dict[str, str]]:
    """The same runs under names that say nothing, in another order."""
    order = np.random.default_rng(4).permutation(len(runs))
    names = {f"run{number:02d}": runs.runs[index].name for number, index in enumerate(order)}
    result = Runs(
        tuple(Run(name, "f", runs[old].acceleration_v, runs[old].position_v) for name, old in names.items()),
        "renamed",
    )
    return result, names


def test_recorded_replicas_are_found_without_their_names(dropbear: Runs) -> None:
    runs, names = renamed(dropbear)
    groups = {frozenset(names[member] for member in t.replicas) for t in recognise(runs)}
    # what the rig's operators wrote: sets and step counts are trajectories, all Standard runs one
    written: dict[str, set[str]] = {}
    for run in dropbear:
        written.setdefault(run.name.split("_test")[0], set()).add(run.name)
    assert groups == {frozenset(members) for members in written.values()}
    assert sorted(len(group) for group in groups) == [1, 1, 1, 1, 1, 1, 2, 2, 3, 3, 4, 13]


def test_random_motion_is_recognised(dropbear: Runs) -> None:
    assert {run.name for run in dropbear if is_irregular(run)} == {
        run.name for run in dropbear if run.name.startswith("Random")
    }


def test_simulated_replicas_are_found(simulated: Runs) -> None:
    runs, names = renamed(simulated)
    trajectories = recognise(runs)
    groups = {frozenset(names[member] for member in t.replicas) for t in trajectories}
    assert groups == {
        frozenset(other.name for other in simulated if other.name.split("_test")[0] == run.name.split("_test")[0])
        for run in simulated
    }
    assert sum(t.irregular for t in trajectories) == 6


def test_late_starts_and_spikes_do_not_hide_a_replica(simulated: Runs) -> None:
    run = simulated.runs[0]
    position_v = np.roll(run.position_v, 1500).copy()
    position_v[:1500] = run.position_v[0]
    position_v[9000] = 9.0
    late = Run("late", "f", run.acceleration_v, position_v)
    other = simulated.runs[-1]
    (first, second) = sorted(recognise(Runs((run, late, other), "x")), key=lambda t: len(t.replicas))
    assert second.replicas == tuple(sorted((run.name, "late")))
    assert first.replicas == (other.name,)


def test_a_reversed_motion_is_another_trajectory(simulated: Runs) -> None:
    run = next(run for run in simulated if "Random" in run.name)
    backwards = Run("backwards", "f", run.acceleration_v, run.position_v[::-1])
    cut = Run("cut", "f", run.acceleration_v[: run.samples // 2], run.position_v[: run.samples // 2])
    assert len(recognise(Runs((run, backwards, cut), "x"))) == 3


def test_resting_rollers_at_different_levels_differ() -> None:
    still = [
        Run(f"at{level}", "f", np.ones(20_000, np.float32), np.full(20_000, level, np.float32)) for level in (1.2, 1.3)
    ]
    assert len(recognise(Runs(tuple(still), "x"))) == 2
    assert not is_irregular(still[0])


def test_reversals() -> None:
    assert reversal_fraction(np.array([1.0, 2.0, 3.0, 2.0])) == 0.5
    assert reversal_fraction(np.array([1.0, 2.0])) == 0.0
