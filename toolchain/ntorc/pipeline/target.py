"""Targets by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntorc.errors import UsageError
from ntorc.pipeline.flow import Flow

if TYPE_CHECKING:
    from ntorc.boards import Board
    from ntorc.deploy.target import Target


def check_target(name: str) -> None:
    """Refuse a target that this version does not have.

    Raises:
        UsageError: lists the known ones.
    """
    if name != "virtual":
        raise UsageError(f"there is no target '{name}'", "known targets: virtual (a simulated board)")


def open_target(flow: Flow, name: str, board: Board) -> Target:
    """A target by name, to be entered as a context manager; the virtual board's files lie below the store."""
    from ntorc.deploy.firmware import build_firmware
    from ntorc.deploy.virtual import VirtualTarget

    check_target(name)
    return VirtualTarget(board, flow.root / "boards" / f"virtual-{board.name}", build_firmware(flow.cache))
