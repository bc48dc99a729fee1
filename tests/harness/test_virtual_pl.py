"""The server that holds simulated logic: programming, time, clients, and every way to end."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness_support import (
    ACCESS_CYCLES,
    BLOCKING_OFFSET,
    BUS_ERROR,
    GONE,
    OK,
    REGISTERS,
    SILENT_OFFSET,
    TIMEOUT,
    RegisterLibrary,
    VirtualPl,
    compile_fake,
)

from ntorc.deploy.firmware import Firmware

SLOTS = 16
CLIENT = """
import ctypes, sys
library = ctypes.CDLL(sys.argv[1])
library.ntorc_regs_open.restype = ctypes.c_void_p
error = ctypes.create_string_buffer(500)
handles = [library.ntorc_regs_open(sys.argv[2].encode(), error, 500) for _ in range(int(sys.argv[3]))]
print("open" if all(handles) else error.value.decode(), flush=True)
value = ctypes.c_uint32()
if sys.argv[4] != "-":
    library.ntorc_regs_read(ctypes.c_void_p(handles[0]), int(sys.argv[4]), ctypes.byref(value))
sys.stdin.read()
"""


def start_client(firmware: Firmware, url: str, handles: int, offset: str = "-") -> subprocess.Popen[str]:
    """A process with open handles that may read one register and then waits for its end."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, str(firmware.regs_library), url, str(handles), offset],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "open\n"
    return client


def end(client: subprocess.Popen[str]) -> None:
    client.kill()
    client.communicate(timeout=30)


def eventually(condition: object, limit_s: float = 30.0) -> None:
    """Wait for something that other processes bring about; the limit only ends a hanging test."""
    assert callable(condition)
    start_s = time.monotonic()
    while not condition():
        assert time.monotonic() - start_s < limit_s
        time.sleep(0.01)


class TestProgramming:
    def test_without_logic_every_access_is_a_bus_error(
        self, unprogrammed: VirtualPl, registers: RegisterLibrary
    ) -> None:
        handle = registers.open(unprogrammed.url)
        assert registers.read(handle, 0) == (BUS_ERROR, 0xDEADBEEF)
        assert registers.write(handle, 0x24, 1) == BUS_ERROR
        registers.close(handle)
        assert unprogrammed.info()["programmed"] == ""

    def test_client_sees_what_is_reprogrammed(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, fakes: Path
    ) -> None:
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, REGISTERS["DESIGN_ID_LO"]) == (OK, 0x89ABCDEF)
        registers.write(handle, REGISTERS["HOP"], 5)
        for design_id in (0x1111, 0x2222, 0x1111):
            other = compile_fake(fakes, design_id=design_id)
            assert virtual_pl.ask(f"program {other}") == "ok"
            assert registers.read(handle, REGISTERS["DESIGN_ID_LO"]) == (OK, design_id)
            assert registers.read(handle, REGISTERS["HOP"]) == (OK, 16), "a new design starts from its reset"
        assert virtual_pl.ask("unprogram") == "ok"
        assert registers.read(handle, 0)[0] == BUS_ERROR
        registers.close(handle)

    def test_file_may_change_after_programming(
        self, unprogrammed: VirtualPl, registers: RegisterLibrary, fake: Path, tmp_path: Path
    ) -> None:
        place = tmp_path / "a name with spaces.so"
        place.write_bytes(fake.read_bytes())
        assert unprogrammed.ask(f"program {place}") == "ok"
        assert unprogrammed.info()["programmed"] == str(place)
        with place.open("r+b") as stream:
            stream.write(b"\0" * place.stat().st_size)
        handle = registers.open(unprogrammed.url)
        assert registers.read(handle, 0) == (OK, 0x4E544F52)
        registers.close(handle)
        assert sorted(p.name for p in unprogrammed.folder.iterdir()) == ["control", "memory", "memory.ram"]

    def test_what_cannot_be_programmed_is_refused_and_changes_nothing(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, fakes: Path, firmware: Firmware, tmp_path: Path
    ) -> None:
        text = tmp_path / "text.so"
        text.write_text("not a library")
        for path, reason in (
            (tmp_path / "missing.so", "No such file"),
            (tmp_path, "not a file"),
            (text, "cannot load"),
            (firmware.regs_library, "no ntorc_pl_abi"),
            (compile_fake(fakes, abi=2), "ABI version 2"),
            (Path("x" * 5000), "at most"),
        ):
            answer = virtual_pl.ask(f"program {path}")
            assert answer.startswith("error ")
            assert reason in answer
            if reason == "at most":  # the rest of an endless line cannot be told from a command
                virtual_pl.connection.close()
                virtual_pl.connection = virtual_pl.connect()
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, 0) == (OK, 0x4E544F52)
        registers.close(handle)


