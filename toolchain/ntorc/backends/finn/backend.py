"""FINN as a backend: foldings of every layer, the plain sum of their cycles, plans for a machine with the tools."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import CostModel, Directive, Option, Options, Plan, Products, Resources
from ntorc.backends.finn import limits
from ntorc.backends.finn.prepared import Folding, Prepared
from ntorc.backends.sum_latency import SumLatency
from ntorc.errors import DataError, UsageError
from ntorc.network import reference
from ntorc.network.layers import Conv1D, Dense, Layer
from ntorc.network.network import Network
from ntorc.progress import Progress

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Project
    from ntorc.boards import Board

BASIS = "FINN's estimate"


class FinnBackend:
    """See `ntorc.backends.base.Backend`.

    Args:
        prepare: what FINN makes of a network; asked once a network.
    """

    name = "finn"

    def __init__(self, prepare: Callable[[Network], Prepared]) -> None:
        self._prepare = prepare
        self._known: dict[str, Prepared] = {}

    def prepared(self, network: Network) -> Prepared:
        """What FINN made of a network."""
        if network.digest not in self._known:
            self._known[network.digest] = self._prepare(network)
        return self._known[network.digest]

    def unsupported(self, network: Network) -> list[str]:
        """See `Backend.unsupported`."""
        return limits.unsupported(network)

    def foldings(self, network: Network, layer: Layer) -> tuple[Folding, ...]:
        """Those of a layer that a device without UltraRAM can have, fewest multipliers first."""
        rows = self.prepared(network).layers[network.layers.index(layer)]
        found = [row for row in rows if not row.uses_uram] or list(rows)
        return tuple(sorted(found, key=lambda row: (directive_of(layer, row).multipliers, row.cycles)))

    def legal_directives(self, network: Network, layer: Layer) -> tuple[Directive, ...]:
        """See `Backend.legal_directives`."""
        return tuple(directive_of(layer, row) for row in self.foldings(network, layer))

    def options(self, network: Network, cost: CostModel, hop: int) -> Options:
        """See `Backend.options`; costs are FINN's.  FIFOs, width converters and the DMA are not in them."""
        rows, cycles = [], []
        for layer in network.layers:
            found = self.foldings(network, layer)
            rows.append(tuple(_option(layer, row) for row in found))
            cycles.append(tuple(float(row.cycles) for row in found))
        return Options(tuple(rows), Resources(), Resources(), SumLatency(tuple(cycles)))

    def settings(self, network: Network, directives: Sequence[Directive]) -> dict[str, dict[str, int]]:
        """FINN's folding configuration: attributes by node.

        Raises:
            DataError: a directive is none of the layer's.
        """
        found: dict[str, dict[str, int]] = {}
        for layer, directive in zip(network.layers, directives, strict=True):
            rows = [row for row in self.foldings(network, layer) if directive_of(layer, row) == directive]
            if not rows:
                raise DataError(f"'{layer.name}' cannot be folded by {directive}", "allocate it again")
            found.update(rows[0].settings)
        return found

    def plan(self, network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
        """Not gateware of ours: `ntorc.backends.finn.plan` makes FINN's."""
        raise self._cannot()

    def products(self, plan: Plan, folder: Path, cache: Path, progress: Progress) -> Products:
        """FINN's own steps need the vendor's tools."""
        raise self._cannot()

    def gap_cycles(self, network: Network, directives: Sequence[Directive], latency_cycles: int) -> int:
        """See `Backend.gap_cycles`; its networks keep no state."""
        return 0

    def project(self, network: Network, plan: Plan, board: Board, tool: str) -> Project:
        """FINN makes its own project."""
        raise self._cannot()

    def emulate(self, network: Network, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """See `Backend.emulate`: FINN's arithmetic is the reference's; its graphs were held against it."""
        prepared = self.prepared(network)
        if prepared.gate_mismatches:
            raise DataError(f"FINN's graphs of '{network.name}' differ from the reference")
        return reference.run(network, frames)

    def _cannot(self) -> UsageError:
        return UsageError(
            "FINN's hardware needs Vivado and Vitis HLS",
            "`ntorc backend plan finn` writes everything for a machine that has them",
        )


def directive_of(layer: Layer, folding: Folding) -> Directive:
    """A folding as a directive: PE times SIMD multipliers; none in a pool."""
    widths = [values for name, values in folding.settings.items() if name.startswith(("MVAU", "Pool"))][-1]
    pe, simd = widths["PE"], widths.get("SIMD", 1)
    if not isinstance(layer, Conv1D | Dense):
        return Directive(0, 0, "none", folding=f"pe{pe}")
    reuse = layer.inputs * layer.output_channels // (pe * simd)
    return Directive(pe * simd, reuse, "tool", folding=f"pe{pe}.simd{simd}")


def _option(layer: Layer, folding: Folding) -> Option:
    """What FINN leaves out is filled, and named."""
    found = folding.filled
    basis = f"{BASIS}, {' and '.join(gap.upper() for gap in found.gaps)} filled" if found.gaps else BASIS
    return Option(directive_of(layer, folding), found.mean, found.bound, basis)
