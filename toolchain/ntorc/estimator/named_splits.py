"""Splits besides the honest one, for comparisons; each says by its name what its figures may be compared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ntorc.errors import DataError, UsageError
from ntorc.estimator.runs import MIN_SAMPLES, Run, Runs
from ntorc.estimator.splits import HONEST, LEAKY, PAPER, Split, honest
from ntorc.estimator.trajectories import recognise

NAMES = (HONEST, PAPER, LEAKY)
_PIECE = ".part"

PAPER_TEST = (
    "Random_Index_Set_Random_Dwell_set9_test2",
    "Random_Index_Set_Random_Dwell_set3_test6",
    "Random_Index_Set_Random_Dwell_set5_test9",
    "Slow_Postional_Displacement_10steps_test4",
    "Slow_Postional_Displacement_30steps_test3",
    "Standard_Index_Set_test5",
    "Standard_Index_Set_test16",
    "Standard_Index_Set_test10",
)
"""The published test runs (N-TORC, FCCM 2025) that are among the public recordings: each has a replica in training."""


def split_named(runs: Runs, name: str) -> tuple[Runs, Split]:
    """A split by its name, and the runs that it is of: the leaky one cuts them into pieces.

    Raises:
        UsageError: there is none of that name.
        DataError: the runs do not have what it needs.
    """
    check_split(name)
    if name == LEAKY:
        return leaky(runs)
    return runs, paper(runs) if name == PAPER else honest(runs)


def check_split(name: str) -> None:
    """Before anything is read.

    Raises:
        UsageError: there is no split of that name.
    """
    if name not in NAMES:
        raise UsageError(f"there is no split '{name}'", f"splits: {', '.join(NAMES)}")


def holding_out(runs: Runs, test: Sequence[str], validation: Sequence[str], name: str = HONEST) -> Split:
    """A split by words that the runs' names contain; with a run go all replicas of its trajectory.

    Args:
        runs: the runs.
        test, validation: words, as ``set2``; a run is held out if its name has one between its underscores.
        name: of the split.

    Raises:
        DataError: a word that no run has, or a trajectory in both parts.
    """
    parts = {"test": test, "validation": validation}
    held: dict[str, str] = {}
    for part, words in parts.items():
        for word in words:
            found = [run.name for run in runs if word in run.name.split("_")]
            if not found:
                raise DataError(
                    f"no run of {runs.source} has '{word}' in its name",
                    "words stand between underscores, as in the published runs (`ntorc data fetch` brings those);"
                    " `ntorc data describe` lists the names",
                )
            held |= dict.fromkeys(found, part)
    trajectories = recognise(runs)
    of_part: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for trajectory in trajectories:
        asked = {held[name] for name in trajectory.replicas if name in held}
        if len(asked) > 1:
            raise DataError(f"{trajectory.replicas[0]} and its replicas are asked for in two parts")
        of_part[asked.pop() if asked else "train"] += trajectory.replicas
    split = Split(
        name,
        tuple(sorted(of_part["train"])),
        tuple(sorted(of_part["validation"])),
        tuple(sorted(of_part["test"])),
        {run: found.name for found in trajectories for run in found.replicas},
    )
    split.check(runs)
    return split


def paper(runs: Runs) -> Split:
    """The published test runs; validation are the replicas of two random motions of which none is tested.

    Raises:
        DataError: a published run is missing.
    """
    trajectories = {run: found.name for found in recognise(runs) for run in found.replicas}
    missing = [name for name in PAPER_TEST if name not in trajectories]
    if missing:
        raise DataError(f"{runs.source} lacks the published run {missing[0]}", "`ntorc data fetch` brings all")
    tested = {trajectories[name] for name in PAPER_TEST}
    free = sorted({name for name in trajectories.values()} - tested)[-2:]
    rest = [run for run in trajectories if run not in PAPER_TEST]
    split = Split(
        PAPER,
        tuple(sorted(run for run in rest if trajectories[run] not in free)),
        tuple(sorted(run for run in rest if trajectories[run] in free)),
        tuple(sorted(PAPER_TEST)),
        trajectories,
    )
    split.check(runs)
    return split


def leaky(runs: Runs, piece_s: float = 2.0, seed: int = 0) -> tuple[Runs, Split]:
    """Pieces of all runs, shuffled: what a random split of windows reports, for comparison alone.

    Returns:
        The pieces as runs, and their split: a fifth to test, an eighth to validate.
    """
    pieces: list[Run] = []
    of_run: dict[str, str] = {}
    length = max(round(piece_s * runs.sample_rate_hz), MIN_SAMPLES)
    for run in runs:
        for number, begin in enumerate(range(0, run.samples - MIN_SAMPLES, length)):
            part = slice(begin, begin + length)
            if len(run.position_v[part]) < MIN_SAMPLES:
                continue
            name = f"{run.name}{_PIECE}{number:03d}"
            pieces.append(Run(name, run.family, run.acceleration_v[part], run.position_v[part], run.sample_rate_hz))
            of_run[name] = run.name
    order = np.random.default_rng(seed).permutation(len(pieces))
    names = [pieces[index].name for index in order]
    test, validation = len(names) // 5, len(names) // 8
    split = Split(
        LEAKY,
        tuple(sorted(names[test + validation :])),
        tuple(sorted(names[test : test + validation])),
        tuple(sorted(names[:test])),
        of_run,
    )
    made = replace(runs, runs=tuple(pieces), source=f"{runs.source}, in pieces of {piece_s:g} s")
    split.check(made)
    return made, split


def whole_run(name: str) -> str:
    """The run that a piece of the leaky split was cut from; of a whole run its own name."""
    return name.rpartition(_PIECE)[0] or name


def simulated_then_recorded(simulated: Runs, recorded: Runs, name: str = "simulated") -> tuple[Runs, Split]:
    """Train and choose on simulated runs, test on all recorded ones."""
    together = replace(
        recorded, runs=(*simulated.runs, *recorded.runs), source=f"{simulated.source}; tested on {recorded.source}"
    )
    trajectories = {run: f"S-{found.name}" for found in recognise(simulated) for run in found.replicas}
    names = sorted(set(trajectories.values()))
    held = set(names[:: max(len(names) // max(len(names) // 8, 1), 1)])
    train = tuple(sorted(run for run, found in trajectories.items() if found not in held))
    validation = tuple(sorted(run for run, found in trajectories.items() if found in held))
    trajectories |= {run: found.name for found in recognise(recorded) for run in found.replicas}
    split = Split(name, train, validation, tuple(run.name for run in recorded), trajectories)
    split.check(together)
    return together, split
