"""Targets by name: the virtual board, boards that were added, and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.errors import DeploymentError, UsageError
from ntorc.lab import lab_of
from ntorc.pipeline.flow import Flow

if TYPE_CHECKING:
    from ntorc.boards import Board
    from ntorc.deploy.registry import KnownBoard
    from ntorc.deploy.ssh_target import SshTarget
    from ntorc.deploy.target import Target


def check_target(name: str) -> None:
    """Refuse a target that there is not.

    Raises:
        UsageError: lists the known ones, or says what is wrong with a lab's file.
    """
    from ntorc.deploy.registry import resolve
    from ntorc.deploy.target import plain_name

    resolve(plain_name(name))
    lab_of(name)


def extra_stages_of(name: str) -> int:
    """Registers that a lab's simulated logic has beyond the plan; 0 anywhere else."""
    lab = lab_of(name)
    return 0 if lab is None else lab.extra_stages


def open_target(flow: Flow, name: str, board: Board) -> Target:
    """A target by name, to be entered as a context manager; the virtual board's files lie below the store."""
    from ntorc.deploy.registry import resolve
    from ntorc.deploy.target import plain_name

    known = resolve(plain_name(name), board.name)
    if known is not None:
        return open_ssh(flow, known, board)
    from ntorc.deploy.firmware import build_firmware
    from ntorc.deploy.virtual import VirtualTarget

    lab = lab_of(name)
    folder = f"virtual-{board.name}" + (f"-{lab.name}" if lab is not None else "")
    return VirtualTarget(board, flow.root / "boards" / folder, build_firmware(flow.cache), lab=lab)


def open_ssh(flow: Flow, known: KnownBoard, board: Board) -> SshTarget:
    """A board behind SSH.

    Raises:
        UsageError: it was added as another kind of board.
    """
    from ntorc.bundle.keys import signing_key
    from ntorc.deploy.ssh import SshAddress, SshClient, owner_name
    from ntorc.deploy.ssh_target import SshOptions, SshTarget

    if known.board and known.board != board.name:
        raise UsageError(f"{known.name} is a {known.board}, not a {board.name}", f"give --board {known.board}")
    client = SshClient(SshAddress.parse(known.address), known.ssh_config)
    options = SshOptions(owner_name(), signing_key(), known.is_simulated)
    return SshTarget(client, board, work_folder(flow, known), options, flow.progress)


def work_folder(flow: Flow, known: KnownBoard) -> Path:
    """Where the logs of a board's connections are."""
    return flow.root / "boards" / "ssh" / "".join(c if c.isalnum() or c in "._-" else "_" for c in known.name)


def settle_target(flow: Flow, name: str, board: Board, kind: str) -> str:
    """Before hours of work: a board behind SSH answers, is free, and can take what will be built.

    Returns:
        The target's full name, which says where it is and whether it has no real logic (`is_virtual_name`).

    Args:
        flow: for progress.
        name: the target.
        board: the kind of board.
        kind: of the bundle that will be deployed, ``virtual`` or ``bitstream``.

    Raises:
        DeploymentError: it does not, or cannot.
    """
    from ntorc.deploy.client import BoardBusyError
    from ntorc.deploy.registry import resolve
    from ntorc.deploy.ssh import owner_name
    from ntorc.deploy.target import plain_name

    known = resolve(plain_name(name), board.name)
    if known is None:
        return name
    with flow.stage("target", f"{known.address}: is it there, and free"), open_ssh(flow, known, board) as target:
        status = target.status()
        if status.lease_owner not in (None, owner_name()):
            raise BoardBusyError(
                f"{known.name} is leased to {status.lease_owner} for {status.lease_left_s} s more",
                f"wait, or ask them: `ntorc board lease {known.name} --release`",
            )
        if kind == "virtual" and not target.is_virtual:
            raise DeploymentError(
                f"{known.name} has real logic, and what would be built is simulated logic",
                "make a bitstream: --tool vivado or --tool openxc7, with --host ssh://me@builder where the tools are"
                " elsewhere; or deploy with --target virtual",
            )
        if kind != "virtual" and target.is_virtual:
            raise DeploymentError(
                f"{known.name} has simulated logic, into which no bitstream goes", "leave out --tool, or name a board"
            )
        return target.name
