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


def quantile_bound(values: npt.ArrayLike, share: float, confidence: float = 0.95) -> tuple[float, bool]:
    """What at most a share of such values exceeds, at this confidence; and whether the values suffice to show it.

    Free of any distribution, by order statistics (Hahn and Meeker, Statistical Intervals, 1991, section 5.2): the
    smallest value that so few others exceed that their exact binomial bound is ``share``.  With too few values it
    is the largest one, which then shows nothing of the kind.

    Args:
        values: [n] independent values, n > 0.
        share: of values that may exceed it.
        confidence: of the statement.
    """
    array = np.sort(np.asarray(values, dtype=np.float64).ravel())
    if array.size == 0:
        raise MeasurementError("there are no values to bound", "measure again")
    _check_share("share", share)
    if miss_bound(0, array.size, confidence) > share:
        return float(array[-1]), False
    low, high = 0, max(1, int(share * array.size))  # how many may exceed it: miss_bound grows with them
    while low < high:
        middle = (low + high + 1) // 2
        if miss_bound(middle, array.size, confidence) <= share:
            low = middle
        else:
            high = middle - 1
    return float(array[array.size - 1 - low]), True


@dataclass(frozen=True)
class Dependence:
    """How much values say about their neighbours.

    Attributes:
        lag1: autocorrelation of neighbours; 0 when all values are equal.
        time: integrated autocorrelation time: of so many values about one counts as independent, at least 1.
        effective: that many independent values the series is worth.
        is_constant: all values are equal, so that nothing can be said.
    """

    lag1: float
    time: float
    effective: float
    is_constant: bool


def dependence(values: npt.ArrayLike, longest_lag: int = 1000) -> Dependence:
    """Autocorrelation of a series [n], with the time that it takes to die out.

    The time is 1 + 2 times the sum of autocorrelations, taken two by two while these are positive together: after
    Geyer's initial positive sequence, Statistical Science 7 (1992) 473.

    Raises:
        MeasurementError: there are no values.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    if array.size == 0:
        raise MeasurementError("there are no values", "measure again")
    centred = array - array.mean()
    if not np.any(np.abs(centred) > 1e-12 * max(float(np.abs(array).max()), 1e-300)):
        return Dependence(0.0, 1.0, float(array.size), True)
    spectrum = np.fft.rfft(centred, 2 * array.size)
    lags = min(longest_lag + 1, array.size)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2)[:lags]
    correlation = covariance / covariance[0]
    total = 0.0
    for first in range(1, len(correlation) - 1, 2):
        pair = float(correlation[first] + correlation[first + 1])
        if pair <= 0.0:
            break
        total += pair
    time = max(1.0, 1.0 + 2.0 * total)
    lag1 = float(correlation[1]) if len(correlation) > 1 else 0.0
    return Dependence(lag1, time, array.size / time, False)


def _check_share(name: str, value: float) -> None:
    if not 0.0 < value < 1.0:
        raise UsageError(f"a {name} of {value} is not between 0 and 1", "for example 1e-5, or 0.95")
