"""Which integer networks hls4ml computes bit by bit, and with which of its types."""

from __future__ import annotations

from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.hls4ml_mode import TABLE_ENTRY, table
from ntorc.network.layers import LSTM, Conv1D, Dense, Layer, MaxPool1D
from ntorc.network.network import Network

AS_KERAS = "give the Keras model itself with --backend hls4ml: its arithmetic is then hls4ml's"


def type_name(word: FixedFormat) -> str:
    """``fixed<bits, integer, rounding, overflow>`` as hls4ml's configuration has it; half up is AP_RND."""
    text = f"fixed<{word.bits},{word.bits - word.fraction}"
    rounding = {"truncate": "TRN", "half_up": "RND"}[word.rounding]
    overflow = {"wrap": "WRAP", "saturate": "SAT"}[word.overflow]
    return f"{text}>" if (rounding, overflow) == ("TRN", "WRAP") else f"{text},{rounding},{overflow}>"


def inexpressible(network: Network) -> list[str]:
    """Why hls4ml cannot compute the same bits; empty when it can.

    The emulation is compared with the reference before anything is built all the same.
    """
    found = []
    if network.input_channels != 1 or network.outputs != 1:
        found.append(f"'{network.name}': the wrapper takes one sample and gives one result a frame")
    if network.stateful:
        found.append(f"'{network.name}' keeps its state from frame to frame")
    for layer in network.layers:
        found += [f"'{layer.name}' {reason}" for reason in _of_layer(layer)]
    if network.layers and not isinstance(network.layers[-1], Dense):
        found.append("the last layer must be a dense one")
    return found


def _of_layer(layer: Layer) -> list[str]:
    if isinstance(layer, MaxPool1D):
        return []
    if isinstance(layer, LSTM):
        words = {_plain(one) for one in _words(layer)}
        tables = [layer.recurrent_activation, layer.activation]
        if len(words) > 1 or layer.accumulator is None or _plain(layer.accumulator) not in words:
            return ["is an LSTM whose words are not one and the same, accumulator included"]
        if not all(_is_own(one) for one in tables) or len({one.address_bits for one in tables}) > 1:
            return ["is an LSTM with other tables than hls4ml's"]
        return []
    if not isinstance(layer, Conv1D | Dense):
        return [f"is a {layer.kind}, which hls4ml has not"]
    reasons = []
    if isinstance(layer, Conv1D):
        if layer.dilation != 1:
            reasons.append("is dilated")
        if padding_of(layer) is None:
            reasons.append(f"pads {layer.padding_left} and {layer.padding_right}: neither 'same' nor 'valid'")
    if isinstance(layer.activation, Table):
        if not _is_own(layer.activation):
            reasons.append("has another table than hls4ml's")
    elif layer.activation not in ("linear", "relu"):
        reasons.append(f"has the activation {layer.activation}")
    return reasons


def _words(layer: LSTM) -> tuple[FixedFormat, ...]:
    return layer.weight_format, layer.output_format, layer.gate_format, layer.inner_format


def _plain(word: FixedFormat) -> tuple[int, int, str, str]:
    return word.bits, word.fraction, word.rounding, word.overflow


def _is_own(one: Table) -> bool:
    if one.function == "hard_sigmoid":
        return False
    wanted = table(one.function)
    return (one.range_bits, one.index_rounding, one.entry_format) == (
        wanted.range_bits, wanted.index_rounding, TABLE_ENTRY,
    )  # fmt: skip


def padding_of(layer: Conv1D) -> str | None:
    """Keras' name of a padding, or None."""
    if layer.padding_left == layer.padding_right == 0:
        return "valid"
    length = -(-layer.input_length // layer.stride)
    total = max((length - 1) * layer.stride + layer.kernel - layer.input_length, 0)
    same = (total // 2, total - total // 2)
    return "same" if (layer.padding_left, layer.padding_right) == same else None
