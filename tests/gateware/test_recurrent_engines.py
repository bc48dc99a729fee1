"""LSTM and GRU engines in Verilator against the reference and the closed form, and what their timing promises."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formal_runs import check, write_model

from ntorc.backends.base import Directive
from ntorc.backends.native.cells import cell_cycles
from ntorc.backends.native.cycles import latency_cycles
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.simulate import SimulatedLogic
from ntorc.backends.native.sources import library_sources
from ntorc.backends.native.synth import synthesise, units_of
from ntorc.backends.native.verilate import build_logic
from ntorc.errors import DataError
from ntorc.network import reference
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import GRU, LSTM, Recurrent
from ntorc.network.network import Network, random_network
from ntorc.pipeline.make import windows_of

INPUT = FixedFormat(10, 7)
STEPS, UNITS, HOP = 7, 5, 4
KINDS = [LSTM, GRU]
CELL_FILES = ("ntorc_relu.sv", "ntorc_requantise.sv", "ntorc_clip.sv", "ntorc_table.sv", "ntorc_cell_memory.sv")
BOUND_CYCLES = 28  # of the bounded check: seven units in a row, or fewer with gaps anywhere


def network_of(kind: type[LSTM] | type[GRU], **changes: Any) -> Network:
    word, unit = FixedFormat(9, 8), FixedFormat(12, 11)
    tables = Table("sigmoid", 2, 7), Table("tanh", 1, 7)
    layer = replace(kind("r", STEPS, 1, UNITS, word, unit, unit, FixedFormat(14, 11), *tables), **changes)
    return random_network(5, INPUT, layer.input_length, (layer,))


def measured(network: Network, lanes: int, cache: Path, frames: int = 6, **timing: int) -> None:
    """Outputs and latency of a simulated network, held against reference and closed form."""
    hop = network.input_length if network.stateful else HOP
    samples = np.random.default_rng(lanes).integers(-512, 512, network.input_length + (frames - 1) * hop)
    plan = make_plan(network, [Directive(lanes, 0, "lut")], 100e6, hop)
    with SimulatedLogic(build_logic(plan.files, cache)) as logic:
        for _ in range(2):  # the second time behind a reset
            results, latencies = logic.estimates(samples, hop, **timing)
            wanted = reference.run(network, windows_of(samples, network.input_length, hop))
            np.testing.assert_array_equal(results, wanted)
            assert set(latencies.tolist()) == {latency_cycles(network, [lanes])}


@pytest.mark.parametrize("lanes", [1, 3, 4, 7, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_any_number_of_multipliers(kind: type[LSTM] | type[GRU], lanes: int, ntorc_cache: Path) -> None:
    measured(network_of(kind, return_sequences=lanes % 2 == 1), lanes, ntorc_cache)


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_kept_until_a_reset(kind: type[LSTM] | type[GRU], ntorc_cache: Path) -> None:
    network = network_of(kind, stateful=True)
    measured(network, 4, ntorc_cache, pause_cycles=latency_cycles(network, [4]))


@pytest.mark.parametrize("kind", KINDS)
def test_one_unit_and_one_step(kind: type[LSTM] | type[GRU], ntorc_cache: Path) -> None:
    measured(network_of(kind, units=1, stateful=True), 4, ntorc_cache, pause_cycles=200)
    measured(network_of(kind, input_length=1, stateful=True), 20, ntorc_cache, pause_cycles=200)


@pytest.mark.parametrize("lanes", [1, 20])
@pytest.mark.parametrize("kind", KINDS)
def test_multipliers_are_the_lanes_and_one(kind: type[LSTM] | type[GRU], lanes: int, ntorc_cache: Path) -> None:
    plan = make_plan(network_of(kind), [Directive(lanes, 0, "lut")], 100e6, HOP)
    part = plan.parts[0]
    found = synthesise(units_of(plan.files, part), ntorc_cache)
    assert found.dsp == lanes + 1


def test_a_hop_that_is_not_the_frame_is_refused() -> None:
    with pytest.raises(DataError, match="frame"):
        make_plan(network_of(GRU, stateful=True), [Directive(1, 0, "lut")], 100e6, STEPS - 1)


def bounded(kind: str, latency: int, folder: Path, *changes: tuple[str, str]) -> bool:
    """Whether `cell_proof` holds for every input of so many cycles, with text of the cell changed."""
    files = library_sources([*CELL_FILES, f"ntorc_{kind}.sv"])
    for before, after in changes:
        assert before in files[f"ntorc_{kind}.sv"]
        files[f"ntorc_{kind}.sv"] = files[f"ntorc_{kind}.sv"].replace(before, after)
    text = (Path(__file__).parent / "cell_proof.sv").read_text(encoding="utf-8")
    files["cell_proof.sv"] = text.replace("`CELL", f"ntorc_{kind}").replace("`LATENCY", str(latency))
    folder.mkdir()
    return check(write_model(files, "cell_proof", folder, ["FORMAL"]), "-t", str(BOUND_CYCLES))[0]


def cell_latency(kind: type[LSTM] | type[GRU]) -> int:
    layer = network_of(kind).layers[0]
    assert isinstance(layer, Recurrent)
    return cell_cycles(layer) + 2


@pytest.mark.parametrize("kind", KINDS)
def test_no_order_of_gaps_loses_a_unit_or_changes_the_latency(kind: type[LSTM] | type[GRU], tmp_path: Path) -> None:
    assert bounded(kind.__name__.lower(), cell_latency(kind), tmp_path / "right")


def test_the_bounded_check_can_fail(tmp_path: Path) -> None:
    latency = cell_latency(LSTM)
    hurried = ("wire enter = indexing && (!waiting || tail_load);", "wire enter = indexing;")
    assert not bounded("lstm", latency, tmp_path / "hurried", hurried)
    assert not bounded("gru", cell_latency(GRU), tmp_path / "twice", ("else if (tail_load) waiting <= 1'b0;", ""))
    assert not bounded("gru", cell_latency(GRU) + 1, tmp_path / "late")
