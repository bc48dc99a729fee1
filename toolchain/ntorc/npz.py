"""Reading .npz archives that are not trusted: no objects, no pickles, whatever is wrong is a `DataError`."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError

AnyArray = npt.NDArray[np.generic]

MAX_FILE_BYTES = 512 * 1024 * 1024
_ERRORS = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,
    SyntaxError,
    MemoryError,
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
    tokenize.TokenError,
)
"""What NumPy and zipfile raise on damaged archives; found by fuzzing, none of them is documented."""


def read_arrays(file: Path, names: Sequence[str], expected: str) -> dict[str, AnyArray]:
    """The named arrays of an archive.

    Args:
        file: the archive.
        names: arrays that it must hold.
        expected: what to do about a file of another kind, for the hint.

    Raises:
        DataError: missing, not an archive, damaged, too large, or without those arrays.
    """
    check_size(file)
    try:
        archive = np.load(file, allow_pickle=False)
        if not isinstance(archive, np.lib.npyio.NpzFile):
            raise DataError(f"{file} is a bare array, not an .npz archive", expected)
        with archive:
            missing = [key for key in names if key not in archive]
            if missing:
                raise DataError(f"{file} has no array named {missing[0]}", expected)
            unpacked = sum(member.file_size for member in archive.zip.infolist())
            if unpacked > MAX_FILE_BYTES:
                raise DataError(f"{file} unpacks to {unpacked} bytes, more than it may have ({MAX_FILE_BYTES})")
            return {name: np.asarray(archive[name]) for name in names}
    except _ERRORS as error:
        raise DataError(f"{file} cannot be read as .npz: {error}", "the file is damaged: copy it again") from error


def check_size(file: Path) -> None:
    """Refuse a file that is missing, empty or larger than anything we read.

    Raises:
        DataError: says which.
    """
    try:
        size = file.stat().st_size
    except OSError as error:
        raise DataError(f"cannot read {file}: {error}") from error
    if size == 0:
        raise DataError(f"{file} is empty")
    if size > MAX_FILE_BYTES:
        raise DataError(f"{file} has {size} bytes, more than it may have ({MAX_FILE_BYTES})")
