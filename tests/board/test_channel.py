"""The agent's lines: whatever comes in, only objects with an id and an op are requests."""

from __future__ import annotations

import json
import os
import threading

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ntorc_board.channel import MAX_LINE_BYTES, Channel, parse_request, split_lines
from ntorc_board.errors import RequestError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
@example(b"[" * 200_000)
@example(b"9" * 10_000)
@example(b'{"id": true, "op": "hello"}')
@example(b'{"id": 1.5, "op": "hello"}')
@example(b'{"id": 1}')
@example(b'{"op": "hello"}')
@example(b"\xff\xfe")
def test_any_line_is_a_request_or_an_error(line: bytes) -> None:
    try:
        request = parse_request(line)
    except RequestError as error:
        outcome = error.hint != "" and len(error.message) < 500
    else:
        outcome = type(request["id"]) in (int, str) and isinstance(request["op"], str)
    assert outcome


def through_pipe(chunks: list[bytes]) -> list[bytes]:
    source, sink = os.pipe()

    def feed() -> None:
        for chunk in chunks:
            while chunk:
                chunk = chunk[os.write(sink, chunk) :]
        os.close(sink)

    writer = threading.Thread(target=feed)
    writer.start()
    lines = list(split_lines(source))
    writer.join()
    os.close(source)
    return lines


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=10))
def test_lines_are_the_same_however_they_are_cut(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = whole.split(b"\n")
    assert through_pipe(chunks) == (expected if expected[-1] else expected[:-1])


@pytest.mark.parametrize("length", [MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES + 7])
def test_a_line_that_is_too_long_is_cut_once_and_the_next_is_whole(length: int) -> None:
    lines = through_pipe([b"x" * length + b"\n", b"next\n"])
    assert len(lines) == 2
    assert len(lines[0]) == min(length, MAX_LINE_BYTES + 1)
    assert lines[1] == b"next"


def test_requests_come_in_order_and_cancel_comes_at_once() -> None:
    (request_out, request_in), (answer_out, answer_in) = os.pipe(), os.pipe()
    channel = Channel(request_out, answer_in)
    requests = channel.requests()
    os.write(request_in, b'{"id": 1, "op": "measure"}\nnonsense\n{"id": 2, "op": "status"}\n')
    assert next(requests)["op"] == "measure"
    assert not channel.cancelled.is_set()
    os.write(request_in, b'{"id": 3, "op": "cancel"}\n')
    assert channel.cancelled.wait(30.0)
    assert next(requests)["op"] == "status"  # was waiting all the time
    assert not channel.cancelled.is_set()
    answers = [json.loads(line) for line in os.read(answer_out, 65536).splitlines()]
    assert [(answer["id"], answer["ok"]) for answer in answers] == [(None, False), (3, True)]
    assert "not JSON" in answers[0]["error"]
    os.close(request_in)
    assert list(requests) == []
    assert channel.cancelled.is_set()  # nobody is there any more
    os.close(answer_out)
    os.close(answer_in)
