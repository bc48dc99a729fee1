"""What can go wrong on a board.  Every error says what is wrong and what to do next."""

from __future__ import annotations


class BoardError(Exception):
    """Something failed on the board.

    Args:
        message: what happened, naming the file or value at fault.
        hint: what to do next.
        details: further facts for a program, as plain JSON values.
    """

    def __init__(self, message: str, hint: str = "", details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details or {}


class RefusedError(BoardError):
    """A bundle is unsigned, altered, for another board or otherwise not to be programmed."""


class ProgrammingError(BoardError):
    """The design could not be programmed, is not the one it should be, or gives wrong results."""


class BusError(BoardError):
    """A register could not be accessed: nothing is programmed, or the logic does not answer."""


class HarnessError(BoardError):
    """The measuring loop could not be run, failed, or was silent for too long."""


class RequestError(BoardError):
    """A request to the agent is not one that it knows, or has fields of the wrong kind."""


class BusyError(BoardError):
    """Another agent is using the board."""


class LeaseError(BoardError):
    """The board is leased to somebody else."""


# What a defect in the agent or in pynq would raise: answered as a failure, so that one bad request
# does not end the agent; the traceback's last words are in the answer.
DEFECTS = (
    OSError,
    ImportError,
    RuntimeError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
)
