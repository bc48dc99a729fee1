"""Running the measuring loop, ``ntorc-harness``, and passing on what it says."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ntorc_board.environment import describe_machine, last_cpu, temperature_c
from ntorc_board.errors import HarnessError, RequestError

SILENCE_LIMIT_S = 60.0
"""The harness reports every 2 s or so; after this long without a word it is stopped."""
_END_LIMIT_S = 10.0
_MAX_OUTPUT_BYTES = 1 << 20
_MAX_ESTIMATES = 4_000_000_000
LAST_CPU = "last"
MOST_CPU = 1023
_LIVE = ("shm:", "unix:")
_LOADS = ("cpu", "mem", "io", "net")
_UNSET = 0xFFFF_FFFF


@dataclass(frozen=True)
class MeasureRequest:
    """What to measure.

    Attributes:
        samples: file of raw int32 little-endian counts, used in a circle; or a live source of the harness,
            ``shm:PATH`` or ``unix:PATH``.
        out: file for the records.
        estimates: how many estimates.
        hop: samples between estimates.
        period_ns: time between samples, or 0 to run freely.
        gap_cycles: of the logic, between an estimate's samples when it runs freely.
        timeout_us: the longest wait for one result, or None for the harness's own.
        cpu: processor to run on, or None for any; a request may say ``"last"`` (`last_cpu`).
        fifo: SCHED_FIFO priority 1..99, or None for the harness's own.
        deadline_ns: of an estimate, from its last sample's release, or None to count no misses.
        deadline_cycles: the logic's share of it, for its probe, or None.
        hist_lower, hist_shift: edge and width of the probe's bins, or None for the harness's own.
        load: interference, such as ``cpu,net``; empty for none.
        account: whether to measure the harness's own time.
    """

    samples: str
    out: Path
    estimates: int
    hop: int
    period_ns: int = 0
    gap_cycles: int = 0
    timeout_us: int | None = None
    cpu: int | None = None
    fifo: int | None = None
    deadline_ns: int | None = None
    deadline_cycles: int | None = None
    hist_lower: int | None = None
    hist_shift: int | None = None
    load: str = ""
    account: bool = False

    @classmethod
    def parse(cls, fields: dict[str, Any], default_hop: int) -> MeasureRequest:
        """Read and check a request's fields.

        Raises:
            RequestError: a field is missing, of the wrong kind or out of range.
        """
        request = cls(
            samples=_text(fields, "samples"),
            out=Path(_text(fields, "out")),
            estimates=_number(fields, "estimates", 1, _MAX_ESTIMATES) or 0,
            hop=_number(fields, "hop", 1, 65535, default_hop) or default_hop,
            period_ns=_number(fields, "period_ns", 0, 10**12, 0) or 0,
            timeout_us=_number(fields, "timeout_us", 1, 10**9, None),
            cpu=last_cpu() if fields.get("cpu") == LAST_CPU else _number(fields, "cpu", 0, MOST_CPU, None),
            fifo=_number(fields, "fifo", 1, 99, None),
            deadline_ns=_number(fields, "deadline_ns", 1, 10**12, None),
            deadline_cycles=_number(fields, "deadline_cycles", 0, _UNSET, None),
            hist_lower=_number(fields, "hist_lower", 0, _UNSET, None),
            hist_shift=_number(fields, "hist_shift", 0, 15, None),
            load=_load(fields.get("load", "")),
            account=fields.get("account") is True,
        )
        if not request.samples.startswith(_LIVE):
            samples = Path(request.samples)
            if not samples.is_file() or samples.stat().st_size % 4 or not samples.stat().st_size:
                raise RequestError(f"{samples} is no file of int32 samples", "write the samples first")
        if not request.out.parent.is_dir():
            raise RequestError(f"the folder of {request.out} does not exist", "make it first")
        return request

    def arguments(self) -> list[str]:
        """The harness's arguments for this request."""
        words = ["--samples", self.samples, "--out", str(self.out), "--estimates", str(self.estimates)]
        words += ["--hop", str(self.hop), "--period-ns", str(self.period_ns), "--gap-cycles", str(self.gap_cycles)]
        for name in _OPTIONAL:
            value = getattr(self, name)
            if value is not None:
                words += [f"--{name.replace('_', '-')}", str(value)]
        if self.load:
            words += ["--load", self.load]
        return [*words, "--account"] if self.account else words


_MISSING = object()
_OPTIONAL = ("timeout_us", "cpu", "fifo", "deadline_ns", "deadline_cycles", "hist_lower", "hist_shift")


