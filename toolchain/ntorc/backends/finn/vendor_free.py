"""FINN's estimates without any vendor tool.  Written for finn-plus 1.6.1; all that depends on its version is here.

Runs in FINN's own environment alone (see `worker`).  What is done against its grain: settings are initialised as for
scripts, a Vivado version is named that is not there (it is only parsed), and the names of its simulator's extension,
which are looked up when modules are imported, are set to None.
"""

from __future__ import annotations

import copy
import json
import os
import tempfile
from collections.abc import Callable
from importlib import metadata
from math import gcd
from pathlib import Path
from typing import Any

WRITTEN_FOR = "1.6.1"
_PACKAGES = ("finn-plus", "qonnx", "onnx", "torch", "brevitas", "numpy")
_RESOURCES = ("LUT", "DSP", "BRAM_18K", "URAM")
_WIDEST_STREAM = 8191  # bits of an HLS integer, which a stream of weights is
_ANCHORS = ("MVAU_hls", "MVAU_rtl", "Pool_hls")  # one a layer
_BEFORE = ("FMPadding_rtl", "FMPadding_hls", "ConvolutionInputGenerator_rtl", "ConvolutionInputGenerator_hls")
TO_OPERATORS = (
    "step_qonnx_to_finn",
    "step_tidy_up",
    "step_streamline",
    "step_convert_to_hw",
    "step_minimize_bit_width_initial",
    "step_create_dataflow_partition",
    "step_specialize_layers",
)
"""FINN's steps to its operators, before they are folded."""

_STEPS = (*TO_OPERATORS, "step_minimize_bit_width")
_KEPT = {"step_streamline": "streamlined.onnx", "step_convert_to_hw": "operators.onnx"}
DATAFLOW = "dataflow.onnx"
MOVES = ("Transpose", "Flatten")
"""What may stay software's: moving a frame's elements before the first operator."""

_FOLDED = ("PE", "SIMD", "parallel_window")

Say = Callable[[str, int, int], None]


def _load() -> None:
    """Import FINN so that nothing asks for a vendor tool."""
    os.environ.setdefault("XILINX_VIVADO", "/nonexistent/Vivado/2024.2")
    os.environ.setdefault("FINN_BUILD_DIR", str(Path(tempfile.gettempdir()) / "ntorc-finn"))
    from finn.util.settings import initialize_dummy_settings

    initialize_dummy_settings()
    import finn.xsi

    for name in finn.xsi._LAZY_NAMES:
        setattr(finn.xsi, name, None)


def versions(say: Say) -> dict[str, Any]:
    """What is installed, and whether FINN loads."""
    found = {name: metadata.version(name) for name in _PACKAGES}
    if found["finn-plus"] != WRITTEN_FOR:
        raise RuntimeError(f"finn-plus {found['finn-plus']} is installed, {WRITTEN_FOR} is needed")
    _load()
    from finn.builder import build_dataflow_steps

    return {"packages": found, "steps": hasattr(build_dataflow_steps, "step_streamline")}


def _configuration(folder: str, part: str, clock_hz: float) -> Any:
    from finn.builder.build_dataflow_config import DataflowBuildConfig, DataflowOutputType

    return DataflowBuildConfig(
        output_dir=folder,
        synth_clk_period_ns=1e9 / clock_hz,
        fpga_part=part,
        generate_outputs=[DataflowOutputType.ESTIMATE_REPORTS],
        standalone_thresholds=True,
    )


