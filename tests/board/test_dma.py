"""The gateware's own DMA under the unmodified pynq classes: Overlay, allocate and DMA, through the virtual PL."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli_program import Program
from ntorc.backends.base import Directive
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.plan import NO_DIRECTIVE, make_plan
from ntorc.backends.native.verilate import build_logic
from ntorc.bundle.hwh import shell_hwh
from ntorc.network import reference
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.make import windows_of
from ntorc_board.registers import load_registers

IntArray = npt.NDArray[np.int64]
CLOCK_HZ = 100e6
WINDOW, HOP, OUTPUTS = 40, 8, 3
SAMPLES = 1000
FRAMES = (SAMPLES - WINDOW) // HOP + 1
SOFT_RESET, SEND_RESULTS = 1, 2
HALTED, IDLE, INTERNAL_ERROR, DECODE_ERROR, COMPLETED = 1, 2, 0x10, 0x40, 0x1000
SEND_STATUS, RECEIVE_STATUS = 0x04, 0x34
OFFSETS = {register.name: register.offset for register in load_registers()}


def small_network() -> Network:
    """An estimator in small, with several outputs."""
    weight, word = FixedFormat(8, 6), FixedFormat(14, 4)
    layers = (
        Conv1D("c", WINDOW, 1, 5, 3, weight, word, padding_left=1, padding_right=1, activation="relu"),
        MaxPool1D("p", WINDOW, 5, 2),
        Dense("d", WINDOW // 2, 5, OUTPUTS, weight, FixedFormat(16, 0)),
    )
    return random_network(7, FixedFormat(14, 8), WINDOW, layers)


def streaming_network() -> Network:
    """A network that keeps its state from frame to frame."""
    weight, unit = FixedFormat(8, 8), FixedFormat(12, 11)
    tables = Table("sigmoid", 2, 7), Table("tanh", 1, 7)
    layers = (
        GRU("g", WINDOW, 1, 4, weight, unit, unit, FixedFormat(14, 11), *tables, stateful=True),
        Dense("d", 1, 4, OUTPUTS, weight, FixedFormat(16, 8)),
    )
    return random_network(7, FixedFormat(14, 8), WINDOW, layers)


def design_folder(folder: Path, cache: Path, *, streaming: bool = False) -> Path:
    """The logic and its hardware description, as Overlay wants them side by side."""
    directives = [Directive(2, 0, "lut"), NO_DIRECTIVE, Directive(1, 0, "block")]
    if streaming:
        plan = make_plan(streaming_network(), [directives[0], directives[2]], CLOCK_HZ, WINDOW, dma=True)
    else:
        plan = make_plan(small_network(), directives, CLOCK_HZ, HOP, dma=True)
    logic = build_logic(plan.files, cache)
    folder.mkdir(exist_ok=True)
    (folder / "logic.so").write_bytes(logic.read_bytes())
    text = shell_hwh("d", "xc7z020clg400-1", CLOCK_HZ, 0x43C00000, 0x1000, load_registers(), dma=True)
    (folder / "design.hwh").write_text(text, encoding="utf-8")
    return folder


@dataclass
class Loaded:
    """The overlay, and what the tests do with it."""

    overlay: Any
    device: Any

    def read(self, name: str, index: int = 0) -> int:
        return int(self.overlay.ntorc_0.read(OFFSETS[name] + 4 * index))

    def control(self, bits: int) -> None:
        self.overlay.ntorc_0.write(OFFSETS["CONTROL"], bits)

    def buffer(self, shape: int | tuple[int, ...], dtype: str = "i4") -> Any:
        import pynq

        return pynq.allocate(shape, dtype, target=self.device)

    def sent(self, samples: IntArray) -> Any:
        """Start sending samples; the buffer must live as long as the transfer."""
        buffer = self.buffer(len(samples))
        buffer[:] = samples
        self.overlay.axi_dma_0.sendchannel.transfer(buffer)
        return buffer

    def received(self, packets: int) -> tuple[IntArray, list[int]]:
        """Receive so many packets, each into its row: the words, and the lengths in bytes."""
        buffer = self.buffer((packets, OUTPUTS))
        channel, lengths = self.overlay.axi_dma_0.recvchannel, []
        for row in range(packets):
            channel.transfer(buffer, start=row * OUTPUTS * 4, nbytes=OUTPUTS * 4)
            channel.wait()
            lengths.append(channel.transferred)
        return np.array(buffer, np.int64), lengths

    def by_register(self, samples: IntArray) -> tuple[IntArray, list[int]]:
        """Results and latencies with each sample written."""
        results, latencies = [], []
        self.control(SOFT_RESET)
        for count, sample in enumerate(samples.tolist(), start=1):
            self.overlay.ntorc_0.write(OFFSETS["SAMPLE"], sample & 0xFFFFFFFF)
            if count >= WINDOW and (count - WINDOW) % HOP == 0:
                while self.read("RESULT_SEQ") != len(results) + 1:
                    pass
                results.append([self.read("RESULT", index) for index in range(OUTPUTS)])
                latencies.append(self.read("LATENCY"))
        return np.array(results, np.uint32).astype(np.int32).astype(np.int64), latencies

    def settle(self) -> int:
        """Stop both channels, reset the shell, take the packet that had begun; how many there were: 0 or 1."""
        dma = self.overlay.axi_dma_0
        self.restart()
        self.control(SOFT_RESET)
        dma.recvchannel.transfer(self.buffer(OUTPUTS))
        for _ in range(5):
            if dma.recvchannel.idle:
                return 1
        self.restart()
        return 0

    def restart(self) -> None:
        """Stop both channels, forget their errors, start them."""
        dma = self.overlay.axi_dma_0
        for channel, offset in ((dma.sendchannel, 0x00), (dma.recvchannel, 0x30)):
            channel.stop()
            dma.write(offset, 4)  # reset
            channel.start()


@pytest.fixture(scope="module")
def folder(workshop: Path, ntorc_cache: Path) -> Path:
    return design_folder(workshop / "dma", ntorc_cache)


@pytest.fixture
def loaded(device: Any, folder: Path) -> Loaded:
    import pynq

    return Loaded(pynq.Overlay(str(folder / "logic.so"), device=device), device)


def random_samples(seed: int, count: int) -> IntArray:
    return np.random.default_rng(seed).integers(-8192, 8192, count)


def test_pynq_binds_its_driver(loaded: Loaded) -> None:
    from pynq.lib.dma import DMA

    dma = loaded.overlay.axi_dma_0
    assert type(dma) is DMA
    assert (dma.mmio.base_addr, dma.buffer_max_size) == (0x43C01000, 2**24 - 1)
    assert dma.sendchannel.running
    assert dma.recvchannel.running
    assert loaded.read("FEATURES") == 2


def test_a_thousand_samples_by_dma_are_as_by_register_and_as_the_reference(loaded: Loaded) -> None:
    samples = random_samples(1, SAMPLES)
    expected = reference.run(small_network(), windows_of(samples, WINDOW, HOP))
    predicted = latency_cycles(small_network(), [2, 1])
    written, latencies = loaded.by_register(samples)
    np.testing.assert_array_equal(written, expected)
    assert latencies == [predicted] * FRAMES

    loaded.control(SOFT_RESET | SEND_RESULTS)
    keep = loaded.sent(samples)
    received, lengths = loaded.received(FRAMES)
    loaded.overlay.axi_dma_0.sendchannel.wait()
    np.testing.assert_array_equal(received, expected)
    assert lengths == [OUTPUTS * 4] * FRAMES
    assert loaded.overlay.axi_dma_0.sendchannel.transferred == keep.nbytes
    assert (loaded.read("SAMPLE_COUNT"), loaded.read("RESULT_SEQ")) == (SAMPLES, FRAMES)
    assert (loaded.read("LATENCY_MIN"), loaded.read("LATENCY_MAX")) == (predicted, predicted)
    assert (loaded.read("LOST"), loaded.read("STATUS") & 2) == (0, 0)


def test_the_commands_make_and_deploy_a_design_with_it(
    device: Any, fresh_program: Program, tmp_path: Path
) -> None:
    """From ``ntorc build --dma`` to results in memory, as the guide says; the virtual board's self-test is between."""
    import pynq

    saved = small_network().save(tmp_path / "network")
    words = ("build", saved, "--board", "pynq-z2", "--deadline", "200us", "--hop", HOP)
    made, plain = fresh_program.json(*words, "--dma"), fresh_program.json(*words)
    assert made["synthesised"]["ff"] > plain["synthesised"]["ff"] + 300
    installed = fresh_program("board", "install", "virtual", made["bundle"])
    assert installed.returncode == 0, installed.stderr
    loaded = Loaded(pynq.Overlay(str(Path(made["bundle"]) / "logic.so"), device=device), device)
    samples = random_samples(4, 200)
    frames = windows_of(samples, WINDOW, HOP)
    loaded.overlay.ntorc_0.register_map.CONTROL = SOFT_RESET | SEND_RESULTS
    keep = loaded.sent(samples)
    received, lengths = loaded.received(len(frames))
    np.testing.assert_array_equal(received, reference.run(small_network(), frames))
    assert (lengths, keep.nbytes) == ([OUTPUTS * 4] * len(frames), 4 * len(samples))
    assert loaded.read("LATENCY_MAX") == made["latency_cycles"]


