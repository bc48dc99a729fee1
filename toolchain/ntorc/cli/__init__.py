"""The command line: one file a command, no logic; heavy packages load only when a command runs."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Sequence

_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the process's exit code: 0 done, 1 error, 2 usage, 3 verdict, 130 interrupted."""
    from ntorc.cli.application import application
    from ntorc.errors import NtorcError, VerdictError

    words = list(sys.argv[1:] if arguments is None else arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    signal.signal(signal.SIGTERM, _terminated)
    try:
        application(args=words, prog_name="ntorc")
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        if code == _INTERRUPTED:
            _say_interrupted()
        return code
    except NtorcError as error:
        if isinstance(error, VerdictError) and error.result and "--json" in words:
            from ntorc.records import to_json

            sys.stdout.write(to_json(error.result))
        _say(error.message, error.hint)
        return error.exit_code
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise
        _say(
            f"no space left on the disk ({error.filename or 'while writing'})",
            "free some space, or point NTORC_HOME at another disk; finished stages are kept",
        )
        return 1
    return 0


def _say(message: str, hint: str, label: str = "error") -> None:
    sys.stderr.write(f"{label}: {message}\n" + (f"  {hint}\n" if hint else ""))


def _say_interrupted() -> None:
    _say("interrupted", "finished stages are kept: the same command goes on from there", label="ntorc")


def _terminated(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def program() -> None:
    """The entry point of the installed script.

    Ctrl-C ends it with 130 from its first line on.  Once there is a result, Ctrl-C changes nothing: while the
    interpreter ends it gives signals their default back, and a finished run would die of one.
    """
    try:
        code = main()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:  # before a command, or behind it
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        _say_interrupted()
        code = _INTERRUPTED
    # A Ctrl-C inside a text that Python runs (each dataclass that is imported is one) counts as unhandled ever after:
    # under `python -m` the interpreter would kill itself by SIGINT at its end.  Running the next text takes that back.
    exec("")  # noqa: S102
    sys.exit(code)
