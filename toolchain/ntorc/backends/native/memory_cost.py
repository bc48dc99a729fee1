"""LUTs of memories in logic, as yosys maps them onto a Series 7 device."""

from __future__ import annotations

import numpy as np

from ntorc.network.formats import IntArray

_LUT_WORDS = 64  # that one LUT6 chooses among
# measured by synthesis of 20-bit multiplexers, by inputs
_MULTIPLEXERS = (
    0.0,
    0.0,
    1.0,
    1.0,
    1.0,
    2.0,
    2.0,
    4.0,
    3.0,
    5.0,
    4.3,
    4.5,
    4.0,
    5.5,
    5.5,
    6.8,
    6.0,
    7.0,
    11.0,
    11.2,
    12.0,
    12.2,
    8.0,
    8.1,
    13.7,
    11.6,
    14.2,
    16.1,
    14.2,
    12.6,
    12.8,
    13.7,
    15.1,
    12.4,
    18.4,
    14.2,
    19.9,
    17.9,
    17.9,
    18.2,
    18.1,
    19.6,
    21.6,
    16.4,
    17.1,
    19.9,
    18.9,
    18.5,
)
_MULTIPLEXER_SLOPE = 0.43  # of the same, for more inputs
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
    behind = len(np.unique(padded, axis=1).T) * _wide_multiplexers(chunks)
    return len(kept) + behind


def _wide_multiplexers(blocks: int) -> int:
    """LUTs a bit behind LUT6s that are joined by fours for nothing (MUXF7, MUXF8)."""
    return 0 if blocks <= 4 else -(-blocks // 16)


def multiplexer_luts(inputs: int) -> float:
    """LUTs a bit of a multiplexer of so many inputs, as yosys 0.70 makes it of an indexed part-select."""
    return _MULTIPLEXERS[inputs] if inputs < len(_MULTIPLEXERS) else _MULTIPLEXER_SLOPE * inputs
