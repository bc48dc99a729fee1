"""LUTs of memories in logic, as yosys maps them onto a Series 7 device."""

from __future__ import annotations

import numpy as np

from ntorc.network.formats import IntArray

_LUT_WORDS = 64  # that one LUT6 chooses among
_SHAPES = ((32, 6), (64, 3))  # words and bits of RAM32M and RAM64M, four LUTs each


def distributed_luts(words: int, bits: int) -> int:
    """LUTs of a distributed memory with one writing and one reading port, its multiplexer included.

    Deeper than one primitive, it is blocks one below the other, each of primitives of its own (a write enables
    whole ones); what they give is chosen by a LUT a bit for up to four blocks, by three for five.  Small
    primitives are taken while they are not more than large ones and at most five blocks deep.
    """
    if words <= 0 or bits <= 0:
        return 0
    (shallow, wide), (deep, narrow) = _SHAPES
    many, few = -(-words // shallow), -(-words // deep)
    if many > 5 or many * -(-bits // wide) > few * -(-bits // narrow):
        return _total(few, -(-bits // narrow), bits)
    return _total(many, -(-bits // wide), bits)


def _total(blocks: int, primitives: int, bits: int) -> int:
    return 4 * blocks * primitives + (0 if blocks == 1 else blocks + bits * (3 if blocks > 4 else 1))


def varying_bits(columns: IntArray, bits: int) -> int:
    """Bits of a read-only memory that are not the same in all its words: only they are stored.

    Args:
        columns: words ``[n, columns]``, side by side in the memory.
        bits: of each.
    """
    mask = (1 << bits) - 1
    differ = (np.bitwise_or.reduce(columns, axis=0) ^ np.bitwise_and.reduce(columns, axis=0)) & mask
    return int(sum(int(column).bit_count() for column in np.atleast_1d(differ)))


def read_only_luts(columns: IntArray, bits: int) -> int:
    """LUTs of a memory in logic that is never written.

    One LUT6 for each function of six address bits that occurs, whichever bits of the word it serves: equal ones
    are merged and constant ones vanish; more than four of a bit are chosen among by multiplexers.

    Args:
        columns: words ``[n, columns]``, side by side in the memory.
        bits: of each.
    """
    if len(columns) < 2:
        return 0
    planes = ((columns[:, :, None] >> np.arange(bits)) & 1).astype(np.uint8).reshape(len(columns), -1)
    chunks = -(-len(planes) // _LUT_WORDS)
    padded = np.zeros((chunks * _LUT_WORDS, planes.shape[1]), np.uint8)
    padded[: len(planes)] = planes
    functions = np.packbits(padded.reshape(chunks, _LUT_WORDS, -1), axis=1)  # [chunks, bytes, bits of the word]
    kept = {piece.tobytes() for chunk in functions for piece in np.ascontiguousarray(chunk.T)}
    kept -= {bytes(_LUT_WORDS // 8), b"\xff" * (_LUT_WORDS // 8)}
    multiplexers = _wide_multiplexers(chunks)
    if not multiplexers:
        return len(kept)
    whole = {column.tobytes() for column in np.ascontiguousarray(np.moveaxis(functions, 2, 0))}
    return len(kept) + len(whole) * multiplexers


def _wide_multiplexers(blocks: int) -> int:
    """LUTs a bit behind LUT6s that are joined by fours for nothing (MUXF7, MUXF8)."""
    return 0 if blocks <= 4 else -(-blocks // 16)


def multiplexer_luts(inputs: int) -> int:
    """LUTs a bit of ``ntorc_select``: a LUT6 for each choice among up to four, level by level."""
    if inputs < 2:
        return 0
    chosen = -(-inputs // 4)
    return chosen - (inputs % 4 == 1) + multiplexer_luts(chosen)
