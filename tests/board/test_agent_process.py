"""The agent as a process on a virtual board: garbage, ends, and kills."""

from __future__ import annotations

import base64
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from virtual_lab import ROOT, bundle_of

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.virtual import VirtualTarget
from ntorc_board import __version__
from ntorc_board.boards import RealBoard, VirtualBoard
from ntorc_board.desk import Desk
from ntorc_board.errors import BoardError
from ntorc_board.installation import Installation
from ntorc_board.settings import Settings
from ntorc_board.slots import Slots
from ntorc_board.virtual_pl import VirtualAddress

WAIT_S = 60.0


class Agent:
    """An agent process, spoken to in raw lines."""

    def __init__(self, words: list[str]) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "board"), "PYNQ_REMOTE_DEVICES": "192.0.2.1"}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ntorc_board", *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def write(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def read(self) -> dict[str, Any]:
        """The next line; every line of stdout must be a JSON object."""
        line = self._lines.get(timeout=WAIT_S)
        assert line, "the agent has ended"
        message = json.loads(line)
        assert isinstance(message, dict)
        return message

    def ask(self, request: dict[str, Any]) -> dict[str, Any]:
        self.write(json.dumps(request).encode())
        while True:
            message = self.read()
            if message.get("id") == request["id"] and "event" not in message:
                return message

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def words(workshop: Path, built: Firmware, trusted: Path) -> Iterator[list[str]]:
    """Arguments for a further agent at a virtual PL, with slots of its own."""
    root = workshop / "agents"
    with VirtualTarget(load_board("pynq-z2"), root, built, trusted):
        run = root / "run"
        yield ["--board", "pynq-z2", "--part", "xc7z020clg400-1", "--trusted", str(trusted), "--harness",
               str(built.harness), "--virtual", f"{run / 'pl.mem'},{run / 'pl.sock'},{built.regs_library}"]  # fmt: skip


@pytest.fixture
def agent(words: list[str], tmp_path: Path) -> Iterator[Agent]:
    started = Agent(["--root", str(tmp_path / "root"), *words])
    assert started.read() == {"event": "ready", "protocol": 1}
    yield started
    started.end()


def test_hello_and_quit(agent: Agent) -> None:
    answer = agent.ask({"id": "first", "op": "hello"})
    assert answer["ok"] is True
    assert answer["result"]["agent_version"] == __version__
    assert answer["result"]["board"] == "pynq-z2"
    assert agent.ask({"id": 2, "op": "quit"}) == {"id": 2, "ok": True, "result": {}}
    assert agent.process.wait(timeout=WAIT_S) == 0


def test_garbage_gets_errors_and_the_agent_lives(agent: Agent) -> None:
    source = random.Random(1)
    lines = [source.randbytes(source.randrange(1, 200)).replace(b"\n", b"x").strip() or b"x" for _ in range(200)]
    lines += [b"[" * 100_000, b"{" * 1000, b"9" * 5000, b'"' + b"a" * (3 << 20), b'{"id":1,"op":7}', b"null", b"\0"]
    for line in lines:
        agent.write(line)
    for _ in lines:
        answer = agent.read()
        assert (answer["id"], answer["ok"]) == (None, False)
        assert answer["error"]
        assert answer["hint"]
    for op in ("", "eval", "__init__", "install", "measure", "x" * 10_000):
        for fields in ({}, {"folder": None}, {"folder": ["/"]}, {"folder": "\0"}, {"folder": "/nowhere"}):
            answer = agent.ask({"id": op[:5], "op": op, **fields})
            assert answer["ok"] is False
            assert answer["kind"] in ("RequestError", "RefusedError", "ProgrammingError")
            assert answer["error"]
            assert answer["hint"]
    assert agent.ask({"id": 1, "op": "status"})["result"]["confirmed"] is None


def test_stdout_has_nothing_but_lines_even_when_pynq_is_loaded(agent: Agent, first: Bundle) -> None:
    answer = agent.ask({"id": 1, "op": "install", "folder": str(first.folder)})
    assert answer["ok"] is True
    assert answer["result"]["self_test"] == {"vectors": 5, "mismatches": 0}
    assert answer["result"]["pynq_version"] == metadata.version("pynq")


def test_a_device_tree_overlay_goes_with_its_logic(
    agent: Agent, workshop: Path, signer: SigningKey, tmp_path: Path
) -> None:
    tree = tmp_path / "tree.dtbo"
    tree.write_bytes(b"\xd0\x0d\xfe\xed")
    bundle = bundle_of(workshop / "tree", signer, "00000000b0a4d020", device_tree=tree)
    assert "design.dtbo" in bundle.manifest.files
    assert agent.ask({"id": 1, "op": "install", "folder": str(bundle.folder)})["ok"] is True


