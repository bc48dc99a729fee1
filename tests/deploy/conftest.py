"""Fixtures for the tests of targets: keys, firmware and bundles, made once."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ssh_lab import board_root, ssh_target
from virtual_lab import bundle_of

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey, signing_key, trusted_folder
from ntorc.deploy.firmware import Firmware, build_firmware
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshTarget
from ntorc.deploy.virtual import VirtualTarget


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def firmware(lab: Path) -> Firmware:
    return build_firmware(lab / "firmware")


@pytest.fixture(scope="session")
def key(lab: Path) -> SigningKey:
    return signing_key(lab / "keys")


@pytest.fixture(scope="session")
def trusted(lab: Path, key: SigningKey) -> Path:
    return trusted_folder(lab / "keys")


@pytest.fixture(scope="session")
def bundle(lab: Path, key: SigningKey) -> Bundle:
    return bundle_of(lab, key, "00000000c0ffee01")


@pytest.fixture(scope="session")
def other_bundle(lab: Path, key: SigningKey, bundle: Bundle) -> Bundle:  # after `bundle`, so that it is newer
    return bundle_of(lab, key, "00000000c0ffee02")


@pytest.fixture(scope="session")
def server(lab: Path, require: Callable[[str], Path]) -> Iterator[LoopbackServer]:
    for program in ("sshd", "ssh"):
        require(program)
    with LoopbackServer(lab / "sshd") as started:
        yield started


@pytest.fixture(scope="session")
def set_up(lab: Path, server: LoopbackServer, key: SigningKey) -> Path:
    """A board behind SSH that was set up, with its programs compiled, and nothing installed."""
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
def remote(server: LoopbackServer, root: Path, tmp_path: Path, key: SigningKey) -> Iterator[SshTarget]:
    """A connection to it."""
    with ssh_target(server, root, tmp_path / "work", key) as started:
        yield started


@pytest.fixture
def target(tmp_path: Path, firmware: Firmware, trusted: Path) -> Iterator[VirtualTarget]:
    with VirtualTarget(load_board("pynq-z2"), tmp_path / "target", firmware, trusted) as started:
        yield started
