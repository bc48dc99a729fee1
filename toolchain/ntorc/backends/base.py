"""What a backend is to the rest of the program: legal directives, options, latency, plan, products."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from ntorc.network.layers import Layer
from ntorc.network.network import Network
from ntorc.progress import Progress

if TYPE_CHECKING:
    from ntorc.backends.bitstream.project import Project
    from ntorc.boards import Board

RESOURCES = ("lut", "ff", "dsp", "bram18")


@dataclass(frozen=True)
class Resources:
    """Counts of the device's resources."""

    lut: float = 0.0
    ff: float = 0.0
    dsp: float = 0.0
    bram18: float = 0.0

    def __add__(self, other: Resources) -> Resources:
        return Resources(*(getattr(self, name) + getattr(other, name) for name in RESOURCES))

    def as_dict(self) -> dict[str, float]:
        """By name, whole numbers."""
        return {name: round(getattr(self, name)) for name in RESOURCES}


@dataclass(frozen=True)
class Directive:
    """How one layer is put into hardware.

    Attributes:
        multipliers: multipliers that work in parallel (lanes).
        reuse_factor: uses of one multiplier for one output vector.
        weight_storage: ``block`` (block RAM) or ``lut`` (logic) or ``none``; ``tool`` where the tool decides.
        multiplier_kind: ``dsp`` or ``logic``.
        table_storage: of activations: ``lut`` (logic), ``block`` (block RAM), or ``auto``, by each table's size.
        folding: of FINN alone: PE and SIMD of a layer's matrix, as ``pe2.simd6``.
    """

    multipliers: int
    reuse_factor: int
    weight_storage: str = "lut"
    multiplier_kind: str = "dsp"
    table_storage: str = "auto"
    folding: str = ""

    def __str__(self) -> str:
        text = f"multipliers={self.multipliers},reuse_factor={self.reuse_factor},weights={self.weight_storage}"
        if self.multiplier_kind != "dsp":
            text += f",kind={self.multiplier_kind}"
        if self.folding:
            text += f",folding={self.folding}"
        return text if self.table_storage == "auto" else f"{text},tables={self.table_storage}"

    @staticmethod
    def parse(text: str) -> Directive:
        """The directive whose text this is."""
        fields = dict(item.split("=", 1) for item in text.split(","))
        counts = int(fields["multipliers"]), int(fields["reuse_factor"])
        rest = fields.get("kind", "dsp"), fields.get("tables", "auto"), fields.get("folding", "")
        return Directive(*counts, fields["weights"], *rest)


@dataclass(frozen=True)
class Option:
    """A directive with what it costs.

    Attributes:
        directive: the directive.
        resources: the mean prediction.
        bound: an upper bound; what the device's caps are held against.
        basis: what the figures rest on: ``measured`` (post-synthesis, this very layer and directive),
            ``calibrated`` (another directive of this layer was measured) or ``model``.
        version: which quantised version of the layer, where several are offered.
        accuracy_cost: what that version was measured to cost in accuracy; costs of layers add up.
    """

    directive: Directive
    resources: Resources
    bound: Resources
    basis: str
    version: str = ""
    accuracy_cost: float = 0.0


@dataclass(frozen=True)
class Cut:
    """A lower bound on the latency of every choice, tight for one: constant + sum of coefficients[layer][option]."""

    constant: float
    coefficients: tuple[tuple[float, ...], ...]

    def value(self, choice: Sequence[int]) -> float:
        """The bound for a choice (one option index a layer)."""
        return self.constant + sum(row[index] for row, index in zip(self.coefficients, choice, strict=True))


class LatencyModel(Protocol):
    """How the latencies of layers compose.  ``cuts`` makes any max-plus composition exact in a MIP."""

    def latency_cycles(self, choice: Sequence[int]) -> int:
        """Exact cycles from the last sample's acceptance to the visible result."""

    def latencies(self, choices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """`latency_cycles` of many choices ``[m, layers]`` at once: ``[m]``."""

    def cut(self, choice: Sequence[int]) -> Cut:
        """The linear bound by this choice's critical path: valid for all choices, equal at this one."""

    def joined(self, others: Sequence[tuple[LatencyModel, Sequence[bool]]]) -> LatencyModel:
        """The model with the options of others behind its own: those of the same network with other weights.

        Args:
            others: models of this kind, and which of their layers' options are taken.
        """


@dataclass(frozen=True)
class Options:
    """All options of a network on a device.

    Attributes:
        layers: the options of each layer, in the network's order.
        fixed: what is needed whatever is chosen (shell, pools).
        latency: how the choices compose.
    """

    layers: tuple[tuple[Option, ...], ...]
    fixed: Resources
    fixed_bound: Resources
    latency: LatencyModel


@dataclass(frozen=True)
class Part:
    """A module of the plan that is synthesised alone.

    Attributes:
        top: the module.
        files: names of the sources that it needs.
        memories: those of them that are one read-only memory each, named by its module and synthesised apart.
        subject, directive: what it is to the cost models.
    """

    top: str
    files: tuple[str, ...]
    subject: str
    directive: str
    memories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """An inert build: sources by name in compilation order, its parts, and what identifies it.

    ``dma``: streams and a DMA for samples and results, beside the registers.
    """

    top: str
    files: dict[str, str]
    parts: tuple[Part, ...]
    design_id: str
    hop: int
    clock_hz: float
    dma: bool = False


@dataclass(frozen=True)
class Utilisation:
    """Synthesised resources of one part of a design."""

    subject: str
    directive: str
    resources: Resources
    tool: str


@dataclass(frozen=True)
class Products:
    """What a build gave.

    Attributes:
        logic: the simulated logic (shared library) for the virtual board, relative to the build folder.
        parts: synthesised resources, part by part.
        total: their sum.
        tool: what synthesised them.
    """

    logic: str
    parts: tuple[Utilisation, ...]
    total: Resources
    tool: str


class CostModel(Protocol):
    """Predicts the resources of one layer under one directive."""

    def predict(
        self, subject: str, features: Callable[[str], Mapping[str, float]], directive: str
    ) -> tuple[Resources, Resources, str]:
        """Mean, upper bound, and the basis they rest on.

        Args:
            subject: signature of the part.
            features: the part's features under a directive.
            directive: the directive, as text.
        """


class Backend(Protocol):
    """A way from an integer network to hardware."""

    name: str

    def unsupported(self, network: Network) -> list[str]:
        """What this backend cannot build, said before any work starts; empty when all is well."""

    def legal_directives(self, network: Network, layer: Layer) -> tuple[Directive, ...]:
        """The directives of a layer, from fewest multipliers to most."""

    def options(self, network: Network, cost: CostModel, hop: int) -> Options:
        """Every layer's options with their costs, and the latency model over them."""

    def plan(self, network: Network, directives: Sequence[Directive], clock_hz: float, hop: int) -> Plan:
        """The build as data: deterministic for equal input."""

    def gap_cycles(self, network: Network, directives: Sequence[Directive], latency_cycles: int) -> int:
        """Cycles between the samples of a frame after which the earlier ones' work is over; 0: they need no gap."""

    def project(self, network: Network, plan: Plan, board: Board, tool: str) -> Project:
        """What ``tool`` needs to make a bitstream of a plan: inert, deterministic.

        Raises:
            UsageError: there is no such way to a bitstream, or not for this board.
        """

    def products(self, plan: Plan, folder: Path, cache: Path, progress: Progress) -> Products:
        """Execute the plan in ``folder``."""

    def emulate(self, network: Network, frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What the backend's arithmetic gives for frames (gated against ``reference.py``)."""
