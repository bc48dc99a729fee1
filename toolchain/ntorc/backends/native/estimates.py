"""A layer's options on the native backend as a table that `NativeCost.estimate` answers in one go."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ntorc.backends.base import Directive
from ntorc.backends.native.backend import NativeBackend, described
from ntorc.backends.native.cycles import engine_for, engine_weights
from ntorc.backends.native.resonator_engine import BankEngine
from ntorc.cost.base import OptionTable
from ntorc.network.layers import Layer
from ntorc.network.network import Network


def option_table(network: Network, index: int, directives: Sequence[Directive] | None = None) -> OptionTable:
    """Options of one layer: the features of ``backends/native/subject.py``, and its cycles alone.

    Args:
        network: the network.
        index: of the layer in it.
        directives: which; all legal ones when left out.
    """
    layer = network.layers[index]
    chosen = directives if directives is not None else NativeBackend().legal_directives(network, layer)
    subject, features = described(network, layer, network.formats[index])
    rows = [features(str(directive)) for directive in chosen]
    names = sorted({name for row in rows for name in row})
    columns = {name: np.array([row.get(name, 0.0) for row in rows]) for name in names}
    columns["latency_cycles_by_structure"] = np.array([cycles_alone(layer, item.multipliers) for item in chosen], float)
    return OptionTable(layer.kind, columns, subject, tuple(str(directive) for directive in chosen))


def cycles_alone(layer: Layer, multipliers: int) -> int:
    """Cycles from a layer's first position to its last word where no input is waited for; 0 for a pool.

    Composed networks overlap: theirs are `StreamingLatency`'s.
    """
    engine = engine_for(layer, multipliers)
    if engine is None:
        return 0
    interval, _, available = engine_weights(engine)
    positions = engine.length if isinstance(engine, BankEngine) else engine.positions
    return (positions - 1) * interval + available
