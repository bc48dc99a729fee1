"""Simulated logic in this process, through its AXI4-Lite registers: for emulation and tests."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ntorc.errors import ToolError
from ntorc.paths import project_root


def register_offsets() -> dict[str, int]:
    """Byte offsets by register name, from the one register map."""
    text = (project_root() / "board" / "ntorc_board" / "registers.json").read_text(encoding="utf-8")
    return {entry["name"]: int(str(entry["offset"]), 0) for entry in json.loads(text)["registers"]}


_BUSY = 1  # in STATUS


class SimulatedLogic:
    """A loaded virtual bitstream (see ``firmware/virtual/pl_abi.h``); a context manager."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))
        self._library.ntorc_pl_create.restype = ctypes.c_void_p
        for name in ("destroy", "reset"):
            getattr(self._library, f"ntorc_pl_{name}").argtypes = [ctypes.c_void_p]
        self._library.ntorc_pl_step.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        self._library.ntorc_pl_write.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        self._library.ntorc_pl_read.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
        self._handle = self._library.ntorc_pl_create()
        self.offsets = register_offsets()

    def __enter__(self) -> SimulatedLogic:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._library.ntorc_pl_destroy(self._handle)

    def step(self, cycles: int) -> None:
        """Let cycles pass with an idle bus."""
        self._library.ntorc_pl_step(self._handle, cycles)

    def read(self, register: str, index: int = 0) -> int:
        """One register, unsigned; ``index`` counts words behind it."""
        value = ctypes.c_uint32()
        offset = self.offsets[register] + 4 * index
        if self._library.ntorc_pl_read(self._handle, offset, ctypes.byref(value)) != 0:
            raise ToolError(f"the simulated bus gave no answer at {offset:#x}")
        return value.value

    def write(self, register: str, value: int) -> None:
        """Write one register; negative values as two's complement."""
        if self._library.ntorc_pl_write(self._handle, self.offsets[register], value & 0xFFFFFFFF) != 0:
            raise ToolError(f"the simulated bus gave no answer when writing {register}")

    def estimates(
        self, samples: npt.ArrayLike, hop: int, limit_cycles: int = 10_000_000, pause_cycles: int = 0
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Feed samples; after each that completes a frame, wait for its result and for the network to drain.

        Args:
            samples: integers ``[n]``.
            hop: samples from frame to frame.
            limit_cycles: wait for one result.
            pause_cycles: let pass after each sample, as between samples of a slow sensor.

        Returns:
            results ``[frames, outputs]`` and their latencies in cycles ``[frames]``.
        """
        window, outputs = self.read("WINDOW"), self.read("OUTPUTS")
        self.write("CONTROL", 1)
        self.write("HOP", hop)
        results: list[list[int]] = []
        latencies: list[int] = []
        for count, sample in enumerate(np.asarray(samples, np.int64).tolist(), start=1):
            self.write("SAMPLE", sample)
            self.step(pause_cycles)
            if count >= window and (count - window) % hop == 0:
                if latencies:
                    self.step(latencies[-1])  # the next one takes as long; each look at a register takes cycles too
                self._await(lambda: self.read("RESULT_SEQ") != len(results), limit_cycles)
                words = [self.read("RESULT", index) for index in range(outputs)]
                results.append([word - (1 << 32) if word >> 31 else word for word in words])
                latencies.append(self.read("LATENCY"))
                # a layer may still work on what no result needs; a frame that is due before is dropped
                self._await(lambda: not self.read("STATUS") & _BUSY, limit_cycles)
        return np.asarray(results, np.int64).reshape(-1, outputs), np.asarray(latencies, np.int64)

    def _await(self, reached: Callable[[], bool], limit_cycles: int) -> None:
        for _ in range(limit_cycles // 64):
            if reached():
                return
            self.step(64)
        raise ToolError(f"no result within {limit_cycles} cycles")
