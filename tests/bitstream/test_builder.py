"""The tools on another computer: a real sshd on loopback, the stand-ins behind it."""

from __future__ import annotations

import io
import os
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ntorc.backends.bitstream.native import native_project
from ntorc.backends.bitstream.project import Written, read_project, write_project
from ntorc.deploy.loopback import LoopbackServer
from ntorc.errors import DeploymentError, ToolError, UsageError
from ntorc.pipeline.bitstream.builder import Builder, builder_at
from ntorc.progress import Silent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, require: Callable[[str], Path]) -> Iterator[LoopbackServer]:
    require("sshd")
    require("ssh")
    with LoopbackServer(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def there(vendor: Any, tmp_path: Path) -> Path:
    """The builder's folder, with what its user has set."""
    root = tmp_path / "builds"
    root.mkdir()
    settings(root)
    return root


def settings(root: Path) -> None:
    """The stand-ins' environment, as a user's settings of the tools."""
    names = [name for name in os.environ if name.startswith("MOCK_")] + ["PATH"]
    lines = [f"export {name}='{os.environ[name]}'\n" for name in names]
    (root / "settings.sh").write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def project(plan: Any, board: Any, tmp_path: Path) -> tuple[Path, Written]:
    folder = write_project(native_project("small", plan, board, "vivado"), tmp_path / "here")
    return folder, read_project(folder)


def test_there_and_back(server: LoopbackServer, there: Path, vendor: Any, project: tuple[Path, Written]) -> None:
    folder, written = project
    builder = Builder(server.client(there), Silent())
    builder.run(folder, written)
    assert (folder / "products" / "design.bit").is_file()
    assert (folder / "reports" / "timing.rpt").is_file()
    assert (folder / "logs" / "synthesis.1.log").is_file()
    assert not (folder / "checkpoints").exists()  # large, and of no use here
    commands = len(vendor.commands)
    builder.run(folder, written)  # nothing is left to do
    assert len(vendor.commands) == commands


def test_what_fails_there_is_said_here_and_gone_on_with(
    server: LoopbackServer, there: Path, vendor: Any, project: tuple[Path, Written]
) -> None:
    folder, written = project
    builder = Builder(server.client(there), Silent())
    vendor.behave(trouble="licence", step="implementation")
    settings(there)
    with pytest.raises(ToolError, match="implementation: no licence"):
        builder.run(folder, written)
    assert (folder / "logs" / "implementation.1.log").is_file()
    vendor.behave(trouble="")
    settings(there)
    vendor.forget()
    builder.run(folder, written)
    assert vendor.commands[0] == "script implementation.tcl"


def test_ctrl_c_here_ends_it_there(
    server: LoopbackServer, there: Path, vendor: Any, project: tuple[Path, Written]
) -> None:
    folder, written = project
    vendor.behave(trouble="hang", step="synthesis")
    settings(there)
    child = vendor.record.with_name("commands.txt.child")

    def interrupt() -> None:
        for _ in range(300):
            if child.is_file() and child.read_text().strip():
                break
            time.sleep(0.1)
        os.kill(os.getpid(), signal.SIGINT)

    waiting = threading.Thread(target=interrupt)
    waiting.start()
    with pytest.raises(KeyboardInterrupt):
        Builder(server.client(there), Silent()).run(folder, written)
    waiting.join()
    assert not Path(f"/proc/{child.read_text().strip()}").exists()


def test_a_lost_connection_leaves_it_running(
    server: LoopbackServer, there: Path, vendor: Any, project: tuple[Path, Written], tmp_path: Path
) -> None:
    """The client is ended in the middle; the next one follows the same run to its end."""
    folder, written = project
    vendor.behave(trouble="slow", step="synthesis")
    settings(there)
    client = server.client(there)
    cut = tmp_path / "ssh"
    # ends a while after it began to follow, as a connection that is gone does
    cut.write_text('#!/bin/sh\ncase "$*" in *nohup*) timeout 3 ssh "$@"; exit 255 ;; esac\nexec ssh "$@"\n')
    cut.chmod(0o755)
    with pytest.raises(ToolError, match="was lost") as caught:
        Builder(replace(client, program=str(cut)), Silent()).run(folder, written)
    assert "follows it" in caught.value.hint
    Builder(client, Silent()).run(folder, written)
    assert (folder / "products" / "design.bit").is_file()
    assert [line for line in vendor.commands if line == "script synthesis.tcl"] == ["script synthesis.tcl"]
    assert not (folder / "logs" / "synthesis.2.log").exists()


@pytest.mark.parametrize("name", ["../evil", "/evil", "elsewhere/evil", "logs/../../evil"])
def test_products_cannot_lie_elsewhere(name: str, project: tuple[Path, Written], tmp_path: Path) -> None:
    folder, written = project
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        archive.addfile(tarfile.TarInfo(name))

    class Client:
        address = "ssh://builder"

        def run(self, script: str, *_: object, **__: object) -> bytes:
            return content.getvalue()

    builder = builder_at("ssh://builder", None, Silent())
    builder._client = Client()  # type: ignore[assignment]
    with pytest.raises(ToolError, match="something else"):
        builder._fetch(folder, written)
    assert not list(tmp_path.rglob("evil"))


def test_addresses_and_unknown_hosts(server: LoopbackServer, project: tuple[Path, Written], tmp_path: Path) -> None:
    for host in ("builder", "ssh://-oProxyCommand=x", "ssh://a b", "ssh://a/$(x)"):
        with pytest.raises(UsageError):
            builder_at(host, None, Silent())
    config = tmp_path / "config"
    config.write_text(server.config.read_text().replace("UserKnownHostsFile", "UserKnownHostsFile /dev/null #"))
    client = replace(server.client(tmp_path / "builds"), config=config)
    with pytest.raises(DeploymentError, match="host key"):
        Builder(client, Silent()).run(*project)
