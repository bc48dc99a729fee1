"""A network without its shell under Verilator: samples at chosen cycles, a receiver that is not always ready."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ntorc.backends.base import Plan
from ntorc.backends.native.verilate import build_library
from ntorc.errors import ToolError
from ntorc.network.network import Network
from ntorc.paths import project_root

IntArray = npt.NDArray[np.int64]
_WRAPPER = "network_bench.cpp"


@dataclass(frozen=True)
class Traffic:
    """What went in and out: cycles of acceptance, words ``[frames, outputs]`` and the cycles in which they left."""

    accepted: IntArray
    words: IntArray
    left: IntArray


def build_network(network: Network, plan: Plan, cache: Path) -> Path:
    """The library of a plan's network without its shell, cached by content."""
    needed = dict.fromkeys(name for part in plan.parts[:-1] for name in part.files)  # the last part is the shell
    files = {name: plan.files[name] for name in (*needed, "ntorc_network.sv")}
    source = (project_root() / "firmware" / "virtual" / _WRAPPER).read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="ntorc-bench-") as folder:
        wrapper = Path(folder) / _WRAPPER
        wrapper.write_text(source.replace("INPUT_BITS", str(network.input_format.bits)), encoding="utf-8")
        return build_library(files, "ntorc_network", [wrapper], cache)


def drive(
    library: Path,
    network: Network,
    samples: IntArray,
    arrival: IntArray,
    ready: Sequence[int] = (1,),
    gates: IntArray | None = None,
    disturb: int = 0,
) -> Traffic:
    """Feed samples ``[n]`` to a network of one input channel (see ``firmware/virtual/network_bench.cpp``).

    A network that keeps state takes them as one stream.  Any other one takes whole frames, each as soon as the one
    before has left it; cycles then count from there.

    Args:
        library: of `build_network`.
        network: the same.
        samples: integers, whole frames.
        arrival: the cycle from which each is offered ``[n]``.
        ready: whether the receiver is ready, cycle by cycle, again and again.
        gates: the cycle before which it takes no word of an output vector ``[frames * output_length]``.
        disturb: cycles of other traffic, cut off by a reset, before the run.

    Raises:
        ToolError: a word did not come.
    """
    count, outputs, last = len(samples), network.outputs, network.layers[-1]
    frames = count // network.input_length
    expected = frames * outputs
    accepted, left, words = np.zeros(count, np.uint64), np.zeros(expected, np.uint64), np.zeros(expected, np.int32)
    pattern = np.array(ready, np.uint8)
    begins = np.zeros(frames * last.output_length, np.uint64) if gates is None else gates.astype(np.uint64)
    apart = 0 if network.stateful else network.input_length
    span = int(arrival.max()) + int(begins.max()) + 100_000
    limit = span * (frames if apart else 1) + 20_000 * count

    def pointer(array: npt.NDArray[np.generic]) -> ctypes.c_void_p:
        return ctypes.c_void_p(array.ctypes.data)

    run = ctypes.CDLL(str(library)).network_bench
    run.restype = ctypes.c_uint64
    fed, offered = samples.astype(np.int32), arrival.astype(np.uint64)
    number = ctypes.c_uint64
    found = run(
        pointer(fed), pointer(offered), number(count), number(apart), number(outputs), pointer(pattern),
        number(len(pattern)), pointer(begins), number(last.output_channels), number(disturb), pointer(accepted),
        pointer(words), pointer(left), number(expected), number(limit),
    )  # fmt: skip
    if found != expected:
        raise ToolError(f"'{network.name}' gave {found} of {expected} words within {limit} cycles")
    bits = network.output_format.bits
    signed = (words.astype(np.int64) + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)
    shape = (-1, outputs)
    return Traffic(accepted.astype(np.int64), signed.reshape(shape), left.astype(np.int64).reshape(shape))
