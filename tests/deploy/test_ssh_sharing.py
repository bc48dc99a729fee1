"""A board behind SSH that several people use: keys, leases, two deployers at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest
from ssh_lab import OWNER, ssh_target
from target_contract import Heard, samples_file
from virtual_lab import bundle_of

from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey, signing_key
from ntorc.deploy.client import BoardBusyError
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshTarget
from ntorc.deploy.target import MeasureRequest
from ntorc.errors import BundleError, NtorcError, UsageError


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
    server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey, remote: SshTarget
) -> None:
    heard = Heard()
    with pytest.raises(BoardBusyError, match=f"another agent is using .*for {OWNER}"), ssh_target(
        server, root, tmp_path / "w", key, "bob@desk", progress=heard, busy_limit_s=1.5
    ):
        pass
    assert any("waiting" in text for text in heard.messages)
