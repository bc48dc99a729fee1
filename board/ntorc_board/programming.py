"""Programming a verified bundle through pynq, and proving that the right logic is there.

The first registers read after programming are MAGIC and DESIGN_ID: on a real board an access to
logic that is not the shell can hang the processor, so nothing else is touched before they fit.
"""

from __future__ import annotations

import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ntorc_board.errors import BusError, ProgrammingError
from ntorc_board.manifest import DEVICE_TREE, LOGIC, REGISTERS, VECTORS, Manifest
from ntorc_board.parts import (
    PSS_IDCODE,
    SLCR_BASE,
    SLCR_SPAN,
    device_of,
    device_with,
    is_ultrascale,
    system_identity,
)
from ntorc_board.registers import load_registers

MAGIC = 0x4E544F52
"""The MAGIC register of every shell: ``NTOR``."""
SHELL_VERSION = 3
SHELL_INSTANCE = "ntorc_0"
RESULT_TIMEOUT_S = 5.0
"""How long the self-test waits for one result; a simulated logic needs milliseconds."""

_SOFT_RESET = 1  # in CONTROL
_BUSY, _FILLED = 1, 4  # in STATUS
_CLOCK_TOLERANCE = 1e-6
# what pynq raises for a hardware description or a bitstream that it cannot use
_PYNQ_ERRORS = (OSError, ImportError, RuntimeError, ValueError, LookupError, TypeError, AttributeError, SyntaxError)

Progress = Callable[[str, int, int], None]
"""Called with what is done, how many, of how many."""


class Shell:
    """The shell's registers by name, through pynq's MMIO."""

    def __init__(self, mmio: Any, offsets: dict[str, int]) -> None:
        self._mmio = mmio
        self._offsets = offsets

    def read(self, name: str) -> int:
        """A register as an unsigned number.

        Raises:
            BusError: the logic does not answer, or the design has no such register.
        """
        return int(self._mmio.read(self._offset(name)))

    def read_signed(self, name: str) -> int:
        """A register as a two's complement number."""
        value = self.read(name)
        return value - (1 << 32) if value >> 31 else value

    def write(self, name: str, value: int) -> None:
        """Write a register; negative numbers in two's complement."""
        self._mmio.write(self._offset(name), int(value) & 0xFFFF_FFFF)

    def _offset(self, name: str) -> int:
        if name not in self._offsets:
            raise BusError(f"the design has no register {name}", "build the bundle again with this version of ntorc")
        return self._offsets[name]


@dataclass(frozen=True)
class Programmed:
    """A design in the logic: its shell, and FCLK0 in Hz as it was set and as it reads back."""

    manifest: Manifest
    shell: Shell
    shell_base: int
    shell_span: int
    clock_set_hz: float
    clock_read_back_hz: float


@dataclass(frozen=True)
class SelfTest:
    """Results compared with the stored ones; `first` says where they differ first."""

    vectors: int
    mismatches: int
    first: str = ""


def program(folder: Path, manifest: Manifest, device: Any, root: Path = Path("/")) -> Programmed:
    """Program a bundle that was verified, set its clock, and check who answers.

    Args:
        folder: the bundle.
        manifest: its verified manifest.
        device: the pynq Device.
        root: where the system's ``sys`` and ``proc`` are.

    Raises:
        ProgrammingError: the chip is another one, pynq refuses it, the clock is not as set, or another design answers.
        BusError: the logic does not answer.
    """
    import pynq

    offsets = {register.name: register.offset for register in load_registers(folder / REGISTERS)}
    logic = folder / LOGIC[manifest.kind]
    _check_chip(manifest, device, root)
    device_tree = str(folder / DEVICE_TREE) if DEVICE_TREE in manifest.files else None
    try:
        overlay = pynq.Overlay(str(logic), dtbo=device_tree, device=device)
        core = getattr(overlay, SHELL_INSTANCE)
        clock_set_hz = float(overlay.clock_dict[0]["frequency"]) * 1e6
        clock_read_back_hz = float(pynq.Clocks.fclk0_mhz) * 1e6
    except _PYNQ_ERRORS as error:
        raise ProgrammingError(f"pynq cannot program {logic.name}: {error}", "see the agent's log") from error
    _check_clock(manifest, clock_set_hz, clock_read_back_hz)
    shell = Shell(core.mmio, offsets)
    _check_identity(shell, manifest)
    return Programmed(
        manifest, shell, int(core.mmio.base_addr), int(core.mmio.length), clock_set_hz, clock_read_back_hz
    )


