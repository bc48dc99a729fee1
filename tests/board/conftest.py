"""Fixtures for the tests of the on-board agent; the virtual board's helpers are those of tests/deploy."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))

from virtual_lab import bundle_of

from ntorc.boards import load_board
from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey, signing_key, trusted_folder
from ntorc.deploy.firmware import Firmware, build_firmware
from ntorc.deploy.virtual import VirtualTarget
from ntorc_board.virtual_pl import VirtualAddress


@pytest.fixture(scope="session")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("workshop")


@pytest.fixture(scope="session")
def built(workshop: Path) -> Firmware:
    return build_firmware(workshop / "firmware")


@pytest.fixture(scope="session")
def signer(workshop: Path) -> SigningKey:
    return signing_key(workshop / "keys")


@pytest.fixture(scope="session")
def trusted(workshop: Path, signer: SigningKey) -> Path:
    return trusted_folder(workshop / "keys")


@pytest.fixture(scope="session")
def first(workshop: Path, signer: SigningKey) -> Bundle:
    return bundle_of(workshop, signer, "00000000b0a4d001")


@pytest.fixture(scope="session")
def second(workshop: Path, signer: SigningKey, first: Bundle) -> Bundle:  # after `first`, so that it is newer
    return bundle_of(workshop, signer, "00000000b0a4d002")


@pytest.fixture(scope="module")
def address(workshop: Path, built: Firmware, trusted: Path) -> Iterator[VirtualAddress]:
    """A virtual PL that runs; this process is its second user, beside the agent."""
    root = workshop / "device"
    with VirtualTarget(load_board("pynq-z2"), root, built, trusted):
        yield VirtualAddress(root / "run" / "pl.mem", root / "run" / "pl.sock", built.regs_library)


@pytest.fixture(scope="module")
def device(address: VirtualAddress, workshop: Path) -> Iterator[Any]:
    import pynq
    import pynq.pl_server.global_state as state

    from ntorc_board.device_virtual import VirtualDevice, isolate_state

    before = state.STATE_DIR
    isolate_state(workshop / "pynq")
    opened = VirtualDevice(address, "pynq-z2")
    pynq.Device.active_device = opened
    yield opened
    opened.close()
    del pynq.Device._active_device
    if hasattr(pynq.Clocks, "_real_instance"):
        del pynq.Clocks._real_instance
    pynq.Clocks.device = None
    state.STATE_DIR = before