def test_an_overlay_is_pynqs_own_and_goes_before_the_next_design(
    address: VirtualAddress, device: Any, workshop: Path, signer: SigningKey, trusted: Path, tmp_path: Path
) -> None:
    tree = tmp_path / "tree.dtbo"
    tree.write_bytes(b"\xd0\x0d\xfe\xed")
    desk = Desk(tmp_path, trusted, Settings("pynq-z2", "xc7z020clg400-1", "a,b,c"))
    desk._board = VirtualBoard(address, desk.known(), tmp_path / "pynq")
    desk._board._device = device
    slots = Slots(tmp_path, desk.verify)
    steps: list[str] = []
    designs = Installation(desk, slots, steps.append, lambda *_: None)
    for number, given in enumerate((tree, tree, None), start=5):  # a second one of the same name is no trouble
        bundle = bundle_of(workshop / "tree", signer, f"00000000b0a4d02{number}", device_tree=given)
        entry = designs.install(bundle.folder)
        applied = [] if given is None else [str(tmp_path / "slots" / entry["slot"] / "design.dtbo")]
        assert device.device_trees == applied
        assert ("programming, with its device-tree overlay" in steps) == (given is not None)
        steps.clear()
    designs.rollback()
    assert len(device.device_trees) == 1
    slots.close()


def test_a_real_board_forgets_what_another_process_applied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynq.devicetree.SYSTEM_DEVICE_TREE_PATH", str(tmp_path / "overlays"))
    (tmp_path / "design.dtbo").write_bytes(b"\xd0\x0d\xfe\xed")
    applied = tmp_path / "overlays" / "design"
    applied.mkdir(parents=True)
    RealBoard().forget_device_tree(tmp_path / "design.dtbo")
    assert not applied.exists()
    RealBoard().forget_device_tree(tmp_path / "design.dtbo")  # none applied: nothing to do
    (applied / "busy").mkdir(parents=True)
    with pytest.raises(BoardError, match="the kernel keeps the device-tree overlay"):
        RealBoard().forget_device_tree(tmp_path / "design.dtbo")


def test_a_second_agent_on_the_same_slots_says_why_it_cannot_start(
    agent: Agent, words: list[str], tmp_path: Path
) -> None:
    second = Agent(["--root", str(tmp_path / "root"), *words])
    answer = second.read()
    assert answer["ok"] is False
    assert "another agent" in answer["error"]
    assert second.process.wait(timeout=WAIT_S) == 1


def test_the_end_of_the_input_ends_it_also_while_it_measures(agent: Agent, first: Bundle, tmp_path: Path) -> None:
    agent.ask({"id": 1, "op": "install", "folder": str(first.folder)})
    (tmp_path / "samples.bin").write_bytes(bytes(4000))
    agent.write(
        json.dumps(
            {"id": 2, "op": "measure", "samples": str(tmp_path / "samples.bin"), "out": str(tmp_path / "out.bin"),
             "estimates": 1_000_000, "period_ns": 1_000_000}
        ).encode()
    )  # fmt: skip
    children = Path(f"/proc/{agent.process.pid}/task/{agent.process.pid}/children")
    deadline_s = time.monotonic() + WAIT_S
    while not (harness := children.read_text().split()) and time.monotonic() < deadline_s:
        time.sleep(0.01)
    assert agent.process.stdin is not None
    agent.process.stdin.close()
    assert agent.process.wait(timeout=WAIT_S) == 0
    assert not Path(f"/proc/{harness[0]}").exists()


def test_sigterm_ends_it(agent: Agent) -> None:
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(timeout=WAIT_S) == 128 + signal.SIGTERM


def test_killed_while_it_installs(
    words: list[str], tmp_path: Path, first: Bundle, workshop: Path, signer: SigningKey
) -> None:
    """Whatever it was doing, the next agent finds a confirmed design, whole, and programs it."""
    arguments = ["--root", str(tmp_path / "root"), *words]
    source = random.Random(3)
    before = Agent(arguments)
    before.read()
    assert before.ask({"id": 1, "op": "install", "folder": str(first.folder)})["ok"] is True
    before.end()
    made = [first]
    for turn in range(6):
        victim = Agent(arguments)
        victim.read()
        wanted = bundle_of(workshop / f"turn{turn}", signer, f"00000000b0a4d01{turn}")
        made.append(wanted)
        victim.write(json.dumps({"id": 1, "op": "install", "folder": str(wanted.folder)}).encode())
        time.sleep(source.uniform(0.0, 0.4))
        victim.end()
    after = Agent(arguments)
    after.read()
    status = after.ask({"id": 1, "op": "status"})["result"]
    assert status["intact"] is True
    assert status["confirmed"]["design_id"] in [one.manifest.design_id for one in made]
    answer = after.ask({"id": 2, "op": "restore"})
    assert answer["ok"] is True
    assert answer["result"]["design_id"] == status["confirmed"]["design_id"]
    after.end()


