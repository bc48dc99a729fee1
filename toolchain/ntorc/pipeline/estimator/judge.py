"""The held-out runs as one stream of samples, and the estimator's error on it in integer arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.network.streams import run_recordings
from ntorc.pipeline.make import windows_of

if TYPE_CHECKING:
    from ntorc.pipeline.estimator.learn import Learned

_BATCH = 2048


@dataclass(frozen=True)
class HeldOut:
    """The test runs, one behind the other.

    Attributes:
        counts: ADC counts ``[n]``.
        position_v: truth in volts ``[n]``.
        run_index: which run each sample belongs to ``[n]``.
        names: the runs' names.
        sample_rate_hz: of all of them.
    """

    counts: npt.NDArray[np.int64]
    position_v: npt.NDArray[np.float64]
    run_index: npt.NDArray[np.int64]
    names: tuple[str, ...]
    sample_rate_hz: float


@dataclass(frozen=True)
class Trace:
    """Estimates beside the truth for windows that lie within one held-out run.

    Attributes:
        time_s: time of the window's last sample in its run ``[m]``.
        truth_v, estimate_v: ``[m]``.
        run_index: ``[m]``.
    """

    time_s: npt.NDArray[np.float64]
    truth_v: npt.NDArray[np.float64]
    estimate_v: npt.NDArray[np.float64]
    run_index: npt.NDArray[np.int64]

    @property
    def rmse_v(self) -> float:
        """Root mean square error in volts."""
        return float(np.sqrt(np.mean((self.estimate_v - self.truth_v) ** 2)))


def held_out(learned: Learned) -> HeldOut:
    """The test part of the split."""
    from ntorc.estimator.windows import to_counts

    chosen = [learned.runs[name] for name in learned.split.test]
    counts = [to_counts(run.acceleration_v, learned.estimator.adc_lsb_v).astype(np.int64) for run in chosen]
    return HeldOut(
        np.concatenate(counts),
        np.concatenate([np.asarray(run.position_v, np.float64) for run in chosen]),
        np.concatenate([np.full(len(part), index, np.int64) for index, part in enumerate(counts)]),
        tuple(run.name for run in chosen),
        float(chosen[0].sample_rate_hz),
    )


def trace(data: HeldOut, values: npt.NDArray[np.int64], network: Network, hop: int) -> Trace:
    """Place estimates beside the truth.

    Args:
        data: the held-out stream.
        values: the estimates of its windows in order, as integers of the network's output format, in volts; more
            than one pass is cut, and a warm-up is left out at the start of each run: there the state is that of
            the run before.
        network: that gave them.
        hop: samples from estimate to estimate.
    """
    window = network.input_length
    last = window - 1 + hop * np.arange(len(values))
    last = last[last < len(data.counts)]
    starts = np.searchsorted(data.run_index, np.arange(len(data.names)))
    since = last - starts[data.run_index[last]]  # samples of its own run before the window's last
    within = since >= window - 1 + hop * network.warm_up
    last, estimates = last[within], network.output_format.values(values[: len(within)][within])
    index = data.run_index[last]
    return Trace((last - starts[index]) / data.sample_rate_hz, data.position_v[last], estimates, index)


def judged(data: HeldOut, network: Network, hop: int, step: Callable[[str, int, int], None]) -> Trace:
    """Every estimate of the held-out runs by the reference, each run of a network that keeps state from a reset.

    ``step`` is told how far it is.
    """
    if not network.stateful:
        frames = windows_of(data.counts, network.input_length, hop)
        parts = []
        for start in range(0, len(frames), _BATCH):
            parts.append(reference.run(network, frames[start : start + _BATCH])[:, 0])
            step("reference", min(start + _BATCH, len(frames)), len(frames))
        return trace(data, np.concatenate(parts), network, hop)
    recordings = [data.counts[data.run_index == index] for index in range(len(data.names))]
    step("recordings through the reference", 0, len(recordings))
    results = run_recordings(network, recordings)
    traces = []
    for index, (samples, values) in enumerate(zip(recordings, results, strict=True)):
        own = data.run_index == index
        alone = HeldOut(samples, data.position_v[own], np.zeros(len(samples), np.int64), ("",), data.sample_rate_hz)
        found = trace(alone, values, network, hop)
        traces.append(replace(found, run_index=found.run_index + index))
    return Trace(*(np.concatenate([getattr(one, field.name) for one in traces]) for field in fields(Trace)))