class TestTime:
    def test_each_access_takes_its_cycles(self, virtual_pl: VirtualPl, registers: RegisterLibrary) -> None:
        handle = registers.open(virtual_pl.url)
        for _ in range(100):
            assert registers.read(handle, 0)[0] == OK
        registers.write(handle, REGISTERS["HOP"], 3)
        registers.close(handle)
        info = virtual_pl.info()
        assert (int(info["accesses"]), int(info["cycles"])) == (101, 101 * ACCESS_CYCLES)

    def test_slow_transaction_takes_its_own_time(
        self, firmware: Firmware, fake: Path, registers: RegisterLibrary
    ) -> None:
        with VirtualPl(firmware, access_cycles=1) as server:
            server.ask(f"program {fake}")
            handle = registers.open(server.url)
            registers.read(handle, 0)
            registers.write(handle, REGISTERS["HOP"], 3)
            registers.close(handle)
            assert server.info()["cycles"] == str(4 + 3)

    def test_bus_timeout_is_an_error_and_the_next_access_works(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary
    ) -> None:
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, SILENT_OFFSET) == (BUS_ERROR, 0xDEADBEEF)
        assert registers.write(handle, SILENT_OFFSET, 1) == BUS_ERROR
        assert registers.read(handle, 0) == (OK, 0x4E544F52)
        registers.close(handle)

    def test_idle_board_costs_no_processor_time(self, virtual_pl: VirtualPl, registers: RegisterLibrary) -> None:
        handle = registers.open(virtual_pl.url)
        tasks = Path(f"/proc/{virtual_pl.process.pid}/task")

        def used_ns() -> int:
            return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir())

        def sleeps() -> bool:
            before = used_ns()
            time.sleep(0.2)
            return used_ns() == before

        assert registers.read(handle, 0)[0] == OK
        eventually(sleeps)
        assert registers.read(handle, 0)[0] == OK, "it wakes again"
        eventually(sleeps)
        registers.close(handle)


class TestClients:
    def test_clients_get_their_own_answers(self, virtual_pl: VirtualPl, registers: RegisterLibrary) -> None:
        expected = {"MAGIC": 0x4E544F52, "DESIGN_ID_LO": 0x89ABCDEF, "DESIGN_ID_HI": 0x01234567, "WINDOW": 32}
        wrong: list[tuple[str, int, int]] = []

        def poll(name: str, handle: int) -> None:
            for _ in range(2000):
                result, value = registers.read(handle, REGISTERS[name])
                if (result, value) != (OK, expected[name]):
                    wrong.append((name, result, value))

        handles = [registers.open(virtual_pl.url) for _ in expected]
        # two threads on each handle as well: accesses through one handle are serialised
        threads = [threading.Thread(target=poll, args=pair) for pair in [*zip(expected, handles, strict=True)] * 2]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for handle in handles:
            registers.close(handle)
        assert wrong == []
        assert int(virtual_pl.info()["accesses"]) == 2 * 2000 * len(expected)

    def test_programming_while_clients_poll(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, fakes: Path
    ) -> None:
        designs = [compile_fake(fakes, design_id=value) for value in (0x1111, 0x2222)]
        seen: set[tuple[int, int]] = set()
        stop = threading.Event()

        def poll() -> None:
            handle = registers.open(virtual_pl.url)
            while not stop.is_set():
                seen.add(registers.read(handle, REGISTERS["DESIGN_ID_LO"]))
            registers.close(handle)

        threads = [threading.Thread(target=poll) for _ in range(2)]
        for thread in threads:
            thread.start()
        answers = [virtual_pl.ask(f"program {designs[i % 2]}") for i in range(20)]
        eventually(lambda: {(OK, 0x2222)} <= seen)
        stop.set()
        for thread in threads:
            thread.join()
        assert answers == ["ok"] * 20
        assert seen <= {(OK, 0x89ABCDEF), (OK, 0x1111), (OK, 0x2222)}

    def test_slots_run_out_and_come_back(self, virtual_pl: VirtualPl, registers: RegisterLibrary) -> None:
        handles = [registers.open(virtual_pl.url) for _ in range(SLOTS)]
        handle, error = registers.try_open(virtual_pl.url.encode())
        assert handle is None
        assert b"16 clients" in error
        registers.close(handles.pop())
        handles.append(registers.open(virtual_pl.url))
        assert all(registers.read(handle, 0) == (OK, 0x4E544F52) for handle in handles)
        for handle in handles:
            registers.close(handle)

    def test_dead_clients_slots_are_reclaimed(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, firmware: Firmware
    ) -> None:
        for _ in range(2):
            client = start_client(firmware, virtual_pl.url, SLOTS)
            assert registers.try_open(virtual_pl.url.encode())[0] is None
            end(client)
        handles = [registers.open(virtual_pl.url) for _ in range(SLOTS)]
        assert all(registers.read(handle, 0) == (OK, 0x4E544F52) for handle in handles)
        for handle in handles:
            registers.close(handle)

    def test_successor_of_a_client_that_died_in_an_access_gets_its_own_answer(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, firmware: Firmware
    ) -> None:
        client = start_client(firmware, virtual_pl.url, SLOTS, str(BLOCKING_OFFSET))
        time.sleep(0.2)  # so that the access has most likely begun; the outcome is the same if not
        end(client)
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, REGISTERS["WINDOW"]) == (OK, 32)
        registers.close(handle)


