"""The rules of AXI4-Lite on the shell's bus: proved, held under irregular traffic, and able to fail."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axi_mutants import MUTANTS, RULES, Mutant, with_mutants
from formal_runs import check, write_model

from ntorc.backends.native import shell
from ntorc.backends.native.simulate import register_offsets
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.verilate import build_library, lint
from ntorc.paths import gateware_folder

TOP = "ntorc_shell_checked"
OFFSETS = register_offsets()
CONSTANTS = {"MAGIC": 0x4E544F52, "DESIGN_ID_LO": 0x89ABCDEF, "DESIGN_ID_HI": 0x01234567, "CLOCK_HZ": 100_000_000}
KEPT = {"HOP": 0xFFFF, "DEADLINE": 0xFFFFFFFF, "HIST_LOWER": 0xFFFFFFFF, "HIST_SHIFT": 0xF}
"""Registers that read as they were written, and the bits that they have."""


def checked_sources() -> dict[str, str]:
    """The shell, the checker, and what holds both."""
    files = library_sources(
        name
        for name in dict.fromkeys((*shell.shell_sources(dma=True), *shell.shell_sources(streaming=True)))
        if name not in (*shell.DMA_SOURCES, "ntorc_lite_split.sv")
    )
    for name in ("axi_kept.sv", "axi_lite_checker.sv", "axi_stream_checker.sv", f"{TOP}.sv"):
        files[name] = (gateware_folder() / "checks" / name).read_text(encoding="utf-8")
    return files


# ---- proofs ------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proof")
    return write_model(checked_sources(), TOP, folder, ["NTORC_FORMAL", "NTORC_INDUCTION"])


@pytest.fixture(scope="module")
def mutant_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without the relations that only induction needs: the rules alone must see the faults."""
    return write_model(with_mutants(checked_sources()), TOP, tmp_path_factory.mktemp("mutants"), ["NTORC_FORMAL"])


def chosen(model: Path, number: int) -> list[str]:
    """Options that switch one fault on."""
    constraint = model.with_name(f"mutant{number}.smtc")
    constraint.write_text(f"always\nassume (= [mutant] #b{number:04b})\n", encoding="utf-8")
    return ["--smtc", str(constraint)]


def test_every_rule_is_in_the_model(model: Path) -> None:
    text = model.read_text(encoding="utf-8")
    assert all(f"rules.{rule}\n" in text for rule in RULES)


def test_the_rules_hold_in_every_reachable_state(model: Path) -> None:
    """From the reset on for the first cycles, and by induction for all that follow."""
    for options in (["-t", "12"], ["-i", "-t", "6"]):
        holds, text = check(model, *options)
        assert holds, text


def test_the_assumptions_leave_room_for_traffic(model: Path) -> None:
    """Writes and reads that end, one write waiting behind another: the proof is about something."""
    holds, text = check(model, "-c", "-t", "20")
    assert holds, text


@pytest.mark.parametrize("number", range(len(MUTANTS) + 1))
def test_a_fault_has_a_counterexample(mutant_model: Path, number: int) -> None:
    holds, text = check(mutant_model, "-t", "10", *chosen(mutant_model, number))
    if number == 0:
        assert holds, text
    else:
        assert not holds, MUTANTS[number - 1].name
        assert f"rules.{MUTANTS[number - 1].rule}\n" in text


# ---- simulation -----------------------------------------------------------------------------------------------


class Bench:
    """The checked shell under a master that follows the rules and is otherwise irregular."""

    def __init__(self, library: Path, seed: int) -> None:
        self.library = ctypes.CDLL(str(library))
        self.library.bench_create.restype = ctypes.c_void_p
        self.handle = ctypes.c_void_p(self.library.bench_create(seed))

    def close(self) -> None:
        self.library.bench_destroy(self.handle)

    def traffic(
        self,
        writes: list[tuple[int, int]],
        reads: list[int],
        valid_percent: int = 50,
        ready_percent: int = 50,
        limit_cycles: int = 100_000,
    ) -> tuple[int, list[int]]:
        """Writes (address, value) and reads side by side: cycles, 0 for no end; what was read."""
        addresses = np.array([address for address, _ in writes], np.uint32)
        data = np.array([value for _, value in writes], np.uint32)
        from_where, values = np.array(reads, np.uint32), np.zeros(len(reads), np.uint32)
        pointers = [array.ctypes.data_as(ctypes.c_void_p) for array in (addresses, data, from_where, values)]
        cycles = self.library.bench_traffic(
            self.handle,
            len(writes),
            *pointers[:2],
            len(reads),
            *pointers[2:],
            valid_percent,
            ready_percent,
            limit_cycles,
        )
        return int(cycles), values.tolist()

    def select(self, mutant: int) -> None:
        self.library.bench_mutant(self.handle, mutant)

    def reset(self) -> None:
        self.library.bench_reset(self.handle)

    @property
    def broken(self) -> list[str]:
        """Rules that were broken."""
        bits = int(self.library.bench_broken(self.handle))
        return [rule for index, rule in enumerate(RULES) if bits >> index & 1]

    @property
    def errors(self) -> int:
        """Assertions that failed, the master's among them."""
        return int(self.library.bench_errors(self.handle))


