"""A board behind a real sshd: the contract of every target, and a connection that is cut."""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ssh_lab import ssh_target
from target_contract import TargetContract, samples_file

from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.ssh_target import SshTarget
from ntorc.deploy.target import MeasureRequest
from ntorc.errors import DeploymentError
from ntorc.measure.records import read_records


@pytest.fixture
def target(remote: SshTarget) -> SshTarget:
    """What the contract is held against."""
    return remote


class TestSshTarget(TargetContract):
    def test_it_says_that_no_board_is_there(self, target: SshTarget) -> None:
        assert target.hello().is_simulated
        assert target.is_virtual


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
