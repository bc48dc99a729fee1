"""Durations with units, and records written atomically."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import StorageError, UsageError
from ntorc.records import from_json, load, numbered_folder, save, write_atomically
from ntorc.units import ceil_to, format_seconds, parse_duration


@pytest.mark.parametrize(
    "text,seconds", [("500us", 500e-6), ("0.2ms", 2e-4), ("1s", 1.0), (" 20ns ", 2e-8), (".5ms", 5e-4)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration(text).seconds(100e6) == pytest.approx(seconds)


def test_cycles_depend_on_the_clock() -> None:
    assert parse_duration("20000cycles").seconds(100e6) == pytest.approx(200e-6)
    assert parse_duration("20000cycles").seconds(200e6) == pytest.approx(100e-6)


@pytest.mark.parametrize("text", ["500", "", "us", "-5us", "0us", "5 us us", "1e400s", "nan s", "500 parsecs", "5µ"])
def test_bare_numbers_and_nonsense_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as told:
        parse_duration(text)
    assert "500us" in told.value.hint or "positive" in told.value.message


@given(st.text(max_size=20))
def test_any_text_gives_a_duration_or_a_clear_error(text: str) -> None:
    try:
        value = parse_duration(text).value
    except UsageError:
        return
    assert value > 0


@given(st.floats(1e-9, 10.0))
def test_rounding_up_never_falls_below(seconds: float) -> None:
    assert ceil_to(seconds, 1e-7) >= seconds - 1e-13
    assert ceil_to(seconds, 1e-7) < seconds + 1.01e-7
    assert any(unit in format_seconds(seconds) for unit in ("ns", "us", "ms", " s"))


@dataclass(frozen=True)
class Sample:
    """A record."""

    name: str
    counts: tuple[int, ...]


def test_records_come_back(tmp_path: Path) -> None:
    record = Sample("a", (1, 2))
    path = save(record, tmp_path / "deep" / "r.json")
    assert load(Sample, path) == record
    assert list(path.parent.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


@given(st.text(max_size=60))
def test_any_text_is_a_record_or_a_clear_error(text: str) -> None:
    with pytest.raises(StorageError, match="not a valid Sample"):
        from_json(Sample, text, "x.json")


def test_folders_are_numbered_behind_the_highest(tmp_path: Path) -> None:
    for _ in range(3):
        numbered_folder(tmp_path / "run", "measure")
    (tmp_path / "run" / "measure-001").rmdir()
    (tmp_path / "run" / "measure-old").mkdir()
    assert numbered_folder(tmp_path / "run", "measure").name == "measure-004"


def test_folders_that_are_made_at_once_are_different_ones(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: numbered_folder(tmp_path, "measure").name, range(40)))
    assert sorted(made) == [f"measure-{number:03d}" for number in range(1, 41)]


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_atomically(tmp_path / "f", b"old")
    with pytest.raises(TypeError):
        write_atomically(path, "text, not bytes")  # type: ignore[arg-type]
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
