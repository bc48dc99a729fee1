"""The virtual board as a target: the contract, bad designs, and the ends of its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pynq
import pytest
from target_contract import TargetContract, samples_file
from virtual_lab import ROOT, bundle_of, vectors

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle, SelfTestVectors
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.target import MeasureRequest
from ntorc.deploy.virtual import VirtualTarget
from ntorc.errors import BundleError, DeploymentError, MeasurementError
from ntorc.measure.records import read_records
from ntorc_board.virtual_pl import Control, Registers

WAIT_S = 60.0  # for what must happen at once; only a failure takes that long


def gone(pid: int) -> bool:
    """Whether a process has ended; one that waits for its parent to notice has ended too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def wait_until_gone(pids: list[int]) -> None:
    deadline_s = time.monotonic() + WAIT_S
    while not all(gone(pid) for pid in pids) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    assert [pid for pid in pids if not gone(pid)] == []


def children(pid: int) -> list[int]:
    """The processes that ``pid`` started."""
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(word) for word in listed]


class TestVirtualTarget(TargetContract):
    pass


def test_after_a_start_nothing_is_programmed_and_restore_brings_it_back(
    tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle
) -> None:
    board = load_board("pynq-z2")
    with VirtualTarget(board, tmp_path, firmware, trusted) as target:
        installed = target.install(bundle.folder)
    with VirtualTarget(board, tmp_path, firmware, trusted) as target:
        status = target.status()
        assert (status.confirmed, status.programmed) == (installed.design_id, None)
        restored = target.restore()
        assert restored == installed
        assert target.status().programmed == installed.design_id


def test_other_clocks_are_set_and_read_back(target: VirtualTarget, lab: Path, key: SigningKey, tmp_path: Path) -> None:
    for clock_hz, fclk_hz in ((125_000_000, 125e6), (96_600_000, 1e9 / 11), (150_000_000, 1e9 / 7)):
        bundle = bundle_of(lab, key, f"{clock_hz:016x}", logic_hz=clock_hz, clock_hz=clock_hz)
        deployment = target.install(bundle.folder)
        assert deployment.clock_requested_hz == clock_hz
        assert deployment.clock_set_hz == pytest.approx(fclk_hz, abs=1)
        assert deployment.clock_read_back_hz == pytest.approx(fclk_hz, abs=1)
        control = Control(tmp_path / "target" / "run" / "pl.sock")
        assert f"clock_hz={round(fclk_hz)} " in control.info()


def test_a_design_made_for_another_clock_is_refused(target: VirtualTarget, lab: Path, key: SigningKey) -> None:
    wrong = bundle_of(lab, key, "00000000c0ffee10", clock_hz=125_000_000)
    with pytest.raises(DeploymentError, match="CLOCK_HZ is 100000000, and the bundle says 125000000"):
        target.install(wrong.folder)


def test_the_board_refuses_other_boards_and_keys(
    target: VirtualTarget, lab: Path, key: SigningKey, tmp_path: Path
) -> None:
    other = replace(load_board("pynq-z2"), name="zybo", part="xc7z010clg400-1")
    with pytest.raises(BundleError, match="for the board zybo, and this is pynq-z2"):
        target.install(bundle_of(lab, key, "00000000c0ffee11", board=other).folder)
    part = replace(load_board("pynq-z2"), part="xc7z010clg400-1")
    with pytest.raises(BundleError, match="for the part xc7z010clg400-1"):
        target.install(bundle_of(lab, key, "00000000c0ffee12", board=part).folder)
    stranger = signing_key(tmp_path / "stranger")
    with pytest.raises(BundleError, match="not trusted here") as caught:
        target.install(bundle_of(lab, stranger, "00000000c0ffee13").folder)
    assert "ntorc keys trust" in caught.value.hint
    assert target.status().confirmed is None


def wrong_vectors() -> SelfTestVectors:
    right = vectors()
    results = right.results.copy()
    results[3] += 1
    return SelfTestVectors(right.samples, results, right.hop)


BAD_DESIGNS = [
    ("00000000bad00001", {"FAKE_MAGIC": "0x12345678u"}, "MAGIC reads 0x12345678"),
    ("00000000bad00002", {"design_id": "00000000bad000ff"}, "says that it is the design 00000000bad00002"),
    ("00000000bad00003", {"window": 16, "vectors": vectors()}, "WINDOW is 32, and the bundle says 16"),
    ("00000000bad00004", {"FAKE_ABI": 99}, "refuses `program`"),
    ("00000000bad00005", {"vectors": wrong_vectors()}, r"1 of 5 self-test results differ: result 4 is -?\d+ instead"),
    ("00000000bad00006", {"FAKE_STUCK_AFTER": 2}, r"result 3 did not come within 5 s"),
]  # fmt: skip