def _load(value: object) -> str:
    if not isinstance(value, str) or any(name not in _LOADS for name in value.split(",") if value):
        raise RequestError("the field 'load' names no interference", f"give {', '.join(_LOADS)}, or several")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value or "\0" in value:
        raise RequestError(f"the field {name!r} must be a path", "see the agent's protocol in its documentation")
    return value


def _number(fields: dict[str, Any], name: str, low: int, high: int, default: object = _MISSING) -> int | None:
    value = fields.get(name, default)
    if value is None or (value is default and default is not _MISSING):
        if default is _MISSING:
            raise RequestError(f"the field {name!r} is missing", f"give a number from {low} to {high}")
        return default if isinstance(default, int) else None
    if type(value) is not int or not low <= value <= high:
        raise RequestError(f"the field {name!r} must be a whole number from {low} to {high}", "correct the request")
    return value


def run_harness(
    program: Path,
    registers_url: str,
    design_id: str,
    request: MeasureRequest,
    say: Callable[[str], None],
    cancelled: threading.Event,
    silence_limit_s: float = SILENCE_LIMIT_S,
) -> dict[str, Any]:
    """Run the harness to its end and return its JSON object, with ``machine`` as `describe_machine` gives it.

    Args:
        program: ``ntorc-harness``.
        registers_url: where the registers are.
        design_id: 16 hex digits; the harness refuses another design.
        request: what to measure.
        say: told every line that the harness prints while it runs.
        cancelled: when set, the harness is asked to stop and writes what it has.
        silence_limit_s: after this long without a line it is killed.

    Raises:
        HarnessError: it cannot be started, failed, was silent for too long, or gave no JSON object.
    """
    machine = describe_machine()
    words = [str(program), "--regs", registers_url, "--design-id", design_id, *request.arguments()]
    try:
        request.out.unlink(missing_ok=True)  # what is there after a failure is this run's
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise HarnessError(f"cannot start {program}: {error.strerror}", "build the firmware again") from error
    with process:
        try:
            output, last = _follow(process, say, cancelled, silence_limit_s)
            status = process.wait(timeout=_END_LIMIT_S)
        except subprocess.TimeoutExpired as error:
            raise HarnessError("the harness closed its output and did not end", "see the agent's log") from error
        finally:
            if process.poll() is None:
                process.kill()
    summary = _summary(output)
    if status != 0:
        raise HarnessError(
            f"the harness ended with status {status}: {last or 'it said nothing'}",
            "see the agent's log; the records that there are were kept",
            {"harness": summary, "records": str(request.out) if request.out.is_file() else None},
        )
    if summary is None:
        raise HarnessError("the harness did not print a JSON object", "build the firmware again")
    return {**summary, "machine": {**machine, "temperature_end_c": temperature_c()}}


def _summary(output: bytes) -> dict[str, Any] | None:
    try:
        summary = json.loads(output)
    except (ValueError, RecursionError):
        return None
    return summary if isinstance(summary, dict) else None


def _follow(
    process: subprocess.Popen[bytes],
    say: Callable[[str], None],
    cancelled: threading.Event,
    silence_limit_s: float,
) -> tuple[bytes, str]:
    """Read both outputs until they close; returns stdout and the last line of stderr."""
    output, lines, last = b"", b"", ""
    heard_s = time.monotonic()
    stop_s: float | None = None
    with selectors.DefaultSelector() as selector:
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select(timeout=0.1):
                block = os.read(key.fd, 65536)
                heard_s = time.monotonic()
                if not block:
                    selector.unregister(key.fileobj)
                elif key.fileobj is process.stdout:
                    output = (output + block)[:_MAX_OUTPUT_BYTES]
                else:
                    *whole, lines = (lines + block)[-_MAX_OUTPUT_BYTES:].split(b"\n")
                    for line in whole:
                        last = line.decode(errors="replace").strip() or last
                        say(last)
            now_s = time.monotonic()
            if cancelled.is_set() and stop_s is None:
                process.send_signal(signal.SIGINT)
                stop_s = now_s
            if now_s - heard_s > silence_limit_s or (stop_s is not None and now_s - stop_s > _END_LIMIT_S):
                process.kill()
                raise HarnessError(
                    f"the harness said nothing for {now_s - heard_s:.0f} s and was stopped",
                    "see the agent's log",
                )
    return output, lines.decode(errors="replace").strip() or last
