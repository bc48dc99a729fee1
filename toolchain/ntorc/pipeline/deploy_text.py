"""What a deployment says to people: the estimator, and what must not be taken for hardware."""

from __future__ import annotations

from typing import Any

from ntorc.allocate.allocation import Allocation
from ntorc.backends.bitstream.openxc7 import OPEN_TIMING
from ntorc.boards import BoardKnowledge
from ntorc.deploy.target import is_virtual_name
from ntorc.lab import lab_of
from ntorc.pipeline.bitstream.logic import VIRTUAL, Way
from ntorc.pipeline.estimator.learn import Learned
from ntorc.pipeline.estimator.shipped import UNKNOWN, UNSEEN
from ntorc.units import format_seconds


def error_text(estimator: dict[str, Any]) -> str:
    """The estimator's error for people: on which runs, and for a shipped one also what its card says."""
    runs = f"{len(estimator['held_out_runs'])} held-out runs ({estimator['split']} split)"
    if estimator["split"] == UNKNOWN:
        runs = f"{len(estimator['held_out_runs'])} runs, of which it may have been trained on any ({estimator['data']})"
    if estimator["split"] == UNSEEN:
        runs = f"{len(estimator['held_out_runs'])} runs that it was not trained on ({estimator['data']})"
    text = f"{estimator['rmse_v']:.4f} V RMSE on {runs}, {estimator['multiplies']} multiplies an estimate"
    card = estimator.get("card")
    if card and estimator["split"] in (UNSEEN, UNKNOWN):
        text += f"; its card: {card['rmse_v']:.4f} V on held-out trajectories of {card['data']}"
    return text


def estimator_rows(learned: Learned, summary: dict[str, Any], hop: int) -> dict[str, str]:
    """The estimator for people; ``summary`` is its part of what ``--json`` prints."""
    estimator = learned.estimator
    return {
        "Name": estimator.name,
        "Data": learned.runs.source,
        "Form": f"{estimator.form.describe()}; an estimate each {hop} samples",
        "Error": f"{error_text(summary)}; integer arithmetic, {summary['windows']} estimates",
        "Trained on": estimator.data_source,
        "Split": f"{summary['split']}: judged on {', '.join(summary['held_out_runs'])}",
        "Multiplies per estimate": f"{learned.network.multiplies:,}",
        "Formats": ", ".join(str(word) for word in learned.network.formats),
    }


def not_real(known: BoardKnowledge, allocation: Allocation, target: str, way: Way) -> tuple[str, ...]:
    """What a reader must not take for a measurement of hardware."""
    overhead = (
        f"The I/O overhead of {format_seconds(allocation.io_overhead_s)} that was counted on: {known.overhead_source}."
    )
    if way.kind != VIRTUAL:
        return (overhead, *((OPEN_TIMING,) if way.tool == "openxc7" else ()))
    clock = f"The clock of {allocation.clock_hz / 1e6:g} MHz is a request: no place and route has closed it."
    utilisation = "Utilisation is from synthesis before place and route: an estimate."
    if not is_virtual_name(target):
        return (clock, utilisation, overhead)
    simulated = lab_of(target) is not None
    times = "a simulated board's" if simulated else "this computer's"
    return (
        f"No board was measured. The logic ran cycle by cycle in a simulator; driver and loop times are {times}.",
        clock,
        utilisation,
        overhead,
        "The bundle is for the virtual board; a bitstream for the part needs Vivado or openXC7.",
    )


def not_real_short(target: str, clock_hz: float) -> tuple[str, ...]:
    """The same in two lines for the terminal."""
    if not is_virtual_name(target):
        return ()
    return (
        "no board was measured and no vendor tool ran; this bundle is for the virtual board",
        f"the clock ({clock_hz / 1e6:g} MHz) is a request, utilisation is before place and route",
    )
