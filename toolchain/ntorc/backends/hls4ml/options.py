"""The options of hls4ml layers: every legal reuse factor with its costs from a batched model.

Layers are Conv1D, LSTM and Dense, io_stream, strategy Resource.  The published synthesis data has convolutions of three
taps without stride; others are costed by the same structure, and every figure of theirs says so.  The latency is the
sum of theirs.  In an io_stream design layers overlap, so the sum is conservative there; pools, padding, FIFOs and the
interface are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from ntorc.backends.base import Directive, Option, Options, Resources
from ntorc.backends.hls4ml.reuse import BLOCK_FACTOR_LIMIT, block_factor, is_legal, legal_reuse_factors
from ntorc.backends.sum_latency import SumLatency
from ntorc.cost.base import BatchCosts, Estimates, OptionTable
from ntorc.cost.hls4ml_structure import CONVOLUTION
from ntorc.network.layers import LSTM, Conv1D, Dense, Layer, Pool
from ntorc.network.network import Network


@dataclass(frozen=True)
class HlsLayer:
    """A layer as the cost models know it.

    Attributes:
        name: in its network.
        kind: ``conv``, ``lstm`` or ``dense``.
        n_in: channels of a convolution or LSTM, inputs of a dense layer.
        size: filters or units.
        length: input vectors; 1 for a dense layer.
        pack: elements of a word of the stream into a dense layer.
        taps, stride, padding: of a convolution; the padding is of both sides together.
    """

    name: str
    kind: str
    n_in: int
    size: int
    length: int
    pack: int = 1
    taps: int = CONVOLUTION["taps"]
    stride: int = CONVOLUTION["stride"]
    padding: int = CONVOLUTION["padding"]

    @property
    def shape(self) -> dict[str, float]:
        """The numbers that costs depend on, by the names that `OptionTable` and `subject_of` have for them."""
        return {one.name: float(getattr(self, one.name)) for one in fields(self) if one.name not in ("name", "kind")}

    @property
    def beyond(self) -> str:
        """What the synthesis data has nothing of, for people; empty for a layer of its kinds."""
        if all(getattr(self, name) == value for name, value in CONVOLUTION.items()):
            return ""
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        padding = "" if self.padding == self.taps - 1 else f", {self.padding} padded" if self.padding else ", unpadded"
        return f"{self.taps} taps{stride}{padding}"

    @property
    def matrix(self) -> tuple[int, int]:
        """Inputs and outputs of the product that the reuse factor divides."""
        if self.kind == "conv":
            return self.taps * self.n_in, self.size
        return self.n_in, 4 * self.size if self.kind == "lstm" else self.size

    @property
    def reuse_factors(self) -> tuple[int, ...]:
        """The legal ones whose block factor HLS finishes on, smallest first."""
        return legal_reuse_factors(*self.matrix, BLOCK_FACTOR_LIMIT)

    @property
    def buildable_reuse_factors(self) -> tuple[int, ...]:
        """Those that hls4ml also builds right: an LSTM's must be legal for its recurrent product too.

        hls4ml 1.3 takes the nearest legal one for that product, and still chooses its loop by the layer's own
        (``recurrent_templates.py``): the emulation then aborts, and HLS ignores the assertion.
        """
        if self.kind != "lstm":
            return self.reuse_factors
        return tuple(one for one in self.reuse_factors if is_legal(self.size, 4 * self.size, one))

    def table(self, reuse_factors: tuple[int, ...] | None = None) -> OptionTable:
        """What a cost model is asked, for all reuse factors or some."""
        reuse = np.array(self.reuse_factors if reuse_factors is None else reuse_factors, float)
        columns = {name: np.full(len(reuse), value) for name, value in self.shape.items()}
        return OptionTable(self.kind, {"reuse_factor": reuse, **columns})


def hls_layer(layer: Layer) -> HlsLayer | None:
    """A layer in these terms; None for a pool, or one that hls4ml has not (see `unsupported_layers`)."""
    if isinstance(layer, Conv1D) and layer.dilation == 1:
        padding = layer.padding_left + layer.padding_right
        return HlsLayer(
            layer.name, "conv", layer.input_channels, layer.filters, layer.input_length,
            taps=layer.kernel, stride=layer.stride, padding=padding,
        )  # fmt: skip
    if isinstance(layer, LSTM):
        return HlsLayer(layer.name, "lstm", layer.input_channels, layer.units, layer.input_length)
    if isinstance(layer, Dense):
        return HlsLayer(layer.name, "dense", layer.inputs, layer.units, 1, layer.input_channels)
    return None


def unsupported_layers(network: Network) -> list[str]:
    """Layers that hls4ml has not, or that the cost models know nothing of, for people."""
    return [
        f"'{layer.name}' is a {layer.kind} that is dilated"
        if isinstance(layer, Conv1D)
        else f"'{layer.name}' is a {layer.kind}, of which there is no synthesis data"
        for layer in network.layers
        if not isinstance(layer, Pool) and hls_layer(layer) is None
    ]


NO_DIRECTIVE = Directive(0, 0, "none")
"""Of a pool, which has nothing to choose."""


def hls_options(
    network: Network,
    costs: BatchCosts,
    part: str,
    clock_hz: float,
    *,
    bound: bool = True,
    buildable: bool = False,
) -> Options:
    """Options of every layer of a network; pools have one that costs nothing.

    Args:
        network: without `unsupported_layers`.
        costs: of hls4ml.
        part: the device.
        clock_hz: that HLS is asked for.
        bound: take the latency's upper bound, not its mean.
        buildable: only what hls4ml builds right; else all that the published optimiser chooses from.
    """
    rows: list[tuple[Option, ...]] = []
    cycles: list[tuple[float, ...]] = []
    for layer in network.layers:
        known = hls_layer(layer)
        if known is None:
            rows.append((Option(NO_DIRECTIVE, Resources(), Resources(), "model"),))
            cycles.append((0.0,))
            continue
        factors = known.buildable_reuse_factors if buildable else known.reuse_factors
        found = costs.estimate(known.table(factors), part, clock_hz)
        order = factors[::-1]  # from fewest multipliers to most, as in every backend
        rows.append(tuple(_option(known, found, reuse, len(order) - 1 - i) for i, reuse in enumerate(order)))
        latency = (found.bound if bound else found.mean)["latency_cycles"]
        cycles.append(tuple(float(value) for value in latency[::-1]))
    return Options(tuple(rows), Resources(), Resources(), SumLatency(tuple(cycles)))


def _option(layer: HlsLayer, found: Estimates, reuse: int, index: int) -> Option:
    mean, bound = (
        Resources(*(float(values[name][index]) for name in ("lut", "ff", "dsp", "bram18")))
        for values in (found.mean, found.bound)
    )
    basis = found.basis[index]
    if layer.beyond and basis != "measured":
        basis += f", an estimate outside the data (which has no convolution of {layer.beyond})"
    elif found.outside[index]:
        basis += ", outside the data"
    return Option(Directive(block_factor(*layer.matrix, reuse), reuse, "tool"), mean, bound, basis)
