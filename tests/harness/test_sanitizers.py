"""The C programs under the sanitizers, each once through ordinary and rough use."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

import pytest
from harness_support import (
    BLOCKING_OFFSET,
    SILENT_OFFSET,
    HarnessRun,
    VirtualPl,
    compile_fake,
    harness_arguments,
    run_harness,
    write_samples,
)

from ntorc.deploy.firmware import Firmware, build_firmware, compiler
from ntorc.errors import ToolError
from ntorc.measure.report import parse_report
from ntorc.processes import run_tool

SANITIZERS = ["address,undefined", "thread"]


def flags_of(sanitizer: str) -> list[str]:
    return [f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer", "-O1", "-Werror"]


@pytest.fixture(scope="module", params=SANITIZERS)
def sanitizer(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A sanitizer that this compiler has and whose programs start here."""
    folder = tmp_path_factory.mktemp("probe")
    (folder / "probe.c").write_text("int main(void) { return 0; }\n", encoding="utf-8")
    name = str(request.param)
    try:
        run_tool([*compiler().command, *flags_of(name), folder / "probe.c", "-o", folder / "probe"])
        run_tool([folder / "probe"])
    except ToolError as error:
        reason = f"no sanitizer {name} here: {error.message} {error.hint}"
        if os.environ.get("NTORC_REQUIRE") == "all":
            pytest.fail(reason)
        pytest.skip(reason)
    return name


@pytest.fixture(scope="module")
def checked(sanitizer: str, tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return build_firmware(tmp_path_factory.mktemp("checked"), flags=flags_of(sanitizer))


def assert_clean(errors: str) -> None:
    assert "Sanitizer" not in errors, errors
    assert "runtime error" not in errors, errors


def test_ordinary_and_rough_use_is_clean(checked: Firmware, sanitizer: str, tmp_path: Path) -> None:
    samples = tmp_path / "samples"
    write_samples(samples, range(-100, 100))
    plain = compile_fake(tmp_path, flags_of(sanitizer))
    stuck = compile_fake(tmp_path, flags_of(sanitizer), stuck_after=3)
    with VirtualPl(checked) as server:
        url, out = server.url, tmp_path / "out"
        runs = [run_harness(checked, url, samples, out, estimates=1, hop=1)]
        assert server.ask(f"program {stuck}") == "ok"
        runs.append(run_harness(checked, url, samples, out, estimates=9, hop=1, timeout_us=5000))
        assert server.ask(f"program {plain}") == "ok"
        runs.append(run_harness(checked, url, samples, out, estimates=300, hop=16, cpu=0, fifo=1))
        runs.append(run_harness(checked, url, samples, out, estimates=30, hop=4, period_ns=50_000))
        runs.append(run_harness(checked, url, samples, out, estimates=3, hop=4, design_id="0" * 16))
        runs.append(run_harness(checked, f"uio:{samples}:0x100", samples, out, estimates=3, hop=4))
        runs.append(run_harness(checked, "devmem:0x0:0x0", samples, out, estimates=3, hop=4))
        runs.append(run_harness(checked, "sim:/", samples, out, estimates=3, hop=4))
        live, sink = tmp_path / "live", f"shm:{tmp_path / 'sink'}"
        runs.append(run_harness(checked, url, samples, out, estimates=60, hop=4, sink=sink, load="cpu,mem,io,net"))
        runs.append(run_harness(checked, url, Path(f"shm:{live}"), out, estimates=2, hop=4, timeout_us=5000))
        runs.append(run_harness(checked, url, Path(f"shm:{live}"), out, estimates=9, hop=4, period_ns=20_000))
        runs.append(run_harness(checked, "null:7", samples, out, estimates=200_000, hop=1, deadline_ns=5))
        runs.append(fed_by_socket(checked, url, out))
        runs += [read_by_nobody(checked, samples, period_ns) for period_ns in (0, 50_000)]
        assert [run.status for run in runs] == [1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0, 0, 0, 1, 1]
        for run in runs:
            assert_clean(run.errors)
        errors = reprogram_under_load(checked, server, [plain, stuck], samples, tmp_path)
    assert_clean(errors)
    assert_clean(server.errors)
    assert server.process.returncode == 0


def read_by_nobody(firmware: Firmware, samples: Path, period_ns: int) -> HarnessRun:
    """A run into a pipe that nobody reads: it ends by itself where the loop waits, and by a signal where not."""
    pipe = samples.parent / f"pipe-{period_ns}"
    os.mkfifo(pipe)
    words = harness_arguments(firmware, "null:1", samples, pipe, hop=1, timeout_us=20_000, period_ns=period_ns)
    harness = subprocess.Popen(
        [*words, "--endless"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with pipe.open("rb") as reader:
        assert reader.read(48 + 4000)[:4] == b"NTHR"
        if period_ns > 0:
            threading.Timer(1.0, harness.terminate).start()
        out, errors = harness.communicate(timeout=60)
    return HarnessRun(harness.returncode, parse_report(out), errors, pipe)


def fed_by_socket(firmware: Firmware, url: str, out: Path) -> HarnessRun:
    """A run whose samples come by a socket that closes in the middle of a count."""
    with tempfile.TemporaryDirectory(prefix="ntorc-") as name, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{name}/source")
        listener.listen(1)
        listener.settimeout(30)

        def feed() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"\1\0\0\0" * 300 + b"\1\0")

        feeder = threading.Thread(target=feed)
        feeder.start()
        run = run_harness(firmware, url, Path(f"unix:{name}/source"), out, estimates=1000, hop=4)
        feeder.join(30)
    assert run.report is not None
    assert run.report.source_ended
    return run


def reprogram_under_load(
    firmware: Firmware, server: VirtualPl, designs: list[Path], samples: Path, folder: Path
) -> str:
    """Reprograms, asks and disturbs while a harness polls; returns what the harness said."""
    harness = subprocess.Popen(
        harness_arguments(
            firmware, server.url, samples, folder / "last", estimates=1_000_000, hop=1, timeout_us=60_000_000
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for number in range(20):
        assert server.ask(f"program {designs[number % 2]}") == "ok"
        assert server.ask("program /nonexistent").startswith("error")
        assert server.ask(f"clock {1e8 + number}").startswith("ok")
        with server.connect() as connection:
            connection.sendall(b"\0\xff" * 3000 + b"\ninfo\n")
        assert server.info()["programmed"]
    harness.send_signal(signal.SIGINT)
    _, errors = harness.communicate(timeout=60)
    return errors


def test_library_and_double_are_clean_of_warnings_with_every_compiler(tmp_path: Path) -> None:
    """clang too where it is installed: it warns of other things than gcc."""
    import shutil

    tried = [name for name in ("gcc", "clang", "cc") if shutil.which(name)]
    assert tried
    root = Path(__file__).resolve().parents[2] / "firmware"
    for name in tried:
        for source in sorted([*root.glob("harness/*.c"), *root.glob("virtual/*.c")]):
            run_tool(
                [
                    name,
                    "-std=c11",
                    "-D_GNU_SOURCE",
                    "-Wall",
                    "-Wextra",
                    "-Wshadow",
                    "-Wstrict-prototypes",
                    "-Wmissing-prototypes",
                    "-Wpointer-arith",
                    "-Werror",
                    "-fsyntax-only",
                    f"-I{root / 'virtual'}",
                    f"-I{root / 'harness'}",
                    source,
                ]
            )


def test_offsets_of_the_double_are_no_registers() -> None:
    """The double's own offsets must not shadow the map's."""
    from harness_support import REGISTERS

    assert not {BLOCKING_OFFSET, SILENT_OFFSET} & set(REGISTERS.values())