def prepare(say: Say, model: str, folder: str, part: str, clock_hz: float) -> dict[str, Any]:
    """From QONNX to the dataflow graph, whose nodes have their default folding.

    Args:
        say: for progress.
        model: path of the QONNX model.
        folder: where the graphs are kept: streamlined, as hardware operators, as dataflow graph.
        part: the device.
        clock_hz: that HLS is asked for.

    Returns:
        ``groups``: of each layer, the nodes that it became; ``outside``: nodes that are left to software.
    """
    _load()
    from finn.builder import build_dataflow_steps as steps
    from qonnx.core.modelwrapper import ModelWrapper

    configuration, graph, outside = _configuration(folder, part, clock_hz), ModelWrapper(model), []
    for index, name in enumerate(_STEPS):
        if name == "step_create_dataflow_partition":
            outside = [n.op_type for n in graph.graph.node if not n.domain.startswith("finn.custom_op.fpgadataflow")]
        graph = getattr(steps, name)(graph, configuration)
        if name in _KEPT:
            graph.save(str(Path(folder) / _KEPT[name]))
        say("steps of FINN", index + 1, len(_STEPS))
    graph.save(str(Path(folder) / DATAFLOW))
    left = [kind for kind in outside if kind not in MOVES]
    return {"groups": [] if left else _groups(graph), "outside": outside}


def _groups(graph: Any) -> list[list[dict[str, Any]]]:
    """Nodes by layer: what feeds a matrix or pool is of its layer, what follows it too."""
    groups: list[list[dict[str, Any]]] = []
    waiting: list[dict[str, Any]] = []
    for node in graph.graph.node:
        entry = {"name": node.name, "kind": node.op_type}
        if node.op_type in _BEFORE:
            waiting.append(entry)
        elif node.op_type in _ANCHORS:
            groups.append([*waiting, entry])
            waiting = []
        elif groups and not waiting:
            groups[-1].append(entry)
        else:
            raise RuntimeError(f"node {node.name} ({node.op_type}) stands where none was expected")
    if waiting:
        raise RuntimeError(f"node {waiting[0]['name']} feeds no layer")
    return groups


def options(say: Say, folder: str, part: str) -> list[list[dict[str, Any]]]:
    """Of each layer, every legal folding with cycles and resources of each of its nodes.

    The parallelism of a layer is PE and SIMD of its matrix (PE of its pool); the nodes around follow, so that streams
    fit: a window generator reads as many channels a cycle as the matrix takes, at most all of them.
    """
    _load()
    from qonnx.core.modelwrapper import ModelWrapper

    graph = ModelWrapper(str(Path(folder) / DATAFLOW))
    groups = _groups(graph)
    work = [[_settings(graph, group, choice) for choice in _choices(graph, group)] for group in groups]
    total, done = sum(len(rows) for rows in work), 0
    known: dict[str, dict[str, Any]] = {}
    found = []
    for rows in work:
        layer = []
        for settings in rows:
            done += 1
            say("foldings of layers", done, total)
            nodes = {name: _evaluate(graph, name, values, part, known) for name, values in settings.items()}
            if all(value is not None for value in nodes.values()):
                layer.append({"settings": settings, "nodes": nodes})
        found.append(layer)
    return found


def _node(graph: Any, name: str) -> Any:
    return next(node for node in graph.graph.node if node.name == name)


def _instance(graph: Any, name: str) -> Any:
    from finn.util.basic import getHWCustomOp

    return getHWCustomOp(_node(graph, name))


def _divisors(number: int) -> list[int]:
    return [value for value in range(1, number + 1) if number % value == 0]


def _anchor(group: list[dict[str, Any]]) -> dict[str, Any]:
    return next(entry for entry in group if entry["kind"] in _ANCHORS)


def _choices(graph: Any, group: list[dict[str, Any]]) -> list[tuple[int, int]]:
    anchor = _anchor(group)
    instance = _instance(graph, anchor["name"])
    if anchor["kind"] == "Pool_hls":
        return [(pe, 1) for pe in _divisors(instance.get_nodeattr("Channels"))]
    rows, columns = instance.get_nodeattr("MH"), instance.get_nodeattr("MW")
    return [(pe, simd) for pe in _divisors(rows) for simd in _divisors(columns)]


