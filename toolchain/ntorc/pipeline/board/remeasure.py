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
from ntorc.pipeline.board.confirmed import require_confirmed
from ntorc.pipeline.board.realtime import BY_TARGET, RealTime
from ntorc.pipeline.board.target import open_target
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.junit import DELIVERED, Suite
from ntorc.pipeline.measured.flagged import flags_of_run
from ntorc.pipeline.measured.knowledge import MISS_PROBABILITY
from ntorc.pipeline.measured.recalibrate import learn_board
from ntorc.pipeline.prove import STIMULUS, Pace, judge, observe, period_ns_on, stream_for
from ntorc.records import numbered_folder
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
    realtime: RealTime = BY_TARGET,
) -> dict[str, Any]:
    """The ``measured`` part anew, with gate and verdict, in a folder of its own below the run's.

    Args:
        flow: store and progress.
        record, allocation, deployment: the run that is measured again.
        estimates: how many.
        miss_probability: share of estimates that may miss, None for the run's own.
        load: interference meanwhile, empty for none.
        realtime: scheduler and processor of the loop.

    Raises:
        UsageError: the board's confirmed design is another run's by now; it is left as it is.
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
    work = numbered_folder(folder, "measure")
    result: dict[str, Any] = {
        "run": record.run,
        "board": board.name,
        "target": deployment.target,
        "deadline_s": allocation.deadline_s,
    }
    miss = miss_probability or float(str(record.summary.get("miss_probability", MISS_PROBABILITY)))
    with Suite(board.name, deployment.target, work) as suite:
        with open_target(flow, deployment.target, board) as target:
            require_confirmed(flow.store, target, record.run, deployment.design_id)
            with flow.stage("deploy", "the confirmed design, as after power-up"):
                target.restore(flow.progress)
            with flow.stage("measure", f"{estimates} estimates by the C harness"), suite.during(DELIVERED):
                pace = Pace(estimates, period_ns_on(deployment.target), load, realtime=realtime)
                observed = observe(flow, target, work, samples, pace, allocation)
        measurement = judge(
            flow, network, observed, allocation, miss, work, deployment.target, result, suite,
            is_miss_asked=miss_probability is not None,
        )  # fmt: skip
    values = observed.records.table["value"].astype(np.int64)
    result["measured"]["flags"] = flags_of_run(folder, observed.samples, values, network, allocation.hop)
    lesson = learn_board(allocation, measurement, f"{record.run}/{work.name}")
    flow.store.observe(list(lesson.observations))
    return result | {"timings_s": dict(flow.timings_s)}
