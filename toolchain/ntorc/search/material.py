"""The data of a search: the runs that train, choose and judge, cut down to what short trainings need."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ntorc.estimator.runs import Runs
from ntorc.estimator.splits import Split, honest
from ntorc.estimator.windows import choose_fraction_bits, to_counts
from ntorc.records import digest_of


@dataclass(frozen=True, eq=False)
class Material:
    """What candidates are trained and judged on.

    Attributes:
        runs: of all parts.
        split: whole trajectories held out; of each that is trained on only so many replicas.
        input_fraction_bits: of the networks' input, from the training part.
    """

    runs: Runs
    split: Split
    input_fraction_bits: int

    @property
    def digest(self) -> str:
        """Of runs and split."""
        return digest_of([self.runs.digest, digest_of(self.split)])


def material_of(runs: Runs, replicas: int) -> Material:
    """The honest split, with at most ``replicas`` runs of each trajectory to train on.

    Raises:
        DataError: fewer than three trajectories.
    """
    split = honest(runs)
    taken: dict[str, int] = {}
    train = []
    for name in split.train:
        trajectory = split.trajectories[name]
        taken[trajectory] = taken.get(trajectory, 0) + 1
        if taken[trajectory] <= replicas:
            train.append(name)
    kept = {*train, *split.validation, *split.test}
    split = replace(split, train=tuple(train), trajectories={name: split.trajectories[name] for name in sorted(kept)})
    fraction = choose_fraction_bits([to_counts(runs[name].acceleration_v) for name in split.train])
    return Material(replace(runs, runs=tuple(run for run in runs if run.name in kept)), split, fraction)
