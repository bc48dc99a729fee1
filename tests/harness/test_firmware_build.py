"""Compiling the firmware: once, whole, by several processes, with what is on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ntorc.deploy.firmware import build_firmware, compiler
from ntorc.errors import StorageError, ToolError

BUILD = """
import sys
from pathlib import Path
from ntorc.deploy.firmware import build_firmware
print(build_firmware(Path(sys.argv[1]), flags=["-O0"]).harness)
"""


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def test_equal_sources_are_compiled_once(cache: Path) -> None:
    first = build_firmware(cache, flags=["-O0"])
    times = [path.stat().st_mtime_ns for path in (first.harness, first.virtual_pl, first.regs_library)]
    second = build_firmware(cache, flags=["-O0"])
    assert second == first
    assert [p.stat().st_mtime_ns for p in (first.harness, first.virtual_pl, first.regs_library)] == times
    assert [path.name for path in cache.iterdir()] == [f"firmware-{first.digest[:16]}"], "nothing else is left"


def test_altered_product_is_made_again(cache: Path) -> None:
    firmware = build_firmware(cache, flags=["-O0"])
    firmware.harness.write_bytes(b"altered")
    again = build_firmware(cache, flags=["-O0"])
    assert again == firmware
    done = subprocess.run([again.harness, "--help"], capture_output=True, text=True, check=True, timeout=30)
    assert "--samples" in done.stdout
    assert [path.name for path in cache.iterdir()] == [f"firmware-{firmware.digest[:16]}"]


def test_other_flags_are_another_build(cache: Path) -> None:
    assert build_firmware(cache, flags=["-O0"]).digest != build_firmware(cache, flags=["-O0", "-DX"]).digest


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = {process.communicate(timeout=120)[0] for process in processes}
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(outputs) == 1
    assert Path(outputs.pop().strip()).is_file()
    assert len(list(tmp_path.iterdir())) == 1


def test_processes_that_find_it_altered_agree(tmp_path: Path) -> None:
    firmware = build_firmware(tmp_path, flags=["-O0"])
    firmware.virtual_pl.unlink()
    processes = [
        subprocess.Popen([sys.executable, "-c", BUILD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    outputs = {process.communicate(timeout=120)[0].strip() for process in processes}
    assert outputs == {str(firmware.harness)}
    assert firmware.virtual_pl.is_file()
    assert len(list(tmp_path.iterdir())) == 1


def test_compiler_that_fails_leaves_nothing_and_says_why(tmp_path: Path) -> None:
    with pytest.raises(ToolError) as caught:
        build_firmware(tmp_path / "cache", flags=["-Dmain=1+"])
    assert "compiling ntorc-harness" in caught.value.message
    assert "error" in caught.value.hint
    assert list((tmp_path / "cache").iterdir()) == []


def test_no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolError) as caught:
        build_firmware(tmp_path / "cache")
    assert "no C compiler" in caught.value.message
    assert "install" in caught.value.hint


def test_cplusplus_compiler_alone_is_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("g++", "as", "ld"):
        found = shutil.which(name)
        assert found is not None, f"{name} is promised"
        os.symlink(found, tmp_path / name)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compiler().command == (str(tmp_path / "g++"), "-x", "c")
    firmware = build_firmware(tmp_path / "cache", flags=["-Werror"])
    done = subprocess.run([firmware.virtual_pl, "--help"], capture_output=True, text=True, check=True, timeout=30)
    assert "--access-cycles" in done.stdout


def test_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((StorageError, OSError)):
        build_firmware(tmp_path / "file" / "cache")
