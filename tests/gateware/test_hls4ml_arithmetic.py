"""Gateware with wrapping sums and tables toward zero against the reference, over random shapes and formats."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.native.draw import draw_network, with_wrapping_sums
from ntorc.bench.gateware import compare_network
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, LSTM, Conv1D, Dense, Pool
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.store.local import LocalStore

WORD = FixedFormat(16, 10, "truncate", "wrap")
SIGMOID = Table("sigmoid", 3, 10, "toward_zero", FixedFormat(18, 10, "truncate", "wrap"))
TANH = Table("tanh", 2, 10, "toward_zero", FixedFormat(18, 10, "truncate", "wrap"))


def every_stage(seed: int) -> Network:
    """Each finishing stage behind wrapping sums, weights over their whole range: most sums wrap."""
    layers = (
        Conv1D("c1", 12, 1, 3, 3, WORD, WORD, 1, 1, 1, 1, "relu", accumulator=WORD),
        Conv1D("c2", 12, 3, 2, 2, WORD, WORD, 2, 1, 0, 0, TANH, accumulator=WORD),
        LSTM("l1", 6, 2, 3, WORD, WORD, WORD, WORD, SIGMOID, TANH, True, accumulator=WORD),
        LSTM("l2", 6, 3, 2, WORD, WORD, WORD, WORD, SIGMOID, TANH, accumulator=WORD),
        Dense("d1", 1, 2, 3, WORD, WORD, SIGMOID, accumulator=WORD),
        Dense("d2", 1, 3, 2, WORD, WORD, accumulator=WORD),
    )
    return random_network(seed, WORD, 12, layers)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_stage_wraps_as_the_reference(seed: int, ntorc_cache: Path, tmp_path: Path) -> None:
    network = every_stage(seed)
    assert NativeBackend().unsupported(network) == []
    assert compare_network(Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), network, seed) == (20, 0, 0)


@pytest.mark.parametrize("seed", range(2000, 2008))
def test_random_networks_with_wrapping_sums(seed: int, ntorc_cache: Path, tmp_path: Path) -> None:
    network = with_wrapping_sums(draw_network(seed), seed)
    assert compare_network(Flow(LocalStore(tmp_path), ntorc_cache, tmp_path), network, seed) == (20, 0, 0)


def test_drawn_networks_have_what_they_are_drawn_for() -> None:
    layers = [
        layer
        for seed in range(2000, 2008)
        for layer in with_wrapping_sums(draw_network(seed), seed).layers
        if not isinstance(layer, Pool) and layer.accumulator is not None
    ]
    assert {"conv1d", "dense", "lstm"} == {layer.kind for layer in layers}
    assert any(isinstance(layer.activation, Table) for layer in layers if isinstance(layer, Conv1D | Dense))


def test_what_the_gateware_lacks_is_named() -> None:
    wide = random_network(1, WORD, 4, (Dense("wide", 4, 1, 2, WORD, FixedFormat(40, 20)),))
    table = Table("tanh", 2, 8, "toward_zero")
    gru = GRU("gru", 4, 1, 2, WORD, WORD, WORD, WORD, table, table)
    for network, text in [(wide, "40 bits"), (random_network(1, WORD, 4, (gru,)), "'gru' is a GRU")]:
        reasons = NativeBackend().unsupported(network)
        assert len(reasons) == 1
        assert text in reasons[0]
