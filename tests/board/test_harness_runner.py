"""Running a harness: what a broken one does is an error, never a hang."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc_board.environment import last_cpu
from ntorc_board.errors import HarnessError, RequestError
from ntorc_board.harness import MeasureRequest, run_harness


@pytest.fixture
def request_of(tmp_path: Path) -> MeasureRequest:
    (tmp_path / "samples.bin").write_bytes(bytes(4))
    fields = {"samples": str(tmp_path / "samples.bin"), "out": str(tmp_path / "out.bin"), "estimates": 3}
    return MeasureRequest.parse(fields, 16)


def program(folder: Path, body: str) -> Path:
    """A program in the harness's place."""
    path = folder / "harness"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def run(path: Path, request: MeasureRequest, **options: float) -> tuple[dict[str, object], list[str]]:
    said: list[str] = []
    summary = run_harness(path, "sim:x", "0" * 16, request, said.append, threading.Event(), **options)
    return summary, said


def test_passes_on_its_lines_and_its_summary(tmp_path: Path, request_of: MeasureRequest) -> None:
    path = program(tmp_path, """echo 'harness: 1/3 estimates' >&2; echo "{\\"words\\": \\"$*\\"}" """)
    summary, said = run(path, request_of)
    assert said == ["harness: 1/3 estimates"]
    words = str(summary["words"]).split()
    pairs = dict(zip(words[::2], words[1::2], strict=True))
    assert pairs == {
        "--regs": "sim:x", "--design-id": "0" * 16, "--samples": str(request_of.samples),
        "--out": str(request_of.out), "--estimates": "3", "--hop": "16", "--period-ns": "0",
        "--gap-cycles": "0",
    }  # fmt: skip


@pytest.mark.parametrize(
    "body, complaint",
    [
        ("echo 'no samples' >&2; exit 1", "status 1: no samples"),
        ("printf 'cut off' >&2; exit 1", "status 1: cut off"),
        ("exit 0", "did not print a JSON object"),
        ("echo '[1]'", "did not print a JSON object"),
        ("kill -9 $$", "status -9"),
    ],
)
def test_failures(tmp_path: Path, request_of: MeasureRequest, body: str, complaint: str) -> None:
    with pytest.raises(HarnessError, match=complaint):
        run(program(tmp_path, body), request_of)


def test_a_failure_keeps_its_summary_and_records(tmp_path: Path, request_of: MeasureRequest) -> None:
    request_of.out.write_bytes(b"of an earlier run")
    path = program(tmp_path, f"[ ! -e {request_of.out} ] && echo '{{\"timeouts\": 1}}'; exit 1")
    with pytest.raises(HarnessError) as caught:
        run(path, request_of)
    assert caught.value.details == {"harness": {"timeouts": 1}, "records": None}


def test_a_program_that_is_not_there(tmp_path: Path, request_of: MeasureRequest) -> None:
    with pytest.raises(HarnessError, match="cannot start"):
        run(tmp_path / "missing", request_of)


def test_silence_ends_it(tmp_path: Path, request_of: MeasureRequest) -> None:
    path = program(tmp_path, f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    with pytest.raises(HarnessError, match="said nothing"):
        run(path, request_of, silence_limit_s=0.5)
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_cancelling_asks_it_to_stop(tmp_path: Path, request_of: MeasureRequest) -> None:
    path = program(
        tmp_path,
        'trap \'echo "{\\"interrupted\\": true}"; exit 0\' INT; echo started >&2; while :; do sleep 0.05; done',
    )
    cancelled = threading.Event()
    summary = run_harness(path, "sim:x", "0" * 16, request_of, lambda line: cancelled.set(), cancelled)
    assert summary["interrupted"] is True


def test_the_last_processor(tmp_path: Path, request_of: MeasureRequest) -> None:
    assert last_cpu(tmp_path) == max(os.sched_getaffinity(0))
    isolated = tmp_path / "sys/devices/system/cpu/isolated"
    isolated.parent.mkdir(parents=True)
    for text, last in (("1\n", 1), ("2-3,5\n", 5), ("2-11\n", 11), ("\n", max(os.sched_getaffinity(0)))):
        isolated.write_text(text)
        assert last_cpu(tmp_path) == last
    fields = {"samples": str(request_of.samples), "out": str(request_of.out), "estimates": 3, "cpu": "last"}
    assert MeasureRequest.parse(fields, 16).cpu == last_cpu()


ANYTHING = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["samples", "out", "estimates", "hop", "period_ns", "timeout_us", "cpu", "fifo"]), ANYTHING
    )
)
def test_any_fields_are_a_request_or_an_error(fields: dict[str, object]) -> None:
    with pytest.raises(RequestError) as caught:  # none of these has a file of samples
        MeasureRequest.parse(fields, 16)
    assert caught.value.hint


@pytest.mark.parametrize(
    "change",
    [{"estimates": 0}, {"estimates": True}, {"estimates": None}, {"hop": 0}, {"hop": 65536}, {"period_ns": -1},
     {"timeout_us": 0}, {"fifo": 100}, {"cpu": "0"}, {"samples": "a\0b"}, {"out": "nowhere/x/y"}],
)  # fmt: skip
def test_limits(request_of: MeasureRequest, change: dict[str, object]) -> None:
    fields = {"samples": str(request_of.samples), "out": str(request_of.out), "estimates": 3}
    assert MeasureRequest.parse(fields, 16) == request_of
    with pytest.raises(RequestError):
        MeasureRequest.parse({**fields, **change}, 16)


def test_samples_must_be_whole_numbers_of_32_bits(request_of: MeasureRequest) -> None:
    fields = {"samples": str(request_of.samples), "out": str(request_of.out), "estimates": 3}
    for content in (b"", b"12345"):
        Path(request_of.samples).write_bytes(content)
        with pytest.raises(RequestError, match="int32 samples"):
            MeasureRequest.parse(fields, 16)
