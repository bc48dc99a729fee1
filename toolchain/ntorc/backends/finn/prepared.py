"""What FINN made of a network: the nodes of every layer, and every folding with its estimates; kept as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce

from ntorc.backends.base import Resources
from ntorc.backends.finn.fillers import Filled, filled


@dataclass(frozen=True)
class NodeEstimate:
    """One node under one folding, as FINN estimates it.

    Attributes:
        kind: the operator, as ``MVAU_hls``.
        cycles: of one frame.
        lut, dsp, bram18, uram: 0 also where FINN has no estimate.
        in_bits, out_bits: widths of its streams.
        sum_bits: width of an element of its output.
    """

    kind: str
    cycles: int
    lut: float
    dsp: float
    bram18: float
    uram: float
    in_bits: int
    out_bits: int
    sum_bits: int


@dataclass(frozen=True)
class Folding:
    """One way to fold a layer: attributes and estimates of each of its nodes."""

    settings: dict[str, dict[str, int]]
    nodes: dict[str, NodeEstimate]

    @property
    def cycles(self) -> int:
        """FINN's plain sum over the nodes."""
        return sum(node.cycles for node in self.nodes.values())

    @property
    def estimated(self) -> Resources:
        """What FINN itself says: no flip-flops, and zeros where it has no estimate."""
        found = (Resources(node.lut, 0.0, node.dsp, node.bram18) for node in self.nodes.values())
        return reduce(Resources.__add__, found, Resources())

    @cached_property
    def filled(self) -> Filled:
        """The same with the gaps filled."""
        parts = [
            filled(
                node.kind, Resources(node.lut, 0.0, node.dsp, node.bram18), node.in_bits, node.out_bits, node.sum_bits
            )
            for node in self.nodes.values()
        ]
        mean = reduce(Resources.__add__, (part.mean for part in parts), Resources())
        bound = reduce(Resources.__add__, (part.bound for part in parts), Resources())
        return Filled(mean, bound, tuple(sorted({gap for part in parts for gap in part.gaps})))

    @property
    def uses_uram(self) -> bool:
        """Whether a node keeps weights in blocks that small devices do not have."""
        return any(node.uram for node in self.nodes.values())


@dataclass(frozen=True)
class Prepared:
    """A network within FINN.

    Attributes:
        version: of finn-plus.
        part, clock_hz: what it was made for.
        layers: foldings of each layer, in the network's order.
        outside: nodes that stay software's.
        gate_frames, gate_mismatches: frames on which the streamlined graph and the graph of hardware operators were
            executed, and how many of their results differ from ``reference.py``.
    """

    version: str
    part: str
    clock_hz: float
    layers: tuple[tuple[Folding, ...], ...]
    outside: tuple[str, ...]
    gate_frames: int
    gate_mismatches: int
