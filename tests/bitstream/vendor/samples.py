"""``samples.py KIND PATH STATE``: the file that a mock's command leaves, from the design's state as a Tcl list."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import vendor_samples

KIND, PATH, STATE = sys.argv[1:4]
VERSION = os.environ.get("MOCK_VERSION", "2023.2")


def tcl_list(text: str) -> list[str]:
    """The items of a plain Tcl list."""
    items, item, depth = [], "", 0
    for letter in text:
        if letter == "{":
            depth += 1
            if depth == 1:
                continue
        elif letter == "}":
            depth -= 1
            if depth == 0:
                continue
        if letter == " " and depth == 0:
            if item:
                items.append(item)
            item = ""
        else:
            item += letter
    return [*items, item] if item else items


words = tcl_list(STATE)
state = dict(zip(words[::2], words[1::2], strict=False))
part = state["part"]
if KIND == "csynth":
    import hls_samples

    hls_samples.write(Path(PATH), state, VERSION)
    sys.exit()
family = "zynq7" if part.startswith("xc7z") else "zynquplus"
modules = state["modules"].split()
device = part.removeprefix("xc") if VERSION < "2022" else part
layers = [name for name in modules if name.startswith("layer_") and not name.endswith(("_weights", "_bias", "_table"))]


def used(name: str) -> dict[str, int]:
    """Figures of a module: other ones for each, the same in each run, and so small that none other is preferred."""
    return {"lut": 8 + sum(map(ord, name)) % 5, "ff": 9, "dsp": 0, "ramb36": 0, "ramb18": 0}


named = [*layers, "ntorc_fitted_shell"]
total = {key: sum(used(name)[key] for name in named) for key in used("")}
if KIND == "utilisation":
    step = {"route_design": "Routed"}.get(state.get("step", ""), "Synthesized")
    text = vendor_samples.utilisation(VERSION, family, total, state["top"], device, step)
elif KIND == "hierarchy":
    rows = [(0, state["top"], "(top)", total), (1, "core", "ntorc_top", total)]
    rows += [(2, "shell", "ntorc_fitted_shell__parameterized0", used("ntorc_fitted_shell"))]
    rows += [(3, f"u_{name}", name, used(name)) for name in layers]
    rows += [(3, f"{name}_U0", name, used(name)) for name in modules if "config" in name]
    text = vendor_samples.hierarchy(VERSION, family, rows, state["top"], device)
elif KIND.startswith("report_timing"):
    period, slack = float(state["period"]), float(state["slack"])
    hold = float(os.environ.get("MOCK_HOLD", "0.031"))
    text = vendor_samples.timing(VERSION, period, slack, state["top"], part.rsplit("-", 1)[0], hold)
elif KIND == "openbits":
    Path(PATH).write_bytes(vendor_samples.bit_file("build/design.frames", part, None, VERSION))
    sys.exit()
elif KIND == "bitstream":
    name = part.removeprefix("xc").rsplit("-", 1)[0] if family == "zynq7" else part.removeprefix("xc")
    Path(PATH).write_bytes(vendor_samples.bit_file(state["top"], name, int(state["user_id"], 16), VERSION))
    sys.exit()
else:
    text = f"{KIND}\n"
Path(PATH).write_text(text, encoding="utf-8")