@pytest.fixture(scope="module")
def installed(lab: Path, firmware: Firmware, trusted: Path, bundle: Bundle) -> Iterator[VirtualTarget]:
    """One board with a good design that meets one bad design after another."""
    with VirtualTarget(load_board("pynq-z2"), lab / "installed", firmware, trusted) as started:
        started.install(bundle.folder)
        yield started


@pytest.mark.parametrize("logic_id, changes, complaint", BAD_DESIGNS)
def test_a_bad_design_is_rolled_back(
    installed: VirtualTarget, lab: Path, key: SigningKey, bundle: Bundle,
    logic_id: str, changes: dict[str, object], complaint: str,
) -> None:  # fmt: skip
    target = installed
    bad = bundle_of(lab, key, logic_id, **changes)
    with pytest.raises(DeploymentError, match=complaint) as caught:
        target.install(bad.folder)
    good = bundle.manifest.design_id
    assert f"rolled back to the confirmed design {good}" in caught.value.message
    assert caught.value.hint
    status = target.status()
    assert (status.confirmed, status.programmed, status.is_intact) == (good, good, True)


def test_a_bad_first_design_leaves_nothing_programmed(target: VirtualTarget, lab: Path, key: SigningKey) -> None:
    bad = bundle_of(lab, key, "00000000bad00007", vectors=wrong_vectors())
    with pytest.raises(DeploymentError, match="no design was confirmed before"):
        target.install(bad.folder)
    assert target.status().programmed is None
    with pytest.raises(DeploymentError, match="no design was ever confirmed"):
        target.restore()


def test_a_design_that_hangs_while_it_is_measured(
    target: VirtualTarget, lab: Path, key: SigningKey, tmp_path: Path
) -> None:
    target.install(bundle_of(lab, key, "00000000bad00008", FAKE_STUCK_AFTER=50).folder)
    path, _ = samples_file(tmp_path)
    with pytest.raises(MeasurementError, match="status 1"):
        target.measure(MeasureRequest(path, tmp_path / "records.bin", 100, timeout_us=20_000))
    assert target.status().programmed == "00000000bad00008"


def test_an_altered_slot_is_not_programmed(target: VirtualTarget, tmp_path: Path, bundle: Bundle) -> None:
    target.install(bundle.folder)
    with (tmp_path / "target" / "board" / "slots" / "a" / "vectors.npz").open("ab") as stream:
        stream.write(b"\0")
    assert target.status().is_intact is False
    with pytest.raises(BundleError, match="was altered"):
        target.restore()


def pynq_state() -> dict[Path, int]:
    """Times of everything that pynq could have written beside its sources."""
    folder = Path(pynq.__file__).parent
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.suffix in (".json", ".pkl")}


def test_two_boards_do_not_mix(
    tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle, other_bundle: Bundle
) -> None:
    """Their logic, their slots and pynq's own record of the logic are apart."""
    before = pynq_state()
    board = load_board("pynq-z2")
    with (
        VirtualTarget(board, tmp_path / "one", firmware, trusted) as one,
        VirtualTarget(board, tmp_path / "two", firmware, trusted) as two,
    ):
        work = [threading.Thread(target=one.install, args=(bundle.folder,)),
                threading.Thread(target=two.install, args=(other_bundle.folder,))]  # fmt: skip
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        assert one.status().programmed == bundle.manifest.design_id
        assert two.status().programmed == other_bundle.manifest.design_id
    for name in ("one", "two"):
        (state,) = (tmp_path / name / "board" / "pynq").iterdir()
        assert name in json.loads(state.read_text())["bitfile_name"]
    assert pynq_state() == before


def test_one_board_is_used_by_one_process(
    target: VirtualTarget, tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle
) -> None:
    second = VirtualTarget(load_board("pynq-z2"), tmp_path / "target", firmware, trusted)
    with pytest.raises(DeploymentError, match="in use by another process"):
        second.__enter__()
    target.install(bundle.folder)  # undisturbed


def test_a_folder_with_a_very_long_name(tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle) -> None:
    """A Unix socket's address has 107 bytes."""
    root = tmp_path / ("long" * 30) / ("name" * 30)
    with VirtualTarget(load_board("pynq-z2"), root, firmware, trusted) as target:
        assert target.install(bundle.folder).design_id == bundle.manifest.design_id


def test_leaving_ends_both_processes_and_may_be_repeated(tmp_path: Path, firmware: Firmware, trusted: Path) -> None:
    before = set(children(os.getpid()))
    target = VirtualTarget(load_board("pynq-z2"), tmp_path, firmware, trusted)
    with target:
        started = [pid for pid in children(os.getpid()) if pid not in before]
        assert len(started) == 2
    wait_until_gone(started)
    target.stop()
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["agent.log", "pl.log"]
    with pytest.raises(DeploymentError, match="not started"):
        target.status()


