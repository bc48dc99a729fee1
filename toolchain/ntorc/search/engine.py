"""The search itself: propose, cost, screen, train from look to look, judge, tell."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from ntorc.errors import InfeasibleError, NtorcError, ToolError
from ntorc.progress import Progress
from ntorc.records import digest_of
from ntorc.search.artefacts import Kept
from ntorc.search.fitting import State
from ntorc.search.front import undominated
from ntorc.search.hardware import Costing, HardwareCost
from ntorc.search.proposing import Proposer, Ranked, Sampled
from ntorc.search.record import TrialRecord
from ntorc.search.screening import Finished, beaten_at_best, is_hopeless, larger_twin
from ntorc.search.space import Candidate
from ntorc.search.study import Proposal, Study
from ntorc.search.tasks import Judged, Task, advance, error_on, judge
from ntorc.search.workers import Pool
from ntorc.units import format_seconds

_PROPOSALS = 60
"""For one training, at most: then the last one that is feasible is trained, whatever is expected of it."""

_REFUSED = 4.0
_BEGUN = ("running", "stopped", "trained", "outgrown", "failed")
_FAILURES = 5
"""In one call, after which it is not one candidate's fault."""


@dataclass(frozen=True)
class Limits:
    """When a search ends.

    Attributes:
        trials: candidates that were trained, those that were stopped included.
        cpu_s: processor time of all work on candidates, after which no training begins; None for no limit.
    """

    trials: int
    cpu_s: float | None = None


