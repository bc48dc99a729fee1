"""Which chip this is, by its own identity register.

A Zynq-7000 gives it in PSS_IDCODE of its system registers (UG585, appendix B.28): bits 16 to 12 are the
device.  Reading it is always safe, also while nothing is programmed.
"""

from __future__ import annotations

import re

SLCR_BASE = 0xF800_0000
SLCR_SPAN = 0x1000
PSS_IDCODE = 0x530
_DEVICES = {
    "7z007s": 0x03, "7z010": 0x02, "7z012s": 0x1C, "7z014s": 0x08, "7z015": 0x1B, "7z020": 0x07, "7z030": 0x0C,
    "7z035": 0x12, "7z045": 0x11, "7z100": 0x16,
}  # fmt: skip
_REST = 0x0372_0093  # family, manufacturer and version 0


def device_of(part: str) -> str | None:
    """The device of a part, as ``7z020`` of ``xc7z020clg400-1``; None: it is no Zynq-7000."""
    found = re.match(r"x[cqa](7z[0-9]{3}s?)", part)
    return found[1] if found is not None and found[1] in _DEVICES else None


def idcode_of(part: str) -> int:
    """What PSS_IDCODE of a part's chip reads, in its first version; 0 for other families."""
    device = device_of(part)
    return 0 if device is None else _REST | _DEVICES[device] << 12


def device_with(idcode: int) -> str:
    """The device that an identity register's word says."""
    code = idcode >> 12 & 0x1F
    return next((name for name, one in _DEVICES.items() if one == code), f"unknown (0x{idcode:08X})")