def _settings(graph: Any, group: list[dict[str, Any]], choice: tuple[int, int]) -> dict[str, dict[str, int]]:
    """Attributes of every node of a layer for PE and SIMD of its matrix or pool."""
    pe, simd = choice
    anchor = _anchor(group)
    pool = anchor["kind"] == "Pool_hls"
    found: dict[str, dict[str, int]] = {}
    for entry in group:
        kind, instance = entry["kind"], _instance(graph, entry["name"])
        if entry is anchor:
            found[entry["name"]] = {"PE": pe} if pool else {"PE": pe, "SIMD": simd}
        elif kind.startswith("ConvolutionInputGenerator"):
            channels = instance.get_nodeattr("IFMChannels")
            width = pe if pool else gcd(simd, channels)
            found[entry["name"]] = {"SIMD": width}
            if not pool and kind.endswith("_rtl"):
                whole = simd == _instance(graph, anchor["name"]).get_nodeattr("MW") and simd > channels
                found[entry["name"]] = {"SIMD": channels if whole else width, "parallel_window": int(whole)}
        elif kind.startswith("FMPadding"):
            found[entry["name"]] = {"SIMD": gcd(pe if pool else simd, instance.get_nodeattr("NumChannels"))}
        elif kind.startswith("Thresholding"):
            found[entry["name"]] = {"PE": gcd(pe, instance.get_nodeattr("NumChannels"))}
        else:  # elementwise
            found[entry["name"]] = {"PE": gcd(pe, int(instance.get_normal_output_shape()[-1]))}
    return found


def _evaluate(
    graph: Any, name: str, values: dict[str, int], part: str, known: dict[str, dict[str, Any]]
) -> dict[str, Any] | None:
    """Cycles and resources of a node under a folding, with what a filler of missing figures needs to know."""
    key = json.dumps([name, sorted(values.items())])
    if key not in known:
        instance = _instance(graph, name)
        for attribute, value in values.items():
            instance.set_nodeattr(attribute, value)
        kind = instance.onnx_node.op_type
        if kind == "MVAU_hls" and instance.get_instream_width(1) > _WIDEST_STREAM:
            return None
        estimate = instance.node_res_estimation(part)
        known[key] = {
            "kind": kind,
            "cycles": int(instance.get_exp_cycles()),
            **{resource: float(estimate.get(resource, 0)) for resource in _RESOURCES},
            "in_bits": int(instance.get_instream_width(0)),
            "out_bits": int(instance.get_outstream_width(0)),
            "sum_bits": int(instance.get_output_datatype(0).bitwidth()),
        }
    return known[key]


def estimate(say: Say, folder: str, part: str, settings: dict[str, dict[str, int]]) -> dict[str, Any]:
    """FINN's own report on a folding: critical path (its plain sum), slowest node, resources."""
    _load()
    from finn.analysis.fpgadataflow.dataflow_performance import dataflow_performance
    from finn.analysis.fpgadataflow.res_estimation import res_estimation
    from finn.transformation.fpgadataflow.annotate_cycles import AnnotateCycles
    from finn.transformation.general import ApplyConfig
    from qonnx.core.modelwrapper import ModelWrapper

    graph = ModelWrapper(str(Path(folder) / DATAFLOW))
    with tempfile.TemporaryDirectory(prefix="ntorc-finn-") as work:
        file = Path(work) / "folding.json"
        file.write_text(json.dumps({"Defaults": {}, **settings}), encoding="utf-8")
        graph = graph.transform(ApplyConfig(str(file)))
    graph = graph.transform(AnnotateCycles())
    performance = graph.analysis(dataflow_performance)
    resources = graph.analysis(lambda model: res_estimation(model, fpgapart=part))
    totals = {name: sum(float(one.get(name, 0)) for one in resources.values()) for name in _RESOURCES}
    applied = {
        node.name: {name: int(_instance(graph, node.name).get_nodeattr(name)) for name in settings[node.name]}
        for node in graph.graph.node
        if node.name in settings
    }
    return {
        "critical_path_cycles": int(performance["critical_path_cycles"]),
        "max_cycles": int(performance["max_cycles"]),
        "resources": totals,
        "applied": applied,
    }


