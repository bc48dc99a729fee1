"""Making and reading bundles.

A bundle is a folder: ``manifest.json`` with the digest of every file, ``manifest.sig`` (Ed25519
over the manifest's bytes), the logic (``logic.so`` or ``design.bit``), ``design.hwh``,
``registers.json``, ``vectors.npz``, ``network/`` and, where the logic needs one, a device-tree
overlay ``design.dtbo``.  Equal input gives equal bytes; what orders bundles in time is
``sequence``, which is input (see `ntorc.bundle.issue`).  What a valid bundle is, is defined once, in
``ntorc_board.manifest``: the board checks it with the same code.
"""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ntorc.bundle.hwh import shell_hwh
from ntorc.bundle.keys import SigningKey
from ntorc.errors import BundleError
from ntorc.records import digest_of_file, storage_errors
from ntorc_board.errors import BoardError, RefusedError
from ntorc_board.manifest import (
    DEVICE_TREE,
    HARDWARE,
    LOGIC,
    MANIFEST,
    REGISTERS,
    SIGNATURE,
    VECTORS,
    Manifest,
    Verified,
    check_name,
    signature_file,
    verify_bundle,
)
from ntorc_board.registers import MAP_FILE, load_registers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ntorc.boards import Board

NETWORK = "network"
"""The folder of the network's own files in a bundle."""


@dataclass(frozen=True)
class SelfTestVectors:
    """What the board proves itself with before a design is confirmed.

    Attributes:
        samples: int32 [n], raw counts, pushed from the first on after a soft reset.
        results: int32 [m], the raw result of every estimate, n >= window + (m - 1) * hop.
        hop: samples between estimates.
    """

    samples: NDArray[np.int32]
    results: NDArray[np.int32]
    hop: int


@dataclass(frozen=True)
class BundleParts:
    """What goes into a bundle.

    Attributes:
        name: the network's name.
        board: the board that it is for.
        clock_hz: the clock that the design was made for.
        design_id: 16 hex digits, the same as in the logic's registers.
        kind: ``virtual`` or ``bitstream``.
        window: samples in the first estimate's window.
        hop: samples between estimates.
        logic: the file to program.
        vectors: the self-test.
        network: files of the network by name, as bytes or as paths to copy.
        versions: versions of the tools that made it, by name.
        registers: the register map that the logic has.
        dma: the logic has a DMA, with its registers behind the shell's.
        gap_cycles: that must pass between a frame's samples, for a design that works on each as it comes.
        sequence: orders the bundles of a key; a board refuses one that is older than what it has had.
        device_tree: a compiled device-tree overlay that goes with the logic, or None.
    """

    name: str
    board: Board
    clock_hz: int
    design_id: str
    kind: str
    window: int
    hop: int
    logic: Path
    vectors: SelfTestVectors
    network: Mapping[str, bytes | Path]
    versions: Mapping[str, str] = field(default_factory=dict)
    registers: Path = MAP_FILE
    dma: bool = False
    gap_cycles: int = 0
    sequence: int = 1
    device_tree: Path | None = None


@dataclass(frozen=True)
class Bundle:
    """A bundle that was verified: where it is, its manifest, who signed it, its digest (SHA-256, hex)."""

    folder: Path
    manifest: Manifest
    key_id: str
    digest: str


def make_bundle(folder: Path, parts: BundleParts, key: SigningKey) -> Bundle:
    """Make and sign a bundle at ``folder``: all of it or nothing; an older bundle there gives way.

    Args:
        folder: where; must not exist, be empty, or hold a bundle.
        parts: what goes in.
        key: signs it.

    Raises:
        BundleError: the parts do not fit together, or ``folder`` holds something else.
        StorageError: the disk is full or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / MANIFEST).is_file())):
        raise BundleError(f"{folder} exists and is not a bundle", "name a new folder")
    _check_vectors(parts)
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            bundle = work / "bundle"
            bundle.mkdir()
            verified = _fill(bundle, parts, key)
            if folder.exists():
                os.rename(folder, work / "old")
            os.rename(bundle, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return Bundle(folder, verified.manifest, verified.key_id, verified.digest)


def read_bundle(
    folder: Path, trusted: Mapping[str, bytes], board: str | None = None, part: str | None = None
) -> Bundle:
    """Read a bundle after checking all of it: signature, names, every byte, board and part.

    Args:
        folder: the bundle.
        trusted: public keys (32 bytes) by key id, see `ntorc.bundle.keys.trusted_keys`.
        board: name of the board that it must be for, or None for any.
        part: the part that it must be for, or None for any.

    Raises:
        BundleError: anything is not as signed.
    """
    try:
        verified = verify_bundle(folder, trusted, board, part)
    except RefusedError as error:
        raise BundleError(f"{folder}: {error.message}", error.hint) from error
    return Bundle(folder, verified.manifest, verified.key_id, verified.digest)


def _fill(bundle: Path, parts: BundleParts, key: SigningKey) -> Verified:
    """Write every file, then the manifest over them, then check the whole as a board would."""
    if parts.kind not in LOGIC:
        raise BundleError(f"there is no kind of bundle {parts.kind!r}", f"known kinds: {', '.join(LOGIC)}")
    board = parts.board
    contents: dict[str, bytes | Path] = {
        LOGIC[parts.kind]: parts.logic,
        REGISTERS: parts.registers,
        VECTORS: _vectors_file(parts.vectors),
    }
    if parts.device_tree is not None:
        contents[DEVICE_TREE] = parts.device_tree
    for name, content in parts.network.items():
        contents[f"{NETWORK}/{name}"] = content
    try:
        registers = load_registers(parts.registers)
        hardware = shell_hwh(
            parts.name, board.part, parts.clock_hz, board.shell_base, board.shell_span, registers, dma=parts.dma
        )
        contents[HARDWARE] = hardware.encode()
        for name, content in contents.items():
            check_name(name)
            _write(bundle / name, content)
        manifest = Manifest(
            parts.name, board.name, board.part, parts.clock_hz, parts.design_id, parts.kind, parts.window, parts.hop,
            parts.gap_cycles, parts.sequence, {name: digest_of_file(bundle / name) for name in contents},
            dict(parts.versions),
        )  # fmt: skip
        content = manifest.to_bytes()
        (bundle / MANIFEST).write_bytes(content)
        (bundle / SIGNATURE).write_bytes(signature_file(key.key_id, key.sign(content)))
        return verify_bundle(bundle, {key.key_id: key.public}, board.name, board.part)
    except BoardError as error:
        raise BundleError(error.message, error.hint) from error


def _write(path: Path, content: bytes | Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content.is_file():
        shutil.copyfile(content, path)
    else:
        raise BundleError(f"{content} is not a file", "build the design again")


def _vectors_file(vectors: SelfTestVectors) -> bytes:
    import numpy as np

    buffer = io.BytesIO()
    np.savez(buffer, samples=vectors.samples, results=vectors.results, hop=np.int32(vectors.hop))
    return buffer.getvalue()


def _check_vectors(parts: BundleParts) -> None:
    import numpy as np

    vectors = parts.vectors
    for name, array in (("samples", vectors.samples), ("results", vectors.results)):
        if array.dtype != np.int32 or array.ndim != 1 or len(array) == 0:
            raise BundleError(f"the self-test's {name} must be a series of int32", "use astype(np.int32)")
    needed = parts.window + (len(vectors.results) - 1) * vectors.hop
    if vectors.hop < 1 or len(vectors.samples) < needed:
        raise BundleError(
            f"the self-test has {len(vectors.samples)} samples, and {len(vectors.results)} results need {needed}",
            "record more samples, or keep fewer results",
        )
