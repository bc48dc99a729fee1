"""QONNX: what the writer writes, executed by qonnx, is the reference bit by bit; the importer gives it back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from drawn_networks import frames_of, networks
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.exporters.qonnx import inexact_layers, qonnx_model, unwritable_layers, write_qonnx
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.qonnx_model import from_qonnx, import_qonnx
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network


def executed(model: onnx.ModelProto, frames: Any, scale: float, results: float) -> Any:
    """What qonnx makes of frames of integers, as integers."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    graph = ModelWrapper(model).transform(InferShapes())
    first, last = graph.graph.input[0].name, graph.graph.output[0].name
    shape = graph.get_tensor_shape(first)
    rows = [
        execute_onnx(graph, {first: (frame.T * scale).reshape(shape).astype(np.float32)})[last].reshape(-1)
        for frame in frames
    ]
    return np.array(rows, np.float64) * results


@pytest.mark.parametrize("for_finn", [False, True])
@settings(max_examples=20)
@given(data=st.data())
def test_qonnx_executes_what_the_reference_computes(for_finn: bool, data: st.DataObject) -> None:
    network = data.draw(networks())
    assume(not inexact_layers(network))
    frames = frames_of(network, 4)
    scale, results = (1.0, 1.0) if for_finn else (network.input_format.step, 2.0**network.output_format.fraction)
    found = executed(qonnx_model(network, for_finn=for_finn), frames, scale, results)
    np.testing.assert_array_equal(found, reference.run(network, frames))


@settings(max_examples=100)
@given(networks())
def test_what_was_written_comes_back(network: Network) -> None:
    found = from_qonnx(qonnx_model(network), network.name)
    assert found.notes == ()
    frames = frames_of(network, 6)
    np.testing.assert_array_equal(reference.run(found.network, frames), reference.run(network, frames))
    assert found.network.output_format == network.output_format
    assert [layer.name for layer in found.network.layers] == [layer.name for layer in network.layers]


@settings(max_examples=40)
@given(networks())
def test_a_model_for_finn_comes_back_too(network: Network) -> None:
    found = from_qonnx(qonnx_model(network, for_finn=True), network.name).network
    frames = frames_of(network, 6)
    np.testing.assert_array_equal(reference.run(found, frames), reference.run(network, frames))


def test_a_model_is_the_same_bytes_each_time(tmp_path: Any) -> None:
    network = _small()
    first = write_qonnx(network, tmp_path / "a.onnx").read_bytes()
    assert write_qonnx(network, tmp_path / "b.onnx").read_bytes() == first
    assert import_qonnx(tmp_path / "a.onnx").network.layers == network.layers
    onnx.checker.check_model(_without_quant(onnx.load(tmp_path / "a.onnx")))


def _without_quant(model: onnx.ModelProto) -> onnx.ModelProto:
    """Quant is no operator that the checker knows: identities take its place."""
    for node in model.graph.node:
        if node.op_type == "Quant":
            node.CopyFrom(helper.make_node("Identity", [node.input[0]], list(node.output), node.name))
    return model


def _small() -> Network:
    word, weights = FixedFormat(8, 5), FixedFormat(4, 3)
    layers = (
        Conv1D("c", 12, 2, 3, 3, weights, FixedFormat(5, 2), 1, 1, 1, 1, "relu"),
        MaxPool1D("p", 12, 3, 2),
        Dense("d", 6, 3, 2, weights, FixedFormat(8, 3)),
    )
    return random_network(3, word, 12, layers)


def test_a_network_that_qonnx_has_no_form_for_is_refused_by_layer() -> None:
    from ntorc.network.activations import table_within

    dense = Dense("d", 4, 1, 2, FixedFormat(4, 3), FixedFormat(8, 7), table_within("tanh", 0.05))
    network = random_network(1, FixedFormat(8, 5), 4, (dense,))
    assert "'d' has activation tanh" in unwritable_layers(network)[0]
    with pytest.raises(DataError) as refused:
        qonnx_model(network)
    assert "use relu" in refused.value.hint


def test_sums_beyond_a_float_are_said() -> None:
    wide = Dense("wide", 64, 1, 2, FixedFormat(12, 11), FixedFormat(16, 8))
    assert "'wide' adds up to" in inexact_layers(random_network(1, FixedFormat(14, 11), 64, (wide,)))[0]
    assert inexact_layers(_small()) == []


