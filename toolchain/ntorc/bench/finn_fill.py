"""``ntorc bench finn-fill``: what FINN's estimates leave out, from syntheses; see `ntorc.backends.finn.fillers`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.finn import environment, limits, standins, vendor_free
from ntorc.backends.finn.client import FinnProcess
from ntorc.backends.finn.fillers import Fillers, Line, fillers_file, fit
from ntorc.backends.finn.synthesis import synthesised
from ntorc.backends.native.synth import yosys_version
from ntorc.errors import ToolError
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.finn.network import folder_of
from ntorc.pipeline.flow import Flow
from ntorc.records import save

_PART = "xc7z020clg400-1"
_CLOCK_HZ = 100e6
# channels, filters, bits of weights, words and input
_SHAPES = ((1, 8, 4, 5, 8), (1, 16, 6, 8, 14), (2, 4, 8, 8, 8), (1, 12, 5, 6, 12))
_FOLDINGS = 3  # of a layer, from the smallest to the largest
_LARGEST_BITS = 400  # of a stream: wider ones are beyond what a control loop needs
_OWN = "FINN's gateware"
_STAND_IN = "stand-in"
_OWN_KINDS = ("FMPadding_rtl", "ConvolutionInputGenerator_rtl")  # what yosys reads of FINN's gateware
_Row = dict[str, float]


def fill(flow: Flow, into: Path | None) -> dict[str, Any]:
    """Synthesise, fit, write ``models/cost/finn.json`` (or ``into``); resumes by content."""
    rows: dict[tuple[str, str], list[_Row]] = {}
    for kind, row in (*_own_rows(flow), *_stand_in_rows(flow)):
        source = _OWN if kind in _OWN_KINDS else _STAND_IN
        rows.setdefault((kind, source), []).append(row)
    lines: dict[str, dict[str, Line]] = {}
    for (kind, source), found in sorted(rows.items()):
        lines[kind] = {figure: fit(found, figure, source) for figure in ("lut", "ff")}
    made = Fillers(yosys_version(), vendor_free.WRITTEN_FOR, lines)
    path = save(made, into or fillers_file())
    return {
        "written": str(path),
        "lines": {
            f"{kind} {figure}": {
                "mape": round(line.mape, 4),
                "worst": round(line.worst, 3),
                "samples": line.samples,
                "source": line.source,
            }
            for kind, both in lines.items()
            for figure, line in both.items()
        },
    }


def _networks() -> Iterator[Network]:
    """Small networks over the widths that estimators have; weights of a symmetric range, as FINN's own matrix wants."""
    for seed, (channels, filters, weight, word, input_bits) in enumerate(_SHAPES):
        weights, words = FixedFormat(weight, weight - 1), FixedFormat(word + 1, 4)
        first = Conv1D("a", 16, channels, filters, 3, weights, words, 1, 1, 1, 1, "relu")
        second = Conv1D("b", 8, filters, filters, 3, weights, words, 1, 1, 1, 1, "relu")
        third = Dense("c", 8, filters, filters, weights, words, "relu")
        last = Dense("d", 1, filters, 1, weights, words)
        drawn = random_network(
            seed, FixedFormat(input_bits, 6), 16, (first, MaxPool1D("p", 16, filters, 2), second, third, last)
        )
        narrow = {name: np.maximum(array, weights.minimum + 1) for name, array in drawn.weights.items()}
        small = {name: array % 64 for name, array in drawn.biases.items()}
        yield limits.with_whole_result(replace(drawn, weights=narrow, biases=small))


def _own_rows(flow: Flow) -> Iterator[tuple[str, _Row]]:
    """Operators for which FINN has SystemVerilog."""
    seen: set[tuple[str, int, int, float]] = set()
    for network in _networks():
        folder = folder_of(flow, network, _PART, _CLOCK_HZ)
        work = flow.root / "finn-fill" / folder.name
        with FinnProcess(environment.require(), work / "finn.log", flow.progress) as finn:
            layers = finn.ask("options", folder=str(folder), part=_PART)
            steps = [[rows[i] for i in _spread(len(rows))] for rows in layers]
            for number in range(_FOLDINGS):
                settings = {k: v for rows in steps for k, v in rows[min(number, len(rows) - 1)]["settings"].items()}
                into = work / str(number)
                written = finn.ask(
                    "hdl", folder=str(folder), part=_PART, clock_hz=_CLOCK_HZ, settings=settings, into=str(into)
                )
                for name, one in written.items():
                    same = (one["kind"], one["in_bits"], one["out_bits"], one["DSP"])
                    small = max(one["in_bits"], one["out_bits"]) <= _LARGEST_BITS
                    if one["kind"] in _OWN_KINDS and small and same not in seen:
                        seen.add(same)
                        flow.progress.message(f"  {network.name} {name} {settings[name]}")
                        yield from _row(flow, into / name, one["files"], name, one)


def _spread(count: int) -> list[int]:
    return [round(i * (count - 1) / (_FOLDINGS - 1)) for i in range(_FOLDINGS)]


def _row(
    flow: Flow, folder: Path, files: list[str], top: str, one: dict[str, Any], *, dsp: bool = True
) -> Iterator[tuple[str, _Row]]:
    """A synthesis as a sample; what yosys cannot read is said and left out."""
    try:
        found = synthesised(folder, files, top, flow.cache, dsp=dsp)
    except ToolError as error:
        flow.progress.message(f"  {top}: left out, {error.message}")
        return
    yield (
        one["kind"],
        {
            **{name: one[name] for name in ("in_bits", "out_bits")},
            "element_bits": one["sum_bits"],
            **{name: getattr(found, name) for name in ("dsp", "lut", "ff")},
        },
    )


def _stand_in_rows(flow: Flow) -> Iterator[tuple[str, _Row]]:
    """Operators that HLS makes, and those of FINN's gateware that yosys does not read."""
    for lanes, bits in ((1, 4), (1, 8), (2, 6), (4, 5), (8, 8), (16, 7), (3, 8)):
        yield from _stand_in(flow, "Pool_hls", *standins.maximum(lanes, bits, 2),
                             lanes * bits, lanes * bits, bits)  # fmt: skip
        yield from _stand_in(flow, "ElementwiseAdd_hls", *standins.adder(lanes, 2 * bits, 2 * bits + 1),
                             2 * lanes * bits, lanes * (2 * bits + 1), 2 * bits + 1)  # fmt: skip
        yield from _stand_in(flow, "Thresholding_rtl", *standins.thresholds(lanes, 2 * bits, bits),
                             2 * lanes * bits, lanes * bits, bits)  # fmt: skip
    for rows, columns, bits in ((1, 1, 5), (1, 1, 8), (1, 4, 6), (2, 3, 8), (4, 4, 6), (8, 2, 7), (4, 12, 6)):
        sums = 2 * bits + 6
        for kind, dsp in (("MVAU_hls", False), ("MVAU_rtl", True)):
            yield from _stand_in(flow, kind, *standins.matrix(rows, columns, bits, bits, sums),
                                 columns * bits, rows * sums, sums, dsp=dsp)  # fmt: skip


def _stand_in(
    flow: Flow, kind: str, name: str, text: str, in_bits: int, out_bits: int, element: int, *, dsp: bool = True
) -> Iterator[tuple[str, _Row]]:
    folder = flow.root / "finn-fill" / "stand-ins" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.sv").write_text(text, encoding="utf-8")
    flow.progress.message(f"  {name}")
    about = {"kind": kind, "in_bits": in_bits, "out_bits": out_bits, "sum_bits": element}
    yield from _row(flow, folder, [f"{name}.sv"], name, about, dsp=dsp)
