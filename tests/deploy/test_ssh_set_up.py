"""Who is let in by a board behind SSH, and what its first contact brings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from ssh_lab import OWNER, board_root, ssh_target
from target_contract import Heard

from ntorc.boards import load_board
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.agent_archive import agent_archive, install_script, start_script
from ntorc.deploy.loopback import LoopbackServer
from ntorc.errors import DeploymentError
from ntorc.processes import run_tool


def with_config(server: LoopbackServer, folder: Path, old: str, new: str) -> LoopbackServer:
    """The same server, for a client with another configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    text = server.config.read_text()
    assert old in text
    changed = LoopbackServer(folder)
    changed.config.write_text(text.replace(old, new))
    return changed


def test_an_unknown_host_key_is_never_accepted(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey
) -> None:
    hosts = tmp_path / "nobody-known"
    hosts.touch()
    # also where the user's configuration would accept it
    known = f"UserKnownHostsFile {server.folder / 'known_hosts'}"
    loose = with_config(server, tmp_path / "c", known, f"UserKnownHostsFile {hosts}\n  StrictHostKeyChecking no")
    with (
        pytest.raises(DeploymentError, match=r"the host key of .* is not known") as caught,
        ssh_target(loose, root, tmp_path / "work", key),
    ):
        pass
    assert "compare the fingerprint" in caught.value.hint
    assert hosts.read_text() == ""


def test_another_host_key_than_the_known_one(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey
) -> None:
    run_tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"])
    public = " ".join((tmp_path / "other.pub").read_text().split()[:2])
    hosts = tmp_path / "hosts"
    hosts.write_text(f"[127.0.0.1]:{server.port} {public}\n")
    known = f"UserKnownHostsFile {server.folder / 'known_hosts'}"
    changed = with_config(server, tmp_path / "c", known, f"UserKnownHostsFile {hosts}")
    with pytest.raises(DeploymentError, match="another computer answers"), ssh_target(
        changed, root, tmp_path / "work", key
    ):
        pass


def test_a_key_that_the_board_does_not_know(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey
) -> None:
    run_tool(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"])
    shown = f"IdentityFile {server.folder / 'user'}"
    changed = with_config(server, tmp_path / "c", shown, f"IdentityFile {tmp_path / 'other'}")
    with pytest.raises(DeploymentError, match="lets nobody in") as caught, ssh_target(
        changed, root, tmp_path / "work", key
    ):
        pass
    assert "ssh-copy-id" in caught.value.hint


def test_nobody_listens(server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey) -> None:
    closed = with_config(server, tmp_path / "c", f"Port {server.port}", "Port 1")
    with pytest.raises(DeploymentError, match="nothing listens"), ssh_target(closed, root, tmp_path / "work", key):
        pass


def test_a_new_board_needs_a_key_and_keeps_what_it_is(
    server: LoopbackServer, tmp_path: Path, key: SigningKey
) -> None:
    root = board_root(tmp_path / "new")
    with pytest.raises(DeploymentError, match="was not set up yet"), ssh_target(server, root, tmp_path / "w", None):
        pass
    heard = Heard()
    with ssh_target(server, root, tmp_path / "w", key, progress=heard) as target:
        assert list(target.keys()["trusted"]) == [key.key_id]
    assert any("setting" in text for text in heard.messages)
    heard = Heard()
    other = replace(load_board("pynq-z2"), name="zybo", part="xc7z010clg400-1")
    with pytest.raises(DeploymentError, match="is on pynq-z2"), ssh_target(
        server, root, tmp_path / "w", key, board=other, progress=heard
    ):
        pass
    assert heard.messages == []  # nothing was brought or compiled again


def test_another_version_of_the_agent_is_brought_and_an_altered_one_is_not_run(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey
) -> None:
    archive = agent_archive()
    assert agent_archive() == archive
    place = root / "agent" / f"{archive.digest}.pyz"
    assert place.read_bytes() == archive.content
    place.rename(root / "agent" / ("0" * 64 + ".pyz"))  # as if the board had another version
    heard = Heard()
    with ssh_target(server, root, tmp_path / "w", key, progress=heard) as target:
        assert target.hello().board == "pynq-z2"
    assert any("bringing the agent" in text for text in heard.messages)
    # what is cut off or altered on its way never gets the name
    place.unlink()
    client = server.client(root)
    with pytest.raises(DeploymentError, match="set-up failed"):
        client.run(install_script(str(root), archive.digest), archive.content[:-1])
    assert not place.exists()
    assert [path.name for path in (root / "agent").glob(".new.*")] == []


def test_where_the_user_may_not_write_it_becomes_root(
    server: LoopbackServer, root: Path, tmp_path: Path
) -> None:
    """The script's decision, by itself: as a user that may not write the folder, with a `sudo` that says so."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user to show it")
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "sudo").write_text('#!/bin/sh\necho "sudo $1 $2 $3"\n')
    (programs / "sudo").chmod(0o755)
    for folder in (tmp_path, *list(tmp_path.parents)[:-2]):
        if folder.stat().st_uid == 0 and folder.name.startswith(("pytest", "test_")):
            folder.chmod(0o755)
    script = start_script(str(root), "0" * 64, OWNER)
    words = ["env", f"PATH={programs}:/usr/bin:/bin", "setpriv", "--reuid=65534", "--clear-groups", "sh", "-c", script]
    assert run_tool(words).startswith("sudo -n -- sh")
    assert "AgentMissing" in run_tool(["sh", "-c", script])
