"""Real yosys: counts, cache, and that registers of the map agree with the gateware's header."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ntorc.backends.base import Directive, Resources
from ntorc.backends.native import subject, synth
from ntorc.backends.native.plan import make_plan
from ntorc.backends.native.synth import Unit, count_cells, fresh_synthesis, synthesise, units_of
from ntorc.cost.native import NativeCost, load_model, structural
from ntorc.errors import ToolError
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense
from ntorc.network.network import random_network
from ntorc.paths import gateware_folder, project_root
from ntorc.store.base import Observation


def test_engine_resources_are_as_the_structure_says(ntorc_cache: Path) -> None:
    layer = Conv1D("c", 64, 4, 6, 3, FixedFormat(10, 6), FixedFormat(14, 4), padding_left=1, padding_right=1)
    network = random_network(1, FixedFormat(14, 8), 64, (layer,))
    directive = Directive(3, 24, "block")
    plan = make_plan(network, [directive], 100e6, 16)
    part = plan.parts[0]
    found = synthesise(units_of(plan.files, part), ntorc_cache)
    features = subject.EngineFeatures(network, layer, network.input_format).under(directive)
    assert (found.dsp, found.bram18) == structural(features)
    mean, bound = load_model().predict(features)
    assert 0.5 * mean.lut < found.lut < 1.5 * bound.lut
    assert 0.5 * mean.ff < found.ff < 1.5 * bound.ff
    observed = Observation(
        "post_synthesis",
        "native",
        "x",
        part.subject,
        part.directive,
        {"lut": found.lut, "ff": found.ff, "dsp": found.dsp, "bram18": found.bram18},
        "yosys",
    )
    calibrated = NativeCost(load_model(), [observed])
    assert calibrated.predict(part.subject, lambda _: features, part.directive) == (found, found, "measured")
    other = Directive(6, 12, "block")

    def described(text: str) -> dict[str, float]:
        return subject.EngineFeatures(network, layer, network.input_format).under(Directive.parse(text))

    nearby = calibrated.predict(part.subject, described, str(other))
    assert nearby[2] == "calibrated"
    plain = NativeCost(load_model()).predict(part.subject, described, str(other))
    assert plain[2] == "model"
    assert nearby[0].lut / plain[0].lut == pytest.approx(found.lut / mean.lut)


def test_cells_count_as_the_sites_they_occupy() -> None:
    cells = {
        "LUT6": 3,
        "LUT2": 2,
        "RAM64M": 1,
        "RAM32M": 2,
        "FDRE": 5,
        "FDSE": 1,
        "DSP48E1": 2,
        "RAMB18E1": 1,
        "RAMB36E1": 2,
        "CARRY4": 9,
        "MUXF7": 4,
        "INV": 7,
    }
    assert count_cells(cells) == Resources(lut=17, ff=6, dsp=2, bram18=5)
    with pytest.raises(ToolError, match="RAM512X"):
        count_cells({"RAM512X1S": 1})


def test_broken_sources_say_so(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="yosys failed"):
        synthesise([Unit({"a.sv": "module a (;"}, "a")], tmp_path)


def test_register_map_and_gateware_header_agree() -> None:
    text = (gateware_folder() / "ntorc_registers.svh").read_text()
    header = {name: int(value, 16) for name, value in re.findall(r"`define NTORC_(\w+)\s+12'h(\w+)", text)}
    listed = json.loads((project_root() / "board" / "ntorc_board" / "registers.json").read_text())["registers"]
    assert header == {entry["name"]: int(str(entry["offset"]), 0) for entry in listed}


def test_two_first_uses_at_once_do_not_crash_each_other(tmp_path: Path) -> None:
    """Yosys is compiled for the machine once, whoever comes first."""
    code = (
        "import sys; from pathlib import Path; from ntorc.backends.native.synth import run_yosys; "
        "print(run_yosys(['-V'], Path(sys.argv[1])))"
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(project_root() / "toolchain")}
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for worker in workers:
        assert "Yosys" in worker.communicate(timeout=1800)[0]
        assert worker.returncode == 0


def test_other_weights_leave_the_logics_synthesis_standing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the memories are synthesised again, and a layer beside them not at all."""
    word = FixedFormat(10, 4)
    first = Conv1D("first", 8, 1, 2, 3, FixedFormat(6, 4), word)
    layers = (first, Dense("last", 6, 2, 1, FixedFormat(6, 4), word))
    network = random_network(1, FixedFormat(8, 4), 8, layers)
    # the same sum of magnitudes: the accumulator's width follows from the weights
    other = replace(network, weights={**network.weights, "first": network.weights["first"][::-1].copy()})
    directives = [Directive(1, 6, "block"), Directive(1, 12, "lut")]
    before, after = (make_plan(item, directives, 100e6, 4) for item in (network, other))
    wanted = [synthesise(units_of(before.files, part), tmp_path) for part in before.parts]
    synthesised: list[str] = []

    def spied(units: list[Unit]) -> list[Resources]:
        synthesised.extend(unit.top for unit in units)
        return fresh_synthesis(units)

    monkeypatch.setattr(synth, "fresh_synthesis", spied)
    found = [synthesise(units_of(after.files, part), tmp_path) for part in after.parts]
    assert synthesised == ["layer_first_weights"]
    assert found[1:] == wanted[1:]
    assert (found[0].dsp, found[0].bram18) == (wanted[0].dsp, wanted[0].bram18)


@pytest.mark.parametrize("storage", ["block", "lut"])
def test_apart_or_together_is_the_same(storage: str, ntorc_cache: Path) -> None:
    layer = Conv1D("c", 32, 4, 6, 3, FixedFormat(10, 6), FixedFormat(14, 4))
    plan = make_plan(random_network(1, FixedFormat(14, 8), 32, (layer,)), [Directive(3, 24, storage)], 100e6, 16)
    part = plan.parts[0]
    apart = synthesise(units_of(plan.files, part), ntorc_cache)
    together = synthesise([Unit({name: plan.files[name] for name in part.files}, part.top)], ntorc_cache)
    assert (apart.ff, apart.dsp, apart.bram18) == (together.ff, together.dsp, together.bram18)
    assert apart.lut == pytest.approx(together.lut, rel=0.02)
