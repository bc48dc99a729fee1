"""An integer network as a QONNX model: plain ONNX nodes and ``Quant`` nodes, in real values or in integers.

Every rounding mode gives the same result.  QONNX's ``ROUND`` takes ties to even, its ``HALF_UP`` away from zero, FINN
ignores the mode and rounds half up, as ``reference.py`` does.  Where bits are cut from a sum, half a unit of the sum's
last place is added to the bias: sums are whole units, so none lies on a tie any more, and none crosses one.

Tensors are ``[1, channels, length]``; behind Flatten the elements come channel by channel, so the rows of a dense
layer, which are in the order of time, are permuted.  Executions of such models compute in float32: `inexact_layers`
says where that does not hold the sums exactly.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.layers import AveragePool1D, Conv1D, Dense, Feedforward, MaxPool1D, Pool
from ntorc.network.network import Network, accumulator_bits
from ntorc.network.widths import accumulator_fraction, exact_bits
from ntorc.records import storage_errors

if TYPE_CHECKING:
    import onnx

QUANT_DOMAIN = "qonnx.custom_op.general"
INPUT, OUTPUT = "frames", "results"
_FLOAT_BITS = 24  # of a float32's significand
_OPSET = 13
_IR_VERSION = 8  # what onnxruntime of the last years reads
_DATATYPES = "finn_datatype"


def unwritable_layers(network: Network) -> list[str]:
    """What has no QONNX form, with what to do; empty when the whole network has one."""
    found = []
    for layer in network.layers:
        if isinstance(layer, MaxPool1D | AveragePool1D):
            continue
        if not isinstance(layer, Conv1D | Dense):
            found.append(f"'{layer.name}' is a {layer.kind}, which QONNX has no node for: use Conv1D and Dense layers")
        elif layer.activation not in ("linear", "relu"):
            found.append(f"'{layer.name}' has activation {layer.activation}: use relu or none")
        elif layer.accumulator is not None or layer.output_format.overflow != "saturate":
            found.append(f"'{layer.name}' wraps: quantise the network without hls4ml's arithmetic")
        elif layer.output_format.rounding != "half_up" and not _whole(network, layer):
            found.append(f"'{layer.name}' truncates: use rounding half up")
    return found


def inexact_layers(network: Network) -> list[str]:
    """Layers whose sums float32 does not hold, with what to do."""
    found = []
    for layer in network.layers:
        if isinstance(layer, AveragePool1D):
            bits = network.before(layer).bits + layer.pool.bit_length() + 3  # of the mean's fraction, for the tie
        elif isinstance(layer, Conv1D | Dense):
            bits = accumulator_bits(network, layer)  # the sign's bit, which a float has besides, is the tie's
        else:
            continue
        if bits > _FLOAT_BITS:
            found.append(
                f"'{layer.name}' adds up to {bits} bits, float32 holds {_FLOAT_BITS}:"
                " use narrower weights or activations"
            )
    return found


def write_qonnx(network: Network, path: Path, *, for_finn: bool = False) -> Path:
    """Write the model of a network; see `qonnx_model`.

    Raises:
        DataError: a layer without a QONNX form.
        StorageError: the file cannot be written.
    """
    model = qonnx_model(network, for_finn=for_finn)
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
    return path


def qonnx_model(network: Network, *, for_finn: bool = False) -> onnx.ModelProto:
    """The model of a network: input ``frames`` ``[1, channels, length]``, output ``results`` ``[1, outputs]``.

    Args:
        network: of layers with a QONNX form.
        for_finn: tensors have an axis of 1 more, ``[1, channels, length, 1]``; frames and results are the network's
            integers, and the input is annotated with its FINN data type.  Else frames and results are real values, and
            a Quant node brings frames to the input's format.

    Raises:
        DataError: a layer without a QONNX form.
    """
    reasons = unwritable_layers(network)
    if reasons:
        raise DataError(f"'{network.name}' cannot be written as QONNX", "; ".join(reasons))
    return _Writer(network, for_finn).model()


def _whole(network: Network, layer: Feedforward) -> bool:
    """Whether no bits are cut from a layer's sums."""
    return accumulator_fraction(layer, network.before(layer)) <= layer.output_format.fraction


def unquantised_format(layer: Feedforward, before: FixedFormat, weights: IntArray, bias: IntArray) -> FixedFormat:
    """The word that a layer's sums fill: that of a result without a Quant node."""
    fraction = accumulator_fraction(layer, before)
    uncut = replace(layer, output_format=FixedFormat(62, fraction))
    return FixedFormat(exact_bits(uncut, before, weights, bias), fraction)


def _is_unquantised(network: Network, layer: Feedforward) -> bool:
    """Whether a layer's sums are the network's result as they are."""
    if layer is not network.layers[-1] or layer.activation != "linear":
        return False
    before, name = network.before(layer), layer.name
    return layer.output_format == unquantised_format(layer, before, network.weights[name], network.biases[name])


