"""The resonator bank's own cycles, and the library of a network that is a bank alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Directive
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.resonator_engine import BankEngine
from ntorc.backends.native.stream_bench import build_network
from ntorc.network.network import Network

IntArray = npt.NDArray[np.int64]


def build_bank(network: Network, directive: Directive, cache: Path) -> Path:
    """The library of a network whose only layer is a bank."""
    return build_network(network, make_plan(network, [directive], 100e6, network.input_length), cache)


def predicted(engine: BankEngine, arrival: IntArray, taken: IntArray | None = None) -> tuple[IntArray, IntArray]:
    """Cycles of acceptance, and those in which each frame's last word can leave at the earliest.

    Args:
        engine: the bank's.
        arrival: the cycle in which each sample is offered.
        taken: the cycles in which the frames' last words did leave; at once if left out.
    """
    accepted, start, available = [], -(10**9), []
    for index, offered in enumerate(arrival.tolist()):
        frame, place = divmod(index, engine.length)
        accepted.append(max(offered, start + 1))
        interval = engine.update_cycles if place else engine.closing_cycles
        start = max(accepted[-1] + 1, start + interval)
        if place == engine.length - 1:
            if frame >= 2:  # room for its features: two frames are held
                start = max(start, (available[frame - 2] if taken is None else int(taken[frame - 2])) + 1)
            available.append(start + engine.available_cycles)
    return np.array(accepted), np.array(available)
