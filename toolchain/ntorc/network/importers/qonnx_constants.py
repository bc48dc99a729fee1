"""Constants of an ONNX model: initialisers, and what Quant and nodes that move elements make of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat, Rounding

_WIDEST_WEIGHT = 18
"""Bits of a weight: the narrower operand of a DSP48E1."""

_ROUNDINGS: dict[str, Rounding] = dict.fromkeys(("ROUND", "HALF_EVEN", "HALF_UP"), "half_up")
_ROUNDINGS["FLOOR"] = "truncate"
_MOVES = ("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze")


def attributes(node: Any) -> dict[str, Any]:
    """A node's attributes as plain values; text as text."""
    from onnx import helper

    found = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in found.items()}


def power_of_two(value: float) -> int | None:
    """The exponent of a positive power of two, else None."""
    if not (value > 0 and math.isfinite(value)):
        return None
    mantissa, exponent = math.frexp(value)
    return exponent - 1 if mantissa == 0.5 else None


class Constants:
    """The constant tensors of a graph by name."""

    def __init__(self, graph: Any) -> None:
        from onnx import numpy_helper

        self._read = numpy_helper.to_array
        self._initialisers = {item.name: item for item in graph.initializer}
        self._nodes: dict[str, Any] = {}
        for node in graph.node:
            inputs = [item for item in node.input if item]
            if all(item in self for item in inputs) and (inputs or node.op_type == "Constant"):
                self._nodes.update((output, node) for output in node.output)

    def __contains__(self, tensor: str) -> bool:
        return tensor in self._initialisers or tensor in self._nodes

    def value(self, tensor: str, label: str) -> Any:
        """Real values of a tensor.

        Raises:
            DataError: it is not constant, or made in a way that is not known.
        """
        if tensor in self._initialisers:
            return np.array(self._read(self._initialisers[tensor]))
        node = self._nodes.get(tensor)
        if node is None:
            raise DataError(f"node '{label}' needs '{tensor}' to be constant", "store it as an initialiser")
        if node.op_type in ("Quant", "IntQuant"):
            integers, scale = self._quantised(node, label)
            return integers * scale
        if node.op_type == "Constant":
            own = attributes(node)
            if "value" not in own:
                raise DataError(f"constant '{tensor}' is not a tensor", "store it as an initialiser")
            return np.array(self._read(own["value"]))
        return self._moved(node, self.value(node.input[0], label), label)

    def _moved(self, node: Any, values: Any, label: str) -> Any:
        if node.op_type not in _MOVES:
            raise DataError(
                f"node '{label}' rests on a {node.op_type} of constants", "fold constants first (qonnx-cleanup)"
            )
        if node.op_type == "Transpose":
            return values.transpose(attributes(node).get("perm"))
        if node.op_type == "Reshape":
            return values.reshape([int(item) for item in self.value(node.input[1], label)])
        if node.op_type == "Identity":
            return values
        own = attributes(node)
        axes = tuple(int(a) for a in (self.value(node.input[1], label) if len(node.input) > 1 else own["axes"]))
        return np.squeeze(values, axes) if node.op_type == "Squeeze" else np.expand_dims(values, axes)

    def integers(self, tensor: str, label: str) -> tuple[Any, FixedFormat]:
        """Weights as integers, and their word: the narrowest that holds Quant's range, or what is there without one.

        Raises:
            DataError: not multiples of one power of two of few bits.
        """
        values = np.asarray(self.value(tensor, label), np.float64)
        if not np.isfinite(values).all() or not values.size:
            raise DataError(f"node '{label}' has weights that are not finite", "train it again")
        fraction, bits = self._declared(tensor, label) or (None, 2)
        if fraction is None:
            fraction = _fraction(values)
        integers = values * 2.0**fraction
        largest = float(np.abs(integers).max())
        if (integers != np.floor(integers)).any() or largest >= 1 << _WIDEST_WEIGHT - 1:
            raise DataError(
                f"weights of node '{label}' are no whole multiples of one power of two within {_WIDEST_WEIGHT} bits",
                "put a Quant node with a scale that is a power of two behind them",
            )
        whole = integers.astype(np.int64)
        needed = max(int(whole.max()), -int(whole.min()) - 1, 1).bit_length() + 1
        return whole, FixedFormat(max(bits, needed), fraction)

    def _declared(self, tensor: str, label: str) -> tuple[int, int] | None:
        """Finest fraction and bits that Quant states, where there is one."""
        node = self._nodes.get(tensor)
        while node is not None and node.op_type in _MOVES:
            tensor = node.input[0]
            node = self._nodes.get(tensor)
        if node is None or node.op_type not in ("Quant", "IntQuant"):
            return None
        exponents = {power_of_two(float(item)) for item in np.ravel(self.value(node.input[1], label))}
        if None in exponents:
            raise DataError(f"the weights of node '{label}' have a scale that is no power of two", _SCALE_HINT)
        whole = [item for item in exponents if item is not None]
        bits = int(np.ravel(self.value(node.input[3], label))[0]) + int(not attributes(node).get("signed", 1))
        if len(whole) > 1:
            return -min(whole), 2  # as many as the aligned weights need
        return -whole[0], bits

    def _quantised(self, node: Any, label: str) -> tuple[Any, Any]:
        """A constant through Quant, as QONNX computes it: divided, clipped, rounded."""
        own = attributes(node)
        values, scale, zero, bits = (np.asarray(self.value(item, label), np.float64) for item in node.input[:4])
        width, signed, narrow = int(bits.reshape(-1)[0]), bool(own.get("signed", 1)), int(own.get("narrow", 0))
        if not (scale > 0).all() or not np.isfinite(values).all():
            raise DataError(f"Quant '{node.name}' has scales or values out of range", "train it again")
        if zero.any() or bits.size != 1 or not 1 <= width <= 32 or (signed and width < 2):
            raise DataError(f"Quant '{node.name}' has a zero point or {width} bits", "use no zero point, 2 to 32 bits")
        low = -(1 << width - 1) + narrow if signed else 0
        high = (1 << width - 1) - 1 if signed else (1 << width) - 1 - narrow
        clipped = np.clip(values / scale, low, high)
        mode = str(own.get("rounding_mode", "ROUND")).upper()
        if mode in ("ROUND", "HALF_EVEN"):
            return np.round(clipped), scale
        if mode == "FLOOR":
            return np.floor(clipped), scale
        if mode == "HALF_UP":
            return np.sign(clipped) * np.floor(np.abs(clipped) + 0.5), scale
        raise DataError(f"Quant '{node.name}' rounds by {mode}", "use ROUND, HALF_UP or FLOOR")

    def quant_word(self, node: Any, label: str) -> tuple[FixedFormat, bool, str]:
        """The word of a Quant on the chain (an unsigned one has a bit for the sign more), signed, rounding mode.

        Raises:
            DataError: a word that a binary fixed-point format is not.
        """
        own = attributes(node)
        scale, zero, bits = (np.ravel(np.asarray(self.value(item, label), np.float64)) for item in node.input[1:4])
        exponents = {power_of_two(float(item)) for item in scale}
        if len(exponents) != 1 or None in exponents:
            raise DataError(
                f"Quant '{label}' has scales that are no power of two, or one for each channel", _SCALE_HINT
            )
        width, signed = int(bits[0]), bool(own.get("signed", 1))
        if zero.any() or bits.size != 1 or width != bits[0] or not (1 if not signed else 2) <= width <= 31:
            raise DataError(f"Quant '{label}' has a zero point or {bits} bits", "use zero point 0 and 2 to 31 bits")
        if own.get("narrow", 0):
            raise DataError(f"Quant '{label}' has a narrow range", "use narrow=0 between layers")
        mode = str(own.get("rounding_mode", "ROUND")).upper()
        if mode not in _ROUNDINGS:
            raise DataError(f"Quant '{label}' rounds by {mode}", f"use one of {', '.join(_ROUNDINGS)}")
        exponent = next(iter(exponents))
        assert exponent is not None
        return FixedFormat(width + int(not signed), -exponent, _ROUNDINGS[mode]), signed, mode


_SCALE_HINT = (
    "words here are binary fixed-point: train with scales that are powers of two (Brevitas:"
    " restrict_scaling_type=POWER_OF_TWO), one for all channels between layers"
)


def _fraction(values: Any) -> int:
    """Fraction bits of the last bit that any value has; 0 where that is more than a float32 has."""
    for fraction in range(-8, 41):
        scaled = values * 2.0**fraction
        if (scaled == np.floor(scaled)).all():
            return fraction
    return 0
