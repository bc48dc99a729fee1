"""A deployment is ended at each of its steps in turn; what the next contact finds is compared with what must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ntorc.bundle.bundle import Bundle
from ntorc.errors import NtorcError
from ntorc.faults.lab import OWNER, Fault, FaultLab, Seen
from ntorc.progress import Progress

KINDS: tuple[tuple[str, str], ...] = (
    ("agent", "kill"), ("agent", "cut"), ("agent", "nospace"), ("client", "kill"),
)  # fmt: skip
"""Where, and what happens there."""


@dataclass(frozen=True)
class Trial:
    """One fault, which design was confirmed afterwards (``old`` or ``new``), and what was not as it must be."""

    fault: Fault
    outcome: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Expectation:
    """The state before a fault, and the bundle that was being deployed."""

    earlier: Bundle
    old: Bundle
    new: Bundle


def points(lab: FaultLab, bundle: Bundle, kinds: Sequence[tuple[str, str]] = KINDS) -> list[Fault]:
    """Every step of a whole deployment, for each kind of fault."""
    steps = {}
    for side in dict.fromkeys(side for side, _ in kinds):
        lab.prepare()
        failed = lab.deploy(bundle, Fault(side, "kill", 0))
        if failed:
            raise NtorcError(f"without a fault the deployment fails too: {failed}", "run `ntorc doctor`")
        steps[side] = lab.last_step(side)
    return [Fault(side, action, step) for side, action in kinds for step in range(1, steps[side] + 1)]


def run(lab: FaultLab, expected: Expectation, faults: Iterable[Fault], progress: Progress) -> list[Trial]:
    """Try every fault; each begins with the same board."""
    trials, wanted = [], list(faults)
    for number, fault in enumerate(wanted, start=1):
        trials.append(_try(lab, expected, fault, again=number % 5 == 0))
        progress.step("faults", number, len(wanted))
        for problem in trials[-1].problems:
            progress.message(f"  {fault}: {problem}")
    return trials


def summary(trials: Sequence[Trial]) -> dict[str, object]:
    """The campaign's figures, for ``--json``."""
    by_kind = {}
    for side, action in dict.fromkeys((one.fault.side, one.fault.action) for one in trials):
        of_kind = [one for one in trials if (one.fault.side, one.fault.action) == (side, action)]
        outcomes = Counter(one.outcome for one in of_kind)
        by_kind[f"{side} {action}"] = {"points": len(of_kind), **{name: outcomes[name] for name in ("old", "new")}}
    return {
        "points": len(trials),
        "kinds": by_kind,
        "mismatches": sum(bool(one.problems) for one in trials),
        "problems": [f"{one.fault}: {'; '.join(one.problems)}" for one in trials if one.problems],
    }


def _try(lab: FaultLab, expected: Expectation, fault: Fault, *, again: bool) -> Trial:
    lab.prepare()
    lab.deploy(expected.new, fault)
    try:
        seen = lab.look()
        problems = list(problems_of(seen, expected))
        outcome = "new" if seen.status.confirmed == expected.new.manifest.design_id else "old"
        if again:
            problems += _deploy_again(lab, expected)
    except NtorcError as error:
        return Trial(fault, "none", (f"the next contact fails: {error.message}",))
    return Trial(fault, outcome, tuple(problems))


def problems_of(seen: Seen, expected: Expectation) -> Iterable[str]:
    """What is not as it must be after a fault, in words."""
    old, new, earlier = (one.manifest for one in (expected.old, expected.new, expected.earlier))
    status = seen.status
    if status.confirmed not in (old.design_id, new.design_id):
        yield f"{status.confirmed} is confirmed"
    if not status.is_intact:
        yield "what is confirmed is not whole"
    if seen.in_chip != status.confirmed:
        yield f"{seen.in_chip} is in the chip, and {status.confirmed} is confirmed"
    is_new = status.confirmed == new.design_id
    if status.previous != (old.design_id if is_new else earlier.design_id) or not seen.previous_is_whole:
        yield "what can be gone back to was lost"
    if seen.newest != (new.sequence if is_new else old.sequence):
        yield f"the newest number is {seen.newest}"
    wanted = [earlier.design_id, old.design_id, *([new.design_id] if is_new else [])]
    if [event.design_id for event in status.history] != wanted:
        yield "the record of what was confirmed is another"
    if status.lease_owner != OWNER:
        yield "the lease was lost"
    if seen.trusted != (expected.old.key_id,):
        yield "the trusted keys are others"


def _deploy_again(lab: FaultLab, expected: Expectation) -> Iterable[str]:
    """The board can be deployed to, and gone back on, as if nothing had happened."""
    with lab.target() as target:
        target.install(expected.new.folder)
        after = lab.design_in_chip()
        target.rollback()
        back = lab.design_in_chip()
    if (after, back) != (expected.new.manifest.design_id, expected.old.manifest.design_id):
        yield f"deployed again, {after} was in the chip, and gone back, {back}"
