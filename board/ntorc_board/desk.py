"""What an agent works with: its folder, whom it works for, what its board is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ntorc_board.boards import Board, open_board
from ntorc_board.errors import RequestError
from ntorc_board.firmware import HARNESS
from ntorc_board.manifest import Verified, load_trusted, verify_bundle, verify_manifest
from ntorc_board.settings import Settings

Say = Callable[[str], None]


@dataclass
class Desk:
    """What an agent works with.

    Attributes:
        root: folder of the agent's own files.
        trusted: folder of the public keys that it trusts.
        settings: what the board is, or None while it is not set up.
        owner: for whom it works: a lease is to a name.
        harness: ``ntorc-harness``, or None while it is not compiled.
        programs: folder of the compiled firmware, or None.
    """

    root: Path
    trusted: Path
    settings: Settings | None
    owner: str = "this computer"
    harness: Path | None = None
    programs: Path | None = None
    _board: Board | None = field(default=None, repr=False)

    @property
    def board(self) -> Board:
        """The board, opened when it is first needed.

        Raises:
            RequestError: it was not set up.
            BoardError: it cannot be opened.
        """
        if self._board is None:
            self._board = open_board(self.known(), self.root, self.programs)
        return self._board

    def known(self) -> Settings:
        """What the board is.

        Raises:
            RequestError: it was not set up.
        """
        if self.settings is None:
            raise RequestError("this board was not set up", "set it up with `ntorc board add`")
        return self.settings

    def use(self, programs: Path) -> None:
        """Use this folder of compiled firmware from now on."""
        self.programs, self.harness = programs, programs / HARNESS

    def verify(self, folder: Path) -> Verified:
        """Check a bundle for this board; see `verify_bundle`."""
        settings = self.known()
        return verify_bundle(folder, load_trusted(self.trusted), settings.board, settings.part, settings.kind)

    def verify_manifest(self, content: bytes, signature: bytes) -> Verified:
        """Check a manifest for this board; see `ntorc_board.manifest.verify_manifest`."""
        settings = self.known()
        trusted = load_trusted(self.trusted)
        return verify_manifest(content, signature, trusted, settings.board, settings.part, settings.kind)
