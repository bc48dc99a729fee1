"""How often the estimates of a measurement carry a flag, by the samples that the board was fed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ntorc.estimator.flags import FLAG_NAMES, FlagLimits, flags_of
from ntorc.network.network import Network
from ntorc.records import load

if TYPE_CHECKING:
    from ntorc.estimator.estimator import Estimator

_PIECE = 50_000  # estimates at once, so that memory stays small
NONE = "none"


def flag_counts(
    samples: npt.NDArray[np.int64], values: npt.NDArray[np.int64], network: Network, hop: int, estimator: Estimator
) -> dict[str, int]:
    """Frames by flag, of all flags, and of none.

    Args:
        samples: the converter's counts as they were fed, from a reset on; not fewer than the estimates have seen.
        values: the estimates as integers of the network's output.
        network, hop: that gave them, and the samples from one to the next.
        estimator: for the valid range and the samples' scale.
    """
    estimates_v = network.output_format.values(values)
    limits = FlagLimits(network.warm_up, estimator.valid_range_v)
    first = network.input_length - hop  # samples before the first estimate's own hop
    memory = round(max(limits.mean_s, limits.energy_s) * estimator.sample_rate_hz)
    counts = dict.fromkeys((*FLAG_NAMES.values(), NONE), 0)
    for begin in range(0, len(estimates_v), _PIECE):
        part = estimates_v[begin : begin + _PIECE]
        at = first + begin * hop
        lead = min(at, memory)
        fed = samples[at - lead : at + len(part) * hop]
        here = replace(limits, warm_up_frames=max(limits.warm_up_frames - begin, 0))
        bits = flags_of(fed, part, hop, here, estimator.sample_rate_hz, estimator.adc_lsb_v, lead)
        for flag, name in FLAG_NAMES.items():
            counts[name] += int(np.count_nonzero(bits & flag))
        counts[NONE] += int(np.count_nonzero(bits == 0))
    return counts


def flags_of_run(
    folder: Path, samples: npt.NDArray[np.int64], values: npt.NDArray[np.int64], network: Network, hop: int
) -> dict[str, int]:
    """`flag_counts` by the estimator that a run's folder keeps.

    Raises:
        StorageError: the record of the estimator is missing or damaged.
    """
    from ntorc.estimator.estimator import ESTIMATOR_NAME, Estimator

    return flag_counts(samples, values, network, hop, load(Estimator, folder / ESTIMATOR_NAME))


def flags_text(counts: dict[str, int], estimates: int) -> str:
    """In words."""
    named = ", ".join(f"{name} {count:,}" for name, count in counts.items() if name != NONE)
    return f"{counts[NONE]:,} of {estimates:,} estimates without a flag; {named}"