def test_a_streaming_design_takes_what_the_dma_sends(device: Any, workshop: Path, ntorc_cache: Path) -> None:
    """Frame after frame, with the buffer full all the time: the stream waits, and nothing is lost."""
    import pynq

    folder = design_folder(workshop / "streaming", ntorc_cache, streaming=True)
    loaded = Loaded(pynq.Overlay(str(folder / "logic.so"), device=device), device)
    samples = random_samples(9, SAMPLES)
    expected = reference.run(streaming_network(), windows_of(samples, WINDOW, WINDOW))
    loaded.control(SOFT_RESET | SEND_RESULTS)
    keep = loaded.sent(samples)
    received, _ = loaded.received(len(expected))
    np.testing.assert_array_equal(received, expected)
    assert loaded.read("FEATURES") == 3
    assert (loaded.read("LOST"), loaded.read("SAMPLE_COUNT"), keep.nbytes) == (0, SAMPLES, 4 * SAMPLES)


def test_samples_by_dma_alone_leave_their_results_in_registers(loaded: Loaded) -> None:
    samples = random_samples(2, SAMPLES)
    loaded.control(SOFT_RESET)
    keep = loaded.sent(samples)
    loaded.overlay.axi_dma_0.sendchannel.wait()
    while loaded.read("RESULT_SEQ") != FRAMES:
        pass
    last = reference.run(small_network(), windows_of(samples, WINDOW, HOP))[-1]
    words = [loaded.read("RESULT", index) for index in range(OUTPUTS)]
    np.testing.assert_array_equal(np.array(words, np.uint32).astype(np.int32), last)
    assert keep.nbytes == 4 * SAMPLES


