"""Fixtures: the firmware compiled without warnings, a virtual PL, the register library."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from harness_support import RegisterLibrary, VirtualPl, compile_fake

from ntorc.deploy.firmware import Firmware, build_firmware


@pytest.fixture(scope="session")
def firmware(tmp_path_factory: pytest.TempPathFactory) -> Firmware:
    return build_firmware(tmp_path_factory.mktemp("firmware"), flags=["-Werror"])


@pytest.fixture(scope="session")
def fakes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder for compiled fake logic."""
    return tmp_path_factory.mktemp("fakes")


@pytest.fixture(scope="session")
def fake(fakes: Path) -> Path:
    """The fake logic with its default values."""
    return compile_fake(fakes)


@pytest.fixture(scope="session")
def registers(firmware: Firmware) -> RegisterLibrary:
    return RegisterLibrary(firmware.regs_library)


@pytest.fixture
def unprogrammed(firmware: Firmware) -> Iterator[VirtualPl]:
    with VirtualPl(firmware) as server:
        yield server


@pytest.fixture
def virtual_pl(unprogrammed: VirtualPl, fake: Path) -> VirtualPl:
    """A virtual PL with the default fake programmed."""
    assert unprogrammed.ask(f"program {fake}") == "ok"
    return unprogrammed
