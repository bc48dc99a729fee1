"""The resonator bank in fixed point against the same bank in double precision, on runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ntorc.estimator.forms import RIG_BANK
from ntorc.estimator.runs import Runs
from ntorc.estimator.windows import ADC_BITS, ADC_LSB_V, to_counts
from ntorc.network.formats import FixedFormat
from ntorc.network.resonator_design import BankPrecision, integer_bank
from ntorc.network.resonators import bank_features, bank_states
from ntorc.progress import Progress

STATE_BITS = (14, 16, 18, 20)
_INTEGER_BITS = 18  # sign included: states of the recorded runs reach 2**16.4 counts
_FRAME = 16
_WARM_UP_FRAMES = 16
_LOUD_V = 0.03  # RMS over the bank below which the rig is quiet
_ADC_FRACTION = 10  # of the integer network's input: the constants of the logarithms take the rest


def resonator_accuracy(runs: Runs, progress: Progress) -> dict[str, Any]:
    """Errors of the features in log2, by the width of the state's word.

    Poles of 16 bits and a table of 64 words throughout; frames after a warm-up of 16.

    Args:
        runs: at the bank's sample rate; int16 ADC counts hold them without loss.
        progress: told after each width.
    """
    bank = RIG_BANK.real(runs.sample_rate_hz)
    counts = [to_counts(run.acceleration_v).astype(np.int64) for run in runs]
    length = max(len(row) for row in counts) // _FRAME * _FRAME
    samples = np.stack([np.pad(row[:length], (0, max(0, length - len(row)))) for row in counts])
    inside = np.arange(length // _FRAME) < np.array([len(row) // _FRAME for row in counts])[:, None]
    inside[:, :_WARM_UP_FRAMES] = False
    word = FixedFormat(ADC_BITS, _ADC_FRACTION)
    exact = np.stack([bank.features(bank.states(row * word.step)[:, _FRAME - 1 :: _FRAME]) for row in samples])
    loud = inside & (exact[..., -1] + 2 * np.log2(ADC_LSB_V / word.step) >= 2 * np.log2(_LOUD_V))
    rows = []
    for done, bits in enumerate(STATE_BITS, start=1):
        precision = BankPrecision(FixedFormat(bits, bits - _INTEGER_BITS))
        layer, weights, bias = integer_bank(bank, _FRAME, word, 0.0, precision)
        re, im = bank_states(layer, weights, samples)
        off = layer.output_format.values(bank_features(layer, bias, re, im)) - exact
        ends = np.maximum(np.abs(re), np.abs(im))
        rows.append(
            {
                "state_bits": bits,
                "saturated_frames": int((ends >= layer.state_format.maximum).any(axis=-1)[inside].sum()),
                **_errors("all", off[inside]),
                **_errors("loud", off[loud]),
            }
        )
        progress.step("state widths", done, len(STATE_BITS))
    return {
        "benchmark": "resonators",
        "runs": len(runs),
        "frames": int(inside.sum()),
        "loud_frames": int(loud.sum()),
        "resonators": len(bank.poles),
        "log2_errors": rows,
    }


def _errors(which: str, off: npt.NDArray[np.float64]) -> dict[str, float]:
    """RMS and largest error of the shares and of the total."""
    return {
        f"{which}_share_rms": round(float(np.sqrt(np.mean(off[:, :-1] ** 2))), 4),
        f"{which}_share_max": round(float(np.abs(off[:, :-1]).max()), 3),
        f"{which}_total_rms": round(float(np.sqrt(np.mean(off[:, -1] ** 2))), 4),
        f"{which}_total_max": round(float(np.abs(off[:, -1]).max()), 3),
    }
