"""Capacities of devices, as facts: to say which one would do, and to allocate for one that no board here has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import tomllib

from ntorc.backends.base import RESOURCES, Resources
from ntorc.errors import StorageError, UsageError
from ntorc.paths import boards_folder


@dataclass(frozen=True)
class Device:
    """A device by the beginning of its part's name, as ``xc7z020``."""

    name: str
    family: str
    capacity: Resources


@cache
def list_devices() -> tuple[Device, ...]:
    """All of them, by rising number of LUTs.

    Raises:
        StorageError: their file is damaged.
    """
    path = boards_folder().parent / "devices.toml"
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
        found = [
            Device(name, str(row["family"]), Resources(**{kind: float(row[kind]) for kind in RESOURCES}))
            for name, row in plain.items()
        ]
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError) as error:
        raise StorageError(f"{path} cannot be read: {error}", "restore it from the project") from error
    return tuple(sorted(found, key=lambda device: device.capacity.lut))


def load_device(name: str) -> Device:
    """A device by its name.

    Raises:
        UsageError: there is no such one.
    """
    for device in list_devices():
        if device.name == name:
            return device
    raise UsageError(
        f"there is no device '{name}'", f"known devices: {', '.join(item.name for item in list_devices())}"
    )
