"""The shape of one native engine: a layer under a directive, as the gateware's parameters."""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.backends.base import Directive
from ntorc.backends.native.cells import cell_cycles
from ntorc.backends.native.finish import finish_cycles, table_storages
from ntorc.network.activations import Table
from ntorc.network.layers import Conv1D, Recurrent, WeightedLayer


@dataclass(frozen=True)
class Engine:
    """Parameters of ``ntorc_conv1d`` (see ``firmware/gateware/ntorc_mvm.sv`` for their meaning).

    Dense is the case of one position whose kernel spans the whole input.  A recurrent layer has a position for
    each step, a kernel of one vector, ``state`` elements of its last output behind it, and four columns a unit.
    """

    length: int
    channels: int
    kernel: int
    stride: int
    dilation: int
    pad_left: int
    positions: int
    filters: int
    lanes: int
    finish_cycles: int = 0  # of the activation or the elementwise part, beyond a rectifier's
    state: int = 0
    last_only: bool = False  # only the last position's vector goes out
    stateful: bool = False

    @property
    def inputs(self) -> int:
        """Products summed for one output element; also cycles of reading for one pass."""
        return self.kernel * self.channels + self.state

    @property
    def outputs(self) -> int:
        """Elements of an output vector."""
        return self.state or self.filters

    @property
    def span(self) -> int:
        """Input vectors from a position's first tap to its last."""
        return (self.kernel - 1) * self.dilation + 1

    @property
    def groups(self) -> int:
        """Passes over the inputs for one position; the last one may be padded."""
        return -(-self.filters // self.lanes)

    @property
    def rest(self) -> int:
        """Lanes in use in the last pass."""
        return self.filters - (self.groups - 1) * self.lanes

    @property
    def interval_cycles(self) -> int:
        """Cycles from one pass to the next: all inputs are read, and the sums drained one a cycle."""
        return max(self.inputs, self.lanes)

    @property
    def reuse_factor(self) -> int:
        """Uses of one multiplier for one output vector."""
        return self.groups * self.inputs

    @property
    def slots(self) -> int:
        """Vectors that the input buffer holds: the window and a stride more, filled up to 32 words."""
        words = (self.span + self.stride) * self.channels
        slots = -(-words // 32) * 32 // self.channels
        return min(slots, self.length + self.pad_left)

    @property
    def rom_words(self) -> int:
        """Words of the weight memory, ``lanes`` weights each."""
        return self.groups * self.inputs


def engine_of(layer: WeightedLayer, lanes: int) -> Engine:
    """The engine of a layer with ``lanes`` multipliers."""
    if isinstance(layer, Recurrent):
        steps, channels, units = layer.input_length, layer.input_channels, layer.units
        cycles, last_only = cell_cycles(layer), not layer.return_sequences
        return Engine(steps, channels, 1, 1, 1, 0, steps, 4 * units, lanes, cycles, units, last_only, layer.stateful)
    if isinstance(layer, Conv1D):
        return Engine(
            layer.input_length,
            layer.input_channels,
            layer.kernel,
            layer.stride,
            layer.dilation,
            layer.padding_left,
            layer.output_length,
            layer.filters,
            lanes,
            finish_cycles(layer.activation),
        )
    return Engine(
        layer.input_length,
        layer.input_channels,
        layer.input_length,
        1,
        1,
        0,
        1,
        layer.units,
        lanes,
        finish_cycles(layer.activation),
    )


def legal_lanes(filters: int) -> tuple[int, ...]:
    """The fewest multipliers for every reachable number of passes: any count, not only divisors."""
    return tuple(sorted({-(-filters // groups) for groups in range(1, filters + 1)}))


_LOGIC_ROM_BITS = 32768  # beyond it (about 512 LUTs) weights in logic never pay and synthesise slowly


_NARROW_WEIGHT_BITS = 8
"""Up to here a multiplier may be put into logic: four rows of Booth's recoding, a cycle of the clock at most."""


def tables_of(layer: WeightedLayer) -> tuple[Table, ...]:
    """The tables of a layer's activations."""
    used = (layer.recurrent_activation, layer.activation) if isinstance(layer, Recurrent) else (layer.activation,)
    return tuple(item for item in used if isinstance(item, Table))


def legal_directives(layer: WeightedLayer) -> tuple[Directive, ...]:
    """All directives of a weighted layer: lanes, storage of weights and tables, kind of multiplier."""
    found = []
    kinds = ("dsp", "logic") if layer.weight_format.bits <= _NARROW_WEIGHT_BITS else ("dsp",)
    storages = table_storages(tables_of(layer))
    for lanes in legal_lanes(engine_of(layer, 1).filters):
        engine = engine_of(layer, lanes)
        small = engine.rom_words * lanes * layer.weight_format.bits <= _LOGIC_ROM_BITS
        for storage in ("lut", "block") if small else ("block",):
            found += [
                Directive(lanes, engine.reuse_factor, storage, kind, tables) for kind in kinds for tables in storages
            ]
    return tuple(found)
