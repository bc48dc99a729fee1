"""Fetching published runs from a real HTTP server: verified, resumable, clear without a network."""

from __future__ import annotations

import hashlib
import http.server
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pytest

from ntorc.errors import DataError
from ntorc.estimator.fetch import PublishedFile, PublishedRuns, fetch_public_runs, published_names, published_runs
from ntorc.estimator.runs import Runs


class Mirror(http.server.ThreadingHTTPServer):
    """Serves files by path and remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Mirror)
        path = unquote(self.path).lstrip("/")
        server.asked.append(path)
        content = server.files.get(path)
        self.send_response(200 if content is not None else 404)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, format: str, *arguments: object) -> None:
        """Keep the tests' output clean."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def published(mirror: Mirror) -> PublishedRuns:
    """Two small runs in the layout of the repository, put on the mirror."""
    files = {}
    for number, name in enumerate(("Random_set1_test0", "Slow_test1")):
        generator = np.random.default_rng(number)
        for kind, folder in (("acc", "acceleration data"), ("pin", "pin data")):
            values = generator.integers(-900, 900, 400) * 1e-3
            content = ", ".join(f"{value:.6g}" for value in values).encode()
            path = f"{folder}/{name}_{kind}_new.txt"
            files[path] = PublishedFile(f"c0ffee{number}", len(content), hashlib.sha256(content).hexdigest())
            mirror.files[f"lab/data/c0ffee{number}/the set/{path}"] = content
    return PublishedRuns("lab/data", "the set", "MIT", files)


def test_runs_are_fetched_verified_and_saved(mirror: Mirror, tmp_path: Path) -> None:
    runs = fetch_public_runs(tmp_path, published=published(mirror), base_url=mirror.url)
    assert [run.name for run in runs] == ["Random_set1_test0", "Slow_test1"]
    assert "lab/data (MIT)" in runs.source
    assert Runs.load(tmp_path).digest == runs.digest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["Random_set1_test0.npz", "Slow_test1.npz", "runs.json"]
    asked = len(mirror.asked)
    assert fetch_public_runs(tmp_path, published=published(mirror), base_url=mirror.url).digest == runs.digest
    assert len(mirror.asked) == asked, "a fetched folder needs no network"


def test_an_altered_file_is_refused_and_the_rest_is_not_fetched_again(mirror: Mirror, tmp_path: Path) -> None:
    listed = published(mirror)
    path, content = list(mirror.files.items())[2]
    mirror.files[path] = content.replace(b"0", b"1", 1)
    with pytest.raises(DataError, match="SHA-256 differs"):
        fetch_public_runs(tmp_path, published=listed, base_url=mirror.url)
    assert not (tmp_path / "runs.json").exists()
    mirror.files[path] = content
    mirror.asked.clear()
    assert len(fetch_public_runs(tmp_path, published=listed, base_url=mirror.url)) == 2
    assert len(mirror.asked) == 2, "what was verified before the fault is kept"


def test_a_file_that_is_gone(mirror: Mirror, tmp_path: Path) -> None:
    listed = published(mirror)
    mirror.files.clear()
    with pytest.raises(DataError, match="was refused: 404") as raised:
        fetch_public_runs(tmp_path, published=listed, base_url=mirror.url)
    assert "moved" in raised.value.hint


def test_without_a_network(mirror: Mirror, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(DataError, match="cannot reach") as raised:
        fetch_public_runs(tmp_path, published=published(mirror), base_url=url)
    assert "simulate" in raised.value.hint


def test_other_runs_are_not_overwritten(mirror: Mirror, tmp_path: Path) -> None:
    listed = published(mirror)
    fetch_public_runs(tmp_path, published=replace(listed, licence="other"), base_url=mirror.url)
    with pytest.raises(DataError, match="already holds other runs"):
        fetch_public_runs(tmp_path, published=listed, base_url=mirror.url)


def test_the_pinned_digests_are_those_of_the_recorded_data(dropbear: Runs) -> None:
    """The published text is the float32 series printed and joined by a comma and a space."""
    files = {Path(name).name: file for name, file in published_runs().files.items()}
    assert published_names() == [run.name for run in dropbear]
    assert len(files) == 2 * len(dropbear)
    for run in dropbear:
        for kind, series in (("acc", run.acceleration_v), ("pin", run.position_v)):
            content = ", ".join(map(str, series)).encode()
            pinned = files[f"{run.name}_{kind}_new.txt"]
            assert (len(content), hashlib.sha256(content).hexdigest()) == (pinned.bytes, pinned.sha256)
            assert len(pinned.commit) == 40
