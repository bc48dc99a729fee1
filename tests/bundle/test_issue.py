"""The order of a key's bundles: it only grows, and the same content keeps its number."""

from __future__ import annotations

import json
import multiprocessing
import time
from pathlib import Path

import pytest

from ntorc.bundle.issue import sequence_for
from ntorc.errors import BundleError

KEY = "0123456789abcdef"


def test_numbers_grow_and_the_same_again_keeps_its_own(tmp_path: Path) -> None:
    started_s = int(time.time())
    one = sequence_for(KEY, "one", tmp_path)
    assert one >= started_s  # a second computer with the same key does not fall behind
    assert sequence_for(KEY, "one", tmp_path) == one
    two = sequence_for(KEY, "two", tmp_path)
    again = sequence_for(KEY, "one", tmp_path)  # on purpose, so it is newer than two
    assert one < two < again
    assert sequence_for("f" * 16, "one", tmp_path) >= started_s


def test_a_clock_that_ran_ahead_does_not_turn_it_back(tmp_path: Path) -> None:
    ahead = int(time.time()) + 10**6
    (tmp_path / "issued.json").write_text(json.dumps({KEY: {"sequence": ahead, "identity": "one"}}))
    assert sequence_for(KEY, "two", tmp_path) == ahead + 1


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": {"sequence": "x", "identity": ""}}', "null"])
def test_a_damaged_record_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "issued.json").write_text(text)
    with pytest.raises(BundleError, match="is damaged"):
        sequence_for(KEY, "one", tmp_path)


def _issue(folder: Path, name: int) -> int:
    return sequence_for(KEY, str(name), folder)


def test_many_at_once_get_different_numbers(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        numbers = pool.starmap(_issue, [(tmp_path, number) for number in range(30)])
    assert len(set(numbers)) == 30
