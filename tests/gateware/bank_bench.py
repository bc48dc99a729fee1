"""A resonator bank without the shell: samples at chosen cycles, a receiver that is not always ready."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Directive
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.resonator_engine import BankEngine
from ntorc.backends.native.verilate import build_library
from ntorc.network.network import Network

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Traffic:
    """What went in and out: cycles of acceptance, words ``[frames, outputs]`` and the cycles in which they left."""

    accepted: IntArray
    words: IntArray
    left: IntArray


def build_bank(network: Network, directive: Directive, folder: Path, cache: Path) -> Path:
    """The library of a network whose only layer is a bank."""
    plan = make_plan(network, [directive], 100e6, network.input_length)
    files = {name: plan.files[name] for name in (*plan.parts[0].files, "ntorc_network.sv")}
    source = (Path(__file__).parent / "bank_bench.cpp").read_text(encoding="utf-8")
    wrapper = folder / "bank_bench.cpp"
    wrapper.write_text(source.replace("INPUT_BITS", str(network.input_format.bits)), encoding="utf-8")
    return build_library(files, "ntorc_network", [wrapper], cache)


def drive(
    library: Path, network: Network, samples: IntArray, arrival: IntArray, ready: list[int], disturb: int = 0
) -> Traffic:
    """Feed samples ``[n]``, each offered from its cycle of arrival on (see ``bank_bench.cpp``)."""
    count, outputs = len(samples), network.outputs
    expected = count // network.input_length * outputs
    accepted, left = np.zeros(count, np.uint64), np.zeros(expected, np.uint64)
    words = np.zeros(expected, np.int32)
    pattern = np.array(ready, np.uint8)
    limit = int(arrival[-1]) + 100_000 + 20_000 * count

    def pointer(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    run = ctypes.CDLL(str(library)).bank_bench
    run.restype = ctypes.c_uint64
    fed, offered = samples.astype(np.int32), arrival.astype(np.uint64)
    number = ctypes.c_uint64
    found = run(
        pointer(fed), pointer(offered), number(count), pointer(pattern), number(len(pattern)), number(disturb),
        pointer(accepted), pointer(words), pointer(left), number(expected), number(limit),
    )  # fmt: skip
    assert found == expected
    bits = network.output_format.bits
    signed = (words.astype(np.int64) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    shape = (-1, outputs)
    return Traffic(accepted.astype(np.int64), signed.reshape(shape), left.astype(np.int64).reshape(shape))


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
