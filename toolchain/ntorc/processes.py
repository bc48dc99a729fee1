"""Running external tools: argument lists only, their output kept, ended with us on Ctrl-C."""

from __future__ import annotations

import os
import selectors
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from ntorc.errors import ToolError


def run_tool(
    arguments: Sequence[str | Path],
    *,
    folder: Path | None = None,
    log: Path | None = None,
    timeout_s: float | None = None,
    environment: Mapping[str, str] | None = None,
    what: str = "",
) -> str:
    """Run a tool to its end and return what it printed (stdout and stderr together).

    Args:
        arguments: the program and its arguments; never a shell string.
        folder: working folder.
        log: file that receives the output, also on failure.
        timeout_s: limit, after which the tool is killed.
        environment: the whole environment, or None for ours.
        what: the tool's name for messages.

    Raises:
        ToolError: not found, failed, or over its time; the end of its output is in the hint.
    """
    words = [str(word) for word in arguments]
    name = what or Path(words[0]).name
    try:
        done = subprocess.run(
            words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            env=environment,
            check=False,
            text=True,
            errors="replace",
        )
    except FileNotFoundError as error:
        raise ToolError(f"{name} was not found ({words[0]})", "run `ntorc doctor` to see what is missing") from error
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{name} took more than {timeout_s:.0f} s and was stopped") from error
    if log is not None:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"$ {' '.join(words)}\n{done.stdout}", encoding="utf-8")
    if done.returncode != 0:
        end = "\n".join(done.stdout.strip().splitlines()[-12:])
        raise ToolError(f"{name} failed with status {done.returncode}", end + (f"\nfull log: {log}" if log else ""))
    return done.stdout


def lines_and_pauses(stream: IO[bytes], pause_s: float) -> Iterator[str | None]:
    """Lines of a process' pipe as they come, and None whenever ``pause_s`` passed without one; ends with the pipe."""
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            if not selector.select(pause_s):
                yield None
                continue
            content = os.read(stream.fileno(), 1 << 16)
            *whole, rest = (rest + content).split(b"\n")
            for line in whole:
                yield line.decode(errors="replace")
            if not content:
                break
    if rest:
        yield rest.decode(errors="replace")


def each_line(process: subprocess.Popen[str], on_line: Callable[[str], None]) -> int:
    """Tell each line of a process' stdout as it comes; its status.  Whatever interrupts this ends the process too."""
    try:
        assert process.stdout is not None
        for line in process.stdout:
            on_line(line.rstrip("\n"))
        return process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise


def run_reporting(
    arguments: Sequence[str | Path],
    on_line: Callable[[str], None],
    *,
    log: Path,
    environment: Mapping[str, str],
    what: str,
) -> None:
    """Run a program that takes minutes, and see each line that it prints on stdout as it comes.

    Args:
        arguments: the program and its arguments.
        on_line: told every line.
        log: file that receives stderr.
        environment: the whole environment.
        what: the program's name for messages.

    Raises:
        ToolError: it failed; the end of its log is in the hint.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as kept:
        process = subprocess.Popen(
            [str(word) for word in arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=kept,
            env=environment, text=True, errors="replace",
        )  # fmt: skip
        status = each_line(process, on_line)
    if status != 0:
        end = "\n".join(log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-12:])
        raise ToolError(f"{what} failed with status {status}", f"{end}\nfull log: {log}")
