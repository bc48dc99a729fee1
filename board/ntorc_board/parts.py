"""Which chip this is, by what it or the running system says of itself, before anything is programmed.

A Zynq-7000 gives it in PSS_IDCODE of its system registers (UG585, appendix B.28): bits 16 to 12 are the
device.  Reading it is always safe, also while nothing is programmed.

A Zynq UltraScale+ has CSU_IDCODE, which Linux may not be allowed to read; its firmware hands it on instead, and
Linux shows it as the SoC's revision (SMCCC_ARCH_SOC_ID: ``/sys/devices/soc0``, from Linux 5.9 on).  Older systems
name only the board that their device tree was written for; that is the boot image's word, not the chip's.
``soc_revision`` of the zynqmp nvmem is of no use here: it is the silicon's revision and says nothing of the device.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

SLCR_BASE = 0xF800_0000
SLCR_SPAN = 0x1000
PSS_IDCODE = 0x530
_DEVICES = {
    "7z007s": 0x03, "7z010": 0x02, "7z012s": 0x1C, "7z014s": 0x08, "7z015": 0x1B, "7z020": 0x07, "7z030": 0x0C,
    "7z035": 0x12, "7z045": 0x11, "7z100": 0x16,
}  # fmt: skip
_REST = 0x0372_0093  # family, manufacturer and version 0

# IDCODE of the processing system's tap with version 0 (UG1085, and what the modules K24 and K26 say); the letters
# behind the number (CG, EG, EV) share one
_ULTRASCALE = {
    "zu2": 0x0471_1093, "zu3": 0x0471_0093, "zu4": 0x0472_1093, "zu5": 0x0472_0093, "zu6": 0x0473_9093,
    "zu7": 0x0473_0093, "zu9": 0x0473_8093, "zu11": 0x0474_0093, "zu15": 0x0475_0093, "zu17": 0x0475_9093,
    "zu19": 0x0475_8093, "k24": 0x0471_4093, "k26": 0x0472_4093,
}  # fmt: skip
_VERSION = 0xF000_0000
_XILINX = "jep106:0049"  # manufacturer, as Linux writes the SoC's identity

# boards by how their device trees' names begin, with the device that is on them
_BOARDS = (
    ("xlnx,zynqmp-zcu104", "zu7"), ("xlnx,zynqmp-zcu106", "zu7"), ("xlnx,zynqmp-zcu102", "zu9"),
    ("xlnx,zynqmp-zcu100", "zu3"), ("avnet,ultra96", "zu3"), ("xlnx,zynqmp-smk-k26", "k26"),
    ("xlnx,zynqmp-sm-k26", "k26"), ("xlnx,zynqmp-sk-kv260", "k26"), ("xlnx,zynqmp-sk-kr260", "k26"),
    ("xlnx,zynqmp-smk-k24", "k24"), ("xlnx,zynqmp-sm-k24", "k24"), ("xlnx,zynqmp-sk-kd240", "k24"),
    ("xlnx,zynq-7000", "a Zynq-7000"),
)  # fmt: skip
_TREES = ("sys/firmware/devicetree/base/compatible", "proc/device-tree/compatible")


class Identity(NamedTuple):
    """What a system says of its chip: the device, and who says so."""

    device: str
    source: str


def device_of(part: str) -> str | None:
    """The device of a part: ``7z020`` of ``xc7z020clg400-1``, ``zu7`` of ``xczu7ev-...``; None for other families."""
    found = re.match(r"x[cqa](7z[0-9]{3}s?|zu[0-9]+|k[0-9]{2})", part)
    return found[1] if found is not None and found[1] in {**_DEVICES, **_ULTRASCALE} else None


def is_ultrascale(device: str) -> bool:
    """Whether a device of `device_of` is a Zynq UltraScale+."""
    return device in _ULTRASCALE


def idcode_of(part: str) -> int:
    """What the identity register of a part's chip reads, in its first version; 0 for other families."""
    device = device_of(part)
    if device is None:
        return 0
    return _ULTRASCALE[device] if is_ultrascale(device) else _REST | _DEVICES[device] << 12


def device_with(idcode: int) -> str:
    """The Zynq-7000 that an identity register's word says."""
    code = idcode >> 12 & 0x1F
    return next((name for name, one in _DEVICES.items() if one == code), f"unknown (0x{idcode:08X})")


def ultrascale_with(idcode: int) -> str:
    """The Zynq UltraScale+ that an identity register's word says, whatever its version."""
    code = idcode & ~_VERSION
    return next((name for name, one in _ULTRASCALE.items() if one == code), f"unknown (0x{idcode:08X})")


def system_identity(root: Path = Path("/")) -> Identity | None:
    """The chip as the running system tells it, without touching a register.

    Args:
        root: where the system's ``sys`` and ``proc`` are.

    Returns:
        The firmware's word where there is one, else what the device tree's board has; None where neither says.
    """
    for folder in sorted((root / "sys" / "devices").glob("soc[0-9]*")):
        if _text(folder / "soc_id").startswith(_XILINX):
            revision = _text(folder / "revision")
            if re.fullmatch(r"0x[0-9a-fA-F]{1,8}", revision):
                return Identity(ultrascale_with(int(revision, 16)), f"the firmware ({folder.name}/revision)")
    for tree in _TREES:
        names = _text(root / tree).split("\0")
        for start, device in _BOARDS:
            named = next((name for name in names if name.startswith(start)), None)
            if named is not None:
                return Identity(device, f"the device tree ({named})")
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip().strip("\0")
    except OSError:
        return ""
