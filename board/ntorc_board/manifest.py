"""A bundle's manifest: what must be true of a folder before anything in it is used.

The order matters: the signature over the manifest's bytes is checked before they are parsed, the
names before a file is opened, and every file's digest before it is used.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ntorc_board.errors import RefusedError
from ntorc_board.signature import verify

FORMAT = "ntorc-bundle-2"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
HARDWARE = "design.hwh"
REGISTERS = "registers.json"
VECTORS = "vectors.npz"
DEVICE_TREE = "design.dtbo"
"""A device-tree overlay that goes with the logic; in a bundle only where it is needed."""
VIRTUAL, BITSTREAM = "virtual", "bitstream"
LOGIC = {VIRTUAL: "logic.so", BITSTREAM: "design.bit"}
"""The file that is programmed, by the kind of bundle."""

_MAX_TEXT_BYTES = 1 << 20
_MAX_FILES = 4096
_MAX_GAP_CYCLES = 10**9
_MAX_SEQUENCE = 2**53
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
_HINT = "make the bundle again with `ntorc build`; never copy files into it"


@dataclass(frozen=True)
class Manifest:
    """What a bundle is for and what is in it.

    Attributes:
        name: the network's name.
        board: name of the board that it was built for.
        part: the device, as ``xc7z020clg400-1``.
        clock_hz: the clock that the design was built for.
        design_id: 16 hex digits; the logic's registers must give the same.
        kind: ``virtual`` (a simulated logic, ``logic.so``) or ``bitstream`` (``design.bit``).
        window: samples in the first estimate's window.
        hop: samples between estimates.
        gap_cycles: that must pass between a frame's samples, for a design that works on each as it comes; else 0.
        sequence: grows with every bundle that a key signs; a board takes no older one than it has had.
        files: SHA-256 (hex) of every file but the manifest and its signature, by path.
        versions: versions of the tools that made it, by name.
        format: the layout of the bundle.
    """

    name: str
    board: str
    part: str
    clock_hz: int
    design_id: str
    kind: str
    window: int
    hop: int
    gap_cycles: int
    sequence: int
    files: dict[str, str]
    versions: dict[str, str]
    format: str = FORMAT

    def to_bytes(self) -> bytes:
        """The manifest's file, equal for equal manifests."""
        return canonical_json(asdict(self))


@dataclass(frozen=True)
class Verified:
    """The outcome of `verify_bundle`: the manifest, who signed it, and its SHA-256 (hex)."""

    manifest: Manifest
    key_id: str
    digest: str


def canonical_json(value: object) -> bytes:
    """JSON with sorted keys and one layout, so that equal values have equal bytes."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def key_id_of(public: bytes) -> str:
    """The name of a public key: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(public).hexdigest()[:16]


def load_trusted(folder: Path) -> dict[str, bytes]:
    """The public keys in a folder of ``<key id>.pub`` files (64 hex digits), by key id.

    Raises:
        RefusedError: a file there is not such a key.
    """
    trusted = {}
    for path in sorted(folder.glob("*.pub")) if folder.is_dir() else []:
        text = path.read_bytes()[:200].decode("ascii", errors="replace").strip()
        if not re.fullmatch(r"[0-9a-f]{64}", text) or key_id_of(bytes.fromhex(text)) != path.stem:
            raise RefusedError(
                f"{path} is not a public key named by its id", "remove that file, or export the key anew"
            )
        trusted[path.stem] = bytes.fromhex(text)
    return trusted


def verify_bundle(
    folder: Path,
    trusted: Mapping[str, bytes],
    board: str | None = None,
    part: str | None = None,
    kind: str | None = None,
) -> Verified:
    """Check everything about a bundle: signature, names, every byte of every file, board, part and kind.

    Args:
        folder: the bundle.
        trusted: public keys (32 bytes) by key id.
        board: name of the board that it must be for, or None for any.
        part: the part that it must be for, or None for any.
        kind: of the logic that it must be for, as in `LOGIC`, or None for any.

    Raises:
        RefusedError: anything is not as signed; nothing of the bundle should be used.
    """
    content, signature = _read_small(folder / MANIFEST), _read_small(folder / SIGNATURE)
    verified = verify_manifest(content, signature, trusted, board, part, kind)
    _check_files(folder, verified.manifest)
    return verified


