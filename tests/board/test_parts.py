"""Which chip it is: by its own register, before anything is programmed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntorc_board.errors import ProgrammingError
from ntorc_board.manifest import Manifest
from ntorc_board.parts import PSS_IDCODE, device_of, device_with, idcode_of
from ntorc_board.programming import program


@pytest.mark.parametrize(
    "part, device, idcode",
    [("xc7z020clg400-1", "7z020", 0x03727093), ("xc7z010clg400-1", "7z010", 0x03722093),
     ("xq7z045ffg900-2", "7z045", 0x03731093), ("xczu3eg-sbva484-1-e", None, 0), ("xc7a35tcpg236-1", None, 0)],
)  # fmt: skip
def test_parts_and_their_identities(part: str, device: str | None, idcode: int) -> None:
    assert (device_of(part), idcode_of(part)) == (device, idcode)
    if device is not None:
        assert device_with(idcode | 0xF000_0000) == device  # whatever its version


def test_what_is_no_chip_is_said() -> None:
    assert device_with(0x0373F093) == "unknown (0x0373F093)"


@pytest.fixture
def manifest() -> Manifest:
    return Manifest("n", "pynq-z2", "xc7z010clg400-1", 10**8, "0" * 16, "virtual", 4, 1, 0, 1, {}, {})


def test_another_chip_is_not_programmed(device: Any, manifest: Manifest, tmp_path: Path) -> None:
    """The board was set up as a part that it is not; the chip itself says so."""
    (tmp_path / "registers.json").write_text(json.dumps({"registers": []}))
    assert int.from_bytes(device.read_registers(0xF8000000 + PSS_IDCODE, 4), "little") == 0x03727093
    with pytest.raises(ProgrammingError, match="the chip is a 7z020, and the bundle is for xc7z010"):
        program(tmp_path, manifest, device)
    with pytest.raises(ProgrammingError, match="pynq cannot program"):  # the right one gets as far as pynq
        program(tmp_path, replace(manifest, part="xc7z020clg400-1"), device)
