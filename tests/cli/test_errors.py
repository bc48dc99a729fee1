"""Wrong usage, bad data, full disks and Ctrl-C: a clear error or a resumable state."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cli_program import QUICK, TRAINED, Program


def test_help_answers_with_examples(program: Program) -> None:
    done = program("--help")
    assert done.returncode == 0
    for command in ("deploy", "train", "allocate", "build", "measure", "calibrate", "report", "runs", "doctor", "data"):
        assert command in done.stdout
        shown = program(command, "--help")
        assert shown.returncode == 0
        assert f"ntorc {command}" in shown.stdout
    assert program("--version").stdout.startswith("ntorc ")


def test_help_loads_nothing_heavy(program: Program) -> None:
    code = (
        "import sys, ntorc.cli.application; "
        "print([m for m in ('numpy', 'tensorflow', 'pydantic', 'scipy', 'pynq', 'mip') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=program.environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("deploy", "--board", "pynq-z2", "--deadline", "500"), "500us"),
        (("deploy", "--board", "pynq-z2", "--deadline", "-5us"), "duration"),
        (("deploy", "--board", "nexys", "--deadline", "500us"), "pynq-z2"),
        (("deploy", "--board", "pynq-z2", "--deadline", "500us", "--backend", "vhls"), "native"),
        (("deploy", "--board", "pynq-z2", "--deadline", "500us", "--target", "usb://x"), "virtual"),
        (("deploy", "--board", "pynq-z2", "--deadline", "500us", "--clock-hz", "900e6"), "MHz"),
        (("deploy", "--board", "pynq-z2"), "deadline"),
        (("deploy", "--bord", "pynq-z2"), "bord"),
        (("launch",), "launch"),
        (("allocate", "/nonexistent", "--board", "pynq-z2", "--deadline", "1ms"), "no network"),
        (("report", "20000101-000000-001"), "no run"),
        (("bench", "everything"), "gateware"),
        (("reproduce", "table9"), "table4"),
        (("front", "/nonexistent", "--board", "pynq-z2"), "no network"),
    ],
)
def test_wrong_usage(program: Program, words: tuple[str, ...], told: str) -> None:
    done = program(*words)
    assert done.returncode == 2, done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def wave(samples: int) -> np.ndarray:
    return np.sin(np.arange(samples) * 0.2).astype(np.float32)


def write_bad_data(folder: Path, kind: str) -> None:
    folder.mkdir()
    good = wave(5000)
    if kind == "nan":
        np.savez(folder / "a_test0.npz", acc=np.where(np.arange(5000) == 77, np.nan, good), pin=good + 2)
    elif kind == "lengths":
        np.savez(folder / "a_test0.npz", acc=good, pin=good[:-1] + 2)
    elif kind == "keys":
        np.savez(folder / "a_test0.npz", acceleration=good)
    elif kind == "garbage":
        (folder / "a_test0.npz").write_bytes(b"PK\3\4 garbage")
    elif kind == "rate":
        rows = "\n".join(f"{n / 1000:.6f}\t{n % 7}\t{2 + n % 3}" for n in range(3000))
        (folder / "a.lvm").write_text(
            "LabVIEW Measurement\nSeparator\tTab\nDecimal_Separator\t.\nX_Columns\tOne\n***End_of_Header***\n"
            f"Channels\t2\nDelta_X\t0.001000\t0.001000\n***End_of_Header***\nX_Value\tacc\tpin\tComment\n{rows}\n"
        )


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("empty", "no"),
        ("nan", "a_test0"),
        ("lengths", "a_test0"),
        ("keys", "a_test0"),
        ("garbage", "a_test0"),
        ("rate", "Hz"),
    ],
)
def test_bad_data(program: Program, tmp_path: Path, kind: str, told: str) -> None:
    write_bad_data(tmp_path / "runs", kind)
    done = program("deploy", *QUICK, "--data", tmp_path / "runs")
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-2].startswith("error: ")
    assert told in done.stderr.splitlines()[-2]
    assert done.stderr.splitlines()[-1].startswith("  "), "every error says what to do next"


def test_too_few_trajectories(program: Program, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    np.savez(tmp_path / "runs" / "a_test0.npz", acc=wave(50000), pin=wave(50000) + 2)
    done = program("deploy", *QUICK, "--data", tmp_path / "runs")
    assert done.returncode == 1
    assert "trajector" in done.stderr.splitlines()[-2]


def test_full_disk_then_goes_on(fresh_program: Program) -> None:
    """Files are limited in size, which fails at ever later stages; without the limit the same command works."""
    network = fresh_program.home / "net"
    failed_at = []
    for limit in (2_000, 30_000, 60_000, 110_000):

        def limited(bytes_left: int = limit) -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, bytes_left))

        done = fresh_program("train", network, "--epochs", "1", preexec_fn=limited)
        assert done.returncode in (0, 1), done.stderr
        assert "Traceback" not in done.stderr
        if done.returncode == 1:
            assert "no space left" in done.stderr or "disk" in done.stderr, done.stderr
            failed_at.append(limit)
    assert len(failed_at) >= 2
    assert fresh_program("train", network, "--epochs", "1").returncode == 0
    assert fresh_program("allocate", network, "--board", "pynq-z2", "--deadline", "500us").returncode == 0


def test_killed_at_any_stage_then_goes_on(fresh_program: Program) -> None:
    """SIGKILL: nothing can be said or tidied up; the next start goes on, and nothing is left running."""
    stages = ("train", "build", "deploy", "measure")
    for stage in stages:
        process = fresh_program.start("deploy", *TRAINED)
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(f"{stage}:"):
                process.kill()
                break
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL
    states = [run["state"] for run in fresh_program.json("runs")["runs"]]
    assert states == ["killed"] * len(stages)
    found = fresh_program.json("deploy", *TRAINED)
    assert found["verdict"] == "met"
    assert found["gate"] == {"vectors": 1000, "mismatches": 0}


@pytest.mark.parametrize(
    ("words", "moment", "code"),
    [(("--version",), "at its end", 0), (("allocate", "/nonexistent", "--board", "pynq-z2", "--deadline", "1ms"),
     "at its end", 2), (("--version",), "at its start", 130)],
)  # fmt: skip
def test_ctrl_c_outside_of_a_command(program: Program, words: tuple[str, ...], moment: str, code: int) -> None:
    """While the interpreter ends it has given signals their default back; while commands load, none is there yet."""
    text = """
