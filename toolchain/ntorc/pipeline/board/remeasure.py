"""Measure a deployed design once more, as after a power-up of its board."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.allocate.allocation import Allocation
from ntorc.boards import load_board
from ntorc.errors import UsageError
from ntorc.measure.loads import load_named
from ntorc.network.network import Network
from ntorc.npz import read_arrays
from ntorc.pipeline.board.target import open_target
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.measured.flagged import flags_of_run
from ntorc.pipeline.measured.recalibrate import learn_board
from ntorc.pipeline.prove import STIMULUS, Pace, judge, observe, period_ns_on, stream_for
from ntorc.store.base import RunRecord

if TYPE_CHECKING:
    from ntorc.deploy.deployment import Deployment


MOST_ESTIMATES = 5_000_000
"""Records of a measurement are judged in memory; longer runs are the harness's own (docs/guide.md)."""


def remeasure(
    flow: Flow,
    record: RunRecord,
    allocation: Allocation,
    deployment: Deployment,
    estimates: int,
    *,
    miss_probability: float | None = None,
    load: str = "",
) -> dict[str, Any]:
    """The ``measured`` part anew, with gate and verdict, in a folder of its own below the run's.

    Args:
        flow: store and progress.
        record, allocation, deployment: the run that is measured again.
        estimates: how many.
        miss_probability: share of estimates that may miss, None for the run's own.
        load: interference meanwhile, empty for none.

    Raises:
        UsageError: the board's confirmed design is another run's by now.
        GateError: outputs differ from the reference.
    """
    if estimates > MOST_ESTIMATES:
        raise UsageError(
            f"{estimates} estimates are more than are judged at once ({MOST_ESTIMATES})",
            "measure so many, or run ntorc-harness itself: see 'Long runs' in docs/guide.md",
        )
    load = load_named(load)
    folder = Path(record.folder)
    network = Network.load(folder / "network")
    counts = read_arrays(folder / STIMULUS, ["counts"], "deploy again: ntorc deploy")["counts"].astype(np.int64)
    samples = stream_for(counts, network.input_length, allocation.hop, estimates)
    board = load_board(allocation.board)
    work = folder / f"measure-{len(list(folder.glob('measure-*'))) + 1:03d}"
    work.mkdir()
    with open_target(flow, deployment.target, board) as target:
        with flow.stage("deploy", "the confirmed design, as after power-up"):
            restored = target.restore(flow.progress)
        if restored.design_id != deployment.design_id:
            raise UsageError(
                f"the board's confirmed design is {restored.design_id}, not run {record.run}'s {deployment.design_id}",
                "measure the newest run, or deploy this one again",
            )
        with flow.stage("measure", f"{estimates} estimates by the C harness"):
            pace = Pace(estimates, period_ns_on(deployment.target), load)
            observed = observe(flow, target, work, samples, pace, allocation)
    result: dict[str, Any] = {
        "run": record.run,
        "board": board.name,
        "target": deployment.target,
        "deadline_s": allocation.deadline_s,
    }
    miss = miss_probability or float(str(record.summary.get("miss_probability", 1e-5)))
    measurement = judge(flow, network, observed, allocation, miss, work, deployment.target, result)
    values = observed.records.table["value"].astype(np.int64)
    result["measured"]["flags"] = flags_of_run(folder, observed.samples, values, network, allocation.hop)
    lesson = learn_board(allocation, measurement, f"{record.run}/{work.name}")
    flow.store.observe(list(lesson.observations))
    return result | {"timings_s": dict(flow.timings_s)}
