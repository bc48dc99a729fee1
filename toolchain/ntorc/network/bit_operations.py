"""Effective bit operations: what HGQ2 penalises, counted on an integer network.

The sum over all multiplies of the product of both operands' widths (EBOPs: Sun et al., arXiv:2405.00645), signs left
out where HGQ2 leaves them out: of weights, and of words behind a relu.
"""

from __future__ import annotations

from ntorc.network.layers import Conv1D, Dense, Pool
from ntorc.network.network import Network


def effective_bit_operations(network: Network) -> int:
    """Of one estimate; padding counted, biases not."""
    total, unsigned = 0, False
    for layer, word in zip(network.layers, network.formats, strict=False):
        if isinstance(layer, Conv1D | Dense):
            total += layer.multiplies * (layer.weight_format.bits - 1) * (word.bits - unsigned)
            unsigned = layer.activation == "relu"
        elif not isinstance(layer, Pool):
            total += layer.multiplies * layer.weight_format.bits * word.bits
            unsigned = False
    return total