def execute(say: Say, model: str, frames: str, outputs: str) -> dict[str, Any]:
    """Run a graph on frames ``[n, length, channels]`` of a .npy file; results ``[n, outputs]`` go to another."""
    _load()
    import numpy as np
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx
    from qonnx.transformation.infer_shapes import InferShapes

    graph = ModelWrapper(model).transform(InferShapes())
    windows = np.load(frames, allow_pickle=False)
    first, last = graph.graph.input[0].name, graph.graph.output[0].name
    shape = graph.get_tensor_shape(first)
    results = []
    for index, window in enumerate(windows):
        content = np.ascontiguousarray(window.T, np.float32).reshape(shape)
        results.append(copy.deepcopy(execute_onnx(graph, {first: content})[last]).reshape(-1))
        say("frames through the graph", index + 1, len(windows))
    np.save(outputs, np.array(results, np.float64), allow_pickle=False)
    return {"frames": len(windows)}


def hdl(say: Say, folder: str, part: str, clock_hz: float, settings: dict[str, dict[str, int]], into: str) -> Any:
    """SystemVerilog of operators that have it: files by node, in the order in which they are read.

    Args:
        say: for progress.
        folder: with the dataflow graph.
        part, clock_hz: what it is for.
        settings: foldings by node; nodes of HLS are left out.
        into: a folder for each node goes in here.

    Returns:
        By node: ``top``, ``files``, widths of its streams, and FINN's own estimate.
    """
    _load()
    import shutil

    from qonnx.core.modelwrapper import ModelWrapper

    graph = ModelWrapper(str(Path(folder) / DATAFLOW))
    found = {}
    for index, (name, values) in enumerate(settings.items()):
        say("operators written", index + 1, len(settings))
        instance = _instance(graph, name)
        if not instance.onnx_node.op_type.endswith("_rtl"):
            continue
        for attribute, value in values.items():
            instance.set_nodeattr(attribute, value)
        target = Path(into) / name
        target.mkdir(parents=True, exist_ok=True)
        instance.set_nodeattr("code_gen_dir_ipgen", str(target))
        instance.generate_hdl(graph, part, 1e9 / clock_hz)
        files = []
        for file in instance.get_rtl_file_list(abspath=True):
            if Path(file).parent != target:
                shutil.copy(file, target)
            files.append(Path(file).name)
        known: dict[str, dict[str, Any]] = {}
        found[name] = {"top": name, "files": files, **(_evaluate(graph, name, values, part, known) or {})}
    return found


_LAST_WITHOUT_TOOLS = "step_generate_estimate_reports"


def check_plan(say: Say, folder: str, work: str) -> dict[str, Any]:
    """Read a build's plan and walk its steps, its own checks included, as far as no vendor tool is needed."""
    _load()
    from finn.builder import build_dataflow_steps
    from finn.builder.build_dataflow_config import DataflowBuildConfig
    from qonnx.core.modelwrapper import ModelWrapper

    plan = Path(folder)
    configuration = DataflowBuildConfig.from_json((plan / "build.json").read_text(encoding="utf-8"))
    unknown = [name for name in configuration.steps if not hasattr(build_dataflow_steps, name)]
    if unknown:
        raise RuntimeError(f"steps that FINN does not have: {', '.join(unknown)}")
    configuration.output_dir = work
    for name in ("folding_config_file", "verify_input_npy", "verify_expected_output_npy"):
        setattr(configuration, name, plan / getattr(configuration, name))
    steps = configuration.steps[: configuration.steps.index(_LAST_WITHOUT_TOOLS) + 1]
    graph = ModelWrapper(str(plan / "network.onnx"))
    for index, name in enumerate(steps):
        graph = getattr(build_dataflow_steps, name)(graph, configuration)
        say("steps of FINN", index + 1, len(steps))
    verified = sorted(path.name for path in Path(work).glob("verification_output/*"))
    if any("FAIL" in name for name in verified):
        raise RuntimeError(f"FINN's own check failed: {', '.join(verified)}")
    report = json.loads((Path(work) / "report" / "estimate_network_performance.json").read_text(encoding="utf-8"))
    return {"steps": len(steps), "verified": verified, "critical_path_cycles": int(report["critical_path_cycles"])}
