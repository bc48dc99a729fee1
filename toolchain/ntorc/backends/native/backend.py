"""The native backend: own gateware, exact cycles, resources by open synthesis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from os import cpu_count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import (
    CostModel,
    Directive,
    Option,
    Options,
    Plan,
    Products,
    Resources,
    Utilisation,
)
from ntorc.backends.native import subject
from ntorc.backends.native.cycles import StreamingLatency, engine_for
from ntorc.backends.native.geometry import legal_directives
from ntorc.backends.native.logic_only import SUBJECT, in_logic
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.resonator_cost import bank_features
from ntorc.backends.native.resonator_engine import bank_directives, bank_engine
from ntorc.backends.native.synth import YOSYS, missing_runs, synthesise, units_of, yosys_version
from ntorc.backends.native.verilate import build_logic
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, Layer, MaxPool1D, Pool
from ntorc.network.network import Network
from ntorc.network.reference import run
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.progress import Progress
from ntorc.records import write_atomically, write_if_changed

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Project
    from ntorc.boards import Board

_WIDE, _NARROW = 25, 18  # DSP48E1 multiplies 25 by 18 bits, signed
_GAP_MARGIN = 8  # from a sample's acceptance to its start, and the buffers between
_WIDEST_WORD = 32  # of the shell's registers


class NativeBackend:
    """See `ntorc.backends.base.Backend`.

    Args:
        logic_only: directives and costs of a design without DSP blocks and block RAM (see `logic_only`).
        besides: what every design has besides its layers and its shell, such as a bridge to a processing system.
        dma: the shell has streams and a DMA for samples and results, beside its registers.
    """

    name = "native"

    def __init__(self, *, logic_only: bool = False, besides: Resources | None = None, dma: bool = False) -> None:
        self._logic_only, self._besides, self._dma = logic_only, besides or Resources(), dma

    def unsupported(self, network: Network) -> list[str]:
        """See `Backend.unsupported`."""
        found = []
        if network.input_channels != 1:
            found.append(f"the shell takes one sample at a time, not {network.input_channels} channels")
        if network.outputs > 64:
            found.append(f"the shell holds 64 outputs; '{network.name}' has {network.outputs}")
        for before, layer in zip(network.layers, network.layers[1:], strict=False):
            if isinstance(before, MaxPool1D) and isinstance(layer, MaxPool1D):
                found.append(f"'{before.name}' and '{layer.name}' are two pools in a row: use one of their product")
        for layer, word in zip(network.layers, network.formats, strict=False):
            if not isinstance(layer, Pool | ResonatorBank):  # a bank's words are never too wide
                widths = sorted((word.bits, layer.weight_format.bits))
                if widths[0] > _NARROW or widths[1] > _WIDE:
                    found.append(f"'{layer.name}' multiplies {widths[1]} by {widths[0]} bits: at most 25 by 18")
        for layer, word in zip(network.layers, network.formats[1:], strict=True):
            if word.bits > _WIDEST_WORD:
                found.append(f"'{layer.name}' gives words of {word.bits} bits: at most {_WIDEST_WORD}")
            if isinstance(layer, GRU) and _has_hls4ml_arithmetic(layer):
                found.append(f"'{layer.name}' is a GRU with a wrapping accumulator or tables toward zero: use an LSTM")
        return found

    def legal_directives(self, network: Network, layer: Layer) -> tuple[Directive, ...]:
        """See `Backend.legal_directives`."""
        if isinstance(layer, Pool):
            return (NO_DIRECTIVE,)
        found = bank_directives(layer) if isinstance(layer, ResonatorBank) else legal_directives(layer)
        return in_logic(found) if self._logic_only else found

    def options(self, network: Network, cost: CostModel, hop: int) -> Options:
        """See `Backend.options`."""
        rows, engines = [], []
        for layer, word in zip(network.layers, network.formats, strict=False):
            text, features = described(network, layer, word, logic_only=self._logic_only)
            row = []
            for directive in self.legal_directives(network, layer):
                mean, bound, basis = cost.predict(text, features, str(directive))
                row.append(Option(directive, mean, bound, basis))
            rows.append(tuple(row))
            engines.append([engine_for(layer, option.directive.multipliers) for option in row])
        kind = {"streaming": network.stateful, "dma": self._dma}
        shell = subject.shell_features(network, hop, **kind, logic_only=self._logic_only)
        text = subject.shell_subject(network, hop, **kind)
        fixed, bound, _ = cost.predict(text + (SUBJECT if self._logic_only else ""), lambda _: shell, str(NO_DIRECTIVE))
        return Options(tuple(rows), fixed + self._besides, bound + self._besides, StreamingLatency(network, engines))

    def plan(self, network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
        """See `Backend.plan`; one directive for every layer, pools included."""
        return make_plan(network, directives, clock_hz, hop, dma=self._dma)

    def gap_cycles(self, network: Network, directives: Sequence[Directive], latency_cycles: int) -> int:
        """See `Backend.gap_cycles`: a bank hands on nothing before a frame's end, so its own update is all."""
        if not network.stateful:
            return 0
        first = network.layers[0]
        if isinstance(first, ResonatorBank):
            return bank_engine(first, directives[0].multipliers).update_cycles + _GAP_MARGIN
        return latency_cycles

    def project(self, network: Network, plan: Plan, board: Board, tool: str) -> Project:
        """See `Backend.project`."""
        from ntorc.backends.bitstream.native import native_project

        return native_project(network.name, plan, board, tool)

    def emulate(self, network: Network, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `Backend.emulate`: this backend's arithmetic is the reference itself."""
        return run(network, frames)

    def products(self, plan: Plan, folder: Path, cache: Path, progress: Progress) -> Products:
        """See `Backend.products`: Verilator library and synthesis of every part, side by side."""
        for name, text in plan.files.items():
            write_if_changed(folder / "gateware" / name, text)

        if not YOSYS.folder.is_dir():
            progress.message("  first synthesis on this machine: preparing yosys takes about a minute")

        units = {part: units_of(plan.files, part) for part in plan.parts}
        runs = missing_runs([unit for row in units.values() for unit in row], cache)
        with ThreadPoolExecutor(max_workers=cpu_count() or 1) as pool:
            logic: Future[Path] = pool.submit(build_logic, plan.files, cache)
            jobs = [pool.submit(synthesise, run, cache) for run in runs]
            try:
                everything: list[Future[Any]] = [logic, *jobs]
                for done, finished in enumerate(as_completed(everything), start=1):
                    finished.result()
                    progress.step("simulator and synthesis", done, len(jobs) + 1)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        write_atomically(folder / "logic.so", logic.result().read_bytes())
        found = tuple(
            Utilisation(part.subject, part.directive, synthesise(row, cache), yosys_version())
            for part, row in units.items()
        )
        return Products("logic.so", found, sum((item.resources for item in found), Resources()), yosys_version())


def _has_hls4ml_arithmetic(layer: GRU) -> bool:
    toward_zero = any(table.index_rounding != "half_up" for table in (layer.recurrent_activation, layer.activation))
    return toward_zero or layer.accumulator is not None


def described(
    network: Network, layer: Layer, word: FixedFormat, *, logic_only: bool = False
) -> tuple[str, Callable[[str], Mapping[str, float]]]:
    """A layer's signature, and its features under any directive."""
    if isinstance(layer, Pool):
        pool = subject.pool_features(layer, word.bits)
        return subject.pool_subject(layer, word.bits), lambda _: pool
    end = SUBJECT if logic_only else ""
    if isinstance(layer, ResonatorBank):
        return (
            subject.resonator_subject(network, layer, word) + end,
            lambda text: bank_features(network, layer, word, Directive.parse(text), logic_only=logic_only),
        )
    features = subject.EngineFeatures(network, layer, word, logic_only=logic_only)
    return subject.engine_subject(network, layer, word) + end, lambda text: features.under(Directive.parse(text))
