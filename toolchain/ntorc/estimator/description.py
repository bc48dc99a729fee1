"""What a set of runs holds: families, trajectories and their replicas, signal figures, faults."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ntorc.estimator.runs import Run, Runs
from ntorc.estimator.trajectories import recognise
from ntorc.estimator.windows import ADC_COUNTS, spikes, to_counts


@dataclass(frozen=True)
class RunDescription:
    """Figures of one run.

    Attributes:
        trajectory: `ntorc.estimator.trajectories.Trajectory.name`.
        duration_s: length.
        acceleration_rms_v, acceleration_peak_v: of the accelerometer.
        position_min_v, position_max_v: of the position sensor, spikes included.
        rail_samples: samples at the converter's limits (+-10 V): the signal was clipped.
        spike_samples: samples at which the position sensor jumps away from its neighbours.
    """

    family: str
    trajectory: str
    duration_s: float
    acceleration_rms_v: float
    acceleration_peak_v: float
    position_min_v: float
    position_max_v: float
    rail_samples: int
    spike_samples: int


@dataclass(frozen=True)
class TrajectoryDescription:
    """One trajectory: its replicas, the length of one, and whether it is random motion."""

    replicas: tuple[str, ...]
    duration_s: float
    random_motion: bool


@dataclass(frozen=True)
class Description:
    """Everything `ntorc data describe` prints."""

    source: str
    digest: str
    sample_rate_hz: float
    units: dict[str, str]
    position_mm_per_v: float
    position_mm_per_v_relative_uncertainty: float
    note: str
    duration_s: float
    families: dict[str, int]
    trajectories: dict[str, TrajectoryDescription]
    runs: dict[str, RunDescription]


def describe(runs: Runs) -> Description:
    """Describe runs; takes about three seconds for half an hour of data."""
    trajectories = recognise(runs)
    trajectory_of = {name: t.name for t in trajectories for name in t.replicas}
    families: dict[str, int] = {}
    for run in runs:
        families[run.family] = families.get(run.family, 0) + 1
    return Description(
        source=runs.source,
        digest=runs.digest,
        sample_rate_hz=runs.sample_rate_hz,
        units={"acceleration": "V", "position": "V"},
        position_mm_per_v=runs.position_mm_per_v,
        position_mm_per_v_relative_uncertainty=runs.position_mm_per_v_relative_uncertainty,
        note=runs.note,
        duration_s=round(runs.duration_s, 6),
        families=families,
        trajectories={t.name: TrajectoryDescription(t.replicas, t.duration_s, t.irregular) for t in trajectories},
        runs={run.name: _describe_run(run, trajectory_of[run.name]) for run in runs},
    )


def _describe_run(run: Run, trajectory: str) -> RunDescription:
    counts = to_counts(run.acceleration_v).astype(np.int32)
    return RunDescription(
        family=run.family,
        trajectory=trajectory,
        duration_s=run.duration_s,
        acceleration_rms_v=round(float(np.sqrt(np.mean(np.square(run.acceleration_v, dtype=np.float64)))), 6),
        acceleration_peak_v=round(float(np.abs(run.acceleration_v).max()), 6),
        position_min_v=round(float(run.position_v.min()), 6),
        position_max_v=round(float(run.position_v.max()), 6),
        rail_samples=int(np.count_nonzero((counts >= ADC_COUNTS - 1) | (counts <= -ADC_COUNTS))),
        spike_samples=int(np.count_nonzero(spikes(run.position_v))),
    )


def as_text(description: Description) -> str:
    """A description for people."""
    d = description
    scale = f"{d.position_mm_per_v:.1f} mm/V +-{100 * d.position_mm_per_v_relative_uncertainty:.0f} %"
    lines = [
        f"{len(d.runs)} runs, {d.duration_s:.0f} s at {d.sample_rate_hz:g} Hz, from {d.source}",
        f"units: acceleration V, position V ({scale}; {d.note})",
        "families: " + ", ".join(f"{name} ({count})" for name, count in d.families.items()),
        f"{len(d.trajectories)} trajectories:",
    ]
    for name, trajectory in d.trajectories.items():
        kind = "random motion" if trajectory.random_motion else "regular motion"
        replicas = len(trajectory.replicas)
        lines.append(
            f"  {name}  {replicas} {'replica' if replicas == 1 else 'replicas'} of "
            f"{trajectory.duration_s:.1f} s, {kind}: {trajectory.replicas[0]}" + (" ..." if replicas > 1 else "")
        )
    width = max(len(name) for name in d.runs)
    lines.append(f"{'run':{width}}  traj     s   RMS V  peak V  position V   rails  spikes")
    for name, run in d.runs.items():
        lines.append(
            f"{name:{width}}  {run.trajectory}  {run.duration_s:5.1f}  {run.acceleration_rms_v:5.3f}  "
            f"{run.acceleration_peak_v:6.2f}  {run.position_min_v:.2f}..{run.position_max_v:.2f}  "
            f"{run.rail_samples:5d}  {run.spike_samples:6d}"
        )
    return "\n".join(lines)
