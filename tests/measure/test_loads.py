"""Loads have one spelling, so that what was learnt under one is found again."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from ntorc.errors import UsageError
from ntorc.measure.loads import LOADS, load_named
from ntorc_board.errors import RequestError
from ntorc_board.harness import MeasureRequest


def test_one_spelling() -> None:
    assert {load_named(",".join(order)) for order in itertools.permutations(LOADS)} == {"cpu,mem,io,net"}
    assert load_named(" io ,cpu,cpu,") == "cpu,io"
    assert load_named("") == load_named(",") == ""


@pytest.mark.parametrize("text", ["disk", "cpu;io", "cpu,IO", "-x"])
def test_no_load(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_named(text)
    assert "cpu, mem, io, net" in caught.value.hint


def test_the_agent_knows_the_same(tmp_path: Path) -> None:
    fields = {"samples": "shm:ring", "out": str(tmp_path / "o"), "estimates": 1}
    for name in LOADS:
        assert MeasureRequest.parse({**fields, "load": name}, 1).load == name
    with pytest.raises(RequestError) as caught:
        MeasureRequest.parse({**fields, "load": "disk"}, 1)
    assert ", ".join(LOADS) in str(caught.value.hint)
