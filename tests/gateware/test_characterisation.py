"""The characterisation campaign: real synthesis by Dask workers, here and behind a scheduler, gone on with later."""

from __future__ import annotations

from pathlib import Path

import pytest
from distributed import LocalCluster

from ntorc.backends.base import Part, Resources
from ntorc.backends.native import characterise
from ntorc.backends.native.characterise import Trial, draw_trials
from ntorc.backends.native.synth import Unit, known
from ntorc.bench.cost import cost_accuracy
from ntorc.cost.native import load_model
from ntorc.errors import UsageError
from ntorc.pipeline.flow import Flow
from ntorc.progress import Silent
from ntorc.store.local import LocalStore


def adders(widths: list[int]) -> list[Trial]:
    trials = []
    for bits in widths:
        part = Part("adder", ("adder.sv",), f"adder {bits}", "")
        text = (
            f"module adder (input logic clk, input logic [{bits - 1}:0] a, output logic [{bits - 1}:0] sum);\n"
            "  always_ff @(posedge clk) sum <= sum + a;\nendmodule\n"
        )
        trials.append(Trial(part, (Unit({"adder.sv": text}, "adder"),), {}, f"{bits}"))
    return trials


def flip_flops(results: list[Resources]) -> list[float]:
    return [resources.ff for resources in results]


def test_results_come_in_order_and_are_kept_one_by_one(tmp_path: Path) -> None:
    first = characterise.synthesised(adders([8, 5]), 2, None, tmp_path, Silent())
    assert flip_flops(first) == [8, 5]
    trials = adders([8, 12, 5])
    assert [known(t.units[0], tmp_path) is None for t in trials] == [False, True, False]
    assert flip_flops(characterise.synthesised(trials, 1, None, tmp_path, Silent())) == [8, 12, 5]


def test_what_is_known_needs_no_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trials = adders([6])
    wanted = characterise.synthesised(trials, 1, None, tmp_path, Silent())
    monkeypatch.setattr("distributed.Client.submit", None)
    assert characterise.synthesised(trials, 1, None, tmp_path, Silent()) == wanted


def test_workers_of_a_scheduler_synthesise_and_the_results_are_kept_here(tmp_path: Path) -> None:
    trials = adders([7, 9, 11])
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tcp://127.0.0.1:")
        results = characterise.synthesised(trials, 1, address, tmp_path, Silent())
    assert flip_flops(results) == [7, 9, 11]
    assert all(known(t.units[0], tmp_path) for t in trials)


def test_drawn_parts_cover_every_kind_of_engine_and_directive() -> None:
    trials = list(draw_trials(1, 120))
    assert trials == list(draw_trials(1, 120))
    kinds = {trial.part.subject.split()[0] for trial in trials}
    assert kinds == {"engine", "lstm", "gru", "pool", "average", "shell"}
    directives = " ".join(trial.part.directive for trial in trials)
    assert all(word in directives for word in ("kind=logic", "tables=lut", "tables=block", "weights=block"))
    shells = [trial.part.subject for trial in trials if trial.part.subject.startswith("shell")]
    assert any(" streaming" in text for text in shells)
    assert any(" dma" in text for text in shells)


def test_the_model_is_not_judged_by_the_parts_it_was_fitted_to(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was fitted to"):
        cost_accuracy(Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path, Silent()), 1, 20)


def test_bounds_come_from_parts_of_another_seed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="was fitted to"):
        characterise.rebound(load_model(), 20, 1, 1, tmp_path, Silent())
