"""The C programs on the board, compiled by the board's own compiler from the sources that are sent.

A binary that another computer makes needs that computer's C library, which a board's image seldom
has; PYNQ images bring gcc.  The programs are kept by the digest of their sources and flags, so that
they are compiled once for each version.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc_board.errors import BoardError, RequestError
from ntorc_board.files import sync_tree
from ntorc_board.manifest import canonical_json, check_name

HARNESS = "ntorc-harness"
VIRTUAL_PL = "ntorc-virtual-pl"
REGISTERS = "libntorc_regs.so"
_COMPILERS = ("gcc", "cc", "clang")
_COMPILE_LIMIT_S = 600.0
_FLAG = re.compile(r"-[A-Za-z0-9][A-Za-z0-9_=,.+-]*")
_KEEP = 2
_VERSIONS = "use one version of ntorc on both sides"


@dataclass(frozen=True)
class Recipe:
    """What to compile.

    Attributes:
        sources: the files' texts by path.
        products: of each program: its source files, flags and libraries.
        flags: of all of them.
        includes: folders of headers, as paths among the sources.
    """

    sources: dict[str, str]
    products: dict[str, dict[str, list[str]]]
    flags: list[str]
    includes: list[str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of all of it."""
        return hashlib.sha256(canonical_json(vars(self))).hexdigest()

    @classmethod
    def parse(cls, fields: Mapping[str, Any]) -> Recipe:
        """Read and check a request's fields.

        Raises:
            RequestError: of the wrong kind, or a name or flag that is not allowed.
        """
        try:
            recipe = cls(
                {str(name): str(text) for name, text in fields["sources"].items()},
                {
                    str(name): {part: [str(word) for word in words[part]] for part in ("files", "flags", "libraries")}
                    for name, words in fields["products"].items()
                },
                [str(word) for word in fields["flags"]],
                [str(word) for word in fields["includes"]],
            )
            for name in (*recipe.sources, *recipe.products, *recipe.includes):
                check_name(name)
        except (KeyError, TypeError, AttributeError, BoardError) as error:
            raise RequestError(f"this is no list of sources: {error}", _VERSIONS) from error
        words = [*recipe.flags, *(w for one in recipe.products.values() for w in (*one["flags"], *one["libraries"]))]
        for word in words:
            if not _FLAG.fullmatch(word):
                raise RequestError(f"the compiler flag {word!r} is not allowed", _VERSIONS)
        return recipe


class Toolbox:
    """Compiled programs below ``firmware/DIGEST``."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "firmware"

    def find(self, digest: str) -> Path | None:
        """The folder of the programs of a recipe, or None where they are not compiled yet."""
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise RequestError("a recipe is named by its SHA-256", _VERSIONS)
        folder = self._folder / digest
        return folder if folder.is_dir() else None

    def make(self, recipe: Recipe, say: Callable[[str], None]) -> Path:
        """Compile all programs; their folder appears when all of them are whole.

        Raises:
            BoardError: there is no compiler, or it failed.
        """
        found = self.find(recipe.digest)
        if found is not None:
            return found
        compiler = next((path for name in _COMPILERS if (path := shutil.which(name))), None)
        if compiler is None:
            raise BoardError("the board has no C compiler", "install one on it, for example: apt-get install gcc")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for leftover in self._folder.glob(".new.*"):
                shutil.rmtree(leftover, ignore_errors=True)
            work = Path(tempfile.mkdtemp(dir=self._folder, prefix=".new."))
            try:
                return self._compile(recipe, compiler, work, say)
            finally:
                shutil.rmtree(work, ignore_errors=True)
        except OSError as error:
            raise BoardError(
                f"cannot compile below {self._folder}: {error.strerror}", "free some space on the board"
            ) from error

    def _compile(self, recipe: Recipe, compiler: str, work: Path, say: Callable[[str], None]) -> Path:
        sources, products = work / "sources", work / "products"
        products.mkdir()
        for name, text in recipe.sources.items():
            path = sources / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        for name, one in recipe.products.items():
            say(f"compiling {name} on the board, once for this version")
            words = [
                compiler, *recipe.flags, *one["flags"], *[f"-I{sources / part}" for part in recipe.includes],
                *[str(sources / file) for file in one["files"]], "-o", str(products / name), *one["libraries"],
            ]  # fmt: skip
            done = subprocess.run(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                timeout=_COMPILE_LIMIT_S, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                end = done.stdout.decode(errors="replace").strip()[-1500:]
                raise BoardError(f"the board's compiler failed on {name}", f"{compiler}: {end}")
        sync_tree(products)
        target = self._folder / recipe.digest
        os.rename(products, target)
        self._remove_old(target)
        return target

    def _remove_old(self, newest: Path) -> None:
        others = [path for path in self._folder.iterdir() if path != newest and not path.name.startswith(".")]
        for path in sorted(others, key=lambda one: one.stat().st_mtime, reverse=True)[_KEEP - 1 :]:
            shutil.rmtree(path, ignore_errors=True)
