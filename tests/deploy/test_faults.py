"""Deployments that are ended in the middle: a part of the campaign of ``ntorc bench faults``, and its judgement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from virtual_lab import HOP, WINDOW, bundle_of

from ntorc.bundle.bundle import Bundle, SelfTestVectors
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.target import Confirmation, TargetStatus
from ntorc.faults.campaign import KINDS, Expectation, points, problems_of, run, summary
from ntorc.faults.lab import OWNER, Fault, FaultLab, Seen
from ntorc.progress import Silent

EACH = 3  # of each kind, spread over the whole deployment


@pytest.fixture(scope="module")
def expected(lab: Path, key: SigningKey) -> Expectation:
    """Three designs; the new one has a self-test of its own, so that more is sent."""
    samples = np.random.default_rng(9).integers(-8192, 8192, WINDOW + HOP, np.int32)
    sums = np.array([samples[i * HOP : i * HOP + WINDOW].sum() for i in range(2)], np.int32)
    other: dict[str, Any] = {"vectors": SelfTestVectors(samples, sums, HOP), "network": {"network.json": b"[]\n"}}
    made = [bundle_of(lab / "faults", key, f"00000000fa17000{number}") for number in (1, 2)]
    return Expectation(*made, bundle_of(lab / "faults", key, "00000000fa170003", **other))


@pytest.fixture(scope="module")
def fault_lab(
    lab: Path, server: LoopbackServer, firmware: Firmware, key: SigningKey, expected: Expectation
) -> Iterator[FaultLab]:
    with FaultLab(lab / "fault-lab", server, firmware, key, (expected.earlier, expected.old)) as started:
        yield started


def test_whatever_ends_the_board_has_the_old_or_the_new_design(fault_lab: FaultLab, expected: Expectation) -> None:
    every = points(fault_lab, expected.new)
    assert len(every) > 200
    chosen = []
    for kind in KINDS:
        of_kind = [fault for fault in every if (fault.side, fault.action) == kind]
        chosen += [of_kind[(2 * index + 1) * len(of_kind) // (2 * EACH)] for index in range(EACH)]
    result = summary(run(fault_lab, expected, chosen, Silent()))
    assert result["problems"] == []
    assert result["points"] == EACH * len(KINDS)
    outcomes = {name: sum(kind[name] for kind in result["kinds"].values()) for name in ("old", "new")}  # type: ignore[attr-defined]
    assert min(outcomes.values()) > 0  # both ends were seen


def test_an_end_during_the_recovery_itself(fault_lab: FaultLab, expected: Expectation) -> None:
    """Killed while it programs, and the next contact killed while it goes back: the third finds the old design."""
    fault_lab.prepare()
    fault_lab.deploy(expected.new, Fault("agent", "kill", 0))
    steps = fault_lab.steps("agent")
    programming = len(steps) - steps[::-1].index("socket.connect")  # the last order to the chip
    killed = fault_lab.at_step("agent", "kill", programming)
    for again in (8, 12, 20):
        fault_lab.prepare()
        assert fault_lab.deploy(expected.new, killed)
        fault_lab.contact(Fault("agent", "kill", again))
        seen = fault_lab.look()
        assert list(problems_of(seen, expected)) == []
        assert seen.status.confirmed == expected.old.manifest.design_id


def test_on_a_full_disk_it_goes_back_at_once(fault_lab: FaultLab, expected: Expectation) -> None:
    """Going back needs no space; the same contact ends with the confirmed design in the chip."""
    fault_lab.prepare()
    fault_lab.deploy(expected.new, Fault("agent", "kill", 0))
    steps = fault_lab.steps("agent")
    written = [
        place for place, name in enumerate(steps, start=1)
        if name in ("open", "opened", "fsync") and place > steps.index("socket.connect")
    ]  # fmt: skip
    faults = [fault_lab.at_step("agent", "nospace", place) for place in (*written[::4], written[-1])]
    for fault in faults:
        fault_lab.prepare()
        said = fault_lab.deploy(expected.new, fault)
        there = fault_lab.design_in_chip()
        seen = fault_lab.look()
        assert list(problems_of(seen, expected)) == []
        assert there == seen.status.confirmed, said  # before the next contact had anything to mend


def right(expected: Expectation) -> Seen:
    """A board that still has the old design."""
    old, earlier = expected.old.manifest, expected.earlier.manifest
    history = tuple(Confirmation(one.design_id, one.sequence, OWNER, 0) for one in (earlier, old))
    status = TargetStatus(
        old.design_id, "b", earlier.design_id, True, old.design_id, OWNER, 100, history
    )  # fmt: skip
    return Seen(status, old.design_id, old.sequence, (expected.old.key_id,), previous_is_whole=True)


def test_the_judgement_can_say_no(expected: Expectation) -> None:
    fine = right(expected)
    assert list(problems_of(fine, expected)) == []
    new: Bundle = expected.new
    status: dict[str, Any]
    for status in (
        {"confirmed": None}, {"confirmed": "0" * 16}, {"confirmed": new.manifest.design_id}, {"is_intact": False},
        {"previous": None}, {"lease_owner": None}, {"history": fine.status.history[:1]}, {"history": ()},
    ):  # fmt: skip
        assert list(problems_of(replace(fine, status=replace(fine.status, **status)), expected)), status
    for other in (
        {"in_chip": new.manifest.design_id}, {"newest": 0}, {"newest": new.manifest.sequence}, {"trusted": ()},
        {"previous_is_whole": False},
    ):  # fmt: skip
        assert list(problems_of(replace(fine, **other), expected)), other  # type: ignore[arg-type]
