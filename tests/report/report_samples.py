"""Reports to look at and to test: a real network, its real allocation, and records as the harness writes them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ntorc.allocate.allocation import Allocation, LayerAllocation
from ntorc.backends.base import Directive, Products, Resources, Utilisation
from ntorc.deploy.deployment import Deployment, SelfTestResult
from ntorc.measure.environment import Environment
from ntorc.measure.measurement import Measurement, Requirement, evaluate
from ntorc.measure.records import RECORD_DTYPE, Records
from ntorc.report.data import ReportData

CLOCK_HZ = 100e6
IO_OVERHEAD_S = 55.6e-6
DESIGN_ID = "5f0c1d9e77ab3412"
LAYERS = (
    ("conv1", "conv1d", Directive(8, 10, "lut"), Resources(642, 518, 8, 0), "measured"),
    ("pool1", "maxpool1d", Directive(0, 0, "none"), Resources(88, 61, 0, 0), "measured"),
    ("conv2", "conv1d", Directive(16, 40, "block"), Resources(1287, 1103, 16, 3), "model"),
    ("dense1", "dense", Directive(4, 512, "block"), Resources(412, 377, 4, 2), "model"),
    ("dense2", "dense", Directive(1, 32, "lut"), Resources(151, 129, 1, 0), "model"),
)
SHELL = Resources(934, 1210, 0, 1)


def allocation(latency_cycles: int, deadline_s: float) -> Allocation:
    """An allocation of five layers on the PYNQ-Z2."""
    layers = tuple(LayerAllocation(*row) for row in LAYERS)
    predicted = sum((layer.resources for layer in layers), SHELL)
    bound = Resources(predicted.lut * 1.18, predicted.ff * 1.09, predicted.dsp, predicted.bram18)
    return Allocation(
        network="ab" * 32,
        backend="native",
        board="pynq-z2",
        part="xc7z020clg400-1",
        clock_hz=CLOCK_HZ,
        deadline_s=deadline_s,
        io_overhead_s=IO_OVERHEAD_S,
        budget_cycles=int((deadline_s - IO_OVERHEAD_S) * CLOCK_HZ),
        hop=16,
        layers=layers,
        fixed=SHELL,
        latency_cycles=latency_cycles,
        predicted=predicted,
        bound=bound,
        area=0.2841,
        measured_layers=2,
        cuts=3,
        solver="CBC by python-mip 2.0.0",
    )


def products() -> Products:
    """What synthesis found: near the predictions, part by part."""
    tool = "yosys 0.70, synth_xilinx"
    near = np.random.default_rng(3).uniform(0.94, 1.06, (len(LAYERS), 2))
    parts = [
        Utilisation(
            f"{kind} {name} in=14 w=8",
            str(directive),
            Resources(round(cost.lut * a), round(cost.ff * b), cost.dsp, cost.bram18),
            tool,
        )
        for (name, kind, directive, cost, _), (a, b) in zip(LAYERS, near, strict=True)
    ]
    parts.append(Utilisation("shell window=256", "multipliers=0,reuse_factor=0,weights=none", SHELL, tool))
    total = sum((part.resources for part in parts), Resources())
    return Products("logic.so", tuple(parts), total, tool)


def records(cycles: np.ndarray, seed: int = 5) -> Records:
    """[n] records whose loop times have the long tail of a busy computer."""
    draw = np.random.default_rng(seed)
    table = np.zeros(len(cycles), RECORD_DTYPE)
    loop_ns = (draw.lognormal(np.log(140e3), 0.25, len(cycles)) + 2e5 * (draw.random(len(cycles)) < 1e-3) * 30).astype(
        np.uint64
    )
    table["seq"] = np.arange(1, len(cycles) + 1)
    table["pl_cycles"] = cycles
    table["release_ns"] = np.cumsum(loop_ns) + 10**9
    table["write_ns"] = table["release_ns"] + 900
    table["done_ns"] = table["release_ns"] + loop_ns
    return Records(table, 16, 256, int(CLOCK_HZ), 0, DESIGN_ID)


def measurement(of: Records, deadline_s: float, target: str = "virtual") -> Measurement:
    """The measurement that the program makes of these records."""
    environment = Environment(
        "Linux 6.1.0", "x86_64", "Example CPU @ 2.40GHz", "", "3.11.9", "SCHED_OTHER", False, None
    )
    requirement = Requirement(deadline_s, 1e-5, CLOCK_HZ, IO_OVERHEAD_S, target == "virtual")
    return evaluate(of, requirement, environment, target=target, board="pynq-z2")


def trajectory(points: int = 30_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """[points] Time, a roller that moves and dwells, and an estimate that lags and is noisy."""
    time_s = np.arange(points) * 16 / 5000.0
    draw = np.random.default_rng(11)
    stops = draw.uniform(1.2, 3.4, points // 900 + 2)
    truth_v = np.interp(np.arange(points), np.arange(len(stops)) * 900.0, stops)
    truth_v = np.minimum(np.maximum(truth_v, 1.5), 3.2)
    lagged = np.concatenate([np.full(12, truth_v[0]), truth_v[:-12]])[:points]
    noise = np.convolve(draw.normal(0.0, 0.35, points), np.ones(9) / 9, "same")[:points]
    return time_s, truth_v, lagged + noise


def sample(
    *,
    cycles: np.ndarray | None = None,
    deadline_s: float = 500e-6,
    target: str = "virtual",
    points: int = 30_000,
    **changes: object,
) -> ReportData:
    """A whole report's data; ``changes`` replace fields."""
    cycles = np.full(12_000, 1983) if cycles is None else cycles
    recorded = records(cycles)
    measured = measurement(recorded, deadline_s, target)
    time_s, truth_v, estimate_v = trajectory(points) if points else (np.empty(0),) * 3
    data = ReportData(
        run="20250101-120000-001",
        created="2025-01-01T12:00:00+00:00",
        command="ntorc deploy --board pynq-z2 --deadline 500us",
        summary={
            "verdict": measured.verdict,
            "estimator": {"name": "window", "rmse_v": 0.1712, "multiplies": 21344},
            "gate": {"vectors": 1024, "mismatches": 0},
            "timings_s": {"runs": 4.1, "estimator": 61.2, "allocate": 0.21, "build": 38.4, "measure": 9.7},
        },
        allocation=allocation(1983, deadline_s),
        measurement=measured,
        products=products(),
        deployment=Deployment(
            target,
            "pynq-z2",
            DESIGN_ID,
            "cd" * 32,
            "a",
            None,
            SelfTestResult(64, 0),
            CLOCK_HZ,
            CLOCK_HZ,
            CLOCK_HZ,
            "0.1.0",
            "4.0.0",
        ),
        estimator={"Form": "window of 256 samples, a result every 16", "Multiplies": "21,344 for one estimate"},
        pl_cycles=cycles,
        loop_s=recorded.loop_ns * 1e-9,
        time_s=time_s,
        truth_v=truth_v,
        estimate_v=estimate_v,
        calibration=("conv2: LUT predicted 1,287, synthesised 1,311; the next answer uses the latter",),
        notes=(
            "No board was measured: this is the virtual board. Driver and loop times are this computer’s.",
            "The clock of 100 MHz is a request: no place and route has closed it.",
            "Utilisation is after synthesis, before place and route.",
        ),
    )
    return replace(data, **changes)  # type: ignore[arg-type]
