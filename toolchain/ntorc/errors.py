"""The error tree.  Every error that a user can cause says what is wrong and what to do next.

Exit codes are part of the command contract: 1 error, 2 wrong usage, 3 a verdict (deadline
missed, infeasible, gate failed).
"""

from __future__ import annotations


class NtorcError(Exception):
    """Something went wrong that the user can act on.

    Args:
        message: what happened, naming the file or value at fault.
        hint: what to do next; shown on its own line.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class UsageError(NtorcError):
    """A command was called with a value it does not accept."""

    exit_code = 2


class DataError(NtorcError):
    """Recorded runs, a network file or another input cannot be used as it is."""


class StorageError(NtorcError):
    """The store cannot be read or written (disk full, permissions, altered contents)."""


class ToolError(NtorcError):
    """An external tool (compiler, simulator, synthesiser) is missing or failed."""


class BundleError(NtorcError):
    """A bundle is unsigned, altered, for another part or otherwise not to be programmed."""


class DeploymentError(NtorcError):
    """A target refused or failed a deployment; the previous design is still the confirmed one."""


class MeasurementError(NtorcError):
    """The harness failed, timed out, or returned records that cannot be used."""


class VerdictError(NtorcError):
    """The work was done and the answer is no; carries the object that ``--json`` prints."""

    exit_code = 3

    def __init__(self, message: str, hint: str = "", result: dict[str, object] | None = None) -> None:
        super().__init__(message, hint)
        self.result = result or {}


class InfeasibleError(VerdictError):
    """No allocation meets the deadline under the device's caps."""


class GateError(VerdictError):
    """Outputs differ from ``network/reference.py``; the design must not be used."""
