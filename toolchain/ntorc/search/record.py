"""What a search keeps: how it was asked for, and what became of each candidate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ntorc.boards import BoardKnowledge
from ntorc.search.budget import Budget
from ntorc.search.hardware import HardwareCost
from ntorc.search.screening import Finished
from ntorc.search.space import FORMS, Goal

Sampler = Literal["ranked", "tpe"]
"""Who proposes: `ntorc.search.ranking`, or Optuna's multi-objective TPE."""

Value = int | float | str

Outcome = Literal["running", "refused", "infeasible", "dominated", "stopped", "trained", "outgrown", "failed"]
"""Of a candidate:

- ``refused``: its sizes make no network;
- ``infeasible``: no allocation keeps deadline and caps;
- ``dominated``: something trained is expected to beat it, so that it was not trained;
- ``stopped``: its training was ended, since something trained beats what can still come of it;
- ``trained``: it has an error;
- ``outgrown``: its trained weights need wider words than the drawn ones did, and with these nothing is feasible;
- ``failed``: its worker died too often, or its training broke.
"""


@dataclass(frozen=True)
class SearchConfig:
    """What determines a search, but for the number of candidates.

    Attributes:
        name: of the search, and of its folder.
        board, backend, deadline, clock_hz, ceiling, target: as of ``ntorc allocate``.
        known: of the board, when the search began; None for its file alone.
        data: folder of recorded runs, empty for simulated ones.
        material: digest of the runs that train, choose and judge; known once they are read.
        seed: of samplers and trainings.
        sampler: who proposes.
        forms: that are searched.
        goal: what is weighed against the error.
        energy: whether the energy proxy is a third objective.
        storage: ``journal`` or ``sqlite``.
        budget: of each training.
    """

    name: str
    board: str
    deadline: str
    material: str = ""
    backend: str = "native"
    clock_hz: float | None = None
    ceiling: float = 0.8
    target: str = "virtual"
    known: BoardKnowledge | None = None
    data: str = ""
    seed: int = 1
    forms: tuple[str, ...] = FORMS
    goal: Goal = "area"
    sampler: Sampler = "ranked"
    energy: bool = False
    storage: Literal["journal", "sqlite"] = "journal"
    budget: Budget = field(default_factory=Budget)


@dataclass(frozen=True)
class TrialRecord:
    """A candidate and what became of it.

    Attributes:
        number: of the trial, from 0.
        values: its point of the space.
        outcome, reason: see `Outcome`.
        describe: the candidate in words.
        hardware: before training; None where it was refused.
        trained_hardware: of the trained network, whose binary points its weights chose.
        curve_v: lowest validation error of the float model after each look.
        error_v: of the integer network on the validation trajectories.
        test_v: on the test trajectories, which chose nothing; of points of the front alone.
        cpu_s: processor time of training and judging.
        from_trial: whose training this candidate took over, being of the same form; -1 for none.
    """

    number: int
    values: dict[str, Value]
    outcome: Outcome
    reason: str = ""
    describe: str = ""
    hardware: HardwareCost | None = None
    trained_hardware: HardwareCost | None = None
    curve_v: tuple[float, ...] = ()
    error_v: float | None = None
    test_v: float | None = None
    cpu_s: float = 0.0
    from_trial: int = -1

    @property
    def cost(self) -> HardwareCost:
        """Of the trained network where there is one.

        Raises:
            ValueError: the candidate was refused.
        """
        found = self.trained_hardware or self.hardware
        if found is None:
            raise ValueError(f"trial {self.number} has no cost")
        return found

    def costs(self, goal: Goal, energy: bool) -> tuple[float, ...]:
        """What is weighed against the error."""
        return costs_of(self.cost, goal, energy)

    def finished(self, goal: Goal, energy: bool) -> Finished:
        """For screening; of a trained candidate."""
        if self.error_v is None:
            raise ValueError(f"trial {self.number} is not trained")
        return Finished(self.number, self.values, self.error_v, self.costs(goal, energy), self.curve_v)


def costs_of(cost: HardwareCost, goal: Goal, energy: bool) -> tuple[float, ...]:
    """What is weighed against the error."""
    first = cost.area if goal == "area" else float(cost.multiplies)
    return (first, cost.energy) if energy else (first,)
