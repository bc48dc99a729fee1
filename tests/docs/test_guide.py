"""Every command in the guide and the README is run, in order, in one store.

Training and measuring are cut short by further options, and the board behind SSH is one on loopback; nothing
else is changed.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli_program import ROOT, Program

sys.path.insert(0, str(ROOT / "tests" / "deploy"))

from ssh_lab import board_root

from ntorc.deploy.loopback import LoopbackServer

SHORT = {
    "deploy": ["--epochs", "1", "--estimates", "200"],
    "train": ["--epochs", "1"],
    "measure": ["--estimates", "200"],
    "search": ["--trials", "1", "--looks", "1", "--workers", "1"],
}


def commands(page: str) -> list[list[str]]:
    """The ``ntorc`` lines of a page's shell blocks, without their comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line and line[0].removeprefix(".venv/bin/") == "ntorc"]


def at_loopback(words: list[str], server: LoopbackServer, root: Path) -> list[str]:
    """A command that adds a board, for the one on loopback."""
    if words[:2] != ["board", "add"]:
        return words
    return [*words[:3], server.url(root), *words[4:], "--simulated", "--ssh-config", str(server.config)]


@pytest.mark.timeout(1800)
def test_every_command_of_the_pages_works(
    program: Program, tmp_path: Path, require: Callable[[str], Path]
) -> None:
    for name in ("ssh", "sshd"):
        require(name)
    with LoopbackServer(tmp_path / "sshd") as server:
        run_all(program, tmp_path, server)


def run_all(program: Program, tmp_path: Path, server: LoopbackServer) -> None:
    root = board_root(tmp_path / "board")
    made = program(
        "data", "simulate", "--out", tmp_path / "my_runs", "--seed", "4", "--trajectories", "4", "--seconds", "4"
    )
    assert made.returncode == 0, made.stderr
    found = commands("docs/guide.md") + commands("README.md")
    assert len(found) >= 10
    for words in found:
        words = at_loopback(words, server, root)
        done = program(*words, *SHORT.get(words[0], []), cwd=tmp_path)
        expected = 3 if "3us" in words else 0
        assert done.returncode == expected, f"ntorc {shlex.join(words)}\n{done.stderr}"


@pytest.mark.parametrize("page", ["README.md", "docs/guide.md", "docs/design.md", "docs/results.md"])
def test_links_and_named_folders_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert ((ROOT / page).parent / target).exists(), target
    for named in re.findall(r"`((?:toolchain|board|firmware|models|tests|docs)/[\w./-]+)`", text):
        assert (ROOT / named).exists(), named
