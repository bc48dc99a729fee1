"""Directives and widths of weights chosen together: the optimum of all mixtures, within the accuracy budget."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from ntorc.allocate.allocation import allocate, allocate_versions
from ntorc.allocate.requirement import Requirement
from ntorc.backends.hls4ml.backend import Hls4mlBackend
from ntorc.backends.native.backend import NativeBackend
from ntorc.backends.versions import offered, version_name
from ntorc.boards import load_board
from ntorc.cost.native import NativeCost, load_model
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.narrow import Versions, measured_versions, narrowed
from ntorc.network.network import random_network

COST = NativeCost(load_model())


@pytest.fixture(scope="module")
def versions() -> Versions:
    weight, word = FixedFormat(12, 10), FixedFormat(16, 9)
    layers = (
        Conv1D("c", 16, 1, 2, 3, weight, word, padding_left=1, padding_right=1),
        MaxPool1D("p", 16, 2, 4),
        Dense("d", 4, 2, 2, weight, word, "linear"),
        Dense("e", 1, 2, 1, FixedFormat(7, 5), word),
    )
    network = random_network(2, FixedFormat(12, 8), 16, layers)
    frames = np.random.default_rng(2).integers(-600, 600, (64, 16, 1))
    found = measured_versions(network, (8, 4), frames)
    assert all(square > 0 for row in found.deviation.values() for square in row.values())
    return found


def asked(budget: float | None, solver: str = "CBC", deadline_s: float = 200e-6) -> Requirement:
    board = load_board("pynq-z2")
    return Requirement(board, deadline_s, 100e6, 16, 5000.0, 1e-6, "a test", solver=solver, accuracy_budget=budget)


@pytest.mark.parametrize("solver", ["CBC", "MERGE"])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0, 10.0])
def test_the_mixture_is_the_optimum_of_all(versions: Versions, share: float, solver: str) -> None:
    all_four = sum(row.get(4, 0.0) for row in versions.deviation.values())
    budget = share * all_four
    found, network = allocate_versions(versions, NativeBackend(), COST, asked(budget, solver))
    assert sum(item.accuracy_cost for item in found.layers) <= budget * (1 + 1e-9) + 1e-15
    assert found.network == network.digest

    # every mixture of widths by itself, each with the optimum of its directives
    names = [layer.name for layer in versions.network.weighted_layers]
    best = math.inf
    for widths in product((62, 8, 4), repeat=len(names)):
        wanted = dict(zip(names, widths, strict=True))
        cost = sum(versions.deviation.get(name, {}).get(bits, 0.0) for name, bits in wanted.items())
        if cost <= budget:
            alone = allocate(narrowed(versions.network, wanted), NativeBackend(), COST, asked(None, "MERGE"))
            best = min(best, alone.area)
    assert found.area == pytest.approx(best, rel=1e-9)
    # and what it predicts for the mixture is what the chosen network alone is predicted
    same = NativeBackend().options(network, COST, 16)
    for item, row in zip(found.layers, same.layers, strict=True):
        assert any(option.directive == item.directive and option.resources == item.resources for option in row)


def test_a_layer_without_a_narrower_version_keeps_its_options(versions: Versions) -> None:
    for backend in (NativeBackend(), Hls4mlBackend("xc7z020clg400-1", 100e6)):
        own, mixed = backend.options(versions.network, COST, 16), offered(backend, versions, COST, 16)
        for layer, before, after in zip(versions.network.layers, own.layers, mixed.layers, strict=True):
            assert after[: len(before)] == before
            widths = versions.deviation.get(layer.name, {})
            named = {option.version: option.accuracy_cost for option in after[len(before) :]}
            assert named == {version_name(bits): square for bits, square in widths.items()}
        # a narrower version's last directive is as fast as that of the layer's own width
        last, own_last = ([len(row) - 1 for row in options.layers] for options in (mixed, own))
        assert mixed.latency.latency_cycles(last) == own.latency.latency_cycles(own_last)
