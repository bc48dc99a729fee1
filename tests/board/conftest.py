"""Fixtures for the tests of the on-board agent; the virtual board's helpers are those of tests/deploy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))

from virtual_lab import bundle_of

from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey, signing_key, trusted_folder
from ntorc.deploy.firmware import Firmware, build_firmware


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
def second(workshop: Path, signer: SigningKey) -> Bundle:
    return bundle_of(workshop, signer, "00000000b0a4d002")
