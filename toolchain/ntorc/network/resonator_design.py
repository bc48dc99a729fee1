"""From frequencies and time constants to an integer resonator bank, with proven bounds on its errors.

Error of a state
    Let c be a pole (|c| = r), z[n] = y[n] + c z[n-1] the state in exact arithmetic, and z^ the integer one:
    z^[n] = y[n] + eta + c^ z^[n-1] + eps, with c^ the rounded pole, eps the rounding of the state and eta
    the error of the blocked input.  With one step of the state's word u = 2^-state_fraction counts:

    - |eps| <= sqrt(1/2) u: each part is rounded half up once an update, by at most u / 2;
    - |eta| <= v = 2^-dc_fraction counts: the blocker's floor removes w[n] in [0, v), which its own
      highpass filters; the impulse response of that is 1, then -2^-k (1 - 2^-k)^j, whose positive and
      negative parts both sum up to 1, so that eta lies in (-v, v);
    - |c^ - c| = d is known: at most sqrt(1/2) 2^-fraction of the pole's format.

    The error e = z^ - z obeys e[n] = c^ e[n-1] + (c^ - c) z[n-1] + eps + eta.  With Z the largest |z| so
    far it follows, as a geometric series, that |e| <= (sqrt(1/2) u + v + d Z) / (1 - |c^|).
    Words that are cut to 18 bits before they are squared add sqrt(1/2) of their own step once.

Overflow
    |z| <= max |y| / (1 - r), and |y| <= 2 max |x| (the blocker's impulse response sums up to 2 in
    magnitude).  A state of which max |z| + |e| exceeds the word's range is saturated, which only ever makes
    its magnitude smaller, so that no overflow oscillation exists; the bound above no longer holds then.

Error of a logarithm
    A power of |z| = A with an error |e| < A has a log2 that is off by at most 2 log2(1 / (1 - |e| / A)).
    The logarithm itself adds log2(1 + 2^-(mantissa_bits + 1)) and half of its last place, its constant
    half of it too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.resonator_layer import ResonatorBank

if TYPE_CHECKING:
    from ntorc.network.floating import FloatResonatorBank

FloatArray = npt.NDArray[np.float64]
_MOST_STATE_BITS = 25
_LEAST_STATE_FRACTION = -8


@dataclass(frozen=True)
class BankPrecision:
    """Words of an integer bank (see `ResonatorBank`).

    Attributes:
        state: the state's format in counts; chosen by `choose_state` if left out.
        level: |z| = |z'| (1 - r) in counts from which on ``log2_error`` shall hold.
        log2_error: what the state's word, the blocker and the poles' words may change in a log2 of a power.
        headroom: states may grow by this factor over the calibration data before they saturate.
    """

    state: FixedFormat | None = None
    pole_bits: int = 16
    output_bits: int = 16
    dc_fraction: int = 2
    log_fraction: int = 10
    mantissa_bits: int = 6
    total_bits: int = 12
    level: float = 16.0
    log2_error: float = 0.25
    headroom: float = 1.5


def rounded_poles(poles: npt.NDArray[np.complex128], word: FixedFormat) -> IntArray:
    """Poles in their format, ``[resonators, 2]``: real and imaginary part, each the nearest."""
    return np.stack([word.quantise(poles.real), word.quantise(poles.imag)], axis=1)


def pole_errors(poles: npt.NDArray[np.complex128], word: FixedFormat) -> tuple[FloatArray, FloatArray]:
    """|c^ - c| and |c^| of every pole."""
    parts = word.values(rounded_poles(poles, word))
    rounded = parts[:, 0] + 1j * parts[:, 1]
    return np.abs(rounded - poles), np.abs(rounded)


def state_error_bound(
    poles: npt.NDArray[np.complex128], pole_word: FixedFormat, state: FixedFormat, dc_fraction: int, largest: FloatArray
) -> FloatArray:
    """Bound on |z^ - z| in counts, for states that were at most ``largest`` counts and never saturated.

    Args:
        poles: ``[resonators]``, exact.
        pole_word, state, dc_fraction: the bank's words.
        largest: Z, ``[resonators]``.
    """
    off, radius = pole_errors(poles, pole_word)
    drive = math.sqrt(0.5) * state.step + 2.0**-dc_fraction + off * largest
    bound: FloatArray = np.where(radius < 1.0, drive / np.maximum(1.0 - radius, 1e-300), np.inf)
    return bound


def cut_error_bound(layer: ResonatorBank) -> float:
    """Bound in counts on what the cut to 18 bits before the squares changes in a state."""
    return math.sqrt(0.5) * layer.power_format.step if layer.power_format.bits < layer.state_bits else 0.0


def log2_power_error(error: npt.ArrayLike, magnitude: npt.ArrayLike) -> FloatArray:
    """Bound on the change of log2 |z|^2 by an error of the state; infinite where the error may be the larger."""
    ratio = np.asarray(error, np.float64) / np.asarray(magnitude, np.float64)
    with np.errstate(divide="ignore"):
        return np.asarray(-2.0 * np.log2(np.maximum(1.0 - ratio, 0.0)))


def logarithm_error_bound(layer: ResonatorBank) -> float:
    """Bound on the error of L and of its constant, in units of log2."""
    return math.log2(1.0 + 2.0 ** -(layer.mantissa_bits + 1)) + 2.0**-layer.log_fraction


def choose_state(
    poles: npt.NDArray[np.complex128],
    pole_word: FixedFormat,
    dc_fraction: int,
    largest: float,
    level: float,
    log2_error: float,
    crest: float = 1.0,
) -> FixedFormat:
    """The smallest state word whose bound on the error of every log2 of a power is within ``log2_error``.

    Args:
        poles, pole_word, dc_fraction: as for `state_error_bound`.
        largest: the largest |z'| in counts that must not saturate.
        level: |z'| (1 - r) in counts at which the bound shall hold, and for all larger ones; a tone at the
            resonator's frequency reaches about half its amplitude, more or less by its mirrored frequency.
        crest: how much larger than that level the state may have been before.

    Raises:
        DataError: no word of at most 25 bits is enough.
    """
    reached = level / (1.0 - np.abs(poles))
    integer_bits = 1 + math.ceil(math.log2(largest + 1.0))
    for fraction in range(_LEAST_STATE_FRACTION, _MOST_STATE_BITS - integer_bits + 1):
        state = FixedFormat(max(8, integer_bits + fraction), fraction)
        error = state_error_bound(poles, pole_word, state, dc_fraction, crest * reached)
        if float(log2_power_error(error, reached).max()) <= log2_error:
            return state
    raise DataError(
        f"no state of at most {_MOST_STATE_BITS} bits keeps the log-powers within {log2_error} at {level} counts",
        "allow a larger error or a higher level, or give the poles or the DC blocker more bits",
    )


def warm_up_frames(poles: npt.NDArray[np.complex128], dc_shift: int, frame: int, log2_error: float) -> int:
    """Frames until what a reset left out is within ``log2_error`` of the log2 of every power.

    After n samples a resonator of radius r lacks r^n of what it would hold, and the DC blocker, a pole at
    1 - 2^-``dc_shift``, still passes that share of an offset: compared with an oscillation as large as the offset.
    """
    slowest = max(float(np.abs(poles).max()), 1.0 - 2.0**-dc_shift)
    share = 1.0 - 2.0 ** (-log2_error / 2.0)  # of a state, see `log2_power_error`
    return math.ceil(math.log(share) / math.log(slowest) / frame)


def integer_bank(
    source: FloatResonatorBank, frame: int, input_format: FixedFormat, largest: float, precision: BankPrecision
) -> tuple[ResonatorBank, IntArray, IntArray]:
    """The integer bank of a real one: the layer, its weights and its bias.

    Args:
        source: the real bank, whose features are log2 of squared input units.
        frame: samples of a frame.
        input_format: of the samples.
        largest: the largest |z'| in counts on calibration data.
        precision: words.
    """
    pole_word = FixedFormat(precision.pole_bits, precision.pole_bits - 1)
    poles = source.poles
    state = precision.state or choose_state(
        poles,
        pole_word,
        precision.dc_fraction,
        largest * precision.headroom,
        precision.level,
        precision.log2_error,
    )
    floor = math.floor(source.floor_log2 * 2.0**precision.log_fraction)
    output = _feature_format(source, input_format, precision)
    layer = ResonatorBank(
        source.name,
        frame,
        1,
        len(poles),
        pole_word,
        output,
        state.bits,
        state.fraction,
        source.dc_shift,
        precision.dc_fraction,
        precision.log_fraction,
        precision.mantissa_bits,
        precision.total_bits,
        floor,
    )
    return layer, rounded_poles(poles, pole_word), _bias(source, layer, input_format)


def _feature_format(source: FloatResonatorBank, input_format: FixedFormat, precision: BankPrecision) -> FixedFormat:
    """Holds every share and every total that the input's range and the floor allow."""
    full_scale = 2.0 * (input_format.bits - input_format.fraction) + 1.0 + math.log2(len(source.poles))
    smallest = 2.0 * (input_format.fraction + 1.0)
    span = max(full_scale, smallest, -source.floor_log2)
    return FixedFormat(precision.output_bits, precision.output_bits - 1 - math.ceil(math.log2(span)))


def _bias(source: FloatResonatorBank, layer: ResonatorBank, input_format: FixedFormat) -> IntArray:
    """Constants that turn powers of words into squared input units, and weights of the total.

    A power p of words is p 2^(-2 fraction) (1-r)^2 step^2; the total's words are the sum of p (1-r)^2 g
    shifted by total_bits, where g makes the largest weight full.
    """
    gains = (1.0 - np.abs(source.poles)) ** 2
    scale = (2.0**layer.total_bits - 1.0) / gains.max()
    bias = np.zeros(layer.bias_shape, np.int64)
    bias[:-1, 1] = np.floor(gains * scale + 0.5).astype(np.int64)
    unit = 2.0 * math.log2(input_format.step) - 2.0 * layer.power_format.fraction
    constants = np.append(np.log2(gains) + unit, layer.total_bits - math.log2(scale) + unit)
    bias[:, 0] = np.floor(constants * 2.0**layer.log_fraction + 0.5).astype(np.int64)
    return bias
