"""registers.json is the map; the C header and the fields' rules agree with it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from harness_support import ROOT

MAP: dict[str, Any] = json.loads((ROOT / "board/ntorc_board/registers.json").read_text(encoding="utf-8"))
HEADER = (ROOT / "firmware/harness/ntorc_registers.h").read_text(encoding="utf-8")
DEFINES = {name: value for name, value in re.findall(r"^#define (NTORC_\w+(?:\(\w+\))?) (.+)$", HEADER, re.MULTILINE)}


def number(text: str) -> int:
    shift = re.fullmatch(r"\(1u << (\d+)\)", text)
    return 1 << int(shift.group(1)) if shift else int(text.removesuffix("u"), 0)


def test_header_has_exactly_the_maps_registers() -> None:
    expected = {f"NTORC_REG_{item['name']}": item["offset"] for item in MAP["registers"] if "count" not in item}
    found = {name: number(value) for name, value in DEFINES.items() if re.fullmatch(r"NTORC_REG_\w+", name)}
    assert found == expected


def test_header_has_exactly_the_maps_fields() -> None:
    expected = {
        f"NTORC_{item['name']}_{field['name']}": 1 << field["bit"]
        for item in MAP["registers"]
        for field in item.get("fields", [])
    }
    found = {
        name: number(value) for name, value in DEFINES.items() if re.match(r"NTORC_(STATUS|CONTROL|FEATURES)_", name)
    }
    assert found == expected


def test_header_has_the_maps_constants() -> None:
    assert number(DEFINES["NTORC_MAGIC"]) == MAP["magic"] == 0x4E544F52
    assert number(DEFINES["NTORC_SHELL_VERSION"]) == MAP["shell_version"]
    assert number(DEFINES["NTORC_REGISTERS_SPAN_BYTES"]) == MAP["span_bytes"]


def test_header_has_exactly_the_maps_arrays() -> None:
    arrays = {item["name"]: item for item in MAP["registers"] if "count" in item}
    found = {name for text in DEFINES for name in re.findall(r"NTORC_REG_(\w+)\(i\)", text)}
    assert found == set(arrays) == {"RESULT", "HISTOGRAM"}
    for name, item in arrays.items():
        assert number(DEFINES[f"NTORC_{name}_COUNT"]) == item["count"]
        assert DEFINES[f"NTORC_REG_{name}(i)"] == f"(0x{item['offset']:X}u + {item['stride']}u * (i))"


def test_registers_are_aligned_inside_the_span_and_do_not_overlap() -> None:
    words = [
        item["offset"] + item.get("stride", 4) * i for item in MAP["registers"] for i in range(item.get("count", 1))
    ]
    assert all(word % 4 == 0 and 0 <= word < MAP["span_bytes"] for word in words)
    assert len(set(words)) == len(words)
    assert all(item["access"] in ("RO", "RW", "WO") and item["description"] for item in MAP["registers"])


@pytest.mark.parametrize(("name", "offset"), [("MAGIC", 0x00), ("SAMPLE", 0x24), ("LATENCY", 0x30), ("OUTPUTS", 0x48)])
def test_published_offsets_do_not_move(name: str, offset: int) -> None:
    """Bundles carry the map, but boards in the field have agents with this one."""
    assert next(item["offset"] for item in MAP["registers"] if item["name"] == name) == offset