def test_samples_by_register_may_have_results_by_dma(loaded: Loaded) -> None:
    samples = random_samples(3, WINDOW + HOP)
    loaded.control(SOFT_RESET | SEND_RESULTS)
    for sample in samples.tolist()[:WINDOW]:
        loaded.overlay.ntorc_0.write(OFFSETS["SAMPLE"], sample & 0xFFFFFFFF)
    expected = reference.run(small_network(), windows_of(samples, WINDOW, HOP))
    np.testing.assert_array_equal(loaded.received(1)[0], expected[:1])


@settings(max_examples=15)
@given(first=st.integers(0, 40), count=st.integers(1, 300), gap=st.integers(0, 20))
def test_any_alignment_and_length_arrives(loaded_once: Loaded, first: int, count: int, gap: int) -> None:
    """Bursts begin anywhere between two borders; results end anywhere in a page, and touch nothing beside it."""
    samples = random_samples(count, WINDOW + count)
    loaded = loaded_once
    loaded.control(SOFT_RESET | SEND_RESULTS)
    source = loaded.buffer(first + len(samples))
    source[first:] = samples
    loaded.overlay.axi_dma_0.sendchannel.transfer(source, start=4 * first, nbytes=4 * len(samples))
    expected = reference.run(small_network(), windows_of(samples, WINDOW, HOP))
    target = loaded.buffer(1024 + OUTPUTS, "u4")
    channel = loaded.overlay.axi_dma_0.recvchannel
    for row in expected:
        target[:] = 0xA5A5A5A5
        start = 1024 - gap
        channel.transfer(target, start=4 * start, nbytes=4 * OUTPUTS)
        channel.wait()
        np.testing.assert_array_equal(target[start : start + OUTPUTS].astype("i4"), row)
        assert np.count_nonzero(target != 0xA5A5A5A5) <= OUTPUTS
        assert set(np.flatnonzero(target != 0xA5A5A5A5)) <= set(range(start, start + OUTPUTS))
    loaded.overlay.axi_dma_0.sendchannel.wait()


@pytest.fixture(scope="module")
def loaded_once(device: Any, folder: Path) -> Loaded:
    import pynq

    return Loaded(pynq.Overlay(str(folder / "logic.so"), device=device), device)


def test_a_transfer_that_is_longer_than_its_packet_says_how_much_came(loaded: Loaded) -> None:
    loaded.control(SOFT_RESET | SEND_RESULTS)
    keep = loaded.sent(random_samples(4, WINDOW))
    target = loaded.buffer(1000)
    channel = loaded.overlay.axi_dma_0.recvchannel
    channel.transfer(target)
    channel.wait()
    assert (channel.transferred, keep.nbytes) == (4 * OUTPUTS, 4 * WINDOW)
    assert not target[OUTPUTS:].any()


