"""Tests that lack a real part are skipped by name, listed at the end, and fail where nothing may be left out."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import optional_parts

TESTS = Path(__file__).parents[1]
SAMPLE = """
import pytest

def test_program(require):
    assert require("clang").is_file()

def test_data(recorded_data):
    assert (recorded_data / "dropbear").is_dir()

def test_home(ntorc_home, monkeypatch):
    import os
    assert os.environ["NTORC_HOME"] == str(ntorc_home)
    assert list(ntorc_home.iterdir()) == []

def test_cache(ntorc_cache):
    (ntorc_cache / "kept").write_text("x")

def test_own_reason():
    pytest.skip("a reason of its own")

@pytest.mark.xfail(reason="known", strict=True)
def test_expected_failure():
    assert False
"""


def run(folder: Path, *, path: str = "/nonexistent", **environment: str) -> subprocess.CompletedProcess[str]:
    """These tests under the project's own conftest, in a process of their own."""
    for name in ("conftest.py", "optional_parts.py", "cli_program.py"):
        shutil.copy(TESTS / name, folder / name)
    (folder / "test_sample.py").write_text(SAMPLE, encoding="utf-8")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("NTORC_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env={**clean, "PATH": path, "NTORC_CACHE": str(folder / "cache"), **environment}, cwd=folder,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_missing_parts_are_skipped_and_listed_with_the_line_that_brings_them(tmp_path: Path) -> None:
    done = run(tmp_path, NTORC_DATA=str(tmp_path / "no data"))
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "1 x clang is not installed" in lines
    assert "1 x a reason of its own" in lines
    assert any(line.startswith("1 x no recorded data in") and "NTORC_DATA" in line for line in lines)
    assert "to run them too: apt-get install -y clang" in lines
    assert lines[-1].startswith("2 passed, 3 skipped, 1 xfailed in")
    assert (tmp_path / "cache" / "kept").is_file()


def test_where_nothing_may_be_left_out_every_skip_fails(tmp_path: Path) -> None:
    done = run(tmp_path, NTORC_DATA=str(tmp_path / "no data"), NTORC_REQUIRE="all")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("2 failed, 2 passed, 1 xfailed, 1 error in")
    assert "clang is not installed (NTORC_REQUIRE=all)" in done.stdout
    assert "left out although NTORC_REQUIRE=all: a reason of its own" in done.stdout


def test_a_file_that_leaves_itself_out_is_seen_too(tmp_path: Path) -> None:
    content = 'import pytest\npytest.importorskip("no_such_module")\n'
    (tmp_path / "test_whole_file.py").write_text(content, encoding="utf-8")
    assert "could not import 'no_such_module'" in run(tmp_path).stdout
    strict = run(tmp_path, NTORC_REQUIRE="all")
    assert strict.returncode != 0
    assert "test_whole_file.py: left out although NTORC_REQUIRE=all" in strict.stdout


def test_data_alone_may_be_left_out(tmp_path: Path) -> None:
    done = run(tmp_path, NTORC_DATA=str(tmp_path / "no data"), NTORC_REQUIRE="packages")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("1 failed, 2 passed, 2 skipped, 1 xfailed in")


def test_what_is_there_is_used(tmp_path: Path) -> None:
    programs, data = tmp_path / "bin", tmp_path / "data"
    programs.mkdir()
    (data / "dropbear").mkdir(parents=True)
    clang = programs / "clang"
    clang.write_text("#!/bin/sh\n", encoding="utf-8")
    clang.chmod(0o755)
    done = run(tmp_path, path=str(programs), NTORC_DATA=str(data))
    assert done.stdout.splitlines()[-1].startswith("4 passed, 1 skipped, 1 xfailed in")
    assert "apt-get" not in done.stdout


def test_a_misspelt_part_is_an_error() -> None:
    with pytest.raises(KeyError):
        optional_parts.find("chromum")


def test_data_lies_where_it_is_said_to() -> None:
    assert optional_parts.data_folder({"NTORC_DATA": "/somewhere"}) == Path("/somewhere")
    assert optional_parts.data_folder({}) == TESTS.parents[1] / "shared" / "data"