class Model:
    """A QONNX model as other tools write them, node by node."""

    def __init__(self, shape: list[int]) -> None:
        self.shape, self.nodes, self.constants, self.current = shape, list[Any](), list[Any](), "in"

    def constant(self, name: str, values: Any, kind: Any = np.float32) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def quant(self, name: str, scale: Any, bits: int, tensor: str = "", **own: Any) -> str:
        inputs = [self.constant(f"{name}_s", scale), self.constant(f"{name}_z", 0.0), self.constant(f"{name}_b", bits)]
        settings = {"signed": 1, "narrow": 0, "rounding_mode": "ROUND", **own}
        return self.add("Quant", name, inputs, tensor=tensor, domain="qonnx.custom_op.general", **settings)

    def add(self, kind: str, name: str, inputs: list[str] | None = None, tensor: str = "", **own: Any) -> str:
        output = f"{name}_out"
        self.nodes.append(helper.make_node(kind, [tensor or self.current, *(inputs or [])], [output], name, **own))
        if not tensor:
            self.current = output
        return output

    def made(self) -> onnx.ModelProto:
        inputs = [helper.make_tensor_value_info("in", TensorProto.FLOAT, self.shape)]
        outputs = [helper.make_tensor_value_info(self.current, TensorProto.FLOAT, None)]
        graph = helper.make_graph(self.nodes, "other", inputs, outputs, self.constants)
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("qonnx.custom_op.general", 1)]
        model = helper.make_model(graph, opset_imports=opsets)
        model.ir_version = 8
        return model


def _agrees(model: onnx.ModelProto, *, ties: bool = False) -> Network:
    found = from_qonnx(model, "other")
    assert bool(found.notes) == ties, found.notes
    frames = frames_of(found.network, 12)
    scale, results = found.network.input_format.step, 2.0**found.network.output_format.fraction
    if not ties:
        expected = executed(model, frames, scale, results)
        np.testing.assert_array_equal(reference.run(found.network, frames), expected)
    return found.network


GENERATOR = np.random.default_rng(5)


def _weights(*shape: int) -> Any:
    return GENERATOR.normal(0, 0.4, shape)


def test_a_perceptron_as_brevitas_exports_it() -> None:
    """Weights [out, in] through Quant and Transpose, a real bias, an unsigned Quant behind Relu."""
    model = Model([1, 10])
    model.quant("q", 2**-4, 8)
    for index, (inputs, outputs) in enumerate(((10, 6), (6, 3))):
        raw = model.constant(f"w{index}", _weights(outputs, inputs))
        weights = model.quant(f"wq{index}", 2**-3, 4, raw, narrow=1)
        turned = model.add("Transpose", f"t{index}", tensor=weights, perm=[1, 0])
        model.add("MatMul", f"fc{index}", [turned])
        model.add("Add", f"bias{index}", [model.constant(f"b{index}", _weights(outputs))])
        model.add("Relu", f"relu{index}")
        model.quant(f"a{index}", 2**-2, 4, signed=0)
    network = _agrees(model.made())
    assert [layer.activation for layer in network.layers] == ["relu", "relu"]


def test_a_convolution_over_pictures_one_pixel_high_with_a_scale_for_each_channel() -> None:
    """Pool before Quant, Flatten by Reshape, Gemm with transB."""
    model = Model([1, 2, 1, 12])
    model.quant("q", 2**-4, 8)
    raw = model.constant("w", _weights(3, 2, 1, 3))
    scales = np.array([2**-3, 2**-4, 2**-2]).reshape(3, 1, 1, 1)
    weights = model.quant("wq", scales, 4, raw)
    model.add("Conv", "conv", [weights, model.constant("b", _weights(3))], kernel_shape=[1, 3], pads=[0, 1, 0, 1])
    model.add("Relu", "relu")
    model.add("MaxPool", "pool", kernel_shape=[1, 2], strides=[1, 2])
    model.quant("a", 2**-3, 5, signed=0)
    model.add("Reshape", "flat", [model.constant("shape", [1, -1], np.int64)])
    second = model.quant("wq2", 2**-3, 4, model.constant("w2", _weights(2, 18)))
    model.add("Gemm", "gemm", [second, model.constant("b2", _weights(2))], transB=1)
    model.quant("r", 2**-4, 8)
    network = _agrees(model.made())
    assert [layer.kind for layer in network.layers] == ["conv1d", "maxpool1d", "dense"]


