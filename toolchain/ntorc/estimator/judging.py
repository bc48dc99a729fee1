"""An integer network on whole runs: estimates in volts, in the arithmetic that the gateware runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.estimator.metrics import Metrics, measure_errors
from ntorc.estimator.runs import Run
from ntorc.estimator.windows import ADC_LSB_V, to_counts
from ntorc.network import reference
from ntorc.network.network import Network
from ntorc.network.streams import run_recordings

_BATCH = 2048


def warm_up_of(network: Network, hop: int | None = None) -> int:
    """Estimates after a reset that do not count: of state that settles, or of a window that is not full yet."""
    if network.stateful:
        return network.warm_up
    return max(-(-network.input_length // (hop or network.input_length)) - 1, 0)


def integer_estimates_v(
    network: Network, runs: Sequence[Run], adc_lsb_v: float = ADC_LSB_V, hop: int | None = None
) -> list[npt.NDArray[np.float64]]:
    """Estimates of every ``hop`` samples of each run, from a reset at its start, volts.

    Args:
        network: of one channel.
        runs: the runs.
        adc_lsb_v: volts a count.
        hop: samples from one estimate to the next; a frame if left out, and always of a network that keeps state.
            Estimates of windows that are not full yet see zeros before the run.

    Raises:
        DataError: a run without an estimate, or a network that does not take one channel.
    """
    recordings = [to_counts(run.acceleration_v, adc_lsb_v).astype(np.int64) for run in runs]
    if network.stateful:
        results = run_recordings(network, recordings)
    else:
        results = _run_windows(network, recordings, hop or network.input_length)
    return [network.output_format.values(values) for values in results]


def _run_windows(
    network: Network, recordings: Sequence[npt.NDArray[np.int64]], hop: int
) -> list[npt.NDArray[np.int64]]:
    window = network.input_length
    if network.input_channels != 1:
        raise DataError(f"'{network.name}' takes {network.input_channels} channels", "a run has one acceleration")
    results = []
    for samples in recordings:
        count = len(samples) // hop
        if count < 1:
            raise DataError(f"a recording is shorter than {hop} samples", "leave it out")
        padded = np.concatenate([np.zeros(window, np.int64), samples])
        every = np.lib.stride_tricks.sliding_window_view(padded, window)[hop::hop][:count]
        parts = [
            reference.run(network, every[begin : begin + _BATCH, :, None])[:, 0] for begin in range(0, count, _BATCH)
        ]
        results.append(np.concatenate(parts))
    return results


def judge_network(
    network: Network,
    runs: Sequence[Run],
    valid_range_v: tuple[float, float],
    mm_per_v: float,
    hop: int | None = None,
) -> Metrics:
    """The metrics of a network on runs, behind its own warm-up.

    Args:
        network, runs, hop: see `integer_estimates_v`.
        valid_range_v: of the estimates.
        mm_per_v: scale.

    Raises:
        DataError: no run is longer than the warm-up, or see `integer_estimates_v`.
    """
    frame = network.input_length if network.stateful else hop or network.input_length
    estimates = integer_estimates_v(network, runs, hop=frame)
    return measure_errors(runs, estimates, frame, warm_up_of(network, frame), valid_range_v, mm_per_v)