def test_a_packet_that_is_longer_than_its_transfer_is_an_error(loaded: Loaded) -> None:
    loaded.control(SOFT_RESET | SEND_RESULTS)
    keep = loaded.sent(random_samples(5, WINDOW))
    target = loaded.buffer(10)
    channel = loaded.overlay.axi_dma_0.recvchannel
    channel.transfer(target, nbytes=8)
    while not loaded.overlay.axi_dma_0.read(RECEIVE_STATUS) & HALTED:
        pass
    assert loaded.overlay.axi_dma_0.read(RECEIVE_STATUS) & (INTERNAL_ERROR | HALTED) == INTERNAL_ERROR | HALTED
    assert not target[2:].any()
    assert keep.nbytes
    loaded.settle()
    assert loaded.overlay.axi_dma_0.read(RECEIVE_STATUS) & INTERNAL_ERROR == 0


@pytest.mark.parametrize("send", [True, False])
def test_memory_that_is_not_there_is_a_decode_error(loaded: Loaded, send: bool) -> None:
    dma = loaded.overlay.axi_dma_0
    offset, status = (0x18, SEND_STATUS) if send else (0x48, RECEIVE_STATUS)
    loaded.control(SOFT_RESET | SEND_RESULTS)
    keep = None if send else loaded.sent(random_samples(6, WINDOW))
    dma.write(offset, 0x00010000)
    dma.write(offset + 0x10, 4 * OUTPUTS)
    while not dma.read(status) & HALTED:
        pass
    assert dma.read(status) & (DECODE_ERROR | HALTED) == DECODE_ERROR | HALTED
    assert keep is None or keep.nbytes
    loaded.settle()
    assert loaded.by_register(random_samples(6, WINDOW))[1] == [latency_cycles(small_network(), [2, 1])]


@pytest.mark.parametrize(("where", "length"), [(0x10000000, 0), (0x10000002, 8), (0x10000000, 6)])
def test_what_the_dma_cannot_do_is_an_internal_error(loaded: Loaded, where: int, length: int) -> None:
    dma = loaded.overlay.axi_dma_0
    dma.write(0x18, where)
    dma.write(0x28, length)
    assert dma.read(SEND_STATUS) & (INTERNAL_ERROR | HALTED) == INTERNAL_ERROR | HALTED
    with pytest.raises(RuntimeError, match="not started"):
        dma.sendchannel.wait()


def test_stopped_in_the_middle_it_starts_afresh(loaded: Loaded) -> None:
    """Both directions blocked: nobody takes the results, so the samples wait; then all again, complete."""
    samples = random_samples(7, SAMPLES)
    expected = reference.run(small_network(), windows_of(samples, WINDOW, HOP))
    dropped = []
    for wait_reads in (0, 3, 40):
        loaded.control(SOFT_RESET | SEND_RESULTS)
        keep = loaded.sent(samples)
        for _ in range(wait_reads):
            loaded.read("STATUS")
        packets = loaded.settle()
        assert keep.nbytes
        assert loaded.read("SAMPLE_COUNT") == 0
        loaded.control(SOFT_RESET | SEND_RESULTS)
        keep = loaded.sent(samples)
        received, _ = loaded.received(FRAMES)
        np.testing.assert_array_equal(received, expected)
        dropped.append(packets)
    assert set(dropped) == {0, 1}


def test_status_follows_a_transfer(loaded: Loaded) -> None:
    dma = loaded.overlay.axi_dma_0
    assert dma.read(SEND_STATUS) & (HALTED | IDLE | COMPLETED) == 0
    keep = loaded.sent(random_samples(8, 10))
    dma.sendchannel.wait()
    assert dma.read(SEND_STATUS) & (HALTED | IDLE | COMPLETED) == IDLE | COMPLETED
    dma.write(SEND_STATUS, COMPLETED)
    assert dma.read(SEND_STATUS) & COMPLETED == 0
    dma.sendchannel.stop()
    assert dma.read(SEND_STATUS) & HALTED
    with pytest.raises(RuntimeError, match="not started"):
        dma.sendchannel.transfer(keep)


def test_buffers_that_are_collected_are_free_again(loaded: Loaded) -> None:
    first = loaded.buffer(3 << 20)  # 12 of 16 MiB
    where = first.physical_address
    with pytest.raises(MemoryError, match="free some"):
        loaded.buffer(3 << 20)
    del first
    again = loaded.buffer(3 << 20)
    assert again.physical_address == where
    again.freebuffer()
    assert loaded.buffer(3 << 20).physical_address == where
