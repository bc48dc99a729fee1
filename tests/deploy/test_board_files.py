"""Board files: the product's own, and those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from ntorc.boards import list_boards, load_board
from ntorc.errors import UsageError
from ntorc.paths import boards_folder


def test_every_board_file_loads() -> None:
    assert "pynq-z2" in list_boards()
    for name in list_boards():
        board = load_board(name)
        assert board.name == name
        assert 0 < board.default_clock_hz <= board.max_clock_hz
        assert min(board.capacity.values()) > 0
        assert board.shell_base % board.shell_span == 0


def test_the_pynq_z2() -> None:
    board = load_board("pynq-z2")
    assert board.part == "xc7z020clg400-1"
    assert board.capacity == {"lut": 53200, "ff": 106400, "dsp": 220, "bram18": 280}
    assert (board.shell_base, board.shell_span) == (0x43C00000, 0x1000)
    overhead = board.io_overhead
    assert overhead.total_s == pytest.approx(
        overhead.register_access_s * overhead.accesses_per_estimate + overhead.wake_up_s
    )
    assert "not measured" in overhead.source
    board.check_clock(board.max_clock_hz)
    for clock_hz, said in (
        (0.0, "is not positive"),
        (-1.0, "is not positive"),
        (board.max_clock_hz * 1.01, "cannot run at"),
        (float("nan"), "is not positive|cannot run at"),
    ):
        with pytest.raises(UsageError, match=said):
            board.check_clock(clock_hz)


@pytest.mark.parametrize("name", ["zedboard", "", "../boards/pynq-z2", "PYNQ-Z2", "pynq-z2.toml"])
def test_an_unknown_board_lists_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match="there is no board") as caught:
        load_board(name)
    assert "pynq-z2" in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "before, after, complaint",
    [
        ("lut = 53200", "lut = -1", "lut must be a number"),
        ("lut = 53200", "lut = true", "lut must be a number"),
        ("lut = 53200", "", "lut must be a number"),
        ('part = "xc7z020clg400-1"', "part = 7", "part must be a text"),
        ("default_hz = 100e6", "default_hz = nan", "default_hz must be a number"),
        ("[memory_map]", "[memory]", r"no table \[memory_map\]"),
        ("[capacity]", "[capacity", "not a board file"),
        ('name = "pynq-z2"', 'name = "other"', "calls its board 'other'"),
    ],
)
def test_a_wrong_board_file_says_where(tmp_path: Path, before: str, after: str, complaint: str) -> None:
    text = (boards_folder() / "pynq-z2.toml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "pynq-z2.toml").write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(UsageError, match=complaint):
        load_board("pynq-z2", tmp_path)


def test_no_boards_at_all(tmp_path: Path) -> None:
    assert list_boards(tmp_path) == []
    with pytest.raises(UsageError) as caught:
        load_board("pynq-z2", tmp_path)
    assert "none" in caught.value.hint
