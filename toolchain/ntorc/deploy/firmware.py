"""Compiles the C firmware for the machine that it runs on: harness, virtual PL, register library.

The programs are kept in a cache by the digest of everything that they are made of (sources,
flags, compiler), so that equal sources are compiled once, also by processes that start together.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ntorc.errors import StorageError, ToolError
from ntorc.paths import project_root
from ntorc.processes import run_tool
from ntorc.records import digest_of, digest_of_file, storage_errors, to_json
from ntorc_board.firmware import HARNESS, Recipe

_SHARED_SOURCES = ("virtual/waiting.c",)
_REGISTER_SOURCES = (
    "harness/regs.c",
    "harness/regs_sim.c",
    "harness/regs_devmem.c",
    "harness/regs_uio.c",
    "harness/regs_null.c",
    *_SHARED_SOURCES,
)
_PRODUCTS: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    # name: sources, flags, libraries
    "ntorc-harness": (
        (
            "harness/harness.c",
            "harness/account.c",
            "harness/design.c",
            "harness/hdr.c",
            "harness/load.c",
            "harness/loop.c",
            "harness/options.c",
            "harness/probe.c",
            "harness/progress.c",
            "harness/realtime.c",
            "harness/records.c",
            "harness/report.c",
            "harness/ring.c",
            "harness/samples.c",
            "harness/shared_ring.c",
            "harness/sink.c",
            "harness/source.c",
            "harness/summary.c",
            "harness/unix_socket.c",
            "harness/writer.c",
            *_REGISTER_SOURCES,
        ),
        (),
        (),
    ),
    "ntorc-virtual-pl": (
        (
            "virtual/pl_server.c",
            "virtual/board_time.c",
            "virtual/control.c",
            "virtual/logic.c",
            "virtual/ram.c",
            "virtual/serve.c",
            *_SHARED_SOURCES,
        ),
        (),
        ("-ldl", "-lm"),
    ),
    "libntorc_regs.so": (_REGISTER_SOURCES, ("-shared", "-fPIC", "-fvisibility=hidden"), ()),
}
_FLAGS = ("-std=c11", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64", "-O2", "-g", "-Wall", "-Wextra", "-pthread")
_INCLUDES = ("virtual", "harness")
_CONTENTS = "contents.json"
_COMPILE_LIMIT_S = 300.0
_PUBLISH_ATTEMPTS = 10


@dataclass(frozen=True)
class Compiler:
    """A C11 compiler.

    Attributes:
        command: the program and what makes it compile the next file as C.
        version: what it says it is.
    """

    command: tuple[str, ...]
    version: str

    @staticmethod
    def inputs(files: Iterable[Path]) -> list[str]:
        """Arguments that name C sources; g++ would take every file but the first for C++."""
        return [word for file in files for word in ("-x", "c", str(file))]


@dataclass(frozen=True)
class Firmware:
    """The compiled programs.

    Attributes:
        harness: ``ntorc-harness``, the measuring loop.
        virtual_pl: ``ntorc-virtual-pl``, the process that holds simulated logic.
        regs_library: ``libntorc_regs.so``, register access for ctypes.
        digest: SHA-256 (hex) of sources, flags and compiler.
    """

    harness: Path
    virtual_pl: Path
    regs_library: Path
    digest: str


def compiler() -> Compiler:
    """The C compiler: ``gcc``, ``cc``, ``clang``, or ``g++`` told to compile C.

    Raises:
        ToolError: none of them is on PATH.
    """
    for name, words in (("gcc", ()), ("cc", ()), ("clang", ()), ("g++", ("-x", "c"))):
        path = shutil.which(name)
        if path is not None:
            version = run_tool([path, "--version"], timeout_s=30.0, what=name)
            return Compiler((path, *words), version.splitlines()[0] if version else name)
    raise ToolError(
        "no C compiler was found: looked for gcc, cc, clang and g++ on PATH",
        "install one, for example: apt-get install g++",
    )


def harness_sources() -> list[Path]:
    """The sources of ``ntorc-harness``, for building it for another machine."""
    return [project_root() / "firmware" / name for name in _PRODUCTS["ntorc-harness"][0]]


def build_firmware(cache: Path, *, flags: Sequence[str] = ()) -> Firmware:
    """Compile the firmware, or find it compiled.

    Args:
        cache: folder that keeps compiled firmware; may be used by several processes at once.
        flags: further compiler flags, such as ``-Werror`` or ``-fsanitize=thread``.

    Raises:
        ToolError: there is no C compiler, or it failed; its output is in the hint.
        StorageError: the cache cannot be written.
    """
    tool = compiler()
    sources = project_root() / "firmware"
    digest = _digest(sources, tool, flags)
    folder = cache / f"firmware-{digest[:16]}"
    if not _whole(folder):
        _make(folder, sources, tool, flags)
    return Firmware(folder / "ntorc-harness", folder / "ntorc-virtual-pl", folder / "libntorc_regs.so", digest)


def recipe(*, with_virtual: bool) -> Recipe:
    """What a board compiles for itself: the harness, and what a simulated logic needs.

    Args:
        with_virtual: the virtual PL and the register library too.
    """
    sources = project_root() / "firmware"
    wanted = {name: parts for name, parts in _PRODUCTS.items() if with_virtual or name == HARNESS}
    names = {file for files, _, _ in wanted.values() for file in files}
    headers = {str(path.relative_to(sources)) for part in _INCLUDES for path in (sources / part).glob("*.h")}
    return Recipe(
        sources={name: (sources / name).read_text(encoding="utf-8") for name in sorted(names | headers)},
        products={
            name: {"files": list(files), "flags": list(flags), "libraries": list(libraries)}
            for name, (files, flags, libraries) in wanted.items()
        },
        flags=list(_FLAGS),
        includes=list(_INCLUDES),
    )


def _digest(sources: Path, tool: Compiler, flags: Sequence[str]) -> str:
    files = sorted(path for part in ("harness", "virtual") for path in (sources / part).glob("*.[ch]"))
    return digest_of(
        {
            "sources": {str(path.relative_to(sources)): digest_of_file(path) for path in files},
            "products": {name: [list(part) for part in parts] for name, parts in _PRODUCTS.items()},
            "flags": [*_FLAGS, *flags],
            "compiler": [*tool.command, tool.version],
            "machine": platform.machine(),
        }
    )


def _whole(folder: Path) -> bool:
    """Whether the folder holds all products unaltered."""
    try:
        contents: dict[str, str] = json.loads((folder / _CONTENTS).read_text(encoding="utf-8"))
        return set(contents) == set(_PRODUCTS) and all(
            digest_of_file(folder / name) == digest for name, digest in contents.items()
        )
    except (OSError, ValueError):
        return False


def _make(folder: Path, sources: Path, tool: Compiler, flags: Sequence[str]) -> None:
    """Compile in a private folder and rename it: another process sees all products or none."""
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            for name in _PRODUCTS:
                _compile(name, work, sources, tool, flags)
            contents = {name: digest_of_file(work / name) for name in _PRODUCTS}
            (work / _CONTENTS).write_text(to_json(contents), encoding="utf-8")
            _publish(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _compile(name: str, work: Path, sources: Path, tool: Compiler, flags: Sequence[str]) -> None:
    files, own_flags, libraries = _PRODUCTS[name]
    includes = [f"-I{sources / part}" for part in _INCLUDES]
    inputs = tool.inputs(sources / file for file in files)
    run_tool(
        [*tool.command, *_FLAGS, *own_flags, *flags, *includes, *inputs, "-o", str(work / name), *libraries],
        timeout_s=_COMPILE_LIMIT_S,
        what=f"compiling {name}",
    )


def _publish(work: Path, folder: Path) -> None:
    """Put ``work`` in place, unless another process was first; an altered folder gives way."""
    for _ in range(_PUBLISH_ATTEMPTS):  # others may publish, or move an altered folder away, between two steps
        try:
            os.rename(work, folder)
            return
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if _whole(folder):
            return
        aside = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.altered.")
        with aside, contextlib.suppress(FileNotFoundError):
            os.rename(folder, Path(aside.name) / "old")
    raise StorageError(f"{folder} changes while it is made", "see which other program writes there, and try again")
