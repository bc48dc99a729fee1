"""Real processes and the real library, with short names for the tests."""

from __future__ import annotations

import ctypes
import json
import signal
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import numpy.typing as npt

from ntorc.deploy.firmware import Firmware, compiler
from ntorc.measure.report import HarnessReport, parse_report
from ntorc.processes import run_tool

ROOT = Path(__file__).resolve().parents[2]
OK, BUS_ERROR, TIMEOUT, GONE, BAD_OFFSET = 0, -1, -2, -3, -4
ACCESS_CYCLES = 70
BLOCKING_OFFSET, SILENT_OFFSET = 0xF00, 0xF04
REGISTERS = {
    item["name"]: item["offset"]
    for item in json.loads((ROOT / "board/ntorc_board/registers.json").read_text(encoding="utf-8"))["registers"]
}


def compile_fake(folder: Path, flags: Sequence[str] = (), **macros: int) -> Path:
    """Compile fake_logic.c with these FAKE_ macros into a virtual bitstream."""
    words = [f"-DFAKE_{name.upper()}={value}u" for name, value in sorted(macros.items())]
    label = "".join(f"-{name}-{value}" for name, value in sorted(macros.items()))
    target = folder / f"fake{label}.so"
    includes = [f"-I{ROOT / 'firmware' / part}" for part in ("virtual", "harness")]
    run_tool(
        [
            *compiler().command,
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-O1",
            "-g",
            "-fPIC",
            "-shared",
            *includes,
            *words,
            *flags,
            Path(__file__).with_name("fake_logic.c"),
            "-o",
            target,
        ]
    )
    return target


class VirtualPl:
    """A running ntorc-virtual-pl with its control connection."""

    def __init__(
        self,
        firmware: Firmware,
        folder: Path | None = None,
        access_cycles: int = ACCESS_CYCLES,
        properties: Sequence[str] = (),
    ) -> None:
        # not pytest's folder: a Unix socket's path has at most 107 bytes
        self._own = tempfile.TemporaryDirectory(prefix="ntorc-") if folder is None else None
        self.folder = Path(self._own.name) if self._own is not None else folder or Path()
        self.memory, self.control = self.folder / "memory", self.folder / "control"
        self.process = subprocess.Popen(
            [
                firmware.virtual_pl,
                "--memory",
                self.memory,
                "--control",
                self.control,
                "--access-cycles",
                str(access_cycles),
                "--clock-hz",
                "100000000",
                *properties,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            _, error = self.process.communicate(timeout=30)
            raise RuntimeError(error)
        self.connection = self.connect()

    def __enter__(self) -> VirtualPl:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.connection.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
        _, self.errors = self.process.communicate(timeout=60)  # closes its standard input
        if self._own is not None:
            self._own.cleanup()

    @property
    def url(self) -> str:
        return f"sim:{self.memory}"

    def connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(30)
        connection.connect(str(self.control))
        return connection

    def ask(self, command: str) -> str:
        """Send one command, return its answer."""
        self.connection.sendall(command.encode() + b"\n")
        return receive_line(self.connection)

    def info(self) -> dict[str, str]:
        answer = self.ask("info")
        status, clock, cycles, accesses, programmed = answer.split(" ", 4)
        assert status == "ok"
        return dict(part.split("=", 1) for part in (clock, cycles, accesses, programmed))

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)


def receive_line(connection: socket.socket) -> str:
    """One line of answer, without its end."""
    line = b""
    while not line.endswith(b"\n"):
        part = connection.recv(65536)
        if not part:
            raise ConnectionError(f"closed after {line!r}")
        line += part
    return line[:-1].decode(errors="replace")


class RegisterLibrary:
    """libntorc_regs.so through ctypes, as the agent uses it."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(str(path))
        self._open = library.ntorc_regs_open
        self._open.restype = ctypes.c_void_p
        self._open.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t]
        self._read = library.ntorc_regs_read
        self._read.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
        self._write = library.ntorc_regs_write
        self._write.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        self._close = library.ntorc_regs_close
        self._close.argtypes = [ctypes.c_void_p]
        self._close.restype = None
        self._describe = library.ntorc_regs_describe
        self._describe.restype = ctypes.c_char_p

    def try_open(self, url: bytes, size: int = 512) -> tuple[int | None, bytes]:
        """The handle, and the error's text as far as it fits into ``size`` bytes."""
        error = ctypes.create_string_buffer(b"\xaa" * (size + 1), size + 1)
        handle = self._open(url, error, size)
        assert error.raw[size] == 0xAA, "written beyond the buffer"
        return handle, error.raw[:size].split(b"\0")[0] if size else b""

    def open(self, url: str) -> int:
        handle, error = self.try_open(url.encode())
        assert handle is not None, error
        return handle

    def read(self, handle: int, offset: int) -> tuple[int, int]:
        value = ctypes.c_uint32(0xDEADBEEF)
        return self._read(handle, offset, ctypes.byref(value)), value.value

    def write(self, handle: int, offset: int, value: int) -> int:
        return int(self._write(handle, offset, value & 0xFFFFFFFF))

    def close(self, handle: int) -> None:
        self._close(handle)

    def describe(self, result: int) -> str:
        return str(self._describe(result).decode())


@dataclass(frozen=True)
class HarnessRun:
    status: int
    report: HarnessReport | None
    errors: str
    out: Path


def harness_arguments(firmware: Firmware, url: str, samples: Path, out: Path, **options: object) -> list[str]:
    words = [str(firmware.harness), "--regs", url, "--samples", str(samples), "--out", str(out)]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", str(value)]
    return words


def run_harness(firmware: Firmware, url: str, samples: Path, out: Path, **options: object) -> HarnessRun:
    done = subprocess.run(
        harness_arguments(firmware, url, samples, out, **options),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return HarnessRun(done.returncode, parse_report(done.stdout) if done.stdout else None, done.stderr, out)


def write_samples(path: Path, samples: npt.ArrayLike) -> npt.NDArray[np.int32]:
    counts = np.asarray(samples, dtype="<i4")
    path.write_bytes(counts.tobytes())
    return counts


def window_sums(counts: npt.NDArray[np.int32], window: int, hop: int, estimates: int) -> list[int]:
    """What the fake estimator gives, when the samples are used again from the start at their end."""
    ends = window + hop * np.arange(estimates)
    return [int(counts[np.arange(end - window, end) % counts.size].sum()) for end in ends]