def test_channels_last_with_a_transpose_and_a_dense_layer_on_each_vector() -> None:
    model = Model([1, 2, 8])
    model.quant("q", 2**-4, 8)
    model.add("Transpose", "last", perm=[0, 2, 1])
    model.add("MatMul", "each", [model.quant("wq", 2**-3, 4, model.constant("w", _weights(2, 3)))])
    model.add("Add", "sum", [model.constant("b", _weights(3))])
    model.quant("a", 2**-2, 6)
    model.add("Flatten", "flat")
    model.add("MatMul", "fc", [model.quant("wq2", 2**-3, 4, model.constant("w2", _weights(24, 2)))])
    model.add("Add", "sum2", [model.constant("b2", _weights(2))])
    model.quant("r", 2**-3, 8)
    network = _agrees(model.made())
    assert [layer.kind for layer in network.layers] == ["conv1d", "dense"]


def test_a_normalisation_folds_where_it_is_exact_and_is_refused_where_not() -> None:
    def model(variance: float) -> onnx.ModelProto:
        made = Model([1, 1, 8])
        made.quant("q", 2**-4, 8)
        made.add("Conv", "conv", [made.quant("wq", 2**-3, 4, made.constant("w", _weights(2, 1, 3)))], kernel_shape=[3])
        parts = {"gamma": [1.5, 0.75], "beta": [0.37, -0.22], "mean": [0.1, 0.2], "variance": [variance] * 2}
        norms = [made.constant(name, values) for name, values in parts.items()]
        made.add("BatchNormalization", "norm", norms, epsilon=0.0)
        made.add("Relu", "relu")
        made.quant("a", 2**-2, 6, signed=0)
        made.add("Transpose", "turned", perm=[0, 2, 1])
        return made.made()

    assert _agrees(model(0.25)).layers[0].weight_format.bits <= 7
    with pytest.raises(DataError) as refused:
        from_qonnx(model(0.3), "other")
    assert "'norm' does not fold" in refused.value.message


def test_relu_and_a_narrower_word_behind_a_quant() -> None:
    model = Model([1, 1, 8])
    model.quant("q", 2**-4, 8)
    model.add("Conv", "conv", [model.quant("wq", 2**-3, 4, model.constant("w", _weights(2, 1, 3)))], kernel_shape=[3])
    model.add("Add", "sum", [model.constant("b", _weights(1, 2, 1))])
    model.quant("a", 2**-3, 8)
    model.add("Relu", "relu")
    model.quant("a2", 2**-3, 5, signed=0)
    model.add("Transpose", "turned", perm=[0, 2, 1])
    network = _agrees(model.made())
    assert (network.layers[0].activation, network.layers[0].output_format.bits) == ("relu", 6)


def test_ties_that_other_tools_take_elsewhere_are_said() -> None:
    model = Model([1, 4])
    model.quant("q", 1.0, 4)
    model.add("MatMul", "fc", [model.quant("wq", 1.0, 4, model.constant("w", np.round(3 * _weights(4, 2))))])
    model.quant("r", 4.0, 6)
    found = from_qonnx(model.made(), "other")
    assert found.notes == ("Quant 'r' takes ties to even; here, as in FINN's hardware, they go up",)


def test_a_result_without_a_quant_keeps_its_sums() -> None:
    model = Model([1, 4])
    model.quant("q", 1.0, 4)
    model.add("MatMul", "fc", [model.quant("wq", 0.5, 4, model.constant("w", _weights(4, 2)))])
    assert _agrees(model.made()).output_format.fraction == 1


