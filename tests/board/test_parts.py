"""Which chip it is: by its own register, before anything is programmed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntorc_board.errors import ProgrammingError
from ntorc_board.manifest import Manifest
from ntorc_board.parts import (
    PSS_IDCODE,
    device_of,
    device_with,
    idcode_of,
    is_ultrascale,
    system_identity,
    ultrascale_with,
)
from ntorc_board.programming import program


@pytest.mark.parametrize(
    "part, device, idcode",
    [("xc7z020clg400-1", "7z020", 0x03727093), ("xc7z010clg400-1", "7z010", 0x03722093),
     ("xq7z045ffg900-2", "7z045", 0x03731093), ("xczu3eg-sbva484-1-e", "zu3", 0x04710093),
     ("xczu7ev-ffvc1156-2-e", "zu7", 0x04730093), ("xck26-sfvc784-2LV-c", "k26", 0x04724093),
     ("xczu15eg-ffvb1156-2-e", "zu15", 0x04750093), ("xc7a35tcpg236-1", None, 0), ("xcku040-x", None, 0)],
)  # fmt: skip
def test_parts_and_their_identities(part: str, device: str | None, idcode: int) -> None:
    assert (device_of(part), idcode_of(part)) == (device, idcode)
    if device is not None:
        read = ultrascale_with if is_ultrascale(device) else device_with
        assert read(idcode | 0xF000_0000) == device  # whatever its version


def test_what_is_no_chip_is_said() -> None:
    assert device_with(0x0373F093) == "unknown (0x0373F093)"
    assert ultrascale_with(0x0472F093) == "unknown (0x0472F093)"


def test_every_board_has_a_chip_that_can_be_told() -> None:
    folder = Path(__file__).parents[2] / "board" / "boards"
    for path in folder.glob("*.toml"):
        part = next(line.split('"')[1] for line in path.read_text().splitlines() if line.startswith("part"))
        assert device_of(part) is not None, path


def system(root: Path, soc: dict[str, str] | None = None, tree: tuple[str, ...] = ()) -> Path:
    """What Linux shows of a chip, below a folder."""
    if soc is not None:
        (root / "sys/devices/soc0").mkdir(parents=True)
        for name, text in soc.items():
            (root / "sys/devices/soc0" / name).write_text(text + "\n")
    if tree:
        (root / "sys/firmware/devicetree/base").mkdir(parents=True)
        (root / "sys/firmware/devicetree/base/compatible").write_bytes(b"".join(t.encode() + b"\0" for t in tree))
    return root


ZYNQMP = ("xlnx,zynqmp",)
KV260 = ("xlnx,zynqmp-sk-kv260-rev1", "xlnx,zynqmp-sk-kv260", *ZYNQMP)
ZCU104 = ("xlnx,zynqmp-zcu104-revC", "xlnx,zynqmp-zcu104", *ZYNQMP)


@pytest.mark.parametrize(
    "soc, tree, device, source",
    [
        ({"soc_id": "jep106:0049:0000", "revision": "0x04724093"}, ZYNQMP, "k26", "firmware"),
        ({"soc_id": "jep106:0049:0000", "revision": "0x14730093"}, KV260, "zu7", "firmware"),  # the chip's word counts
        (None, ZCU104, "zu7", "device tree"),
        (None, KV260, "k26", "device tree"),
        ({"soc_id": "jep106:0049:0000", "revision": "3"}, KV260, "k26", "device tree"),
        ({"soc_id": "jep106:0426:8206", "revision": "0x04724093"}, ZCU104, "zu7", "device tree"),  # another maker's
        ({"family": "Xilinx Zynq", "soc_id": "0x7"}, ("xlnx,zynq-zed", "xlnx,zynq-7000"), "a Zynq-7000", "device tree"),
    ],
)
def test_the_running_system_tells_the_chip(
    tmp_path: Path, soc: dict[str, str] | None, tree: tuple[str, ...], device: str, source: str
) -> None:
    found = system_identity(system(tmp_path, soc, tree))
    assert found is not None
    assert found.device == device
    assert source in found.source


def test_a_system_that_says_nothing(tmp_path: Path) -> None:
    assert system_identity(tmp_path) is None
    assert system_identity(system(tmp_path, {"soc_id": "x"}, ZYNQMP)) is None


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


@pytest.mark.parametrize("part, tree", [("xczu7ev-ffvc1156-2-e", KV260), ("xck26-sfvc784-2LV-c", ZCU104)])
def test_another_ultrascale_is_not_programmed(
    device: Any, manifest: Manifest, tmp_path: Path, part: str, tree: tuple[str, ...]
) -> None:
    (tmp_path / "registers.json").write_text(json.dumps({"registers": []}))
    asked, right = replace(manifest, part=part), ZCU104 if tree is KV260 else KV260
    wrong_root, right_root, silent = (tmp_path / name for name in ("wrong", "right", "silent"))
    with pytest.raises(ProgrammingError, match=r"the chip is a (k26|zu7), as the device tree \(.*\) says"):
        program(tmp_path, asked, device, system(wrong_root, None, tree))
    for root in (system(right_root, None, right), silent):  # these get as far as pynq
        with pytest.raises(ProgrammingError, match="pynq cannot program"):
            program(tmp_path, asked, device, root)
    seven = system(tmp_path / "seven", None, ("xlnx,zynq-7000",))
    with pytest.raises(ProgrammingError, match="the chip is a Zynq-7000, as"):
        program(tmp_path, asked, device, seven)
