"""How the nouns are written and read: frozen dataclasses as JSON, files replaced atomically."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from ntorc.errors import StorageError
from ntorc.paths import PACKAGE

T = TypeVar("T")


def _adapter(cls: Any) -> Any:
    return _adapter_of(cls)


@cache
def _adapter_of(cls: Any) -> Any:
    from pydantic import TypeAdapter  # costs .1 s, so only when something is read or written

    return TypeAdapter(cls)


def to_json(record: Any) -> str:
    """A dataclass, or a mapping of plain values, as indented JSON with sorted keys."""
    plain = record if isinstance(record, Mapping) else _adapter(type(record)).dump_python(record, mode="json")
    return json.dumps(plain, indent=1, sort_keys=True) + "\n"


def from_json(cls: type[T], text: str, origin: str = "") -> T:
    """Read a dataclass from JSON, checking every field's type.

    Raises:
        StorageError: the text is not JSON, or not such a record.
    """
    from pydantic import ValidationError

    try:
        result: T = _adapter(cls).validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the text"
        raise StorageError(
            f"{origin or 'this text'} is not a valid {cls.__name__}: {where}: {first['msg']}",
            "remove the file and run the command again to make it anew",
        ) from error
    return result


def save(record: object, path: Path) -> Path:
    """Write a record to ``path`` atomically."""
    return write_atomically(path, to_json(record).encode())


def load(cls: type[T], path: Path) -> T:
    """Read a record from ``path``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(f"cannot read {path}: {error}") from error
    return from_json(cls, text, origin=str(path))


def write_atomically(path: Path, content: bytes) -> Path:
    """Write to a temporary name beside ``path``, fsync, rename: never half a file.

    Raises:
        StorageError: the disk is full or the folder cannot be written.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.parent / f".{path.name}.{uuid.uuid4().hex}"  # not mkstemp: others may read what we write
        handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(content)
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(name, path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
    return path


def numbered_folder(parent: Path, stem: str) -> Path:
    """Make the folder ``STEM-NNN`` behind the highest number that there is, whoever else does the same just now.

    Raises:
        StorageError: it cannot be made.
    """
    with storage_errors(parent):
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            ends = [path.name.removeprefix(f"{stem}-") for path in parent.glob(f"{stem}-*")]
            number = 1 + max((int(end) for end in ends if end.isdecimal()), default=0)
            folder = parent / f"{stem}-{number:03d}"
            try:
                folder.mkdir()
            except FileExistsError:
                continue  # another process was faster; its number is seen now
            return folder


def write_if_changed(path: Path, content: str) -> Path:
    """Write text only when it differs, so that what depends on the file's time is not remade."""
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        write_atomically(path, content.encode())
    return path


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's errors on writing below ``path`` into clear ones."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise StorageError(
                f"no space left while writing {path}",
                "free some space, or point NTORC_HOME at another disk; finished stages are kept",
            ) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM):
            raise StorageError(
                f"not allowed to write {path}", "point NTORC_HOME at a folder that you can write"
            ) from error
        raise


def digest_of(value: Any) -> str:
    """SHA-256 (hex) of a value's canonical JSON: the identity of equal inputs."""
    if not isinstance(value, (Mapping, list, tuple, str, int, float, bool, type(None))):
        value = _adapter(type(value)).dump_python(value, mode="json")
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def digest_of_file(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def digest_of_sources(*paths: Path) -> str:
    """SHA-256 over names and bytes of files, and of the .py files below folders: a stage's code identity."""
    total = hashlib.sha256()
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.suffix in _SOURCE_SUFFIXES) if path.is_dir() else [path]
        for file in files:
            total.update(file.name.encode() + b"\0" + digest_of_file(file).encode())
    return total.hexdigest()


def code_of(*names: str) -> str:
    """`digest_of_sources` of some of the package's own files or folders, by their names below ``ntorc``."""
    return digest_of_sources(*(PACKAGE / name for name in names))


_SOURCE_SUFFIXES = {".py", ".sv", ".svh", ".c", ".h", ".cpp", ".toml", ".json"}
