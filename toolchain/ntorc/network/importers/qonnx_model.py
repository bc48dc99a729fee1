"""QONNX models to integer networks, exactly: what cannot be said in integers is refused, with what to do.

Taken are Conv (one-dimensional, also as two-dimensional with an axis of 1), Gemm, MatMul, Add, Mul by constants,
BatchNormalization that folds into whole weights, Relu, MaxPool, AveragePool, Flatten, Reshape, Transpose,
Squeeze, Unsqueeze, Identity, Dropout, and Quant with scales that are powers of two.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.qonnx_axes import Axes
from ntorc.network.importers.qonnx_chain import Chain
from ntorc.network.importers.qonnx_constants import Constants, attributes
from ntorc.network.network import Network

if TYPE_CHECKING:
    import onnx

_LARGEST_BYTES = 256 << 20
_DATATYPES = "finn_datatype"
_QUANT = ("Quant", "IntQuant")
_SUPPORTED = (
    "Conv, Gemm, MatMul, Add, Sub, Mul, Div, BatchNormalization, Relu, MaxPool, AveragePool, Flatten,"
    " Reshape, Transpose, Squeeze, Unsqueeze, Identity, Dropout, Quant"
)


@dataclass(frozen=True)
class Imported:
    """A network with what its reader must know.

    Attributes:
        network: the integer network.
        notes: where it is not the same as the model to the last bit, and why.
    """

    network: Network
    notes: tuple[str, ...] = field(default=())


def import_qonnx(path: Path) -> Imported:
    """Read a model file.

    Raises:
        DataError: no ONNX model, one with a node that is not supported, or one that integers do not hold.
    """
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise DataError(f"{path} is too large for an estimator's model", "give a model of at most 256 MiB")
        model = onnx.load_model_from_string(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}", "give an .onnx file") from error
    except DecodeError as error:
        raise DataError(f"{path} is not an ONNX model", "export it with QONNX, or write it with ntorc") from error
    return from_qonnx(model, path.stem)


def from_qonnx(model: onnx.ModelProto, name: str) -> Imported:
    """The network of a model; layers are named after its nodes.

    Raises:
        DataError: see `import_qonnx`.
    """
    try:
        return _Reader(model.graph, name).read()
    except (ValueError, TypeError, IndexError, KeyError, OverflowError) as error:
        raise DataError(f"'{name}' is damaged or no QONNX model: {error}", "check it with onnx.checker") from error


class _Reader:
    """Follows the one chain of nodes from the input to the output."""

    def __init__(self, graph: Any, name: str) -> None:
        self._graph, self._name = graph, name
        self._constants = Constants(graph)
        inputs = [item for item in graph.input if item.name not in self._constants]
        if len(inputs) != 1 or len(graph.output) != 1:
            raise DataError(
                f"'{name}' has {len(inputs)} inputs and {len(graph.output)} outputs", "an estimator has one of each"
            )
        self._input = inputs[0]
        shape = [int(item.dim_value) for item in self._input.type.tensor_type.shape.dim]
        self._axes = Axes.of_input(shape, name)
        self._chain = Chain(name, self._axes.length, self._axes.channels, self._annotated())

    def read(self) -> Imported:
        """Every node in turn."""
        current, ends = self._input.name, self._graph.output[0].name
        while current != ends or self._users(current):
            users = self._users(current)
            if len(users) != 1:
                raise DataError(
                    f"tensor '{current}' of '{self._name}' goes to {len(users)} nodes",
                    "only chains of layers are supported: no branches, and the last node makes the output",
                )
            self._node(users[0], current)
            current = users[0].output[0]
        if self._axes.waiting_transpose():
            raise DataError(f"'{self._name}' gives its results transposed", "flatten them before the output")
        return Imported(self._chain.finish(), tuple(self._chain.notes))

    def _users(self, tensor: str) -> list[Any]:
        return [node for node in self._graph.node if tensor in node.input and node.output[0] not in self._constants]

    def _annotated(self) -> FixedFormat | None:
        """The integers that the input is said to be, as FINN's models have it."""
        for item in self._graph.quantization_annotation:
            for entry in item.quant_parameter_tensor_names:
                found = re.fullmatch(r"(U?)INT(\d+)", entry.value)
                if item.tensor_name == self._input.name and entry.key == _DATATYPES and found:
                    return FixedFormat(int(found[2]) + bool(found[1]), 0)
        return None

    def _node(self, node: Any, current: str) -> None:
        kind, label = node.op_type, node.name or node.output[0]
        handler = getattr(self, f"_take_{kind.lower()}", None)
        if handler is None:
            raise DataError(
                f"node '{label}' of '{self._name}' is a {kind}, which is not supported",
                f"supported: {_SUPPORTED}; for recurrent layers give the Keras model",
            )
        handler(node, label, current)

    # layers

    def _take_conv(self, node: Any, label: str, current: str) -> None:
        own = attributes(node)
        weights, word = self._weights(node.input[1], label)
        bias = self._optional(node, 2, weights.shape[0], label)
        if own.get("group", 1) != 1:
            raise DataError(f"convolution '{label}' has {own['group']} groups", "use group=1")
        if own.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
            raise DataError(f"convolution '{label}' has auto_pad {own['auto_pad']}", "state its pads")
        axis, rank = self._axes.time_axis(label), weights.ndim - 2
        strides, dilations = own.get("strides", [1] * rank), own.get("dilations", [1] * rank)
        pads = own.get("pads", [0] * 2 * rank)
        for other in range(rank):
            if other != axis and (weights.shape[2 + other] != 1 or pads[other] or pads[other + rank]):
                raise DataError(
                    f"convolution '{label}' extends over two axes", "use one-dimensional convolutions over time"
                )
        taps = weights.reshape(weights.shape[0], weights.shape[1], -1).transpose(2, 1, 0)
        self._chain.convolution(
            label, taps, word, bias, int(strides[axis]), int(dilations[axis]), int(pads[axis]), int(pads[axis + rank])
        )
        self._axes = self._axes.resized(self._chain.length, self._chain.channels)

    def _take_gemm(self, node: Any, label: str, current: str) -> None:
        own = attributes(node)
        if own.get("transA", 0) or own.get("alpha", 1.0) != 1.0 or own.get("beta", 1.0) != 1.0:
            raise DataError(f"node '{label}' scales or transposes in Gemm", "use alpha=1, beta=1, transA=0")
        weights, word = self._weights(node.input[1], label)
        if own.get("transB", 0):
            weights = weights.T
        self._dense(label, weights, word, self._optional(node, 2, weights.shape[-1], label))

    def _take_matmul(self, node: Any, label: str, current: str) -> None:
        if node.input[0] != current:
            raise DataError(f"node '{label}' multiplies a constant by the frame", "put the weights second")
        weights, word = self._weights(node.input[1], label)
        self._dense(label, weights, word, np.zeros(weights.shape[-1]))

    def _dense(self, label: str, weights: Any, word: FixedFormat, bias: Any) -> None:
        if weights.ndim != 2:
            raise DataError(f"node '{label}' has weights of {weights.ndim} axes", "use a matrix")
        if self._axes.is_vector:
            self._chain.dense(label, self._axes.rows_in_time_order(weights, label), word, bias)
            self._axes = self._axes.vector(self._chain.channels)
        else:  # each vector by itself
            self._axes.require_channels_last(label)
            self._chain.convolution(label, weights[None], word, bias, 1, 1, 0, 0)
            self._axes = self._axes.resized(self._chain.length, self._chain.channels)

    def _take_maxpool(self, node: Any, label: str, current: str) -> None:
        self._chain.pool(label, self._pool(node, label), maximum=True)
        self._axes = self._axes.resized(self._chain.length, self._chain.channels)

    def _take_averagepool(self, node: Any, label: str, current: str) -> None:
        self._chain.pool(label, self._pool(node, label), maximum=False)
        self._axes = self._axes.resized(self._chain.length, self._chain.channels)

    def _take_globalaveragepool(self, node: Any, label: str, current: str) -> None:
        self._axes.time_axis(label)
        self._chain.pool(label, self._chain.length, maximum=False)
        self._axes = self._axes.resized(self._chain.length, self._chain.channels)

    def _pool(self, node: Any, label: str) -> int:
        own, axis = attributes(node), self._axes.time_axis(label)
        kernel = [int(item) for item in own["kernel_shape"]]
        strides = [int(item) for item in own.get("strides", [1] * len(kernel))]
        odd = any(own.get("pads", [])) or own.get("ceil_mode", 0) or own.get("auto_pad", "NOTSET") == "SAME_UPPER"
        odd = odd or any(item != 1 for item in own.get("dilations", [1]))
        others = [item for index, item in enumerate(kernel) if index != axis]
        if odd or strides[axis] != kernel[axis] or any(item != 1 for item in others):
            raise DataError(
                f"pool '{label}' overlaps, pads, or extends over two axes",
                "use one axis, stride = kernel, no pads, no dilation, ceil_mode=0",
            )
        return kernel[axis]

    # arithmetic with constants

    def _take_add(self, node: Any, label: str, current: str, sign: float = 1.0) -> None:
        self._chain.add(label, sign * self._per_channel(self._other(node, current, label), label))

    def _take_sub(self, node: Any, label: str, current: str) -> None:
        if node.input[0] != current:
            raise DataError(f"node '{label}' subtracts the frame from a constant", "add, with negated weights")
        self._take_add(node, label, current, -1.0)

    def _take_mul(self, node: Any, label: str, current: str) -> None:
        self._chain.scale(label, self._per_channel(self._other(node, current, label), label))

    def _take_div(self, node: Any, label: str, current: str) -> None:
        divisor = self._per_channel(self._other(node, current, label), label)
        if node.input[0] != current or not divisor.all():
            raise DataError(f"node '{label}' divides by the frame or by zero", "divide by a constant power of two")
        self._chain.scale(label, 1.0 / divisor)

    def _take_batchnormalization(self, node: Any, label: str, current: str) -> None:
        gamma, beta, mean, variance = (self._constant(item, label).astype(np.float64) for item in node.input[1:5])
        scale = gamma / np.sqrt(variance + attributes(node).get("epsilon", 1e-5))
        self._axes.require_channels_first(label)
        self._chain.scale(label, scale)
        self._chain.add(label, beta - mean * scale)

    def _take_relu(self, node: Any, label: str, current: str) -> None:
        self._chain.activate(label, "relu")

    def _take_quant(self, node: Any, label: str, current: str) -> None:
        word, signed, rounding = self._constants.quant_word(node, label)
        self._chain.quantise(label, word, signed, rounding)

    _take_intquant = _take_quant

    # shapes

    def _take_flatten(self, node: Any, label: str, current: str) -> None:
        if attributes(node).get("axis", 1) != 1:
            raise DataError(f"node '{label}' flattens from another axis", "use axis=1")
        self._axes = self._axes.flattened()

    def _take_reshape(self, node: Any, label: str, current: str) -> None:
        self._axes = self._axes.reshaped([int(item) for item in self._constant(node.input[1], label)], label)

    def _take_transpose(self, node: Any, label: str, current: str) -> None:
        self._axes = self._axes.transposed(attributes(node).get("perm"), label)

    def _take_squeeze(self, node: Any, label: str, current: str) -> None:
        self._axes = self._axes.squeezed(self._axis_list(node, label), label)

    def _take_unsqueeze(self, node: Any, label: str, current: str) -> None:
        self._axes = self._axes.unsqueezed(self._axis_list(node, label), label)

    def _take_identity(self, node: Any, label: str, current: str) -> None:
        """Nothing to do."""

    _take_dropout = _take_identity

    # constants

    def _axis_list(self, node: Any, label: str) -> list[int]:
        if len(node.input) > 1:
            return [int(item) for item in self._constant(node.input[1], label)]
        return [int(item) for item in attributes(node).get("axes", [])]

    def _constant(self, tensor: str, label: str) -> Any:
        return self._constants.value(tensor, label)

    def _weights(self, tensor: str, label: str) -> tuple[Any, FixedFormat]:
        return self._constants.integers(tensor, label)

    def _optional(self, node: Any, index: int, size: int, label: str) -> Any:
        if len(node.input) <= index or not node.input[index]:
            return np.zeros(size)
        return np.asarray(self._constant(node.input[index], label), np.float64).reshape(size)

    def _other(self, node: Any, current: str, label: str) -> Any:
        others = [item for item in node.input if item != current]
        if len(others) != 1:
            raise DataError(f"node '{label}' adds or multiplies the frame with itself", "use chains of layers")
        return np.asarray(self._constant(others[0], label), np.float64)

    def _per_channel(self, values: Any, label: str) -> Any:
        return self._axes.per_channel(values, label)
