"""The boards that the user has added by name: ``<home>/boards.json``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from ntorc.deploy.ssh import SCHEME, SshAddress
from ntorc.errors import UsageError
from ntorc.paths import home
from ntorc.records import load, save

VIRTUAL = "virtual"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")


@dataclass(frozen=True)
class KnownBoard:
    """A board that was added.

    Attributes:
        name: as given to ``--target``.
        address: ``ssh://...``.
        board: the kind of board, as given to ``--board``.
        is_simulated: a virtual board behind ssh.
        ssh_config: another configuration file for ssh than the user's, or None.
    """

    name: str
    address: str
    board: str
    is_simulated: bool = False
    ssh_config: Path | None = None


@dataclass(frozen=True)
class Registry:
    """All boards that were added."""

    boards: tuple[KnownBoard, ...] = ()

    def find(self, name: str) -> KnownBoard | None:
        """A board by its name, or by its address where that is one board's."""
        for board in self.boards:
            if name == board.name:
                return board
        if name.startswith(SCHEME):
            address = str(SshAddress.parse(name))
            return next((board for board in self.boards if board.address == address), None)
        return None

    def with_board(self, board: KnownBoard) -> Registry:
        """The registry with a board, instead of an older one of its name."""
        if not _NAME.fullmatch(board.name) or board.name == VIRTUAL:
            raise UsageError(f"{board.name!r} is no name for a board", "small letters, digits and `._-`; not `virtual`")
        others = tuple(one for one in self.boards if one.name != board.name)
        return replace(self, boards=tuple(sorted((*others, board), key=lambda one: one.name)))

    def without(self, name: str) -> Registry:
        """The registry without a board."""
        return replace(self, boards=tuple(one for one in self.boards if one.name != name))


def registry_file() -> Path:
    """Where it is kept."""
    return home() / "boards.json"


def read_registry() -> Registry:
    """The user's registry; empty where there is none."""
    path = registry_file()
    return load(Registry, path) if path.exists() else Registry()


def write_registry(registry: Registry) -> None:
    """Keep it."""
    save(registry, registry_file())


def resolve(name: str, board: str | None = None) -> KnownBoard | None:
    """The board that ``--target`` names, or None for the virtual one.

    Args:
        name: ``virtual`` or ``virtual:FILE`` (a lab's), the name of a board that was added, or ``ssh://...``.
        board: the kind of board; for an address that was not added.

    Raises:
        UsageError: there is no such target.
    """
    if name.partition(":")[0] == VIRTUAL:
        return None
    registry = read_registry()
    found = registry.find(name)
    if found is not None:
        return found
    if name.startswith(SCHEME):
        return KnownBoard(name, str(SshAddress.parse(name)), board or "")
    added = ", ".join(one.name for one in registry.boards)
    raise UsageError(
        f"there is no target '{name}'",
        f"known targets: virtual (a simulated board), virtual:FILE (one with the properties in a lab's file)"
        f"{', ' + added if added else ''}, or ssh://user@board",
    )