def test_a_virtual_pl_that_dies_is_an_error(target: VirtualTarget, bundle: Bundle, tmp_path: Path) -> None:
    target.install(bundle.folder)
    assert target._logic is not None
    target._logic.kill()
    target._logic.wait()
    path, _ = samples_file(tmp_path)
    with pytest.raises(MeasurementError):
        target.measure(MeasureRequest(path, tmp_path / "records.bin", 10))
    with pytest.raises(DeploymentError):
        target.restore()


def test_an_agent_that_dies_is_an_error_with_its_log(target: VirtualTarget, bundle: Bundle) -> None:
    target.install(bundle.folder)
    assert target._client is not None
    os.kill(target._client._process.pid, signal.SIGKILL)
    for _ in range(2):
        with pytest.raises(DeploymentError, match="the agent has ended") as caught:
            target.status()
        assert "agent.log" in caught.value.hint


def test_programs_that_cannot_be_started(tmp_path: Path, firmware: Firmware, trusted: Path) -> None:
    board = load_board("pynq-z2")
    missing = replace(firmware, virtual_pl=tmp_path / "missing")
    with pytest.raises(DeploymentError, match="cannot start"), VirtualTarget(board, tmp_path, missing, trusted):
        pass
    wrong = replace(firmware, virtual_pl=Path("/bin/false"))
    with (
        pytest.raises(DeploymentError, match="the virtual PL has ended"),
        VirtualTarget(board, tmp_path, wrong, trusted),
    ):
        pass


SCRIPT = """
import sys
from pathlib import Path
from ntorc.boards import load_board
from ntorc.deploy.firmware import Firmware
from ntorc.deploy.target import MeasureRequest
from ntorc.deploy.virtual import VirtualTarget
root, harness, virtual_pl, library, trusted, bundle, samples = map(Path, sys.argv[1:])
with VirtualTarget(load_board("pynq-z2"), root, Firmware(harness, virtual_pl, library, ""), trusted) as target:
    target.install(bundle)
    print("measuring", flush=True)
    target.measure(MeasureRequest(samples, root / "records.bin", 1_000_000, period_ns=1_000_000))
"""


@pytest.fixture
def host(tmp_path: Path, firmware: Firmware, trusted: Path, bundle: Bundle) -> Iterator[subprocess.Popen[str]]:
    """A host process of its own in a measurement that would take hours."""
    samples, _ = samples_file(tmp_path)
    words = [sys.executable, "-c", SCRIPT, tmp_path / "root", firmware.harness, firmware.virtual_pl,
             firmware.regs_library, trusted, bundle.folder, samples]  # fmt: skip
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'toolchain'}{os.pathsep}{ROOT / 'board'}"}
    process = subprocess.Popen(
        [str(word) for word in words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "measuring\n"
        yield process
        process.kill()


def below(host: subprocess.Popen[str]) -> list[int]:
    """All processes below the host: the virtual PL, the agent and, once it runs, the harness."""
    deadline_s = time.monotonic() + WAIT_S
    while time.monotonic() < deadline_s:
        started = children(host.pid)
        harness = [pid for process in started for pid in children(process)]
        if len(started) == 2 and harness:
            return started + harness
        time.sleep(0.02)
    raise AssertionError("the harness was not started")


def wait_for_estimates(memory: Path, firmware: Firmware, count: int = 5) -> None:
    """Look at the running logic as a third client."""
    registers = Registers(firmware.regs_library, f"sim:{memory}")
    deadline_s = time.monotonic() + WAIT_S
    while registers.read(0x28) < count:  # RESULT_SEQ
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    registers.close()


def test_ctrl_c_stops_the_measurement_and_keeps_what_there_is(
    host: subprocess.Popen[str], tmp_path: Path, firmware: Firmware
) -> None:
    pids = below(host)
    wait_for_estimates(tmp_path / "root" / "run" / "pl.mem", firmware)
    host.send_signal(signal.SIGINT)
    assert host.wait(timeout=WAIT_S) != 0
    wait_until_gone(pids)
    table = read_records(tmp_path / "root" / "records.bin").table
    assert 0 < len(table) < 1_000_000
    assert np.all(np.diff(table["seq"].astype(np.int64)) == 1)


def test_when_the_host_is_killed_everything_ends(host: subprocess.Popen[str]) -> None:
    pids = below(host)
    host.kill()
    host.wait(timeout=WAIT_S)
    wait_until_gone(pids)