def verify_manifest(
    content: bytes,
    signature: bytes,
    trusted: Mapping[str, bytes],
    board: str | None = None,
    part: str | None = None,
    kind: str | None = None,
) -> Verified:
    """Check a manifest alone, before the files that it lists are there.

    Args:
        content: the bytes of ``manifest.json``.
        signature: the bytes of ``manifest.sig``.
        trusted, board, part, kind: as for `verify_bundle`.

    Raises:
        RefusedError: it is not as signed, not by a trusted key, or for another board, part or kind of logic.
    """
    key_id = _check_signature(content, signature, trusted)
    manifest = _parse(content)
    if board is not None and manifest.board != board:
        raise RefusedError(
            f"this bundle is for the board {manifest.board}, and this is {board}", f"build it for {board}"
        )
    if part is not None and manifest.part != part:
        raise RefusedError(f"this bundle is for the part {manifest.part}, and this is {part}", f"build it for {part}")
    if kind is not None:
        check_kind(manifest.kind, kind)
    return Verified(manifest, key_id, hashlib.sha256(content).hexdigest())


def check_kind(bundle: str, logic: str) -> None:
    """Refuse a bundle of another kind than a board's logic, both as in `LOGIC`, before the logic is touched.

    Raises:
        RefusedError: it could only be programmed there in vain.
    """
    if bundle == logic:
        return
    if logic == VIRTUAL:
        raise RefusedError(
            f"this bundle is of the kind {bundle}, and this board's logic is simulated",
            "build it without --tool for a virtual board, or name a board with real logic",
        )
    raise RefusedError(
        f"this bundle is of the kind {bundle}, simulated logic, and this board's logic is real",
        "build a bitstream with --tool vivado or --tool openxc7, or name a virtual board",
    )


def signature_file(key_id: str, signature: bytes) -> bytes:
    """The contents of ``manifest.sig``."""
    return canonical_json({"algorithm": "ed25519", "key_id": key_id, "signature": signature.hex()})


def check_name(name: str) -> None:
    """Refuse a file name that could leave the bundle or surprise a file system.

    Raises:
        RefusedError: absolute, ``..``, empty parts, or characters other than letters, digits and ``_.+-``.
    """
    if len(name) > 255 or not all(_PART.fullmatch(part) for part in name.split("/")):
        raise RefusedError(f"the manifest names a file {name!r}, which is not allowed", _HINT)
    if name in (MANIFEST, SIGNATURE):
        raise RefusedError(f"the manifest lists {name}, which cannot list itself", _HINT)


def _read_small(path: Path) -> bytes:
    try:
        with open(path, "rb", opener=_open_file) as stream:
            content = stream.read(_MAX_TEXT_BYTES + 1)
    except OSError as error:
        raise RefusedError(f"the bundle has no readable {path.name}: {error.strerror}", _HINT) from error
    if len(content) > _MAX_TEXT_BYTES:
        raise RefusedError(f"the bundle's {path.name} is larger than {_MAX_TEXT_BYTES} bytes", _HINT)
    return content


def _open_file(path: str, flags: int) -> int:
    """Open without following a link at the end and without waiting on a named pipe."""
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _check_signature(content: bytes, text: bytes, trusted: Mapping[str, bytes]) -> str:
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the bundle's {SIGNATURE} is not JSON", _HINT) from error
    key_id, signature = (fields.get("key_id"), fields.get("signature")) if isinstance(fields, dict) else (None, None)
    if not isinstance(key_id, str) or not isinstance(signature, str) or not re.fullmatch(r"[0-9a-f]{128}", signature):
        raise RefusedError(f"the bundle's {SIGNATURE} is not a signature file", _HINT)
    # one spelling only: an altered byte that happens to mean the same is still an altered byte
    if signature_file(key_id, bytes.fromhex(signature)) != text:
        raise RefusedError(f"the bundle's {SIGNATURE} was altered", _HINT)
    if key_id not in trusted:
        raise RefusedError(
            f"the bundle is signed with the key {key_id}, which is not trusted here",
            "trust it with `ntorc keys trust` where it is yours, or build the bundle with a trusted key",
        )
    if not verify(trusted[key_id], content, bytes.fromhex(signature)):
        raise RefusedError(f"the bundle's {MANIFEST} was altered: its signature does not fit", _HINT)
    return key_id


