"""Legal reuse factors of hls4ml's Resource strategy, without hls4ml.

The rule is that of hls4ml 1.3 (``FPGABackend.get_valid_reuse_factors``); a test compares them.  The matrix-vector
product of ``n_in`` x ``n_out`` is:

    ==========  =======================  ====================
    layer       n_in                     n_out
    ==========  =======================  ====================
    Conv1D      kernel * channels        filters
    Dense       inputs                   units
    LSTM        inputs, and its units    4 * units
    ==========  =======================  ====================
"""

from __future__ import annotations

from math import isqrt

BLOCK_FACTOR_LIMIT = 2048
"""Multipliers of one layer at the most, as in the published optimiser: HLS does not finish on more."""


def block_factor(n_in: int, n_out: int, reuse_factor: int) -> int:
    """Multipliers that work side by side: ceil(n_in * n_out / reuse_factor)."""
    return -(-n_in * n_out // reuse_factor)


def is_legal(n_in: int, n_out: int, reuse_factor: int) -> bool:
    """Whether hls4ml's Resource strategy keeps this reuse factor."""
    if reuse_factor < 1 or (n_in * n_out) % reuse_factor:
        return False
    if reuse_factor >= n_in:
        return reuse_factor % n_in == 0
    return block_factor(n_in, n_out, reuse_factor) % n_out == 0


def legal_reuse_factors(n_in: int, n_out: int, block_limit: int | None = None) -> tuple[int, ...]:
    """All legal reuse factors, smallest first.

    Args:
        n_in: inputs of the matrix-vector product.
        n_out: its outputs.
        block_limit: multipliers at the most, for instance `BLOCK_FACTOR_LIMIT`; no limit when left out.
    """
    product = n_in * n_out
    low = [item for item in range(1, isqrt(product) + 1) if product % item == 0]
    return tuple(
        item
        for item in sorted({*low, *(product // divisor for divisor in low)})
        if is_legal(n_in, n_out, item) and (block_limit is None or block_factor(n_in, n_out, item) <= block_limit)
    )


def closest_legal(n_in: int, n_out: int, reuse_factor: int) -> int:
    """The legal reuse factor that hls4ml takes instead of another one: the nearest, of two the smaller."""
    return min(legal_reuse_factors(n_in, n_out), key=lambda item: (abs(item - reuse_factor), item))
