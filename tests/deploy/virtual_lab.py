"""What the tests of bundles, the agent and targets share: real firmware, real keys, small designs.

The designs are the tests' own simulated logic (``tests/harness/fake_logic.c``: the shell's
registers around an estimator that gives the sum of its window), compiled with the C compiler.
"""

from __future__ import annotations

import itertools
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle, BundleParts, SelfTestVectors, make_bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.firmware import compiler

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "harness" / "fake_logic.c"
WINDOW = 32
HOP = 8
CLOCK_HZ = 100_000_000
_SEQUENCE = itertools.count(1)  # each bundle is newer than those that were made before it


def compile_logic(folder: Path, design_id: str, clock_hz: int = CLOCK_HZ, **defines: object) -> Path:
    """A design's ``logic.so``, with the choices that ``fake_logic.c`` documents and a clock of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{design_id}.so"
    text = SOURCE.read_text(encoding="utf-8")
    fixed = "#define CLOCK_HZ 100000000u"
    assert text.count(fixed) == 1
    source = folder / f"{design_id}.c"
    source.write_text(text.replace(fixed, f"#define CLOCK_HZ {clock_hz}u"), encoding="utf-8")
    choices = {"FAKE_DESIGN_ID": f"0x{design_id}ull", "FAKE_WINDOW": WINDOW, **defines}
    words = [
        *compiler().command, "-std=c11", "-O1", "-shared", "-fPIC", "-fvisibility=hidden",
        *[f"-D{name}={value}" for name, value in choices.items()],
        f"-I{ROOT / 'firmware' / 'virtual'}", f"-I{ROOT / 'firmware' / 'harness'}",
        str(source), "-o", str(target),
    ]  # fmt: skip
    subprocess.run(words, check=True)
    return target


def vectors(results: int = 5, seed: int = 1) -> SelfTestVectors:
    """Random samples and the sums that the design must give for them."""
    samples = np.random.default_rng(seed).integers(-8192, 8192, WINDOW + (results - 1) * HOP, np.int32)
    sums = [samples[i * HOP : i * HOP + WINDOW].sum() for i in range(results)]
    return SelfTestVectors(samples, np.array(sums, np.int32), HOP)


def parts_of(logic: Path, design_id: str) -> BundleParts:
    """The parts of a right bundle for the PYNQ-Z2."""
    return BundleParts(
        name="sum",
        board=load_board("pynq-z2"),
        clock_hz=CLOCK_HZ,
        design_id=design_id,
        kind="virtual",
        window=WINDOW,
        hop=HOP,
        logic=logic,
        vectors=vectors(),
        network={"network.json": b"{}\n"},
        versions={"ntorc": "0.1.0"},
    )


def bundle_of(folder: Path, key: SigningKey, logic_id: str, **changes: object) -> Bundle:
    """A signed bundle of a new design; ``changes`` are those of `BundleParts`, of the logic, or ``logic_hz``."""
    defines = {name: changes.pop(name) for name in list(changes) if name.startswith("FAKE_")}
    clock_hz = changes.pop("logic_hz", CLOCK_HZ)
    logic = compile_logic(folder / "logic", logic_id, clock_hz, **defines)  # type: ignore[arg-type]
    changes.setdefault("sequence", next(_SEQUENCE))
    parts = replace(parts_of(logic, logic_id), **changes)  # type: ignore[arg-type]
    return make_bundle(folder / f"bundle-{logic_id}", parts, key)
