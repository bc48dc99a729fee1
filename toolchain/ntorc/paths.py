"""Where things are: the project's own files, and the user's store."""

from __future__ import annotations

import errno
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from ntorc.errors import NtorcError, UsageError

PACKAGE = Path(__file__).resolve().parent
"""The sources of ``ntorc``, which stages name in the keys of what they keep."""


def project_root() -> Path:
    """The checkout that holds ``toolchain/``, ``board/``, ``firmware/`` and ``models/``."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "firmware" / "gateware").is_dir():
        raise NtorcError(
            f"the gateware sources are not beside the program (looked in {root})",
            "install ntorc from its checkout: make setup",
        )
    return root


def gateware_folder() -> Path:
    """The SystemVerilog sources."""
    return project_root() / "firmware" / "gateware"


def boards_folder() -> Path:
    """The board files, one TOML a board."""
    return project_root() / "board" / "boards"


def home() -> Path:
    """The store's folder: ``NTORC_HOME``, or the user's data folder."""
    override = os.environ.get("NTORC_HOME")
    if override:
        return Path(override).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_path("ntorc"))


def check_folder(path: Path) -> None:
    """Before any work: results can be written into ``path``.  Leaves nothing behind.

    Raises:
        UsageError: it, or something on the way there, is a file, or it cannot be written.
    """
    missing = [place for place in (path, *path.parents) if not os.path.lexists(place)]
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        reason = "it is a file" if path.is_file() else error.strerror
        raise UsageError(
            f"{path} cannot be a folder for results: {reason}", "give a folder that you may write"
        ) from error
    finally:
        for place in missing:
            with suppress(OSError):
                place.rmdir()


def recorded_data() -> Path | None:
    """The folder of recorded and published data: ``NTORC_DATA``, or ``shared/data`` beside the checkout; or None."""
    named = os.environ.get("NTORC_DATA")
    folder = Path(named).expanduser().absolute() if named else project_root().parent / "shared" / "data"
    return folder if folder.is_dir() else None