REFUSED: dict[str, tuple[Callable[[Model], object], str]] = {
    "recurrent": (lambda m: m.add("LSTM", "memory"), "is a LSTM, which is not supported"),
    "scale": (lambda m: m.quant("a", 0.3, 8), "no power of two"),
    "zero point": (lambda m: m.add("Quant", "a", [m.constant("s", 1.0), m.constant("z", 3.0), m.constant("b", 8.0)],
                                   domain="qonnx.custom_op.general"), "zero point"),
    "table": (lambda m: m.add("Tanh", "curve"), "is a Tanh"),
    "frame": (lambda m: m.add("Add", "twice", [m.current]), "itself"),
    "weights": (lambda m: m.add("Conv", "c", [m.constant("w", _weights(2, 1, 3) / 3)], kernel_shape=[3]), "weights of"),
    "groups": (lambda m: m.add("Conv", "c", [m.constant("w", np.ones((2, 1, 3)))], group=2), "groups"),
    "pool": (lambda m: m.add("MaxPool", "p", kernel_shape=[3], strides=[2]), "overlaps"),
    "reshape": (lambda m: m.add("Reshape", "r", [m.constant("shape", [1, 4, 2], np.int64)]), "reshapes"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_integers_do_not_hold_is_refused_with_what_to_do(name: str) -> None:
    build, message = REFUSED[name]
    model = Model([1, 1, 8])
    model.quant("q", 2**-4, 8)
    build(model)
    with pytest.raises(DataError) as refused:
        from_qonnx(model.made(), "other")
    assert message in refused.value.message
    assert refused.value.hint


def test_an_input_of_unknown_format_is_refused() -> None:
    model = Model([1, 4])
    model.add("MatMul", "fc", [model.constant("w", np.ones((4, 2)))])
    with pytest.raises(DataError, match="does not say what its frames are"):
        from_qonnx(model.made(), "other")


@settings(max_examples=150)
@given(st.data())
def test_altered_models_are_refused_or_read_never_worse(data: st.DataObject) -> None:
    """Bytes changed, and parts of the graph: an error with a hint, or a network that runs."""
    model = qonnx_model(_small(), for_finn=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        content = bytearray(model.SerializeToString())
        for _ in range(data.draw(st.integers(1, 4))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
        try:
            model = onnx.load_model_from_string(bytes(content))
        except Exception:  # noqa: BLE001 - not a model: refused before, see the next test
            return
    else:
        _alter(data, model.graph)
    try:
        network = from_qonnx(model, "altered").network
    except DataError:
        return
    assert reference.run(network, frames_of(network, 2)).shape == (2, network.outputs)


def _alter(data: st.DataObject, graph: Any) -> None:
    for _ in range(data.draw(st.integers(1, 3))):
        node = graph.node[data.draw(st.integers(0, len(graph.node) - 1))]
        what = data.draw(st.sampled_from(["kind", "input", "number", "swap", "constant"]))
        if what == "kind":
            node.op_type = data.draw(st.sampled_from(["Relu", "Quant", "MatMul", "Flatten", "MaxPool", "Add", "Mul"]))
        elif what == "input" and node.input:
            names = [name for one in graph.node for name in [*one.input, *one.output]]
            node.input[data.draw(st.integers(0, len(node.input) - 1))] = data.draw(st.sampled_from(names))
        elif what == "number" and node.attribute:
            chosen = node.attribute[data.draw(st.integers(0, len(node.attribute) - 1))]
            chosen.i = data.draw(st.integers(-3, 9))
            if chosen.ints:
                chosen.ints[0] = data.draw(st.integers(-3, 20))
        elif what == "swap":
            other = graph.node[data.draw(st.integers(0, len(graph.node) - 1))]
            node.op_type, other.op_type = other.op_type, node.op_type
        elif what == "constant":
            item = graph.initializer[data.draw(st.integers(0, len(graph.initializer) - 1))]
            factor = data.draw(st.sampled_from([0.0, -1.0, 2.0, 0.3, np.nan, 1e30]))
            values = np.array(numpy_helper.to_array(item)) * factor
            item.CopyFrom(numpy_helper.from_array(values.astype(np.float32), item.name))


def test_a_file_that_is_no_model_is_refused(tmp_path: Any) -> None:
    for content in (b"", b"not a model", bytes(range(256)) * 8):
        (tmp_path / "a.onnx").write_bytes(content)
        with pytest.raises(DataError):
            import_qonnx(tmp_path / "a.onnx")
    with pytest.raises(DataError, match="cannot be read"):
        import_qonnx(tmp_path / "none.onnx")
