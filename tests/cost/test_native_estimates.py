"""The batched protocol on the native backend gives what option by option was given."""

from __future__ import annotations

import numpy as np
import pytest

from ntorc.backends.base import Directive
from ntorc.backends.native.backend import NativeBackend, described
from ntorc.backends.native.cycles import engine_for, engine_weights
from ntorc.backends.native.draw import draw_network
from ntorc.backends.native.estimates import cycles_alone, option_table
from ntorc.cost.base import QUANTITIES
from ntorc.cost.native import NativeCost, load_model
from ntorc.network.layers import Pool
from ntorc.pipeline.measured.drift import PREDICTION, drift_lines, drifts_of, native_measurements
from ntorc.store.base import Observation

_DEVICE = "xc7z020clg400-1"


def synthesised(subject: str, directive: str, lut: float, ff: float = 100.0) -> Observation:
    quantities = {"lut": lut, "ff": ff, "dsp": 1.0, "bram18": 2.0}
    return Observation("post_synthesis", "native", _DEVICE, subject, directive, quantities, "yosys")


@pytest.mark.parametrize("seed", range(6))
def test_a_table_gives_what_single_predictions_give(seed: int) -> None:
    network = draw_network(seed)
    for index, (layer, word) in enumerate(zip(network.layers, network.formats, strict=False)):
        table = option_table(network, index)
        subject, features = described(network, layer, word)
        kept = [synthesised(subject, table.directives[0], 321.0)] if index % 2 else []
        costs = NativeCost(load_model(), kept)
        found = costs.estimate(table, _DEVICE, 100e6)
        for row, directive in enumerate(table.directives):
            mean, bound, basis = costs.predict(subject, features, directive)
            assert found.basis[row] == basis
            for name in QUANTITIES[1:]:
                assert found.mean[name][row] == pytest.approx(getattr(mean, name), rel=1e-9)
                assert found.bound[name][row] == pytest.approx(getattr(bound, name), rel=1e-9)
        assert (found.mean["latency_cycles"] == found.bound["latency_cycles"]).all()
        assert found.rests_on(0)


def test_cycles_alone_are_those_of_the_engine() -> None:
    for seed in range(20):
        network = draw_network(seed)
        for layer in network.layers:
            for directive in NativeBackend().legal_directives(network, layer):
                alone, engine = cycles_alone(layer, directive.multipliers), engine_for(layer, directive.multipliers)
                if engine is None:
                    assert alone == 0
                else:
                    interval, _, available = engine_weights(engine)
                    assert alone >= available
                    assert (alone - available) % interval == 0


def test_outside_is_another_family_or_a_feature_beyond_the_campaigns() -> None:
    network = draw_network(1)
    index = next(i for i, layer in enumerate(network.layers) if not isinstance(layer, Pool))
    table = option_table(network, index)
    costs = NativeCost(load_model())
    assert costs.estimate(table, "xczu7ev-ffvc1156-2-e", 100e6).outside.all()
    table.columns["lanes"][:] = 1e6  # type: ignore[index]
    assert costs.estimate(table, _DEVICE, 100e6).outside.all()


def test_the_campaigns_own_parts_are_inside() -> None:
    from ntorc.backends.native.characterise import draw_trials
    from ntorc.cost.base import OptionTable

    costs = NativeCost(load_model())
    for trial in draw_trials(1, 15):
        columns = {name: np.array([value]) for name, value in trial.features.items()}
        assert not costs.estimate(OptionTable("part", columns), _DEVICE, 100e6).outside.any()


def test_drift_of_synthesis_is_found() -> None:
    draw = np.random.default_rng(3)
    everything = []
    for number in range(30):
        subject, directive = f"engine {number}", str(Directive(1, number + 1))
        everything.append(
            Observation(PREDICTION, "native", _DEVICE, subject, directive, {"lut": 100.0, "ff": 50.0}, "model")
        )
        lut = 100.0 * np.exp(draw.normal(0, 0.03)) * (1.3 if number >= 20 else 1.0)
        everything.append(synthesised(subject, directive, lut, 50.0))
    assert len(native_measurements(everything, "lut")) == 30
    found = drifts_of("native", everything)
    assert found["lut"][1].is_found
    assert found["lut"][1].since >= 18
    assert not found["ff"][1].is_found
    assert any("DRIFT" in line for line in drift_lines(found))
    assert drifts_of("native", [synthesised("engine 1", "x", 3.0)]) == {}
