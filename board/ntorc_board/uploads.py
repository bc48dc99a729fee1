"""Files that come over the channel: addressed by their SHA-256, resumable, verified before use."""

from __future__ import annotations

import base64
import binascii
import errno
import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from ntorc_board.errors import BoardError, RefusedError, RequestError
from ntorc_board.files import sync
from ntorc_board.manifest import MANIFEST, SIGNATURE, Manifest

CHUNK_BYTES = 384 << 10
"""Bytes in one message at the most; in base64 they fit a line of the channel."""
_SPARE_BYTES = 1 << 20
_BLOCK_BYTES = 1 << 20


class Uploads:
    """The folder of files that were received, whole ones by their digest, others as ``DIGEST.part``."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "uploads"

    def have(self, digest: str) -> int | None:
        """Bytes that are here of a file that is not whole yet; None: it is whole."""
        self._check_digest(digest)
        if (self._folder / digest).is_file():
            return None
        try:
            return self._part(digest).stat().st_size
        except FileNotFoundError:
            return 0

    def put(self, digest: str, offset: int, text: str, *, last: bool) -> int:
        """Add bytes to a file; returns how many it has.

        Args:
            digest: SHA-256 (hex) of the whole file.
            offset: where these bytes belong: what the file has so far.
            text: the bytes in base64.
            last: the file is whole with them: it is checked, and removed when it is not what it should be.

        Raises:
            RequestError: not base64, or at another place than the end.
            RefusedError: the whole file has another digest.
            BoardError: the disk is full or cannot be written; what there was of the file is removed.
        """
        self._check_digest(digest)
        try:
            content = base64.b64decode(text.encode("ascii"), validate=True)
        except (ValueError, binascii.Error) as error:
            raise RequestError("the data is not base64", "send the file again") from error
        path = self._part(digest)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as stream:
                if stream.tell() != offset:
                    raise RequestError(f"{stream.tell()} bytes are here, not {offset}", "ask how many there are")
                stream.write(content)
                stream.flush()
                if last:
                    os.fsync(stream.fileno())
            if not last:
                return offset + len(content)
            if digest_of(path) != digest:
                path.unlink()
                raise RefusedError("a file did not arrive as it was sent", "send it again; if that fails too, see why")
            os.replace(path, self._folder / digest)
            sync(self._folder)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                path.unlink(missing_ok=True)
            raise BoardError(
                f"cannot store a file below {self._folder}: {error.strerror}", "free some space on the board"
            ) from error
        return offset + len(content)

    def path(self, digest: str) -> Path:
        """A whole file.

        Raises:
            RequestError: it is not here.
        """
        if self.have(digest) is not None:
            raise RequestError(f"the file {digest[:16]}... was not sent", "send it first")
        return self._folder / digest

    def check_space(self, missing_bytes: int) -> None:
        """Refuse what will not fit, before it is sent.

        Raises:
            BoardError: there is too little space.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        free_bytes = shutil.disk_usage(self._folder).free
        if missing_bytes + _SPARE_BYTES > free_bytes:
            raise BoardError(
                f"{missing_bytes} bytes do not fit on the board's disk, which has {free_bytes} free",
                "free some space on the board",
            )

    def assemble(
        self, target: Path, manifest: Manifest, content: bytes, signature: bytes, sources: Mapping[str, Path]
    ) -> None:
        """Make a bundle's folder of what was sent and of what is here already.

        Args:
            target: the folder to make.
            manifest: the bundle's, verified.
            content: its bytes.
            signature: the bytes of its signature file.
            sources: files that are here, by digest; copied.

        Raises:
            RequestError: a file is missing.
        """
        target.mkdir()
        (target / MANIFEST).write_bytes(content)
        (target / SIGNATURE).write_bytes(signature)
        for name, digest in manifest.files.items():
            path = target / name
            path.parent.mkdir(parents=True, exist_ok=True)
            source = sources.get(digest)
            shutil.copyfile(source or self.path(digest), path, follow_symlinks=False)

    def keep_only(self, wanted: Iterable[str]) -> None:
        """Remove what was received for anything else than these files."""
        names = {name for digest in wanted for name in (digest, f"{digest}.part")}
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name not in names:
                path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Remove everything that was received."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def remove(self, digest: str) -> None:
        """Remove a file."""
        self._check_digest(digest)
        (self._folder / digest).unlink(missing_ok=True)

    def _part(self, digest: str) -> Path:
        return self._folder / f"{digest}.part"

    @staticmethod
    def _check_digest(digest: str) -> None:
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise RequestError("a file is named by its SHA-256 in 64 hex digits", "correct the request")


def digest_of(path: Path) -> str:
    """SHA-256 (hex) of a file, not following a link."""
    total = hashlib.sha256()
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as stream:
        while block := stream.read(_BLOCK_BYTES):
            total.update(block)
    return total.hexdigest()


def files_by_digest(folders: Iterable[Path], wanted: Iterable[str]) -> dict[str, Path]:
    """Regular files below some folders that have one of the wanted digests, by it."""
    missing = set(wanted)
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if not missing:
                return found
            if path.is_symlink() or not path.is_file():
                continue
            try:
                digest = digest_of(path)
            except OSError:
                continue  # an unreadable old file only means that it is sent again
            if digest in missing:
                found[digest] = path
                missing.discard(digest)
    return found


def read_chunk(path: Path, offset: int) -> tuple[str, int]:
    """Bytes of a file from ``offset`` on in base64, and the file's size.

    Raises:
        BoardError: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            stream.seek(offset)
            content = stream.read(CHUNK_BYTES)
            return base64.b64encode(content).decode("ascii"), os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise BoardError(f"cannot read {path.name}: {error.strerror}", "measure again") from error
