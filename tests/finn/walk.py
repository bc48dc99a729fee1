"""``walk.py PLAN WORK`` in FINN's Python: a plan's steps as ``finn build`` takes them, with stand-ins for the tools.

Only what simulates RTL is left out, since Vivado's own simulator does that: FIFOs keep their least depth, the stitched
IP is not executed, and `step_measure_rtlsim_performance` is not taken.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main(plan: Path, work: Path) -> int:
    """FINN's exit status."""
    import finn.util.settings
    import finn.xsi
    from finn.interface.interface_utils import resolve_module_path
    from finn.interface.settings import FINNSettings

    for folder in ("build", "deps/finn-hlslib", "deps/attention-hlslib", "deps/board_files"):
        (work / folder).mkdir(parents=True)
    os.environ["FINN_RTLLIB"] = resolve_module_path("finn-rtllib")
    os.environ["FINN_CUSTOM_HLS"] = resolve_module_path("custom_hls")
    finn.util.settings._SETTINGS = FINNSettings.init(
        flow_config=plan / "build.json", finn_build_dir=work / "build", finn_deps=work / "deps", num_default_workers=1
    )
    for name in finn.xsi._LAZY_NAMES:
        setattr(finn.xsi, name, None)

    from finn.builder.build_dataflow import build_dataflow_cfg
    from finn.builder.build_dataflow_config import AutoFIFOSizingMethod, DataflowBuildConfig

    os.chdir(plan)
    configuration = DataflowBuildConfig.construct_from(plan / "build.json")
    configuration.output_dir = str(work / "output")
    configuration.auto_fifo_strategy = AutoFIFOSizingMethod.FORCE_MINIMAL_FIFOS
    configuration.steps.remove("step_measure_rtlsim_performance")
    configuration.verify_steps = [step for step in configuration.verify_steps if "rtlsim" not in step.value]
    return int(build_dataflow_cfg(str(plan / "network.onnx"), configuration))


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
