"""Synthesis of FINN's SystemVerilog by yosys and its slang front end; for figures that FINN does not give."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ntorc.backends.base import Resources
from ntorc.backends.native.synth import count_cells, run_yosys
from ntorc.records import digest_of, digest_of_file, write_atomically

_FLAGS = "--threads 1 --allow-use-before-declare --ignore-assertions --ignore-timing --ignore-initial"
_PRIMITIVES = Path(__file__).with_name("dsp48e1.sv")


def synthesised(folder: Path, files: Sequence[str], top: str, cache: Path, *, dsp: bool = True) -> Resources:
    """Resources of a module, before place and route.

    Args:
        folder: with the files.
        files: names in the order in which they are read.
        top: the module.
        cache: for finished results, by content.
        dsp: multipliers may become DSP blocks; instances of such blocks stay in any case.

    Raises:
        ToolError: yosys failed.
    """
    sources = [path for path in sorted(folder.iterdir()) if path.suffix in (".sv", ".v", ".svh", ".dat")]
    content = {p.name: digest_of_file(p) for p in [*sources, _PRIMITIVES]}
    option = {} if dsp else {"option": "-nodsp"}
    key = digest_of({"files": content, "top": top, "flags": _FLAGS, **option})
    kept = cache / "synthesis" / f"finn-{key[:32]}.json"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(prefix="ntorc-finn-synthesis-") as name:
            work = Path(name)
            for path in [*sources, _PRIMITIVES]:
                shutil.copy(path, work)
            script = (
                f"read_slang {_FLAGS} --top {top} {_PRIMITIVES.name} {' '.join(files)}\n"
                f"synth_xilinx -family xc7 -flatten -noiopad {option.get('option', '')}\n"
                "tee -q -o stat.json stat -json -tech xilinx\n"
            )
            (work / "synthesis.ys").write_text(script, encoding="utf-8")
            run_yosys(["-q", "-s", "synthesis.ys"], work)
            cells = json.loads((work / "stat.json").read_text(encoding="utf-8"))["design"]["num_cells_by_type"]
        found = count_cells(cells)
        figures = {"lut": found.lut, "ff": found.ff, "dsp": found.dsp, "bram18": found.bram18}
        write_atomically(kept, json.dumps(figures).encode())
    return Resources(**json.loads(kept.read_text(encoding="utf-8")))
