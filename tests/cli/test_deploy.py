"""The main job from end to end, its contract, its repetition, its verdicts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli_program import QUICK, Program


@pytest.fixture(scope="module")
def first(program: Program) -> dict[str, Any]:
    return program.json("deploy", *QUICK)


def test_contract(first: dict[str, Any]) -> None:
    assert first["verdict"] == "met"
    assert (first["board"], first["target"], first["backend"]) == ("pynq-z2", "virtual", "native")
    assert first["deadline_s"] == pytest.approx(500e-6)
    assert set(first["estimator"]) >= {"name", "rmse_v", "multiplies", "split"}
    cycles = first["predicted"]["latency_cycles"]
    assert first["measured"]["pl_cycles_min"] == first["measured"]["pl_cycles_max"] == cycles
    assert first["measured"]["samples"] == 1000
    assert first["measured"]["misses"] == 0
    assert first["measured"]["miss_bound"] == pytest.approx(1 - 0.05 ** (1 / 1000))
    for name in ("pl_s", "driver_s", "loop_s"):
        assert set(first["measured"][name]) == {"p50", "p99", "p99_999", "max"}
    assert first["gate"] == {"vectors": 1000, "mismatches": 0}
    capacity = {"lut": 53200, "ff": 106400, "dsp": 220, "bram18": 280}
    for resource, limit in capacity.items():
        assert 0 < first["synthesised"][resource] <= 0.8 * limit
    assert first["estimator"]["split"] == "unseen"  # the shipped one, on simulated runs
    assert first["estimator"]["card"]["split"] == "honest"
    assert first["estimator"]["rmse_v"] < 0.25
    assert {"runs", "estimator", "judge", "allocate", "build", "deploy", "measure", "gate"} <= set(first["timings_s"])


def test_the_run_is_kept_whole(program: Program, first: dict[str, Any]) -> None:
    folder = program.home / "store" / "runs" / first["run"]
    for name in ("estimator", "allocation", "products", "deployment", "measurement", "calibration", "run"):
        assert json.loads((folder / f"{name}.json").read_text())
    page = (folder / "report.html").read_text()
    assert first["design_id"] in page
    assert "No board was measured" in page
    import pyarrow.parquet as parquet

    table = parquet.read_table(folder / "records.parquet")
    assert table.num_rows == 1000
    assert set(np.asarray(table["pl_cycles"])) == {first["predicted"]["latency_cycles"]}


def test_again_predicts_from_what_was_measured(program: Program, first: dict[str, Any]) -> None:
    for _ in range(3):  # what was measured may make another directive look better, which is then measured too
        done = program("deploy", *QUICK, "--json")
        assert done.returncode == 0, done.stderr
        second = json.loads(done.stdout)
        resources = ("lut", "ff", "dsp", "bram18")
        if all(second["predicted"][name] == second["synthesised"][name] for name in resources):
            break
    for resource in resources:
        assert second["predicted"][resource] == second["synthesised"][resource]
    assert any(first["predicted"][r] != first["synthesised"][r] for r in ("lut", "ff"))
    said = re.search(r"from measurements for (\d+) of (\d+) layers", done.stderr)
    assert said is not None
    assert said[1] == said[2]
    assert second["estimator"] == first["estimator"]


def test_infeasible_says_why_and_the_smallest_deadline_works(program: Program, first: dict[str, Any]) -> None:
    def asked(deadline: str) -> tuple[str, ...]:
        return tuple(deadline if word == "500us" else word for word in QUICK)

    done = program("deploy", *asked("3us"), "--json")
    assert done.returncode == 3
    told = json.loads(done.stdout)
    assert told["verdict"] == "infeasible"
    assert told["reason"] == "io_overhead"
    assert "smallest reachable deadline" in done.stderr
    smallest = f"{told['smallest_deadline_s'] * 1e6:.1f}us"
    assert smallest in done.stderr
    reached = program.json("deploy", *asked(smallest))
    assert reached["verdict"] == "met"
    assert reached["measured"]["pl_cycles_max"] == reached["predicted"]["latency_cycles"]
    spare = reached["predicted"]["latency_cycles"] - told["smallest_latency_cycles"]
    assert 0 <= spare <= 10  # the deadline is typed to .1 us, ten cycles, in which a cheaper choice may lie
    assert reached["predicted"]["dsp"] > first["predicted"]["dsp"]


def test_later_commands(program: Program, first: dict[str, Any], tmp_path: Path) -> None:
    runs = program.json("runs")["runs"]
    assert first["run"] in [run["run"] for run in runs]
    assert program("report", first["run"]).stdout.strip() == first["report"]
    newest = next(run for run in runs if run["state"] == "met")
    again = program.json("measure", newest["run"], "--estimates", "50")
    assert again["gate"] == {"vectors": 50, "mismatches": 0}
    assert again["verdict"] == "met"
    observed = program.json("calibrate", "--board", "pynq-z2")["observations"]
    assert {item["source"] for item in observed} == {"post_synthesis", "simulated_cycles"}
    network = program.home / "store" / "runs" / first["run"] / "network"
    table = program.json("allocate", network, "--board", "pynq-z2", "--deadline", "300us")
    assert table["latency_cycles"] <= table["budget_cycles"]
    built = program.json("build", network, "--board", "pynq-z2", "--deadline", "500us")
    assert (Path(built["bundle"]) / "manifest.sig").is_file()
    assert built["design_id"] == first["design_id"] or built["latency_cycles"] > 0
    trained = program.json("train", tmp_path / "net", "--epochs", "1")
    assert trained["multiplies"] == first["estimator"]["multiplies"]


def test_on_recorded_runs(program: Program, recorded_data: Path) -> None:
    """Real input: whole held-out trajectories, in the arithmetic of the gateware."""
    words = ("--board", "pynq-z2", "--deadline", "500us", "--epochs", "3", "--estimates", "1000")
    found = program.json("deploy", *words, "--data", recorded_data / "dropbear")
    assert found["verdict"] == "met"
    assert found["gate"] == {"vectors": 1000, "mismatches": 0}
    assert found["measured"]["pl_cycles_min"] == found["predicted"]["latency_cycles"]
    assert found["estimator"]["rmse_v"] < 0.2
    assert found["estimator"]["split"] == "honest"
    assert all("Random" in name for name in found["estimator"]["held_out_runs"])


def test_a_window_network_by_an_option(program: Program) -> None:
    found = program.json("deploy", *QUICK, "--estimator", "window")
    assert found["verdict"] == "met"
    assert found["gate"] == {"vectors": 1000, "mismatches": 0}
    assert (found["estimator"]["split"], found["estimator"]["form"][:6]) == ("honest", "window")
