"""Boards by name: added, looked at, leased, gone back on, and deployed to with a bundle that is there."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntorc.boards import load_board
from ntorc.deploy.registry import KnownBoard, read_registry, resolve, write_registry
from ntorc.deploy.ssh import SshAddress
from ntorc.deploy.target import NO_PYNQ
from ntorc.errors import UsageError
from ntorc.pipeline.board.target import open_ssh, open_target
from ntorc.pipeline.flow import Flow

if TYPE_CHECKING:
    from ntorc.deploy.ssh_target import SshTarget
    from ntorc.deploy.target import Target

DEFAULT_BOARD = "pynq-z2"


@dataclass(frozen=True)
class NewBoard:
    """What is added: see `KnownBoard`."""

    name: str
    address: str
    board: str = DEFAULT_BOARD
    is_simulated: bool = False
    ssh_config: Path | None = None


def add_board(flow: Flow, new: NewBoard) -> dict[str, Any]:
    """Reach a board, set it up where it is new, and keep it by its name.

    Raises:
        DeploymentError: it cannot be reached or is another kind of board; nothing is kept then.
    """
    config = None if new.ssh_config is None else new.ssh_config.expanduser().absolute()
    if config is not None and not config.is_file():
        raise UsageError(f"there is no file {config}", "name ssh's configuration file, or leave --ssh-config out")
    known = KnownBoard(new.name, str(SshAddress.parse(new.address)), new.board, new.is_simulated, config)
    registry = read_registry().with_board(known)
    with flow.stage("board", f"reaching {known.address}"), _ssh(flow, known) as target:
        info = target.hello()
        keys = target.keys()
    if not info.has_pynq:
        flow.progress.message(f"warning: {new.name} has no pynq, so that nothing can be deployed there: {NO_PYNQ}")
    write_registry(registry)
    return {"board": _plain(known), "info": asdict(info), "trusted": sorted(keys["trusted"])}


def remove_board(name: str) -> dict[str, Any]:
    """Forget a board; nothing is changed on it."""
    registry = read_registry()
    if registry.find(name) is None:
        raise UsageError(f"there is no board {name!r}", _added())
    write_registry(registry.without(name))
    return {"removed": name}


def known_boards() -> list[dict[str, Any]]:
    """All boards that were added."""
    return [_plain(board) for board in read_registry().boards]


def board_status(flow: Flow, name: str, board: str | None = None) -> dict[str, Any]:
    """What is confirmed, what is in the logic, whose the board is."""
    with _open(flow, name, board) as target:
        status, info = target.status(), target.hello()
    return {"target": name, "info": asdict(info), "status": asdict(status)}


def board_rollback(flow: Flow, name: str, board: str | None = None) -> dict[str, Any]:
    """Go back to the design before."""
    with _open(flow, name, board) as target, flow.stage("rollback", "to the design that was confirmed before"):
        return asdict(target.rollback(flow.progress))


def board_restore(flow: Flow, name: str, board: str | None = None) -> dict[str, Any]:
    """Program and test what is confirmed, as after a power-up."""
    with _open(flow, name, board) as target, flow.stage("restore", "what is confirmed"):
        return asdict(target.restore(flow.progress))


def board_install(flow: Flow, name: str, bundle: Path, board: str | None = None) -> dict[str, Any]:
    """Deploy a bundle that is there already, by itself."""
    with _open(flow, name, board) as target, flow.stage("deploy", f"{bundle} to {target.name}"):
        return asdict(target.install(bundle, flow.progress))


def board_lease(flow: Flow, name: str, seconds: int | None, *, force: bool) -> dict[str, Any]:
    """Lease a board for so many seconds, or with None give it back."""
    with open_known(flow, name) as target:
        if seconds is None:
            target.release(force=force)
        else:
            target.lease(seconds, force=force)
        status = target.status()
    return {"target": name, "lease_owner": status.lease_owner, "lease_left_s": status.lease_left_s}


def open_known(flow: Flow, name: str) -> SshTarget:
    """A board behind SSH, added or by its address.

    Raises:
        UsageError: the virtual board, which is this user's alone.
    """
    known = resolve(name, DEFAULT_BOARD)
    if known is None:
        raise UsageError("the virtual board is yours alone: it has no lease and your own keys", _added())
    return _ssh(flow, known)


def _ssh(flow: Flow, known: KnownBoard) -> SshTarget:
    return open_ssh(flow, known, load_board(known.board or DEFAULT_BOARD))


def _open(flow: Flow, name: str, board: str | None) -> Target:
    known = resolve(name, board or DEFAULT_BOARD)
    kind = board or (known.board if known is not None else "") or DEFAULT_BOARD
    return open_target(flow, name, load_board(kind))


def _added() -> str:
    names = ", ".join(board.name for board in read_registry().boards)
    return f"boards that were added: {names or 'none; see `ntorc board add --help`'}"


def _plain(board: KnownBoard) -> dict[str, Any]:
    config = None if board.ssh_config is None else str(board.ssh_config)
    return {**asdict(board), "ssh_config": config}