class Engine:
    """Runs a study on a pool."""

    def __init__(self, study: Study, costing: Costing, pool: Pool, progress: Progress) -> None:
        self.study, self.costing, self.pool, self.progress = study, costing, pool, progress
        self._states: dict[int, State] = {}
        self._failed = 0
        self._costs: dict[Candidate, HardwareCost] = {}
        is_ranked = study.config.sampler == "ranked"
        self._proposer: Proposer = Ranked(study, self._cost_of) if is_ranked else Sampled(study)

    def run(self, limits: Limits) -> None:
        """Search until a limit; interrupted candidates come first."""
        for record in self.study.running():
            self._start(record, self.study.load_state(record.number))
        while True:
            while len(self.pool) < self.pool.slots and self._wants_more(limits):
                self._start(*self._next_to_train())
            if not len(self.pool):
                break
            number, result = self.pool.next()
            self._handle(number, result)
            self._report(limits)

    def judge_front(self) -> None:
        """What the front's points lack: the error on the test trajectories, which chose nothing, and hardware."""
        trained = [one for one in self.study.records.values() if one.error_v is not None]
        wanted = [trained[place] for place in undominated([self._objectives(one) for one in trained])]
        for one in wanted:  # after a search by proxy their hardware is not known yet
            if one.trained_hardware is None:
                cost = self.costing.of_network(self.study.network(one.number), self.study.candidate(one).hop)
                self.study.amend(replace(one, trained_hardware=cost))
        wanted = [self.study.records[one.number] for one in wanted if one.test_v is None]
        every = self.study.config.budget.scored_every
        for done in range(0, len(wanted), self.pool.slots):
            part = wanted[done : done + self.pool.slots]
            for record in part:
                self.pool.submit(record.number, error_on, self.study.network(record.number), "test", every)
            for _ in part:
                number, result = self.pool.next()
                if isinstance(result, BaseException):
                    raise result
                self.study.amend(replace(self.study.records[number], test_v=result))
            self.progress.step("points of the front on the test trajectories", done + len(part), len(wanted))

    @property
    def cpu_s(self) -> float:
        """Processor time so far: of proposing, costing, training and judging."""
        running = {number: state.cpu_s for number, state in self._states.items()}
        return sum(one.cpu_s + running.get(one.number, 0.0) for one in self.study.records.values())

    def _objectives(self, record: TrialRecord) -> tuple[float, ...]:
        assert record.error_v is not None
        return (record.error_v, *record.costs(self.study.config.goal, self.study.config.energy))

    def _wants_more(self, limits: Limits) -> bool:
        begun = sum(one.outcome in _BEGUN and one.from_trial < 0 for one in self.study.records.values())
        return begun < limits.trials and (limits.cpu_s is None or self.cpu_s < limits.cpu_s)

    def _finished(self) -> list[Finished]:
        config = self.study.config
        return [
            one.finished(config.goal, config.energy) for one in self.study.records.values() if one.error_v is not None
        ]

    def _next_to_train(self) -> tuple[TrialRecord, State]:
        """The first proposal that is worth training; the others are recorded with the reason why they are not."""
        began_s = time.process_time()
        for left, proposal in zip(range(_PROPOSALS - 1, -1, -1), self._proposer.round(), strict=False):
            record, excess = self._screened(proposal, is_last=left == 0)
            now_s = time.process_time()  # since the last one: what this one took to propose, too
            record, began_s = replace(record, cpu_s=round(now_s - began_s, 3)), now_s
            self.study.keep(record, excess)
            if record.outcome == "running":
                return self._with_earlier_training(record)
        raise self._nothing_meets_it()

    def _nothing_meets_it(self) -> InfeasibleError:
        """With the reason of the candidate that came nearest."""
        config, need = self.study.config, self.costing.requirement
        costs = [one.hardware for one in self.study.records.values() if one.hardware is not None]
        nearest = min((cost for cost in costs if not cost.feasible), key=lambda cost: cost.excess, default=None)
        why = "none makes a network" if nearest is None else f"the nearest: {nearest.reason}"
        return InfeasibleError(
            f"infeasible: none of {_PROPOSALS} candidates meets {config.deadline} on {config.board}; {why}",
            f"allow a longer deadline (I/O alone takes {format_seconds(need.io_overhead_s)}: {need.io_overhead_source})"
            f" or a larger board; ntorc search --resume {self.study.folder.name} tries others",
            {
                "verdict": "infeasible",
                "search": self.study.folder.name,
                "board": config.board,
                "deadline_s": need.deadline_s,
                "io_overhead_s": need.io_overhead_s,
                "reason": "" if nearest is None else nearest.reason,
            },
        )

    def _screened(self, proposal: Proposal, *, is_last: bool) -> tuple[TrialRecord, float]:
        """A proposal's record, and by how much it misses what it must keep."""
        config = self.study.config
        record = TrialRecord(proposal.number, proposal.values, "refused", proposal.reason)
        if proposal.candidate is None:
            return record, _REFUSED
        record = replace(record, describe=proposal.candidate.describe())
        try:
            cost = self._cost_of(proposal.candidate)
        except NtorcError as error:
            return replace(record, reason=error.message), _REFUSED
        record = replace(record, hardware=cost)
        if not cost.feasible:
            return replace(record, outcome="infeasible", reason=cost.reason), cost.excess
        costs, finished = record.costs(config.goal, config.energy), self._finished()
        running = replace(record, outcome="running")
        if is_last:
            return running, 0.0
        twin = larger_twin(proposal.values, costs, finished)
        if twin is not None:
            reason = f"trial {twin.number} has at least its sizes and costs no more"
            return replace(record, outcome="dominated", reason=reason), 0.0
        one = None if proposal.hope_v is None else beaten_at_best(proposal.hope_v, costs, finished)
        if one is not None:
            hope = f"at best {proposal.hope_v:.4f} V is expected"
            reason = f"{hope}; trial {one.number} has {one.error_v:.4f} V and costs no more"
            return replace(record, outcome="dominated", reason=reason), 0.0
        return running, 0.0

    def _cost_of(self, candidate: Candidate) -> HardwareCost:
        if candidate not in self._costs:
            known = self.costing.of if self.study.config.goal == "area" else self.costing.counted
            self._costs[candidate] = known(candidate)
        return self._costs[candidate]

    def _with_earlier_training(self, record: TrialRecord) -> tuple[TrialRecord, State]:
        """Formats do not change a training: a form that was trained before is only judged anew."""
        form = self.study.candidate(record).form
        for one in self.study.records.values():
            if one.outcome == "trained" and digest_of(self.study.candidate(one).form) == digest_of(form):
                state = self.study.load_state(one.number)
                if "best" in state.variables:
                    record = replace(record, from_trial=one.number)
                    self.study.keep(record)
                    return record, State(state.curve_v, 0.0, state.variables)
        return record, State()

    def _task(self, record: TrialRecord) -> Task:
        return Task(self.study.candidate(record), self.study.config.budget, self.study.config.seed)

    def _start(self, record: TrialRecord, state: State) -> None:
        """Go on with a candidate: train, or judge what is trained."""
        self._states[record.number] = state
        task = self._task(record)
        if len(state.curve_v) < task.budget.looks:
            self.pool.submit(record.number, advance, task, state)
            return
        name = f"{self.study.config.name}-{record.number}"
        best = {"best": state.variables["best"]}
        self.pool.submit(record.number, judge, task, best, name)

    def _handle(self, number: int, result: object) -> None:
        record, state = self.study.records[number], self._states[number]
        if isinstance(result, BaseException):
            reason = _first_line(result)
            self._end(replace(record, outcome="failed", reason=reason, curve_v=state.curve_v))
            self._failed += 1
            if self._failed >= _FAILURES:
                raise ToolError(
                    f"{self._failed} trainings failed, the last one with: {reason}",
                    f"see {self.study.folder}; what is trained is kept",
                )
        elif isinstance(result, State):
            self._looked(record, result)
        elif isinstance(result, Judged):
            self._judged(record, state, result)

    def _looked(self, record: TrialRecord, state: State) -> None:
        config = self.study.config
        self._states[record.number] = state
        self.study.save_state(record.number, state)
        hopeless = is_hopeless(state.curve_v, record.costs(config.goal, config.energy), self._finished())
        if hopeless is None or len(state.curve_v) == config.budget.looks:
            self._start(record, state)
            return
        one, hope_v = hopeless
        reason = (
            f"stopped after look {len(state.curve_v)} of {config.budget.looks}: {hope_v:.4f} V at best, and trial"
            f" {one.number} has {one.error_v:.4f} V and costs no more"
        )
        self.study.discard(record.number)
        self._end(
            replace(record, outcome="stopped", reason=reason, curve_v=state.curve_v, cpu_s=_sum(record, state.cpu_s))
        )

    def _judged(self, record: TrialRecord, state: State, judged: Judged) -> None:
        self.study.keep_trained(record.number, Kept(judged.network, judged.weights, judged.labels), state)
        record = replace(record, curve_v=state.curve_v, cpu_s=_sum(record, state.cpu_s + judged.cpu_s))
        if self.study.config.goal == "area":
            cost = self.costing.of_network(judged.network, self.study.candidate(record).hop)
            record = replace(record, trained_hardware=cost)
            if not cost.feasible:
                reason = f"its trained weights need more: {cost.reason}"
                self._end(replace(record, outcome="outgrown", reason=reason))
                return
        self._end(replace(record, outcome="trained", error_v=judged.validation_v))

    def _end(self, record: TrialRecord) -> None:
        self._states.pop(record.number, None)
        self.study.keep(record)

    def _report(self, limits: Limits) -> None:
        found = list(self.study.records.values())
        trained = [one for one in found if one.error_v is not None]
        best = min((one.error_v for one in trained if one.error_v is not None), default=None)
        ended = sum(one.outcome in _BEGUN and one.outcome != "running" for one in found)
        said = "" if best is None else f", best {best:.4f} V"
        what = f"candidates trained ({len(found)} proposed{said})"
        if limits.cpu_s is None:
            self.progress.step(what, ended, max(limits.trials, ended))
        else:
            self.progress.step(f"{ended} {what}, seconds", round(min(self.cpu_s, limits.cpu_s)), round(limits.cpu_s))


def _sum(record: TrialRecord, cpu_s: float) -> float:
    return round(record.cpu_s + cpu_s, 3)


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