def bench_library(files: dict[str, str], cache: Path, bench: Path) -> Path:
    return build_library(files, TOP, (bench,), cache, ["--assert"])


@pytest.fixture(scope="module")
def checked(ntorc_cache: Path) -> Path:
    return bench_library(checked_sources(), ntorc_cache, Path(__file__).with_name("axi_bench.cpp"))


@pytest.fixture(scope="module")
def faulty(ntorc_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    bench = tmp_path_factory.mktemp("bench") / "axi_bench.cpp"
    text = Path(__file__).with_name("axi_bench.cpp").read_text(encoding="utf-8")
    bench.write_text(f"#define BENCH_MUTANT\n{text}", encoding="utf-8")
    return bench_library(with_mutants(checked_sources()), ntorc_cache, bench)


@pytest.fixture
def bench(checked: Path) -> Iterator[Bench]:
    built = Bench(checked, 1)
    yield built
    built.close()


def test_no_warnings(tmp_path: Path) -> None:
    files = checked_sources()
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    lint(tmp_path, [name for name in files if name.endswith(".sv")], TOP)


@pytest.mark.parametrize("valid_percent", [10, 60, 100])
@pytest.mark.parametrize("ready_percent", [5, 50, 100])
def test_irregular_traffic_breaks_no_rule_and_loses_nothing(
    checked: Path, valid_percent: int, ready_percent: int
) -> None:
    draw = np.random.default_rng(valid_percent * 100 + ready_percent)
    bench = Bench(checked, int(draw.integers(2**32)))
    last: dict[str, int] = {}
    for _ in range(6):
        names = draw.choice(list(KEPT), 60).tolist()
        values = draw.integers(1, 2**32, 60).tolist()
        constants = draw.choice(list(CONSTANTS), 60).tolist()
        writes = [(OFFSETS[name], value) for name, value in zip(names, values, strict=True)]
        for name, value in zip(names, values, strict=True):
            if value & KEPT[name] or name != "HOP":  # a hop of 0 is ignored
                last[name] = value & KEPT[name]
        reads = [OFFSETS[name] for name in constants]
        cycles, found = bench.traffic(writes, reads, valid_percent, ready_percent)
        assert cycles
        assert found == [CONSTANTS[name] for name in constants]
        cycles, found = bench.traffic([], [OFFSETS[name] for name in last], valid_percent, ready_percent)
        assert cycles
        assert dict(zip(last, found, strict=True)) == last
    assert bench.broken == []
    assert bench.errors == 0
    bench.close()


def test_every_sample_that_was_written_is_counted_once(bench: Bench) -> None:
    for samples in (1, 7, 500):
        assert bench.traffic([(OFFSETS["CONTROL"], 1)], [])[0]
        assert bench.traffic([(OFFSETS["SAMPLE"], 3)] * samples, [], 90, 30)[0]
        assert bench.traffic([], [OFFSETS["SAMPLE_COUNT"]])[1] == [samples]
    assert (bench.broken, bench.errors) == ([], 0)


def test_a_reset_in_the_middle_of_anything_breaks_no_rule(bench: Bench) -> None:
    for limit_cycles in range(1, 60):
        bench.traffic([(OFFSETS["DEADLINE"], 5)] * 40, [OFFSETS["MAGIC"]] * 40, 80, 20, limit_cycles)
        bench.reset()
        assert bench.traffic([], [OFFSETS["DEADLINE"], OFFSETS["HOP"]])[1] == [0xFFFFFFFF, 1]
    assert (bench.broken, bench.errors) == ([], 0)


@pytest.mark.parametrize("number", range(1, len(MUTANTS) + 1))
def test_irregular_traffic_finds_the_fault(faulty: Path, number: int, capfd: pytest.CaptureFixture[str]) -> None:
    mutant: Mutant = MUTANTS[number - 1]
    found: set[str] = set()
    draw = np.random.default_rng(number)
    for attempt in range(40):
        bench = Bench(faulty, attempt)
        bench.select(number)
        everywhere = [4 * word for word in range(32)]
        writes = [(OFFSETS["DEADLINE"], value) for value in range(50)]
        reads = draw.choice(everywhere, 50).tolist()
        bench.traffic(writes, reads, 70, 25, int(draw.integers(5, 400)))
        bench.reset()
        found |= set(bench.broken)
        assert bool(bench.broken) == bool(bench.errors)  # the assertion fires with its bit
        bench.close()
        if mutant.rule in found:
            break
    assert mutant.rule in found, found
    assert "Assertion failed" in "".join(capfd.readouterr())


def test_without_a_fault_the_same_traffic_passes(faulty: Path) -> None:
    bench = Bench(faulty, 3)
    bench.select(0)
    for limit_cycles in range(10, 400, 10):
        bench.traffic([(OFFSETS["DEADLINE"], 1)] * 50, [4 * word for word in range(32)], 70, 25, limit_cycles)
        bench.reset()
    assert (bench.broken, bench.errors) == ([], 0)
    bench.close()
