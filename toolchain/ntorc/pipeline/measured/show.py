"""What ``ntorc calibrate --show`` says: what changed, why, and what is in use now."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ntorc.boards import load_board
from ntorc.deploy.registry import read_registry
from ntorc.deploy.ssh import SCHEME, SshAddress
from ntorc.deploy.target import is_virtual_name, plain_name
from ntorc.lab import lab_of
from ntorc.pipeline.board.target import check_target
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.measured.knowledge import BACKEND, MISS_PROBABILITY, NO_LOAD, OVERHEAD, knowledge_of, steps, summary
from ntorc.records import load
from ntorc.store.base import Store

_MOST_RUNS = 10


def calibration_history(flow: Flow, board_name: str, backend: str, target: str) -> tuple[dict[str, Any], str]:
    """Every change of what is assumed about a board, and the last runs' changes of the cost models.

    Returns:
        The object for ``--json``, and the same for people.
    """
    check_target(target)
    board = load_board(board_name)
    loads = _loads(flow.store) or [NO_LOAD]
    known = {load: knowledge_of(flow.store, board, target, load, MISS_PROBABILITY) for load in loads}
    found = {step.line(): step for load in loads for step in steps(flow.store, board, target, load, MISS_PROBABILITY)}
    runs = _runs(flow.store, board.name, target)
    result: dict[str, Any] = {
        "board": board.name,
        "target": target,
        "in_use": {name: asdict(one) for name, one in known.items()},
        "changes": [vars(step) for step in found.values()],
        "runs": runs,
    }
    lines = [f"{board.name} ({target}): what the next allocation assumes"]
    for name, one in known.items():
        lines += [f"  load {name}:", *(f"    {line}" for line in summary(one))]
    lines += (
        ["what measurements changed", *(f"  {line}" for line in found)]
        if found
        else [_nothing_changed(target)]
    )
    for run, changes in runs.items():
        lines += [f"run {run}", *(f"  {line}" for line in changes)]
    return result, "\n".join(lines)


def _loads(store: Store) -> list[str]:
    every = (item for item in store.observations(BACKEND) if item.subject == OVERHEAD)
    return sorted({item.directive.removeprefix("load=") for item in every} | {NO_LOAD})


def _nothing_changed(target: str) -> str:
    if lab_of(target) is None and is_virtual_name(target):
        return "no measurement has changed this: the times of the virtual board are this computer's"
    return "no measurement has changed this: nothing that bears on this board was measured yet"


def _runs(store: Store, board: str, target: str) -> dict[str, list[str]]:
    """The last calibrations of this target's runs, as they were said."""
    from ntorc.pipeline.measured.calibration import Calibration

    found: dict[str, list[str]] = {}
    for record in store.runs():
        path, where = Path(record.folder) / "calibration.json", str(record.summary.get("target", ""))
        if record.summary.get("board") == board and _is_same(where, target) and path.is_file():
            found[record.run] = list(load(Calibration, path).lines())
        if len(found) == _MOST_RUNS:
            break
    return found


def _is_same(where: str, target: str) -> bool:
    """Whether a run's target is this one, by whatever name; a lab's file may be gone by now."""
    return where == target or _place(where) == _place(target)


def _place(target: str) -> str:
    """Where a target is: ``virtual``, a lab's file, or a board's address."""
    kind, _, file = target.partition(":")
    if kind == "virtual":
        return f"lab {Path(file).absolute()}" if file else kind
    name = plain_name(target)
    known = read_registry().find(name)
    if known is not None:
        return known.address
    return str(SshAddress.parse(name)) if name.startswith(SCHEME) else name