def _parse(content: bytes) -> Manifest:
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"the bundle's {MANIFEST} is not JSON", _HINT) from error
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        found = fields.get("format") if isinstance(fields, dict) else None
        raise RefusedError(
            f"the bundle's format is {found!r}, and {FORMAT!r} is expected", "update ntorc on both sides"
        )
    manifest = _typed(fields)
    if not re.fullmatch(r"[0-9a-f]{16}", manifest.design_id):
        raise RefusedError(f"the design id {manifest.design_id!r} is not 16 hex digits", _HINT)
    if min(manifest.clock_hz, manifest.window, manifest.hop) < 1:
        raise RefusedError("clock_hz, window and hop must be positive", _HINT)
    if not 0 <= manifest.gap_cycles <= _MAX_GAP_CYCLES:
        raise RefusedError(f"gap_cycles must be from 0 to {_MAX_GAP_CYCLES}", _HINT)
    if not 1 <= manifest.sequence <= _MAX_SEQUENCE:
        raise RefusedError(f"sequence must be from 1 to {_MAX_SEQUENCE}", _HINT)
    if len(manifest.files) > _MAX_FILES:
        raise RefusedError(f"the bundle lists more than {_MAX_FILES} files", _HINT)
    for name, digest in manifest.files.items():
        check_name(name)
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise RefusedError(f"the digest of {name} is not a SHA-256", _HINT)
    if manifest.kind not in LOGIC:
        raise RefusedError(f"the bundle's kind is {manifest.kind!r}", f"known kinds: {', '.join(LOGIC)}")
    for name in (LOGIC[manifest.kind], HARDWARE, REGISTERS, VECTORS):
        if name not in manifest.files:
            raise RefusedError(f"the bundle does not list {name}", _HINT)
    return manifest


def _typed(fields: dict[str, Any]) -> Manifest:
    """The manifest of a JSON object that has exactly its fields, each of its type."""
    kinds: dict[str, type] = {
        "name": str,
        "board": str,
        "part": str,
        "clock_hz": int,
        "design_id": str,
        "kind": str,
        "window": int,
        "hop": int,
        "gap_cycles": int,
        "sequence": int,
        "files": dict,
        "versions": dict,
        "format": str,
    }
    if set(fields) != set(kinds):
        raise RefusedError(f"the manifest's fields are not {', '.join(sorted(kinds))}", _HINT)
    for name, kind in kinds.items():
        value = fields[name]
        right = type(value) is kind  # not isinstance: True is no number here
        if right and kind is dict:
            right = all(isinstance(item, str) for item in value.values())
        if not right:
            raise RefusedError(f"the manifest's {name} is not of type {kind.__name__}", _HINT)
    return Manifest(**fields)


def _check_files(folder: Path, manifest: Manifest) -> None:
    expected = set(manifest.files) | {MANIFEST, SIGNATURE}
    folders = {str(parent) for name in expected for parent in Path(name).parents if str(parent) != "."}
    try:
        found = set(_walk(folder, folders))
    except OSError as error:
        raise RefusedError(f"the bundle's folder cannot be read: {error.strerror}", _HINT) from error
    for problem, names in (("lacks", expected - found), ("has an unlisted", found - expected)):
        if names:
            raise RefusedError(f"the bundle {problem} {min(names)}", _HINT)
    for name, digest in manifest.files.items():
        try:
            with open(folder / name, "rb", opener=_open_file) as stream:
                total = hashlib.sha256()
                while block := stream.read(1 << 20):
                    total.update(block)
        except OSError as error:
            raise RefusedError(f"the bundle's {name} cannot be read: {error.strerror}", _HINT) from error
        if total.hexdigest() != digest:
            raise RefusedError(f"the bundle's {name} was altered", _HINT)


def _walk(folder: Path, folders: set[str], below: str = "") -> list[str]:
    """Paths of all regular files below ``folder``; refuses anything else, and unexpected folders."""
    names: list[str] = []
    with os.scandir(folder / below) as entries:
        for entry in entries:
            name = f"{below}/{entry.name}" if below else entry.name
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISREG(mode):
                names.append(name)
            elif stat.S_ISDIR(mode) and name in folders:
                names += _walk(folder, folders, name)
            else:
                raise RefusedError(f"the bundle has an unlisted folder, link or device {name}", _HINT)
    return names