def _check_chip(manifest: Manifest, device: Any, root: Path) -> None:
    """Nothing is programmed into another chip than the bundle's, whatever the board was set up as.

    A Zynq UltraScale+ whose system says nothing of it is taken for what it was set up as.
    """
    wanted = device_of(manifest.part)
    if wanted is None:
        return
    if is_ultrascale(wanted):
        said = system_identity(root)
        if said is not None and said.device != wanted:
            raise _another_chip(f"{said.device}, as {said.source} says", manifest)
        return
    found = _zynq_7000(device)
    if found != wanted:
        raise _another_chip(found, manifest)


def _zynq_7000(device: Any) -> str:
    from pynq import MMIO

    try:
        return device_with(int(MMIO(SLCR_BASE, SLCR_SPAN, device=device).read(PSS_IDCODE)))
    except _PYNQ_ERRORS as error:
        raise ProgrammingError(f"the chip's identity cannot be read: {error}", "see the agent's log") from error


def _another_chip(found: str, manifest: Manifest) -> ProgrammingError:
    article = "" if found.startswith("a ") else "a "
    return ProgrammingError(
        f"the chip is {article}{found}, and the bundle is for {manifest.part}",
        "this board was set up as another kind than it is: remove board.json in its folder and add it again",
    )


def _check_clock(manifest: Manifest, set_hz: float, read_back_hz: float) -> None:
    if abs(read_back_hz - set_hz) > _CLOCK_TOLERANCE * set_hz:
        raise ProgrammingError(
            f"FCLK0 was set to {set_hz / 1e6:.6f} MHz and reads back {read_back_hz / 1e6:.6f} MHz",
            "another program may be setting the clocks; end it and deploy again",
        )
    if read_back_hz > manifest.clock_hz * (1 + _CLOCK_TOLERANCE):
        raise ProgrammingError(
            f"FCLK0 runs at {read_back_hz:.0f} Hz, above the design's {manifest.clock_hz} Hz",
            "build the bundle again",
        )


def _check_identity(shell: Shell, manifest: Manifest) -> None:
    magic = shell.read("MAGIC")
    if magic != MAGIC:
        raise ProgrammingError(f"MAGIC reads 0x{magic:08X}: this logic is not an ntorc shell", "build the bundle again")
    design_id = f"{shell.read('DESIGN_ID_HI'):08x}{shell.read('DESIGN_ID_LO'):08x}"
    if design_id != manifest.design_id:
        raise ProgrammingError(
            f"the logic says that it is the design {design_id}, and the bundle is {manifest.design_id}",
            "build the bundle again",
        )
    expected = {"SHELL_VERSION": SHELL_VERSION, "CLOCK_HZ": manifest.clock_hz, "WINDOW": manifest.window}
    for name, value in expected.items():
        found = shell.read(name)
        if found != value:
            raise ProgrammingError(f"the logic's {name} is {found}, and the bundle says {value}", "build it again")


