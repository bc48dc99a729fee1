"""FINN's way to a bitstream as an inert plan: files and commands for a machine with Vivado and Vitis HLS.

Nothing here runs a vendor's tool.  `build.sh` in the plan is FINN's own command with our folding; its driver is PYNQ's.
The command brings what the installed packages lack: HLS sources, board files, the binding to Vivado's simulator.
With instrumentation the accelerator counts its latency itself in cycles of the logic, in place of the DMA, so that such
a build measures and does not estimate.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import numpy as np

from ntorc.backends.base import Directive
from ntorc.backends.finn import vendor_free
from ntorc.backends.finn.backend import FinnBackend
from ntorc.boards import Board
from ntorc.errors import UsageError
from ntorc.network import reference
from ntorc.network.exporters.qonnx import qonnx_model
from ntorc.network.formats import IntArray
from ntorc.network.network import Network
from ntorc.records import digest_of

BOARDS = {"pynq-z1": "Pynq-Z1", "pynq-z2": "Pynq-Z2", "zcu104": "ZCU104", "kv260": "KV260_SOM"}
"""Our boards by FINN's names."""

STEPS = (
    *vendor_free.TO_OPERATORS,
    "step_apply_folding_config",
    "step_minimize_bit_width",
    "step_generate_estimate_reports",
    "step_generate_hardware",
    "step_create_stitched_ip",
    "step_measure_rtlsim_performance",
    "step_out_of_context_synthesis",
    "step_prepare_synthesis",
    "step_synthesize_bitfile",
    "step_make_driver",
    "step_deployment_package",
)
_OUTPUTS = ("estimate_reports", "stitched_ip", "rtlsim_performance", "out_of_context_synth", "bitfile", "pynq_driver",
            "deployment_package")  # fmt: skip
_CHECKS = ("streamlined_python", "stitched_ip_rtlsim")
_BUILD = """\
#!/bin/sh
# Builds the accelerator by FINN's own command, with Vivado and Vitis HLS on PATH and XILINX_VIVADO set.
# FINN=/path/to/finn sh build.sh; options go to `finn build`, as --start STEP to go on with a step.
cd "$(dirname "$0")" || exit 1
exec "${FINN:-finn}" build --batch "$@" build.json network.onnx
"""


def finn_plan(
    backend: FinnBackend,
    network: Network,
    directives: Sequence[Directive],
    board: Board,
    clock_hz: float,
    frames: IntArray,
    *,
    instrumented: bool,
) -> dict[str, bytes]:
    """Files by name; the same for equal input.

    Args:
        backend: that made the foldings.
        network: what it computes.
        directives: one a layer.
        board: it is for.
        clock_hz: of the logic.
        frames: integers ``[n, length, channels]``; with the reference's results they are the build's own check.
        instrumented: count cycles in place of moving data.

    Raises:
        UsageError: a board that FINN does not know.
    """
    if board.name not in BOARDS:
        raise UsageError(f"FINN has no shell for {board.name}", f"it knows: {', '.join(sorted(BOARDS))}")
    settings = {"Defaults": {}, **backend.settings(network, directives)}
    configuration = {
        "output_dir": "output",
        "synth_clk_period_ns": round(1e9 / clock_hz, 6),
        "board": BOARDS[board.name],
        "shell_flow_type": "vivado_zynq",
        "generate_outputs": list(_OUTPUTS),
        "steps": list(STEPS),
        "folding_config_file": "folding.json",
        "standalone_thresholds": True,
        "enable_instrumentation": instrumented,
        "instrumentation_no_dma": instrumented,
        "verify_steps": list(_CHECKS),
        "verify_input_npy": "input.npy",
        "verify_expected_output_npy": "expected_output.npy",
    }
    results = reference.run(network, frames)
    shaped = frames.transpose(0, 2, 1)[..., None].astype(np.float32)
    files = {
        "network.onnx": qonnx_model(network, for_finn=True).SerializeToString(deterministic=True),
        "folding.json": _json(settings),
        "build.json": _json(configuration),
        "build.sh": _BUILD.encode(),
        "input.npy": _npy(shaped),
        "expected_output.npy": _npy(results.astype(np.float32)),
        "README.txt": _readme(network, board, clock_hz, instrumented).encode(),
    }
    identity = {name: digest_of(content.hex()) for name, content in files.items()}
    about = {"design": digest_of(identity)[:16], "files": identity, "finn_plus": vendor_free.WRITTEN_FOR}
    return {**files, "plan.json": _json(about)}


def _json(content: object) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode()


def _npy(array: np.ndarray) -> bytes:  # type: ignore[type-arg]
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array), allow_pickle=False)
    return stream.getvalue()


def _readme(network: Network, board: Board, clock_hz: float, instrumented: bool) -> str:
    call = "finn-plus-driver -b bitfile/finn-accel.bit -s driver/settings.json -f"
    run = (
        f"""\
  2. {call} experiment_instrumentation \\
       -fk runtime=10 Int -fk report_dir=. Str
leaves report_experiment_instrumentation.json with latency, least latency and interval in cycles of the logic.
This build is instrumented: it counts its latency and moves no data."""
        if instrumented
        else f"""\
  2. {call} throughput_test
or FINNDMAOverlay(...).execute(frames) in Python: integers, of the shape that settings.json has as ishape_normal.
This build has a DMA; make the plan with --instrumented to measure its latency in cycles."""
    )
    return f"""\
{network.name} for {board.name} at {clock_hz / 1e6:g} MHz, by FINN (finn-plus {vendor_free.WRITTEN_FOR})

No vendor's tool has run: what is known so far are FINN's estimates.

On a machine with Vivado and Vitis HLS (2022.2 or 2024.2), git, cmake and g++:
  1. source the settings of both
  2. ntorc backend install finn         prints the folder of its environment
  3. FINN=FOLDER/bin/finn sh build.sh   in this folder

FINN's first build fetches its HLS sources and board files, and builds its binding to Vivado's simulator.
It executes the streamlined graph and the simulated IP on input.npy, and holds them against expected_output.npy.
Output: output/bitfile (bitstream, .hwh), output/driver (settings of FINN's driver), output/deploy (both), reports.

On the board, in a copy of output/deploy, with PYNQ's Python:
  1. pip install finn-plus-driver=={vendor_free.WRITTEN_FOR}
{run}
"""
