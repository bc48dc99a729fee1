"""The server's control socket and its command line."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from harness_support import (
    VirtualPl,
    receive_line,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ntorc.deploy.firmware import Firmware


class TestControl:
    def test_clock_is_stored_and_read_back(self, unprogrammed: VirtualPl) -> None:
        assert unprogrammed.ask("clock?") == "ok 100000000"
        for text, clock_hz in (("142857143", 142857143), ("50e6", 50000000), ("1e5", 100000)):
            assert unprogrammed.ask(f"clock {text}") == f"ok {clock_hz}"
            assert unprogrammed.ask("clock?") == f"ok {clock_hz}"
            assert unprogrammed.info()["clock_hz"] == str(clock_hz)

    @pytest.mark.parametrize("text", ["", "0", "-1e6", "99999", "1e10", "nan", "inf", "100 MHz", "1e6x"])
    def test_clock_that_is_none_changes_nothing(self, unprogrammed: VirtualPl, text: str) -> None:
        assert unprogrammed.ask(f"clock {text}").startswith("error ")
        assert unprogrammed.ask("clock?") == "ok 100000000"

    def test_commands_in_pieces_and_in_one_piece(self, unprogrammed: VirtualPl) -> None:
        for byte in b"clock 20000000\n":
            unprogrammed.connection.sendall(bytes([byte]))
        assert receive_line(unprogrammed.connection) == "ok 20000000"
        unprogrammed.connection.sendall(b"clock 30000000\nclock?\nnonsense\nclock?\n")
        text = ""
        while text.count("\n") < 4:
            text += unprogrammed.connection.recv(4096).decode()
        first, second, third, fourth = text.splitlines()
        assert (first, second, fourth) == ("ok 30000000", "ok 30000000", "ok 30000000")
        assert third.startswith("error unknown command")

    def test_more_connections_than_places(self, unprogrammed: VirtualPl) -> None:
        connections = [unprogrammed.connect() for _ in range(20)]
        refused = [c for c in connections[15:] if receive_line(c) == "error too many connections"]
        assert len(refused) == 5
        for connection in connections:
            connection.close()
        assert unprogrammed.ask("clock?") == "ok 100000000"

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.binary(max_size=6000).filter(lambda data: b"quit" not in data and b"clock" not in data))
    def test_garbage_gets_errors_and_no_crash(self, unprogrammed: VirtualPl, data: bytes) -> None:
        with unprogrammed.connect() as connection:
            connection.sendall(data + b"\nclock?\n")
        assert unprogrammed.ask("clock?") == "ok 100000000"

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["--memory", "m"],
            ["--memory", "m", "--control", "c", "--access-cycles", "0"],
            ["--memory", "m", "--control", "c", "--access-cycles", "-70"],
            ["--bogus"],
            ["--memory", "m", "--control", "c", "--access-cycles", "70", "--clock-hz", "0"],
            ["--memory", "m", "--control", "c", "--access-cycles", "70", "more"],
        ],
    )
    def test_wrong_usage(self, firmware: Firmware, arguments: list[str], tmp_path: Path) -> None:
        done = subprocess.run(
            [firmware.virtual_pl, *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 2
        assert done.stderr
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("memory", "control", "reason"),
        [
            ("missing/memory", "control", "cannot make"),
            ("memory", "missing/control", "cannot listen"),
            ("memory", "c" * 120, "shorter"),
        ],
    )
    def test_places_that_cannot_be_used(
        self, firmware: Firmware, tmp_path: Path, memory: str, control: str, reason: str
    ) -> None:
        done = subprocess.run(
            [firmware.virtual_pl, "--memory", memory, "--control", control, "--access-cycles", "70"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
            cwd=tmp_path,
        )
        assert done.returncode == 1
        assert reason in done.stderr
        assert list(tmp_path.iterdir()) == []
