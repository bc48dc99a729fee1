"""Simulated logic: the generated top through Verilator and g++ into a shared library (a virtual bitstream)."""

from __future__ import annotations

import os
import shutil
import sysconfig
import tempfile
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from ntorc.errors import ToolError
from ntorc.paths import project_root
from ntorc.processes import run_tool
from ntorc.records import digest_of, digest_of_file, storage_errors

_VERILATOR_FLAGS = (
    "--cc",
    "-O3",
    "-Wall",
    "-Wno-DECLFILENAME",
    "-Wno-UNUSEDPARAM",
    "--x-initial",
    "unique",
    "--output-split",
    "20000",
)
_COMPILER_FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-fvisibility=hidden",
    "-fno-gnu-unique",
    "-DVM_COVERAGE=0",
    "-DVM_SC=0",
    "-DVM_TRACE=0",
    "-DVM_TRACE_FST=0",
    "-DVM_TRACE_VCD=0",
)
_RUNTIME = ("verilated.cpp", "verilated_threads.cpp")


def verilator_root() -> Path:
    """The folder of the verilator package.

    Raises:
        ToolError: it is not installed.
    """
    root = Path(sysconfig.get_path("purelib")) / "verilator"
    if not (root / "bin" / "verilator_bin").is_file():
        raise ToolError("Verilator is not installed beside this Python", "run `make setup`")
    return root


def verilator_version() -> str:
    """For records: ``verilator 5.48.0``."""
    return f"verilator {metadata.version('verilator')}"


def _environment() -> dict[str, str]:
    return {**os.environ, "VERILATOR_ROOT": str(verilator_root())}


def run_verilator(flags: Sequence[str | Path], folder: Path, log: Path | None = None) -> str:
    """Call the packaged Verilator directly (its wrapper would prefer a system-wide one)."""
    program = verilator_root() / "bin" / "verilator_bin"
    return run_tool([program, *flags], folder=folder, log=log, environment=_environment(), what="verilator")


def lint(folder: Path, sources: Sequence[str], top: str) -> None:
    """Verilator's lint with every warning an error."""
    flags = ["--lint-only", "-Wall", "-Wno-DECLFILENAME", "-Wno-UNUSEDPARAM"]
    run_verilator([*flags, "--top-module", top, *sources], folder)


def gxx() -> str:
    """The C++ compiler."""
    found = shutil.which(os.environ.get("CXX", "g++")) or shutil.which("clang++")
    if found is None:
        raise ToolError("no C++ compiler was found", "install g++ (Debian and Ubuntu: apt install g++)")
    return found


def runtime_objects(cache: Path) -> list[Path]:
    """Verilator's runtime, compiled once for this compiler and version."""
    include = verilator_root() / "include"
    key = digest_of([verilator_version(), run_tool([gxx(), "--version"]).splitlines()[0], list(_COMPILER_FLAGS)])
    folder = cache / "verilator-runtime" / key[:16]
    objects = [folder / f"{Path(name).stem}.o" for name in _RUNTIME]
    for name, target in zip(_RUNTIME, objects, strict=True):
        if not target.is_file():
            with _private_file(target) as partial:
                run_tool(
                    [
                        gxx(),
                        *_COMPILER_FLAGS,
                        f"-I{include}",
                        f"-I{include / 'vltstd'}",
                        "-c",
                        include / name,
                        "-o",
                        partial,
                    ]
                )
                os.replace(partial, target)
    return objects


class _private_file:
    """A private name beside the target, removed when it was not renamed."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __enter__(self) -> Path:
        with storage_errors(self.target):
            self.target.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(dir=self.target.parent, suffix=self.target.suffix)
            os.close(handle)
        self.path = Path(name)
        return self.path

    def __exit__(self, *_: object) -> None:
        self.path.unlink(missing_ok=True)


def build_logic(files: Mapping[str, str], cache: Path) -> Path:
    """The shared library of a design, cached by the content of everything that goes into it.

    Args:
        files: the plan's sources by name; ``.sv`` files in compilation order.
        cache: folder for compiled libraries.

    Returns:
        Path of the library (ABI: ``firmware/virtual/pl_abi.h``).
    """
    folder = project_root() / "firmware" / "virtual"
    wrapper = [folder / name for name in ("verilated_pl.cpp", "memory_port.h", "pl_abi.h")]
    return build_library(files, "ntorc_top", wrapper, cache)


def build_library(
    files: Mapping[str, str], top: str, wrapper: Sequence[Path], cache: Path, flags: Sequence[str] = ()
) -> Path:
    """Any Verilated module behind a C interface, as a shared library, cached by content.

    Args:
        files: sources by name; ``.sv`` files in compilation order.
        top: the module; the wrapper sees it as the class ``V<top>``.
        wrapper: the C++ file that implements the interface, then the headers that it reads.
        cache: folder for compiled libraries.
        flags: for Verilator, besides those of every build.
    """
    verilator_flags = [*_VERILATOR_FLAGS, *flags, "--top-module", top]
    key = digest_of(
        {
            "files": dict(files),
            "flags": [*verilator_flags, *_COMPILER_FLAGS],
            "tool": verilator_version(),
            "wrapper": [digest_of_file(path) for path in wrapper],
        }
    )
    target = cache / "logic" / f"{key[:32]}.so"
    if target.is_file():
        return target
    objects = runtime_objects(cache)
    include = verilator_root() / "include"
    with tempfile.TemporaryDirectory(prefix="ntorc-verilate-") as name:
        folder = Path(name)
        for path, text in files.items():
            (folder / path).write_text(text, encoding="utf-8")
        sources = [path for path in files if path.endswith(".sv")]
        run_verilator([*verilator_flags, "--Mdir", "model", *sources], folder, log=folder / "verilator.log")
        # in one piece: each would read Verilator's and the standard library's headers again
        pieces = [wrapper[0], *sorted((folder / "model").glob("*.cpp"))]
        whole = folder / "whole.cpp"
        whole.write_text("".join(f'#include "{path}"\n' for path in pieces), encoding="utf-8")
        includes = [f"-I{path}" for path in (include, include / "vltstd", folder / "model", wrapper[0].parent)]
        compiler = [gxx(), *_COMPILER_FLAGS, f"-ffile-prefix-map={folder}=.", "-shared", "-pthread", *includes]
        with _private_file(target) as partial:
            run_tool([*compiler, whole, *objects, "-o", partial])
            os.replace(partial, target)
    return target
