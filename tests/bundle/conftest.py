"""Fixtures for the tests of bundles; the small designs are those of tests/deploy."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "deploy"))

from virtual_lab import compile_logic, parts_of

from ntorc.bundle.bundle import Bundle, BundleParts, make_bundle
from ntorc.bundle.keys import SigningKey, signing_key

DESIGN_ID = "0000000000b0b001"


@pytest.fixture(scope="session")
def smithy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("smithy")


@pytest.fixture(scope="session")
def key(smithy: Path) -> SigningKey:
    return signing_key(smithy / "keys")


@pytest.fixture(scope="session")
def parts(smithy: Path) -> BundleParts:
    return parts_of(compile_logic(smithy / "logic", DESIGN_ID), DESIGN_ID)


@pytest.fixture
def bundle(tmp_path: Path, parts: BundleParts, key: SigningKey) -> Bundle:
    return make_bundle(tmp_path / "bundle", parts, key)
