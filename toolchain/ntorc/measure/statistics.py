"""Quantiles that never understate, and what a number of misses shows about their probability."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ntorc.errors import MeasurementError, UsageError


@dataclass(frozen=True)
class Quantiles:
    """Of a set of durations, in the unit that the name of the holding field says."""

    p50: float
    p99: float
    p99_999: float
    max: float


def quantiles(values: npt.ArrayLike) -> Quantiles:
    """Quantiles of values [n], each one a value that occurred.

    The q-quantile is the smallest value that at least a share q of the values does not exceed, so
    that p99.999 of fewer than 100,000 values is their maximum.

    Raises:
        MeasurementError: there are no values, or some are not finite.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0 or not np.all(np.isfinite(array)):
        raise MeasurementError("there are no usable durations in the records", "measure again")
    p50, p99, p99_999 = np.quantile(array, [0.5, 0.99, 0.99999], method="inverted_cdf")
    return Quantiles(float(p50), float(p99), float(p99_999), float(array.max()))


def miss_bound(misses: int, samples: int, confidence: float = 0.95) -> float:
    """Upper bound of the probability of a miss, after ``misses`` in ``samples`` independent trials.

    One-sided and exact: Clopper and Pearson, Biometrika 26 (1934) 404, as the quantile of a beta
    distribution.  Without misses it is 1 - (1 - confidence) ** (1 / samples), about 3 / samples
    for 95 %.

    Raises:
        UsageError: not 0 <= misses <= samples, no samples, or a confidence outside 0..1.
    """
    if not (0 <= misses <= samples and samples > 0):
        raise UsageError(f"{misses} misses of {samples} samples is not possible", "give at least one sample")
    _check_share("confidence", confidence)
    if misses == samples:
        return 1.0
    from scipy.stats import beta

    return float(beta.ppf(confidence, misses + 1, samples - misses))


def samples_needed(bound: float, misses: int = 0, confidence: float = 0.95) -> int:
    """The fewest samples with which ``misses`` misses still show a probability of at most ``bound``.

    Raises:
        UsageError: negative misses, or a bound or confidence outside 0..1.
    """
    _check_share("bound", bound)
    _check_share("confidence", confidence)
    if misses < 0:
        raise UsageError(f"{misses} misses are not possible", "give 0 or more")
    low, high = misses, max(misses + 1, math.ceil((misses + 3) / bound))
    while miss_bound(misses, high, confidence) > bound:
        low, high = high, 2 * high
    while high - low > 1:  # miss_bound falls with the number of samples
        middle = (low + high) // 2
        if miss_bound(misses, middle, confidence) <= bound:
            high = middle
        else:
            low = middle
    return high


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise UsageError(f"a {name} of {value} is not between 0 and 1", "for example 1e-5, or 0.95")
