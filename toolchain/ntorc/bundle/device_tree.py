"""Compiled device-tree overlays (``.dtbo``) that go with a design: what the board's kernel is told of its logic."""

from __future__ import annotations

from pathlib import Path

from ntorc.errors import UsageError

_MAGIC = bytes.fromhex("d00dfeed")
"""How a flattened device tree begins (Devicetree Specification, 5.2)."""


def check_device_tree(path: Path | None) -> None:
    """Refuse what is no compiled device tree, before hours of work; None is fine.

    Raises:
        UsageError: it cannot be read, or is something else.
    """
    if path is None:
        return
    try:
        with path.open("rb") as stream:
            magic = stream.read(len(_MAGIC))
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}", "name a compiled overlay with --dtbo") from error
    if magic != _MAGIC:
        raise UsageError(
            f"{path} is no compiled device-tree overlay",
            f"compile it: dtc -@ -O dtb -o {path.stem}.dtbo {path.stem}.dts",
        )
