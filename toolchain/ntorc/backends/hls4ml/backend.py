"""hls4ml as far as allocation goes: its legal reuse factors and what they cost.  It does not build yet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import CostModel, Directive, Options, Plan, Products
from ntorc.backends.hls4ml.options import NO_DIRECTIVE, hls_layer, hls_options, unsupported_layers
from ntorc.backends.hls4ml.reuse import block_factor
from ntorc.cost.base import BatchCosts
from ntorc.errors import UsageError
from ntorc.network.layers import Layer
from ntorc.network.network import Network
from ntorc.progress import Progress

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Project
    from ntorc.boards import Board


class Hls4mlBackend:
    """See `ntorc.backends.base.Backend`.

    Args:
        part: the device whose capacities are used; another than the data's is outside of it, and said to be.
        clock_hz: that HLS is asked for.
        costs: the shipped model when left out.
    """

    name = "hls4ml"

    def __init__(self, part: str, clock_hz: float, costs: BatchCosts | None = None) -> None:
        self._part, self._clock_hz, self._given = part, clock_hz, costs

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
        return tuple(
            Directive(block_factor(*known.matrix, reuse), reuse, "tool") for reuse in known.reuse_factors[::-1]
        )

    def options(self, network: Network, cost: CostModel, hop: int) -> Options:
        """See `Backend.options`; costs come from the model of hls4ml's synthesis, not from ``cost``."""
        return hls_options(network, self._costs, self._part, self._clock_hz)

    def plan(self, network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
        """Not in this version."""
        raise self._cannot()

    def project(self, network: Network, plan: Plan, board: Board, tool: str) -> Project:
        """Not in this version."""
        raise self._cannot()

    def products(self, plan: Plan, folder: Path, cache: Path, progress: Progress) -> Products:
        """Not in this version."""
        raise self._cannot()

    def emulate(self, network: Network, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Not in this version; `ntorc.backends.hls4ml.emulate` runs hls4ml's own emulation."""
        raise self._cannot()

    def _cannot(self) -> UsageError:
        return UsageError("this version allocates for hls4ml and does not build", "use the native backend to build")