class TestServersEnd:
    def test_server_killed_in_an_access(self, virtual_pl: VirtualPl, registers: RegisterLibrary) -> None:
        handle = registers.open(virtual_pl.url)
        killer = threading.Timer(0.2, virtual_pl.kill)
        killer.start()
        assert registers.read(handle, BLOCKING_OFFSET)[0] == GONE
        killer.join()
        assert registers.read(handle, 0)[0] == GONE
        registers.close(handle)
        again, error = registers.try_open(virtual_pl.url.encode())
        assert again is None
        assert b"no virtual PL is running" in error

    def test_server_that_stands_still_is_a_timeout_and_recovers(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary
    ) -> None:
        handle = registers.open(virtual_pl.url)
        registers.write(handle, REGISTERS["HOP"], 7)
        virtual_pl.process.send_signal(signal.SIGSTOP)
        tasks = Path(f"/proc/{virtual_pl.process.pid}/task")
        eventually(lambda: all("State:\tT" in (task / "status").read_text() for task in tasks.iterdir()))
        assert registers.read(handle, REGISTERS["WINDOW"]) == (TIMEOUT, 0xDEADBEEF)
        virtual_pl.process.send_signal(signal.SIGCONT)
        assert registers.read(handle, REGISTERS["HOP"]) == (OK, 7), "not the late answer to the earlier request"
        registers.close(handle)

    @pytest.mark.parametrize("how", ["stdin", "SIGTERM", "SIGHUP", "quit"])
    def test_orderly_end_tells_clients_and_cleans_up(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, how: str
    ) -> None:
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, 0)[0] == OK
        if how == "stdin":
            assert virtual_pl.process.stdin is not None
            virtual_pl.process.stdin.close()
            virtual_pl.process.stdin = None
        elif how == "quit":
            assert virtual_pl.ask("quit") == "ok"
        else:
            virtual_pl.process.send_signal(getattr(signal, how))
        assert virtual_pl.process.wait(30) == 0
        assert registers.read(handle, 0)[0] == GONE
        registers.close(handle)
        assert list(virtual_pl.folder.iterdir()) == []

    def test_ctrl_c_for_the_whole_group_is_left_to_the_parent(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary
    ) -> None:
        virtual_pl.process.send_signal(signal.SIGINT)
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, 0)[0] == OK
        registers.close(handle)
        assert virtual_pl.process.poll() is None

    def test_second_server_is_refused_and_does_no_harm(
        self, virtual_pl: VirtualPl, registers: RegisterLibrary, firmware: Firmware
    ) -> None:
        for memory, control in (("memory", "other"), ("other", "control")):
            done = subprocess.run(
                [
                    firmware.virtual_pl,
                    "--memory",
                    virtual_pl.folder / memory,
                    "--control",
                    virtual_pl.folder / control,
                    "--access-cycles",
                    "70",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=30,
                check=False,
            )
            assert done.returncode == 1
            assert "already" in done.stderr
        handle = registers.open(virtual_pl.url)
        assert registers.read(handle, 0) == (OK, 0x4E544F52)
        registers.close(handle)
        assert virtual_pl.ask("clock?") == "ok 100000000"

    def test_what_a_killed_server_left_is_replaced(
        self, firmware: Firmware, fake: Path, registers: RegisterLibrary
    ) -> None:
        with VirtualPl(firmware) as first:
            old = registers.open(first.url)
            first.kill()
            assert sorted(p.name for p in first.folder.iterdir()) == ["control", "memory", "memory.ram"]
            with VirtualPl(firmware, first.folder) as second:
                second.ask(f"program {fake}")
                new = registers.open(second.url)
                assert registers.read(old, 0)[0] == GONE
                assert registers.read(new, 0) == (OK, 0x4E544F52)
                registers.close(new)
            registers.close(old)
