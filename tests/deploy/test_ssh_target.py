"""A board behind a real sshd: the contract, what is sent, who is let in, leases, keys, and cut connections."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssh_lab import OWNER, board_root, ssh_target
from target_contract import Heard, TargetContract, samples_file
from virtual_lab import bundle_of

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.deploy.agent_archive import agent_archive, install_script, start_script
from ntorc.deploy.client import BoardBusyError
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh import SshAddress, SshClient, clean_owner
from ntorc.deploy.ssh_target import SshTarget
from ntorc.deploy.target import MeasureRequest
from ntorc.errors import BundleError, DeploymentError, NtorcError, UsageError
from ntorc.measure.records import read_records
from ntorc.processes import run_tool


@pytest.fixture(scope="module")
def set_up(lab: Path, server: LoopbackServer, key: SigningKey) -> Path:
    """A board that was set up, with its programs compiled, and nothing installed."""
    root = board_root(lab / "set-up")
    with ssh_target(server, root, lab / "set-up-work", key):
        pass
    return root


@pytest.fixture
def root(set_up: Path, tmp_path: Path) -> Path:
    """A board of the test's own."""
    copy = tmp_path / "root"
    shutil.copytree(set_up, copy)
    return copy


@pytest.fixture
def target(server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey) -> Iterator[SshTarget]:
    with ssh_target(server, root, tmp_path / "work", key) as started:
        yield started


class TestSshTarget(TargetContract):
    def test_it_says_that_no_board_is_there(self, target: SshTarget) -> None:
        assert target.hello().is_simulated
        assert target.is_virtual


# ---- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "ssh://-oProxyCommand=touch%20x", "ssh://-oProxyCommand=x/", "ssh://host;touch x", "ssh://$(touch x)", "ssh://",
        "ssh://a b", "ssh://user@-host", "ssh://-user@host", "ssh://u;x@host", "ssh://host/a b", "ssh://host/a;b",
        "ssh://host/$(x)", "ssh://host/../etc", "ssh://host/-x", "ssh://host:0", "ssh://host:70000", "ssh://host:x",
        "ssh://u:secret@host", "ssh://host?x=1", "ssh://host#x", "http://host", "host", "ssh://host\n", "ssh://`x`",
        "ssh://[::1", "ssh://user@host@other", "ssh://host/a'b", 'ssh://host/a"b', "ssh://host\0",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        SshAddress.parse(text)


@given(st.text(max_size=40))
def test_no_text_becomes_an_option(text: str) -> None:
    try:
        address = SshAddress.parse(f"ssh://{text}")
    except UsageError:
        return
    words = SshClient(address).words("true")
    place = words.index("--")
    assert words[place + 1 :] == [address.host, "exec sh -c true"]
    assert not address.host.startswith("-")
    assert not (address.user or "x").startswith("-")
    assert SshAddress.parse(str(address)) == address


def test_addresses_keep_what_they_say() -> None:
    for text in ("ssh://xilinx@pynq", "ssh://Rack2", "ssh://a@b:2222", "ssh://[fe80::1]:22/srv/ntorc", "ssh://u@h/x/y"):
        assert str(SshAddress.parse(text)) == text
    assert str(SshAddress.parse("ssh://xilinx@pynq/")) == "ssh://xilinx@pynq"


def test_strictness_cannot_be_left_out(server: LoopbackServer, root: Path) -> None:
    words = server.client(root).words("true")
    options = [word for before, word in itertools.pairwise(words) if before == "-o"]
    assert "StrictHostKeyChecking=yes" in options
    assert "BatchMode=yes" in options


@pytest.mark.parametrize("name", ["", "-x", "a b", "a\n", "$(x)", "a'b", "x" * 101])
def test_owners_are_plain_names(name: str) -> None:
    with pytest.raises(UsageError):
        clean_owner(name)


# ---- who is let in -------------------------------------------------------------------------------


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


# ---- set-up --------------------------------------------------------------------------------------


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


# ---- what is sent --------------------------------------------------------------------------------


def test_only_what_is_missing_is_sent_and_resumed(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, bundle: Bundle, other_bundle: Bundle
) -> None:
    logic = (bundle.folder / "logic.so").read_bytes()
    digest = bundle.manifest.files["logic.so"]
    with ssh_target(server, root, tmp_path / "w", key) as target:
        data = base64.b64encode(logic[:5000]).decode()
        target._ask("put", {"sha256": digest, "offset": 0, "data": data, "last": False})  # and then it was cut off
    with ssh_target(server, root, tmp_path / "w", key) as target:
        assert target._ask("have", {"sha256": digest}) == {"whole": False, "bytes": 5000}
        heard = Heard()
        target.install(bundle.folder, heard)
        uploads = {what for what, _, _ in heard.steps if what.startswith("upload")}
        assert len(uploads) == 5
        heard = Heard()
        target.install(other_bundle.folder, heard)
        assert {what for what, _, _ in heard.steps if what.startswith("upload")} == {"upload 1 of 1 kB"}
        heard = Heard()
        target.install(other_bundle.folder, heard)  # the same again
        assert not [what for what, _, _ in heard.steps if what.startswith("upload")]
        assert target.status().previous == bundle.manifest.design_id
    assert not (root / "uploads").exists()


