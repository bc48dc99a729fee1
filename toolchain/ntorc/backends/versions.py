"""Options of a network whose layers are offered in several widths of weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ntorc.backends.base import Backend, CostModel, Options
from ntorc.network.narrow import Versions, narrowed
from ntorc.network.network import Network


def version_name(bits: int) -> str:
    """The name of a version with weights of so many bits."""
    return f"{bits}-bit weights"


def offered(backend: Backend, versions: Versions, cost: CostModel, hop: int) -> Options:
    """The options of every version of every layer, the network's own first.

    A layer's costs depend on the widths of its own words alone, so that versions mix freely.
    """
    own = backend.options(versions.network, cost, hop)
    rows, others = list(own.layers), []
    for bits in versions.bits:
        narrow = backend.options(versions.uniform(bits), cost, hop)
        squares = [versions.deviation.get(layer.name, {}).get(bits) for layer in versions.network.layers]
        for index, (square, found) in enumerate(zip(squares, narrow.layers, strict=True)):
            if square is not None:
                named = (replace(option, version=version_name(bits), accuracy_cost=square) for option in found)
                rows[index] = (*rows[index], *named)
        others.append((narrow.latency, [square is not None for square in squares]))
    return replace(own, layers=tuple(rows), latency=own.latency.joined(others))


def chosen_network(versions: Versions, names: Sequence[str]) -> Network:
    """The network of the versions that were chosen.

    Args:
        versions: what was offered.
        names: of every layer's version, in the network's order; empty for its own.
    """
    by_name = {version_name(bits): bits for bits in versions.bits}
    wanted = {layer.name: by_name[name] for layer, name in zip(versions.network.layers, names, strict=True) if name}
    return narrowed(versions.network, wanted)
