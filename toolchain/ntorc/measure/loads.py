"""Interference while a loop is measured, by name: what a board's I/O overhead is kept by."""

from __future__ import annotations

from ntorc.errors import UsageError

LOADS = ("cpu", "mem", "io", "net")
"""What the harness can do beside its loop; the agent knows the same."""


def load_named(text: str) -> str:
    """A load in its one spelling: each name once, in the order of `LOADS`; empty for none.

    Raises:
        UsageError: a name that is none.
    """
    names = {name.strip() for name in text.split(",") if name.strip()}
    unknown = sorted(names - set(LOADS))
    if unknown:
        raise UsageError(f"there is no load '{unknown[0]}'", f"give {', '.join(LOADS)}, or several with commas")
    return ",".join(name for name in LOADS if name in names)
