"""Targets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntorc.errors import UsageError
from ntorc.lab import lab_of
from ntorc.pipeline.flow import Flow

if TYPE_CHECKING:
    from ntorc.boards import Board
    from ntorc.deploy.target import Target


def is_virtual_target(name: str) -> bool:
    """Whether no board is involved."""
    return name.partition(":")[0] == "virtual"


def check_target(name: str) -> None:
    """Refuse a target that this version does not have.

    Raises:
        UsageError: lists the known ones, or says what is wrong with a lab's file.
    """
    if not is_virtual_target(name):
        raise UsageError(
            f"there is no target '{name}'",
            "known targets: virtual (a simulated board), virtual:FILE (one with the properties in a lab's file)",
        )
    lab_of(name)


def extra_stages_of(name: str) -> int:
    """Registers that a lab's simulated logic has beyond the plan; 0 anywhere else."""
    lab = lab_of(name)
    return 0 if lab is None else lab.extra_stages


def open_target(flow: Flow, name: str, board: Board) -> Target:
    """A target by name, to be entered as a context manager; the virtual board's files lie below the store."""
    from ntorc.deploy.firmware import build_firmware
    from ntorc.deploy.virtual import VirtualTarget

    check_target(name)
    lab = lab_of(name)
    folder = f"virtual-{board.name}" + (f"-{lab.name}" if lab is not None else "")
    return VirtualTarget(board, flow.root / "boards" / folder, build_firmware(flow.cache), lab=lab)
