"""The agent on the Python and pynq of boards' images: deployed to over SSH, tested, rolled back and measured.

pynq 4 is what all other tests use.
"""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ssh_lab import board_root, ssh_target
from target_contract import samples_file
from virtual_lab import HOP, ROOT, WINDOW, bundle_of

from ntorc.bundle.bundle import Bundle
from ntorc.bundle.keys import SigningKey
from ntorc.deploy.loopback import LoopbackServer
from ntorc.deploy.target import MeasureRequest
from ntorc.errors import DeploymentError
from ntorc.measure.records import read_records


@pytest.mark.parametrize("name, version", [("pynq 3.0", "3.0.1"), ("pynq 3.1", "3.1.2")])
def test_a_board_with_the_pynq_of_its_image(
    require: Callable[[str], Path], server: LoopbackServer, tmp_path: Path, lab: Path, key: SigningKey,
    bundle: Bundle, other_bundle: Bundle, name: str, version: str,
) -> None:  # fmt: skip
    python = require(name)
    there = subprocess.run([python, "-c", "import sys; print(*sys.version_info[:2])"], capture_output=True, text=True)
    with ssh_target(server, board_root(tmp_path / "root", python), tmp_path / "work", key) as target:
        info = target.hello()
        assert info.pynq_version == version
        assert info.python_version.split(".")[:2] == there.stdout.split()
        first = target.install(bundle.folder)
        assert (first.clock_read_back_hz, first.self_test.mismatches) == (100e6, 0)
        slower = bundle_of(lab / version, key, f"00000000c0ffee{version[2]}0", logic_hz=96_600_000, clock_hz=96_600_000)
        assert target.install(slower.folder).clock_read_back_hz == pytest.approx(1e9 / 11, abs=1)
        bad = bundle_of(lab / version, key, f"00000000c0ffee{version[2]}1", design_id=f"00000000c0ffee{version[2]}f")
        with pytest.raises(DeploymentError, match="rolled back to the confirmed design"):
            target.install(bad.folder)
        assert target.rollback().design_id == bundle.manifest.design_id
        path, counts = samples_file(tmp_path)
        records = read_records(target.measure(MeasureRequest(path, tmp_path / "records.bin", 50)).records)
        sums = [counts[i * HOP : i * HOP + WINDOW].sum() for i in range(50)]
        np.testing.assert_array_equal(records.table["value"], sums)


def test_the_agent_is_written_for_python_3_10() -> None:
    sources = sorted((ROOT / "board" / "ntorc_board").glob("*.py"))
    assert len(sources) > 20
    for path in sources:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 10))
