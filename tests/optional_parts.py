"""Real parts that a test may need and a machine may lack: programs, and the recorded data.

``require("chromium")`` gives the program's path.  Where it is missing the test is skipped with the
reason, and the end of the run lists what was left out with the one line that brings it.  Under
``NTORC_REQUIRE=all`` nothing may be left out: then such a test fails, and so does any other skip;
``NTORC_REQUIRE=packages`` does so for everything but the recorded data.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

PROGRAMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    # name: programs of which one is enough, Debian packages that bring it
    "chromium": (("chromium", "chromium-browser", "google-chrome"), ("chromium",)),
    "clang": (("clang",), ("clang",)),
    "gcc": (("gcc",), ("gcc",)),
    "ssh": (("ssh",), ("openssh-client",)),
    "sshd": (("sshd",), ("openssh-server",)),
    "strace": (("strace",), ("strace",)),
    "tclsh": (("tclsh",), ("tcl",)),
    "qemu-arm": (("qemu-arm",), ("qemu-user",)),
    "arm-gcc": (("arm-linux-gnueabihf-gcc",), ("gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross")),
}
DATA = "recorded data"
BOARDS = {
    # a board's Python, as `make setup-boards` makes it
    "pynq 3.0": "pynq30",
    "pynq 3.1": "pynq31",
}
FINN = "finn"  # its environment, as `make setup-finn` or `ntorc backend install finn` makes it
HGQ = "hgq"  # HGQ2's folder, as `make setup-hgq` or `ntorc backend install hgq` makes it
_SYSTEM_FOLDERS = ("/usr/sbin", "/sbin", "/usr/local/sbin")  # where sshd lies, often not on PATH


@dataclass
class LeftOut:
    """What a run of the tests did without: part to the packages that bring it, none for data."""

    parts: dict[str, tuple[str, ...]] = field(default_factory=dict)


LEFT_OUT = LeftOut()


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the recorded data is looked for: ``NTORC_DATA``, or ``shared/data`` beside the checkout."""
    named = environment.get("NTORC_DATA")
    return Path(named).absolute() if named else Path(__file__).resolve().parents[2] / "shared" / "data"


def find(name: str) -> Path | None:
    """The part's path, or None where it is missing.

    Raises:
        KeyError: no part has this name; a misspelt one must not pass for a missing one.
    """
    if name == DATA:
        folder = data_folder()
        return folder if (folder / "dropbear").is_dir() else None
    if name in BOARDS:
        program = Path(__file__).resolve().parents[1] / ".venv" / "boards" / BOARDS[name] / "bin" / "python"
        return program if (program.parents[1] / ".set-up").exists() else None
    if name == FINN:
        from ntorc.backends.finn import environment

        return environment.find(Path(__file__).resolve().parents[1] / ".venv" / "finn") or environment.find()
    if name == HGQ:
        from ntorc.estimator.hgq import environment as hgq

        return hgq.find(Path(__file__).resolve().parents[1] / ".venv" / "hgq") or hgq.find()
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *_SYSTEM_FOLDERS])
    found = (shutil.which(program, path=path) for program in PROGRAMS[name][0])
    return next((Path(program) for program in found if program), None)


def require(name: str) -> Path:
    """The path of a part; without it the test is skipped, or fails where nothing may be left out."""
    found = find(name)
    if found is None:
        _do_without(name)
    return found


def _do_without(name: str) -> NoReturn:
    if name == DATA:
        LEFT_OUT.parts[name] = ()
        reason, strict = f"no recorded data in {data_folder()}: point NTORC_DATA at it", ("all",)
    elif name == FINN:
        LEFT_OUT.parts[name] = ()
        reason, strict = "no FINN, or not the version that is needed: make setup-finn", ("all", "packages")
    elif name == HGQ:
        LEFT_OUT.parts[name] = ()
        reason, strict = "no HGQ2, or not the version that is needed: make setup-hgq", ("all", "packages")
    elif name in BOARDS:
        LEFT_OUT.parts[name] = ()
        reason, strict = f"no Python with {name}: make setup-boards", ("all", "packages")
    else:
        LEFT_OUT.parts[name] = PROGRAMS[name][1]
        reason, strict = f"{name} is not installed", ("all", "packages")
    if os.environ.get("NTORC_REQUIRE") in strict:
        pytest.fail(f"{reason} (NTORC_REQUIRE={os.environ['NTORC_REQUIRE']})", pytrace=False)
    pytest.skip(reason)


def summary(skipped: Mapping[str, int]) -> list[str]:
    """The lines on what was left out, with the one that brings the missing programs.

    Args:
        skipped: reasons of all skips with their numbers.
    """
    lines = [f"{number} x {reason}" for reason, number in sorted(skipped.items())]
    packages = sorted({package for brought in LEFT_OUT.parts.values() for package in brought})
    if packages:
        lines.append(f"to run them too: apt-get install -y {' '.join(packages)}")
    return lines
