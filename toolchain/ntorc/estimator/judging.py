"""An integer network on whole runs: estimates in volts, in the arithmetic that the gateware runs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ntorc.estimator.metrics import Metrics, measure_errors
from ntorc.estimator.runs import Run
from ntorc.estimator.windows import ADC_LSB_V, to_counts
from ntorc.network.network import Network
from ntorc.network.streams import run_recordings


def integer_estimates_v(
    network: Network, runs: Sequence[Run], adc_lsb_v: float = ADC_LSB_V
) -> list[npt.NDArray[np.float64]]:
    """Estimates of every whole frame of each run, from a reset at its start, volts.

    Raises:
        DataError: see `run_recordings`.
    """
    recordings = [to_counts(run.acceleration_v, adc_lsb_v).astype(np.int64) for run in runs]
    return [network.output_format.values(values) for values in run_recordings(network, recordings)]


def judge_network(
    network: Network, runs: Sequence[Run], valid_range_v: tuple[float, float], mm_per_v: float
) -> Metrics:
    """The metrics of a streaming network on runs, behind its own warm-up."""
    estimates = integer_estimates_v(network, runs)
    return measure_errors(runs, estimates, network.input_length, network.warm_up, valid_range_v, mm_per_v)
