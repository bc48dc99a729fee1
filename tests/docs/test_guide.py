"""Every command in the guide and the README is run, in order, in one store.

Training and measuring are cut short by further options; nothing else is changed.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cli_program import ROOT, Program

SHORT = {
    "deploy": ["--epochs", "1", "--estimates", "200"],
    "train": ["--epochs", "1"],
    "measure": ["--estimates", "200"],
}


def commands(page: str) -> list[list[str]]:
    """The ``ntorc`` lines of a page's shell blocks, without their comments."""
    text = (ROOT / page).read_text(encoding="utf-8")
    lines = [line for block in re.findall(r"```sh\n(.*?)```", text, re.S) for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines]
    return [line[1:] for line in words if line and line[0].removeprefix(".venv/bin/") == "ntorc"]


def test_every_command_of_the_pages_works(program: Program, tmp_path: Path) -> None:
    made = program(
        "data", "simulate", "--out", tmp_path / "my_runs", "--seed", "4", "--trajectories", "4", "--seconds", "4"
    )
    assert made.returncode == 0, made.stderr
    found = commands("docs/guide.md") + commands("README.md")
    assert len(found) >= 10
    for words in found:
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