def self_test(
    programmed: Programmed, folder: Path, progress: Progress, timeout_s: float = RESULT_TIMEOUT_S
) -> SelfTest:
    """Push the bundle's stored samples and compare every result, bit for bit.

    The logic is reset before and after, so that what is measured later starts from nothing.

    Args:
        programmed: the design, already identified.
        folder: its bundle, with ``vectors.npz``: ``samples`` int32 [n], ``results`` int32 [m], ``hop``.
        progress: told how far it is.
        timeout_s: the longest wait for one result.

    Raises:
        ProgrammingError: the vectors cannot be used, or a result does not come.
        BusError: the logic stopped answering.
    """
    samples, results, hop = _vectors(folder / VECTORS, programmed.manifest.window)
    shell, window = programmed.shell, programmed.manifest.window
    shell.write("HOP", hop)
    if shell.read("HOP") != hop:
        raise ProgrammingError(f"the logic does not take the hop {hop}", "build the bundle again")
    _reset(shell, timeout_s)
    mismatches, first = 0, ""
    pushed = 0
    for number, expected in enumerate(results, start=1):
        last = window + (number - 1) * hop - 1
        for sample in samples[pushed:last]:
            shell.write("SAMPLE", sample)
            _let_pass(shell, programmed.manifest.gap_cycles, timeout_s)
        _await_idle(shell, timeout_s)  # a frame that is due while the logic works on the last one is lost
        shell.write("SAMPLE", samples[last])
        pushed = last + 1
        _await_result(shell, number, timeout_s)
        found = shell.read_signed("RESULT")
        if found != expected:
            mismatches += 1
            first = first or f"result {number} is {found} instead of {expected}"
        progress("self-test", number, len(results))
    _reset(shell, timeout_s)
    return SelfTest(len(results), mismatches, first)


def _reset(shell: Shell, timeout_s: float) -> None:
    """Reset the estimator, and wait until it has forgotten everything; HOP stays."""
    shell.write("CONTROL", _SOFT_RESET)
    deadline_s = time.monotonic() + timeout_s
    while shell.read("RESULT_SEQ") != 0 or shell.read("STATUS") & (_BUSY | _FILLED):
        if time.monotonic() > deadline_s:
            raise ProgrammingError("the logic did not become idle after a soft reset", "build the bundle again")


def _await_idle(shell: Shell, timeout_s: float) -> None:
    deadline_s = time.monotonic() + timeout_s
    while shell.read("STATUS") & _BUSY:
        if time.monotonic() > deadline_s:
            raise ProgrammingError("the logic did not become idle after a result", "build the bundle again")


def _let_pass(shell: Shell, cycles: int, timeout_s: float) -> None:
    """Wait so many cycles of the logic; none costs no access."""
    if cycles == 0:
        return
    deadline_s, start = time.monotonic() + timeout_s, shell.read("CYCLES_LO")
    while (shell.read("CYCLES_LO") - start) % (1 << 32) < cycles:
        if time.monotonic() > deadline_s:
            raise ProgrammingError("the logic's cycles stand still", "build the bundle again")


def _vectors(path: Path, window: int) -> tuple[list[int], list[int], int]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            samples, results, hop = arrays["samples"], arrays["results"], int(arrays["hop"])
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ProgrammingError(f"the bundle's {VECTORS} cannot be read: {error}", "build the bundle again") from error
    if samples.dtype != np.int32 or results.dtype != np.int32 or samples.ndim != 1 or results.ndim != 1:
        raise ProgrammingError(f"the bundle's {VECTORS} does not hold int32 series", "build the bundle again")
    if len(results) == 0 or hop < 1 or len(samples) < window + (len(results) - 1) * hop:
        raise ProgrammingError(f"the bundle's {VECTORS} has too few samples for its results", "build the bundle again")
    return samples.tolist(), results.tolist(), hop


def _await_result(shell: Shell, number: int, timeout_s: float) -> None:
    """Wait until RESULT_SEQ is ``number``; a bounded wait, so that stuck logic is an error and no hang."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        # the clock is read before the register, so that the last look comes after the whole wait
        over = time.monotonic() > deadline_s
        sequence = shell.read("RESULT_SEQ")
        if sequence == number:
            return
        if sequence > number:
            raise ProgrammingError(
                f"the logic gave {sequence} results where {number} were due", "build the bundle again"
            )
        if over:
            raise ProgrammingError(f"result {number} did not come within {timeout_s:g} s", "build the bundle again")
