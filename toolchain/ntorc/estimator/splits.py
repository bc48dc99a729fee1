"""Splits that hold out whole trajectories, with all their replicas; others for comparison: `named_splits`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ntorc.errors import DataError
from ntorc.estimator.runs import Runs
from ntorc.estimator.trajectories import Trajectory, recognise

HONEST, PAPER, LEAKY = "honest", "paper", "leaky"
_TEARS_TRAJECTORIES = (PAPER, LEAKY)

TEST_FRACTION = 0.2
VALIDATION_FRACTION = 0.12
"""Fractions of the duration of distinct motion: replicas of a trajectory count once, because
repeating it teaches and tests little."""


@dataclass(frozen=True)
class Split:
    """Which runs train, which choose, which judge.

    Attributes:
        name: how it was made; ``honest`` holds out whole trajectories, ``paper`` and ``leaky`` do not.
        train: names of runs whose samples are trained on.
        validation: names of runs that choose when to stop and which model to keep.
        test: names of runs that are evaluated once.
        trajectories: trajectory of every run (`ntorc.estimator.trajectories`).
    """

    name: str
    train: tuple[str, ...]
    validation: tuple[str, ...]
    test: tuple[str, ...]
    trajectories: dict[str, str]

    def check(self, runs: Runs) -> None:
        """Check that the split fits the runs, and that no trajectory is in two parts.

        Raises:
            DataError: an empty part, a run that does not exist or is in two parts, a torn trajectory.
        """
        owner: dict[str, str] = {}
        for part in ("train", "validation", "test"):
            names: tuple[str, ...] = getattr(self, part)
            if not names:
                raise DataError(f"the {part} part of the split is empty", "give it at least one trajectory")
            for name in names:
                runs[name]
                keys = [f"run {name}", f"trajectory {self.trajectories.get(name, name)}"]
                for key in keys[:1] if self.name in _TEARS_TRAJECTORIES else keys:
                    if owner.setdefault(key, part) != part:
                        raise DataError(
                            f"{key} is both in {owner[key]} and in {part}",
                            "hold out whole trajectories: all replicas in one part",
                        )


def honest(
    runs: Runs, *, test_fraction: float = TEST_FRACTION, validation_fraction: float = VALIDATION_FRACTION
) -> Split:
    """The default split: deterministic, whole trajectories held out.

    Test and validation are taken from random-index motion where there is enough of it, spread
    over the trajectories in the order of their names; staircases and sweeps are trained on.

    Args:
        runs: at least three trajectories.
        test_fraction: of the duration of distinct motion, in (0, 1).
        validation_fraction: likewise; together below 1.

    Raises:
        DataError: fewer than three trajectories, or fractions that leave nothing to train on.
    """
    if not (test_fraction > 0.0 and validation_fraction > 0.0 and test_fraction + validation_fraction < 1.0):
        raise DataError(
            f"cannot hold out {test_fraction:g} for test and {validation_fraction:g} for validation",
            "both must be positive and leave something to train on",
        )
    trajectories = recognise(runs)
    if len(trajectories) < 3:
        raise DataError(
            f"the runs in {runs.source} repeat only {len(trajectories)} different trajectories; "
            "an honest split needs three (train, validation, test)",
            "record other motions of the roller, or use `ntorc data simulate`",
        )
    total_s = sum(t.duration_s for t in trajectories)
    held: list[str] = []
    parts: dict[str, list[Trajectory]] = {}
    # one of the candidates at least stays for each part that is still to be filled
    for part, wanted_s, reserve in (
        ("test", test_fraction * total_s, 2),
        ("validation", validation_fraction * total_s, 1),
    ):
        free = [t for t in _candidates(trajectories) if t.name not in held]
        parts[part] = _pick(free, wanted_s, len(free) - reserve)
        held += [t.name for t in parts[part]]
    trajectory_of = {run: t.name for t in trajectories for run in t.replicas}
    split = Split(
        HONEST,
        tuple(sorted(run for t in trajectories if t.name not in held for run in t.replicas)),
        tuple(sorted(run for t in parts["validation"] for run in t.replicas)),
        tuple(sorted(run for t in parts["test"] for run in t.replicas)),
        trajectory_of,
    )
    split.check(runs)
    return split


def _candidates(trajectories: Sequence[Trajectory]) -> list[Trajectory]:
    """Random-index motions when there are enough for all three parts, else all."""
    irregular = [t for t in trajectories if t.irregular]
    return irregular if len(irregular) >= 3 else list(trajectories)


def _pick(free: Sequence[Trajectory], wanted_s: float, allowed: int) -> list[Trajectory]:
    """At least one and at most ``allowed``, evenly spread over ``free``, until about ``wanted_s`` is reached.

    The last one is taken when that comes closer to ``wanted_s`` than leaving it.
    """
    stride = 3
    order = [t for start in (1, 2, 0) for t in free[start::stride]]
    picked: list[Trajectory] = []
    taken_s = 0.0
    for trajectory in order[:allowed]:
        if picked and wanted_s - taken_s < 0.5 * trajectory.duration_s:
            break
        picked.append(trajectory)
        taken_s += trajectory.duration_s
    return picked