class _Writer:
    """Nodes and constants of one model."""

    def __init__(self, network: Network, for_finn: bool) -> None:
        self._network, self._for_finn = network, for_finn
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._current = INPUT
        self._flat = False

    def model(self) -> onnx.ModelProto:
        import onnx
        from onnx import helper

        network = self._network
        self._begin()
        for layer in network.layers:
            if isinstance(layer, Pool):
                self._pool(layer)
            else:
                self._weighted(layer)  # type: ignore[arg-type]
        self._end()
        shape = [1, network.input_channels, network.input_length, *self._one]
        graph = helper.make_graph(
            self._nodes,
            network.name,
            [helper.make_tensor_value_info(INPUT, onnx.TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, [1, network.outputs])],
            self._constants,
        )
        if self._for_finn:
            annotation = onnx.TensorAnnotation(tensor_name=INPUT)
            annotation.quant_parameter_tensor_names.add(key=_DATATYPES, value=f"INT{network.input_format.bits}")
            graph.quantization_annotation.append(annotation)
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(QUANT_DOMAIN, 1)]
        made: onnx.ModelProto = helper.make_model(graph, producer_name="ntorc", opset_imports=opsets)
        made.ir_version = _IR_VERSION
        return made

    def _begin(self) -> None:
        word = self._network.input_format
        if self._for_finn:
            self._node("Mul", "frames_values", [self._constant("frames_step", word.step)])
        else:
            self._quant("frames", word, signed=True)

    def _end(self) -> None:
        """Results in their unit, flat, under the output's name."""
        if not self._flat:
            last = self._network.layers[-1]
            if last.output_length > 1 and last.output_channels > 1:  # time by time, as everywhere here
                self._node("Transpose", "results_turned", perm=[0, 2, 3, 1] if self._for_finn else [0, 2, 1])
            self._node("Flatten", "results_flat", axis=1)
        if self._for_finn:
            scale = 2.0**self._network.output_format.fraction
            self._node("Mul", "results_integers", [self._constant("results_scale", scale)])
        self._nodes[-1].output[0] = OUTPUT

    def _pool(self, layer: Pool) -> None:
        kind = "MaxPool" if isinstance(layer, MaxPool1D) else "AveragePool"
        window: dict[str, Any] = {"ceil_mode": 0, **self._window(layer.pool, layer.pool, 0, 0)}
        if isinstance(layer, MaxPool1D):
            window["dilations"] = [1, *self._one]
        self._node(kind, layer.name, **window)
        if isinstance(layer, AveragePool1D):
            word = self._network.before(layer)
            if layer.pool % 2 == 0:  # whole units over an even pool: ties go up by a quarter of the smallest step
                self._node("Add", f"{layer.name}_up", [self._constant(f"{layer.name}_tie", word.step / layer.pool / 4)])
            self._quant(f"{layer.name}_word", word, signed=True)

    def _weighted(self, layer: Conv1D | Dense) -> None:
        network, word = self._network, layer.output_format
        before = network.before(layer)
        weights = layer.weight_format.values(network.weights[layer.name])
        fraction = accumulator_fraction(layer, before)
        bias = np.asarray(network.biases[layer.name], np.float64)
        if not _whole(network, layer):
            bias = bias + 0.5  # see above: no sum lies on a tie
        bias = bias * 2.0**-fraction
        if isinstance(layer, Conv1D):
            taps = weights.transpose(2, 1, 0)
            quantised = self._weights(layer, taps[..., None] if self._for_finn else taps)
            self._node(
                "Conv",
                layer.name,
                [quantised, self._constant(f"{layer.name}_bias", bias)],
                dilations=[layer.dilation, *self._one],
                group=1,
                **self._window(layer.kernel, layer.stride, layer.padding_left, layer.padding_right),
            )
        else:
            self._flatten(layer)
            rows = weights.reshape(layer.input_length, layer.input_channels, layer.units)
            quantised = self._weights(layer, rows.transpose(1, 0, 2).reshape(layer.inputs, layer.units))
            self._node("MatMul", layer.name, [quantised])
            self._node("Add", f"{layer.name}_sum", [self._constant(f"{layer.name}_bias", bias)])
        self._activation(layer, word)

    @property
    def _one(self) -> list[int]:
        """The size of the other axis, where there is one."""
        return [1] if self._for_finn else []

    def _window(self, kernel: int, stride: int, left: int, right: int) -> dict[str, list[int]]:
        none = [0] if self._for_finn else []
        return {
            "kernel_shape": [kernel, *self._one],
            "strides": [stride, *self._one],
            "pads": [left, *none, right, *none],
        }

    def _activation(self, layer: Conv1D | Dense, word: FixedFormat) -> None:
        """A word behind relu takes no negative values, so it is written unsigned, as FINN wants it."""
        if layer.activation == "relu":
            self._node("Relu", f"{layer.name}_relu")
        if not _is_unquantised(self._network, layer):
            self._quant(f"{layer.name}_word", word, signed=layer.activation != "relu")

    def _flatten(self, layer: Dense) -> None:
        if not self._flat:
            self._node("Flatten", f"{layer.name}_flat", axis=1)
            self._flat = True

    def _weights(self, layer: Conv1D | Dense, values: npt.NDArray[np.float64]) -> str:
        current, self._current = self._current, self._constant(f"{layer.name}_weights", values)
        self._quant(f"{layer.name}_weights", layer.weight_format, signed=True)
        quantised, self._current = self._current, current
        return quantised

    def _quant(self, name: str, word: FixedFormat, *, signed: bool) -> None:
        parameters = [
            self._constant(f"{name}_scale", word.step),
            self._constant(f"{name}_zero", 0.0),
            self._constant(f"{name}_bits", word.bits if signed else word.bits - 1),
        ]
        attributes = {"signed": int(signed), "narrow": 0, "rounding_mode": "ROUND"}
        self._node("Quant", f"{name}_quant", parameters, domain=QUANT_DOMAIN, **attributes)

    def _node(self, kind: str, name: str, inputs: list[str] | None = None, **attributes: Any) -> None:
        """A node on the current tensor, whose output is the current one then."""
        from onnx import helper

        output = f"{name}_out"
        self._nodes.append(helper.make_node(kind, [self._current, *(inputs or [])], [output], name, **attributes))
        self._current = output

    def _constant(self, name: str, values: npt.ArrayLike) -> str:
        from onnx import numpy_helper

        self._constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name