def test_wrong_arguments() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ntorc_board", "--root", "x", "--board", "pynq-z2"],
        env={**os.environ, "PYTHONPATH": str(ROOT / "board")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "--part" in done.stderr


def test_a_computer_without_logic_is_no_board(
    tmp_path: Path, trusted: Path, workshop: Path, signer: SigningKey
) -> None:
    """Without --virtual the agent uses pynq's own device, and says so when there is none."""
    started = Agent(["--root", str(tmp_path), "--board", "pynq-z2", "--part", "xc7z020clg400-1", "--trusted",
                     str(trusted), "--harness", "/bin/false"])  # fmt: skip
    started.read()
    bitstream = bundle_of(workshop / "no-board", signer, "00000000b0a4d021", kind="bitstream")
    answer = started.ask({"id": 1, "op": "install", "folder": str(bitstream.folder)})
    assert answer["ok"] is False
    assert "pynq finds no programmable logic" in answer["error"]
    assert answer["details"] == {"rolled_back_to": None}
    started.end()


def refused_kind(agent: Agent, bundle: Bundle, confirmed: str) -> None:
    """Offered by its manifest or given as a folder: refused, and what was confirmed is as it was."""
    content, signature = ((bundle.folder / f"manifest.{end}").read_bytes() for end in ("json", "sig"))
    offer = {
        "manifest": base64.b64encode(content).decode(), "signature": base64.b64encode(signature).decode(),
        "sizes": dict.fromkeys(bundle.manifest.files.values(), 10),
    }  # fmt: skip
    before = agent.ask({"id": 1, "op": "status"})["result"]
    for answer in (
        agent.ask({"id": 2, "op": "offer", **offer}),
        agent.ask({"id": 3, "op": "install", "folder": str(bundle.folder)}),
    ):
        assert (answer["ok"], answer["kind"]) == (False, "RefusedError")
        assert f"of the kind {bundle.manifest.kind}" in answer["error"]
        assert "rolled back" not in answer["error"]
        assert answer["hint"]
    after = agent.ask({"id": 4, "op": "status"})["result"]
    assert after == before
    assert (after["confirmed"]["design_id"], after["intact"]) == (confirmed, True)


def test_a_bitstream_does_not_take_down_a_simulated_design(
    agent: Agent, first: Bundle, workshop: Path, signer: SigningKey
) -> None:
    agent.ask({"id": 1, "op": "install", "folder": str(first.folder)})
    bitstream = bundle_of(workshop / "kind", signer, "00000000b0a4d022", kind="bitstream")
    refused_kind(agent, bitstream, first.manifest.design_id)
    assert agent.ask({"id": 5, "op": "status"})["result"]["programmed"] == first.manifest.design_id


def test_a_simulated_design_is_not_given_to_real_logic(
    tmp_path: Path, trusted: Path, workshop: Path, signer: SigningKey
) -> None:
    root, part = tmp_path / "root", "xc7z020clg400-1"
    confirmed = bundle_of(workshop / "kind", signer, "00000000b0a4d023", kind="bitstream")
    slots = Slots(root, Desk(root, trusted, Settings("pynq-z2", part)).verify)
    slots.confirm(slots.place(confirmed.folder)[1])  # as after its deployment: here is no logic to program
    slots.close()
    virtual = bundle_of(workshop / "kind", signer, "00000000b0a4d024")
    started = Agent(["--root", str(root), "--board", "pynq-z2", "--part", part, "--trusted", str(trusted)])
    started.read()
    refused_kind(started, virtual, confirmed.manifest.design_id)
    started.end()


def test_the_agent_imports_nothing_of_ntorc_and_little_else() -> None:
    """A board has Python, numpy and pynq."""
    code = (
        "import sys; before = set(sys.modules)\n"
        "import pkgutil, importlib, ntorc_board\n"
        "names = [m.name for m in pkgutil.iter_modules(ntorc_board.__path__) if m.name != '__main__']\n"
        "[importlib.import_module('ntorc_board.' + n) for n in names if n != 'device_virtual']\n"
        "new = {n.split('.')[0] for n in set(sys.modules) - before}\n"
        "allowed = set(sys.stdlib_module_names) | {'ntorc_board', 'numpy', 'cython_runtime'}\n"
        "print(sorted(n for n in new - allowed if not n.startswith('_')))\n"
        "import ntorc_board.device_virtual\n"
        "print('ntorc' in sys.modules, 'cryptography' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'board'}{os.pathsep}{ROOT / 'toolchain'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["[]", "False False"]