import os, signal, sys

class Late:  # found by the interpreter when it takes everything apart
    def __del__(self, kill=os.kill, me=os.getpid(), number=signal.SIGINT):
        kill(me, number)

class Early:  # asked for each module that is loaded
    def find_spec(self, name, path=None, target=None):
        if name == "ntorc.cli.application":
            os.kill(os.getpid(), signal.SIGINT)

from ntorc.cli import program
if sys.argv[1] == "at its end":
    late = Late()
else:
    sys.meta_path.insert(0, Early())
sys.argv[1:] = sys.argv[2:]
program()
"""
    done = subprocess.run(
        [sys.executable, "-c", text, moment, *words], env=program.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert ("interrupted" in done.stderr) == (code == 130)


def test_ctrl_c_while_a_dataclass_is_made_ends_with_130(tmp_path: Path) -> None:
    """As a module does that a stage imports; under ``python -m``, where the interpreter judges it once more."""
    (tmp_path / "interrupted_import.py").write_text(
        "import ntorc.cli\n"
        "def main():\n"
        "    exec('raise KeyboardInterrupt')\n"
        "ntorc.cli.main = main\n"
        "ntorc.cli.program()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "interrupted_import"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 130
    assert "interrupted" in done.stderr


def test_ctrl_c_in_every_stage_then_goes_on(fresh_program: Program) -> None:
    """SIGINT as soon as a stage announces itself; each time the same command is started again."""
    stages = [
        "runs",
        "train",
        "network",
        "judge",
        "allocate",
        "build",
        "deploy",
        "measure",
        "gate",
        "calibrate",
        "report",
    ]
    interrupted = 0
    for stage in stages:
        process = fresh_program.start("deploy", *TRAINED)
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if line.startswith(f"{stage}:"):
                os.killpg(process.pid, signal.SIGINT)
                break
        rest = process.communicate(timeout=900)[1]
        text = "".join(seen) + rest
        assert "Traceback" not in text, text
        assert process.returncode in (130, 0), f"{stage}: {process.returncode}\n{text}"
        if process.returncode == 130:
            interrupted += 1
            assert "interrupted" in text
    states = [run["state"] for run in fresh_program.json("runs")["runs"]]
    assert states.count("interrupted") == interrupted, states
    assert interrupted >= len(stages) - 4  # the last stages take milliseconds, which the signal may come too late for
    assert "running" not in states
    done = fresh_program("deploy", *TRAINED, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["gate"] == {"vectors": 1000, "mismatches": 0}