def test_the_board_itself_refuses_what_is_altered_or_replayed(
    target: SshTarget, bundle: Bundle, other_bundle: Bundle, key: SigningKey
) -> None:
    """Whatever a client sends: the signature is checked on the manifest, the digest on each file."""
    target.install(other_bundle.folder)
    manifest, signature = (bundle.folder / "manifest.json").read_bytes(), (bundle.folder / "manifest.sig").read_bytes()

    def offer(content: bytes, signed: bytes) -> dict[str, object]:
        sizes = dict.fromkeys(bundle.manifest.files.values(), 10)
        fields = {"manifest": base64.b64encode(content).decode(), "signature": base64.b64encode(signed).decode()}
        return target._ask("offer", {**fields, "sizes": sizes})

    with pytest.raises(BundleError, match="was replayed"):
        offer(manifest, signature)
    for bit in range(0, len(manifest) * 8, 997):
        altered = bytearray(manifest)
        altered[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BundleError):
            offer(bytes(altered), signature)
    with pytest.raises(BundleError, match="did not arrive"):
        target._ask("put", {"sha256": "0" * 64, "offset": 0, "data": base64.b64encode(b"x").decode(), "last": True})
    with pytest.raises(UsageError, match="not offered"):
        target._ask("install", {"digest": bundle.digest})
    assert target.status().confirmed == target.status().programmed == other_bundle.manifest.design_id


def test_an_install_without_its_files(target: SshTarget, bundle: Bundle) -> None:
    manifest, signature = (bundle.folder / "manifest.json").read_bytes(), (bundle.folder / "manifest.sig").read_bytes()
    sizes = dict.fromkeys(bundle.manifest.files.values(), 10)
    fields = {"manifest": base64.b64encode(manifest).decode(), "signature": base64.b64encode(signature).decode()}
    answer = target._ask("offer", {**fields, "sizes": sizes})
    with pytest.raises(UsageError, match="was not sent"):
        target._ask("install", {"digest": answer["digest"]})
    assert target.status().confirmed is None
    huge = dict.fromkeys(bundle.manifest.files.values(), 1 << 39)
    with pytest.raises(DeploymentError, match="do not fit"):
        target._ask("offer", {**fields, "sizes": huge})


NO_RECIPE: dict[str, object] = {"sources": {}, "products": {}, "flags": [], "includes": []}


@pytest.mark.parametrize(
    "op, fields",
    [
        ("put", {}), ("put", {"sha256": "../../x", "offset": 0, "data": "", "last": True}),
        ("put", {"sha256": "0" * 64, "offset": 7, "data": "", "last": False}),
        ("put", {"sha256": "0" * 64, "offset": 0, "data": "&&", "last": False}),
        ("have", {"sha256": "/etc/passwd"}), ("get", {"offset": -1}), ("get", {}), ("offer", {}),
        ("offer", {"manifest": "&", "signature": "", "sizes": {}}), ("firmware", {"digest": "x"}),
        ("firmware", {"digest": "0" * 64, "recipe": NO_RECIPE}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "sources": {"../x.c": ""}}}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "flags": ["-fplugin=/x"]}}),
        ("firmware", {"digest": "0" * 64, "recipe": {**NO_RECIPE, "flags": ["x.c"]}}),
        ("firmware", {"digest": "0" * 64, "recipe": []}), ("firmware", {"digest": "0" * 64, "recipe": {}}),
        ("enrol", {"settings": {}, "public": "0" * 64}), ("trust", {"public": "x"}), ("revoke", {"key_id": "../x"}),
        ("lease", {}), ("lease", {"seconds": 0}), ("lease", {"seconds": True}), ("lease", {"seconds": 10**9}),
        ("measure", {"samples_sha256": "x", "estimates": 1}),
    ],
)  # fmt: skip
def test_requests_that_make_no_sense(target: SshTarget, op: str, fields: dict[str, object]) -> None:
    with pytest.raises(NtorcError) as caught:
        target._ask(op, fields)
    assert caught.value.hint
    assert target.hello().board == "pynq-z2"


def test_bundles_for_other_boards_or_parts_are_refused_before_anything_is_sent(
    target: SshTarget, lab: Path, key: SigningKey, tmp_path: Path
) -> None:
    board = load_board("pynq-z2")
    for number, other, said in (
        (1, replace(board, name="zybo"), "for the board zybo"),
        (2, replace(board, part="xc7z010clg400-1"), "for the part xc7z010clg400-1"),
    ):
        heard = Heard()
        with pytest.raises(BundleError, match=said):
            target.install(bundle_of(lab / "others", key, f"00000000c0ffee6{number}", board=other).folder, heard)
        assert heard.steps == []
    outside = tmp_path / "outside"
    outside.mkdir()
    manifest = {"files": {"../../etc/passwd": "0" * 64}}
    (outside / "manifest.json").write_text(json.dumps(manifest))
    (outside / "manifest.sig").write_text("{}")
    with pytest.raises(BundleError, match="not allowed"):
        target.install(outside)
    assert target.status().confirmed is None


