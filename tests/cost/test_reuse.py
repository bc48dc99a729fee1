"""Legal reuse factors against hls4ml's own."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.backends.hls4ml.reuse import block_factor, closest_legal, is_legal, legal_reuse_factors

_SHAPES = [(3, 16), (48, 16), (96, 32), (1, 1), (16, 1), (1, 64), (64, 4), (37, 12), (100, 7), (128, 30)]


@pytest.mark.parametrize("n_in, n_out", _SHAPES)
def test_equal_to_hls4ml(n_in: int, n_out: int) -> None:
    backends = pytest.importorskip("hls4ml.backends")
    backend = backends.get_backend("Vitis")
    wanted = backend.get_valid_reuse_factors(n_in, n_out)
    assert list(legal_reuse_factors(n_in, n_out)) == wanted
    for asked in {1, 2, 3, 5, 17, n_in, n_in + 1, n_in * n_out, n_in * n_out + 9}:
        assert closest_legal(n_in, n_out, asked) == backend.get_closest_reuse_factor(wanted, asked)


@settings(max_examples=50)
@given(st.integers(1, 60), st.integers(1, 40), st.integers(1, 3000))
def test_a_limit_keeps_the_smaller_blocks(n_in: int, n_out: int, limit: int) -> None:
    every = legal_reuse_factors(n_in, n_out)
    assert {1, n_in * n_out} <= set(every)
    kept = legal_reuse_factors(n_in, n_out, limit)
    assert kept == tuple(item for item in every if block_factor(n_in, n_out, item) <= limit)
    assert all(is_legal(n_in, n_out, item) for item in kept)
    assert not is_legal(n_in, n_out, 0)
