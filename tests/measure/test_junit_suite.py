"""JUnit of a measurement: written in every outcome, with cases that say which, and durations that were taken."""

from __future__ import annotations

import json
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from test_harness_records import REPORT
from test_measurement import make_records

from ntorc.allocate.allocation import Allocation
from ntorc.backends.base import Resources
from ntorc.errors import GateError, MeasurementError
from ntorc.measure.records import TIMEOUT
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Dense
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.junit import SHOWN, Suite
from ntorc.pipeline.prove import Observed, expected, judge, stream_for
from ntorc.records import to_json
from ntorc.store.local import LocalStore

HOP, COUNT = 16, 12
ALLOCATION = Allocation(
    "n", "native", "pynq-z2", "xc7z020clg400-1", 1e8, 500e-6, 55e-6, 44000, HOP, (), Resources(), 900, Resources(),
    Resources(), 0.0, 0, 0, "MERGE",
)  # fmt: skip


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(LocalStore(tmp_path / "store"), tmp_path, tmp_path)


@pytest.fixture
def network() -> Network:
    layer = Dense("dense", 16, 1, 1, FixedFormat(8, 6), FixedFormat(16, 10))
    return random_network(1, FixedFormat(14, 10), 16, (layer,))


def observed(flow: Flow, network: Network, folder: Path, wrong: int = 0, lost: bool = False) -> Observed:
    """The reference's own outputs as a board's, ``wrong`` of them off by one; or none that was delivered."""
    samples = stream_for(np.random.default_rng(1).integers(-8192, 8192, 999), 16, HOP, COUNT)
    records = make_records([900] * COUNT, status=[TIMEOUT * lost] * COUNT)
    records.table["value"] = expected(flow, network, samples, HOP, COUNT)
    records.table["value"][:wrong] += 1
    (folder / "records.bin").write_bytes(b"")
    return Observed(records, folder / "records.bin", json.loads(to_json(REPORT)), samples)


def run(flow: Flow, network: Network, folder: Path, what: Observed, **options: Any) -> dict[str, object]:
    summary: dict[str, object] = {}
    miss = options.pop("miss", 1e-5)
    asked = {"is_miss_asked": False, **options}
    with Suite("pynq-z2", "virtual", folder) as suite:
        with suite.during("delivered"):
            time.sleep(0.02)
        judge(flow, network, what, ALLOCATION, miss, folder, "virtual", summary, suite, **asked)
    return summary


def cases(folder: Path) -> dict[str, str]:
    """Outcome by case; the counts of the suite must be theirs."""
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    found = {
        str(case.get("name")): next((child.tag for child in case), "passed") for case in suite.findall("testcase")
    }
    for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(attribute) == str(list(found.values()).count(kind))
    assert suite.get("tests") == str(len(found))
    return found


def seconds(folder: Path) -> dict[str, float]:
    suite = ElementTree.parse(folder / "junit.xml").getroot()
    return {str(case.get("name")): float(str(case.get("time"))) for case in suite.findall("testcase")}


def test_a_measurement_that_is_met(flow: Flow, network: Network, tmp_path: Path) -> None:
    summary = run(flow, network, tmp_path, observed(flow, network, tmp_path))
    assert summary["verdict"] == "met"
    assert cases(tmp_path) == {"delivered": "passed", "gate": "passed", "deadline": "passed", SHOWN: "skipped"}
    took = seconds(tmp_path)
    assert took["delivered"] >= 0.02, "the measurement's own time"
    assert took["delivered"] != took["gate"]
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "not shown: 299572 estimates are needed for 1e-05 at 95 %" in text
    assert 'name="scheduler" value="SCHED_FIFO 80"' in text


def test_a_miss_probability_that_was_asked_for_has_to_be_shown(flow: Flow, network: Network, tmp_path: Path) -> None:
    run(flow, network, tmp_path, observed(flow, network, tmp_path), is_miss_asked=True)
    assert cases(tmp_path)[SHOWN] == "failure"
    run(flow, network, tmp_path, observed(flow, network, tmp_path), is_miss_asked=True, miss=0.5)
    assert cases(tmp_path)[SHOWN] == "passed"


def test_outputs_that_differ_fail_the_gate(flow: Flow, network: Network, tmp_path: Path) -> None:
    with pytest.raises(GateError) as caught:
        run(flow, network, tmp_path, observed(flow, network, tmp_path, wrong=2))
    assert cases(tmp_path) == {"delivered": "passed", "gate": "failure", "deadline": "skipped"}
    text = (tmp_path / "junit.xml").read_text(encoding="utf-8")
    assert "2 of 12 outputs differ" in text
    assert "'gate' ended the measurement" in text
    assert caught.value.result["outputs"] == {"junit": str(tmp_path / "junit.xml")}


def test_nothing_that_was_delivered(flow: Flow, network: Network, tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="none of the 12"):
        run(flow, network, tmp_path, observed(flow, network, tmp_path, lost=True))
    assert cases(tmp_path) == {"delivered": "failure", "gate": "passed", "deadline": "error"}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(MeasurementError("the harness\x00 failed", "look"), "error"), (ValueError("x"), "error"),
     (KeyboardInterrupt(), "skipped")],
)  # fmt: skip
@pytest.mark.parametrize("is_during", [True, False])
def test_a_board_that_fails_leaves_its_error(
    tmp_path: Path, error: BaseException, outcome: str, is_during: bool
) -> None:
    def fail() -> None:
        suite = Suite("pynq-z2", "ssh://rack", tmp_path)
        with suite, suite.during("delivered") if is_during else nullcontext():
            raise error

    with pytest.raises(type(error)):
        fail()
    assert cases(tmp_path) == {"delivered": outcome, "gate": "skipped", "deadline": "skipped"}