# ---- keys and leases -----------------------------------------------------------------------------


def test_other_keys_are_trusted_by_hand_and_revoked(
    server: LoopbackServer, root: Path, tmp_path: Path, lab: Path, key: SigningKey, bundle: Bundle
) -> None:
    friend = signing_key(tmp_path / "friend")
    theirs = bundle_of(lab / "theirs", friend, "00000000c0ffee31")
    with ssh_target(server, root, tmp_path / "w", key) as target:
        target.install(bundle.folder)
        with pytest.raises(BundleError, match="not trusted here"):
            target.install(theirs.folder)
        assert target.trust(friend.public) == friend.key_id
        assert target.install(theirs.folder).replaced == bundle.manifest.design_id
        target.revoke(key.key_id)
        assert target.keys() == {"trusted": {friend.key_id: friend.public.hex()}, "revoked": [key.key_id]}
        with pytest.raises(BundleError, match="not trusted here"):
            target.install(bundle_of(lab / "later", key, "00000000c0ffee32").folder)
        with pytest.raises(BundleError, match="was revoked"):
            target.trust(key.public)
        assert target.trust(key.public, again=True) == key.key_id
        with pytest.raises(UsageError, match="no key"):
            target.revoke("0" * 16)


def test_a_lease_keeps_others_out(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, bundle: Bundle, other_bundle: Bundle
) -> None:
    with ssh_target(server, root, tmp_path / "w", key) as alice:
        alice.install(bundle.folder)
        alice.lease(3600)
    samples, _ = samples_file(tmp_path)
    with ssh_target(server, root, tmp_path / "w", key, "bob@desk") as bob:
        status = bob.status()
        assert (status.lease_owner, 3500 < status.lease_left_s <= 3600) == (OWNER, True)
        attempts = (
            lambda: bob.install(other_bundle.folder),
            lambda: bob.measure(MeasureRequest(samples, tmp_path / "records.bin", 10)),
            bob.restore, bob.rollback, bob.release,
            lambda: bob.lease(60),
            lambda: bob.trust(key.public),
            lambda: bob.revoke(key.key_id),
        )  # fmt: skip
        for attempt in attempts:
            with pytest.raises(BoardBusyError, match=f"leased to {OWNER} for (59|60) min"):
                attempt()
        bob.release(force=True)
        bob.install(other_bundle.folder)
        bob.lease(1)
    time.sleep(1.1)
    with ssh_target(server, root, tmp_path / "w", key) as alice:  # it has expired
        assert alice.status().lease_owner is None
        assert [event.owner for event in alice.status().history] == [OWNER, "bob@desk"]
        alice.rollback()


def test_two_deployers_at_once(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, bundle: Bundle, other_bundle: Bundle
) -> None:
    """One waits for the other: both deployments happen, one after the other, or the older is refused as such."""
    outcomes: dict[str, object] = {}

    def work(name: str, made: Bundle) -> None:
        try:
            with ssh_target(server, root, tmp_path / name, key, f"{name}@lab") as target:
                outcomes[name] = target.install(made.folder)
        except NtorcError as error:
            outcomes[name] = error

    both = {"one": bundle, "two": other_bundle}
    threads = [threading.Thread(target=work, args=pair) for pair in both.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = outcomes["two"]
    assert not isinstance(newest, NtorcError)
    if isinstance(outcomes["one"], NtorcError):  # it came second
        assert "was replayed" in str(outcomes["one"])
    with ssh_target(server, root, tmp_path / "w", key) as target:
        assert target.status().confirmed == other_bundle.manifest.design_id
        assert target.status().is_intact


def test_a_board_in_use_is_waited_for_and_then_named(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, target: SshTarget
) -> None:
    heard = Heard()
    with pytest.raises(BoardBusyError, match=f"another agent is using .*for {OWNER}"), ssh_target(
        server, root, tmp_path / "w", key, "bob@desk", progress=heard, busy_limit_s=1.5
    ):
        pass
    assert any("waiting" in text for text in heard.messages)


# ---- the connection is cut -----------------------------------------------------------------------


def test_measuring_over_a_connection_that_is_cut(
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, bundle: Bundle
) -> None:
    samples, _ = samples_file(tmp_path)
    request = MeasureRequest(samples, tmp_path / "records.bin", 1_000_000, period_ns=1_000_000)
    with ssh_target(server, root, tmp_path / "w", key) as target:
        target.install(bundle.folder)
        client = target._client
        assert client is not None
        threading.Timer(1.5, lambda: os.kill(client._process.pid, signal.SIGKILL)).start()
        with pytest.raises(DeploymentError, match=r"the connection .* was lost"):
            target.measure(request)
    with ssh_target(server, root, tmp_path / "w", key) as target:
        assert target.restore().design_id == bundle.manifest.design_id
        files = target.measure(replace(request, estimates=50, period_ns=0))
        assert len(read_records(files.records).table) == 50
        values = read_records(files.records).table["value"]
        counts = np.fromfile(samples, "<i4")
        assert values[0] == counts[:32].sum()
    assert json.loads((root / "board.json").read_text())["logic"] == "simulated"
