"""hls4ml: legal reuse factors and what they cost, a gated project of its C++, and the way to a bitstream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import CostModel, Directive, Options, Part, Plan, Products, Resources
from ntorc.backends.bitstream.hls import wrapper
from ntorc.backends.hls4ml.convert import NAME, ConvertRequest, convert
from ntorc.backends.hls4ml.expressible import AS_KERAS, inexpressible
from ntorc.backends.hls4ml.options import NO_DIRECTIVE, HlsLayer, hls_layer, hls_options, unsupported_layers
from ntorc.backends.hls4ml.reuse import block_factor
from ntorc.backends.native import shell, subject
from ntorc.backends.native.plan import TOP
from ntorc.backends.native.sources import library_sources
from ntorc.cost.base import BatchCosts
from ntorc.cost.hls4ml_measured import directive_of, subject_of
from ntorc.errors import DataError, UsageError
from ntorc.network.layers import Layer
from ntorc.network.network import Network
from ntorc.network.reference import run
from ntorc.paths import home
from ntorc.progress import Progress
from ntorc.records import digest_of

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Project
    from ntorc.boards import Board


class Hls4mlBackend:
    """See `ntorc.backends.base.Backend`.

    Args:
        part: the device whose capacities are used; another than the data's is outside of it, and said to be.
        clock_hz: that HLS is asked for.
        costs: the shipped model when left out.
        cache: folder for finished conversions.
        hls: hls4ml's backend: ``Vitis``, or ``Vivado`` for installations with ``vivado_hls``.
        besides: what every design has besides its layers and its shell, such as a bridge to a processing system.
    """

    name = "hls4ml"

    def __init__(
        self,
        part: str,
        clock_hz: float,
        costs: BatchCosts | None = None,
        cache: Path | None = None,
        hls: str = "Vitis",
        besides: Resources | None = None,
    ) -> None:
        self._part, self._clock_hz, self._given, self._hls = part, clock_hz, costs, hls
        self._cache, self._besides = cache or home() / "cache", besides or Resources()

    @cached_property
    def _costs(self) -> BatchCosts:
        from ntorc.cost.hls4ml import Hls4mlCosts, load_hls4ml

        return self._given or Hls4mlCosts(load_hls4ml())

    def unsupported(self, network: Network) -> list[str]:
        """See `Backend.unsupported`."""
        found = unsupported_layers(network)
        if network.stateful:
            found.append(f"'{network.name}' keeps its state from frame to frame, which hls4ml's layers do not")
        return found

    def legal_directives(self, network: Network, layer: Layer) -> tuple[Directive, ...]:
        """See `Backend.legal_directives`."""
        known = hls_layer(layer)
        if known is None:
            return (NO_DIRECTIVE,)
        factors = known.buildable_reuse_factors[::-1]
        return tuple(Directive(block_factor(*known.matrix, reuse), reuse, "tool") for reuse in factors)

    def options(self, network: Network, cost: CostModel, hop: int) -> Options:
        """See `Backend.options`; layers' costs are of the model of hls4ml's synthesis, the shell's of ``cost``."""
        found = hls_options(network, self._costs, self._part, self._clock_hz, buildable=True)
        features = subject.shell_features(network, hop)
        mean, bound, _ = cost.predict(subject.shell_subject(network, hop), lambda _: features, str(NO_DIRECTIVE))
        return replace(found, fixed=mean + self._besides, fixed_bound=bound + self._besides)

    def plan(self, network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
        """See `Backend.plan`; hls4ml converts, and its emulation is compared with the reference.

        Raises:
            DataError: hls4ml cannot compute the same bits.
            GateError: it does not.
            ToolError: hls4ml failed.
        """
        reasons = inexpressible(network)
        if reasons:
            raise DataError(f"hls4ml cannot compute '{network.name}' bit by bit: {'; '.join(reasons)}", AS_KERAS)
        reuse = {
            layer.name: one.reuse_factor
            for layer, one in zip(network.layers, directives, strict=True)
            if one.reuse_factor
        }
        found = convert(network, ConvertRequest(self._hls, self._part, clock_hz, reuse), self._cache)
        shell_files = shell.shell_sources()
        files = library_sources(list(shell_files))
        depth = shell.window_depth(network.input_length, hop)
        files["ntorc_fitted_shell.sv"] = shell.shell_module(network, hop, depth, warm_up=network.warm_up)
        files["ntorc_network.sv"] = wrapper(network)
        files |= {f"hls/firmware/{name}": text for name, text in found.files.items()}
        design_id = digest_of({"files": files, "clock_hz": clock_hz, "part": self._part})[:16]
        files["ntorc_top.sv"] = shell.top_module(network, design_id, clock_hz)
        parts = tuple(
            Part(f"config{found.converted.indices[layer.name]}", (), *self._subject(known, clock_hz, reuse[layer.name]))
            for layer in network.layers
            if (known := hls_layer(layer)) is not None
        )
        return Plan(TOP, files, parts, design_id, hop, clock_hz)

    def _subject(self, known: HlsLayer, clock_hz: float, reuse: int) -> tuple[str, str]:
        return subject_of(known.kind, known.shape, clock_hz), directive_of(reuse)

    def project(self, network: Network, plan: Plan, board: Board, tool: str) -> Project:
        """See `Backend.project`."""
        from ntorc.backends.bitstream.hls import hls_project

        if tool != "vivado":
            raise UsageError(f"hls4ml has no way to a bitstream by {tool}", "take --tool vivado")
        return hls_project(network, plan, board, self._hls, NAME)

    def products(self, plan: Plan, folder: Path, cache: Path, progress: Progress) -> Products:
        """Not without HLS: there is no simulated logic of an hls4ml design.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "hls4ml's logic comes from the vendor's HLS: there is none to simulate here",
            "write the project with --plan-only, or build the bitstream with --tool vivado",
        )

    def gap_cycles(self, network: Network, directives: Sequence[Directive], latency_cycles: int) -> int:
        """See `Backend.gap_cycles`; its networks keep no state."""
        return 0

    def emulate(self, network: Network, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `Backend.emulate`: what `plan` compared hls4ml's own emulation with, bit by bit."""
        return run(network, frames)
