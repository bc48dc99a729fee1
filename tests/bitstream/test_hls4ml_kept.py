"""What hls4ml was told is asked back: a silent change of any attribute is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from ntorc.backends.hls4ml.conversion_process import check_kept, configuration, keras_model
from ntorc.backends.hls4ml.convert import NAME, ConvertRequest
from ntorc.errors import DataError, ToolError, UsageError
from ntorc.network.formats import FixedFormat
from ntorc.network.hls4ml_mode import hls4ml_format, table
from ntorc.network.layers import LSTM, Conv1D, Dense
from ntorc.network.network import Network, random_network
from ntorc.pipeline.flow import open_flow
from ntorc.pipeline.networks import open_network
from ntorc.progress import Silent


@dataclass
class Converted:
    """hls4ml's model of a network, before it is compiled."""

    network: Network
    request: ConvertRequest
    model: Any

    def check(self) -> None:
        check_kept(self.model, self.network, self.request)

    def layer(self, name: str) -> Any:
        return next(layer for layer in self.model.get_layers() if layer.name == name)


def converted(network: Network, reuse: dict[str, int], folder: Path) -> Converted:
    import hls4ml

    request = ConvertRequest("Vitis", "xc7z020clg400-1", 100e6, reuse)
    keras = keras_model(network)
    model = hls4ml.converters.convert_from_keras_model(
        keras, hls_config=configuration(network, request, keras), output_dir=str(folder), project_name=NAME,
        backend="Vitis", io_type="io_stream", part=request.part, clock_period=10.0,
    )  # fmt: skip
    return Converted(network, request, model)


@pytest.fixture(scope="module")
def plain(network: Network, tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """8-bit words, rounded half up and saturated; sums as hls4ml infers them."""
    return converted(network, {"conv": 3, "dense": 4}, tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def recurrent(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """An LSTM with tables, and an accumulator that is stated."""
    word = hls4ml_format(16, 6)
    lstm = LSTM("lstm", 14, 3, 4, word, word, word, word, table("sigmoid"), table("tanh"), False, accumulator=word)
    layers = (
        Conv1D("conv", 16, 1, 3, 3, word, word, activation="relu"), lstm, Dense("last", 1, 4, 1, word, word)
    )  # fmt: skip
    network = random_network(2, word, 16, layers)
    return converted(network, {"conv": 3, "lstm": 24, "last": 4}, tmp_path_factory.mktemp("recurrent"))


def test_what_was_kept_is_no_error(plain: Converted, recurrent: Converted) -> None:
    plain.check()
    recurrent.check()


CHANGES: dict[str, Callable[[Any], None]] = {
    "width": lambda word: setattr(word, "width", word.width - 1),
    "integer": lambda word: setattr(word, "integer", word.integer - 1),
    "rounding": lambda word: setattr(word, "rounding_mode", "RND_ZERO"),
    "overflow": lambda word: setattr(word, "saturation_mode", "SAT_SYM"),
    "sign": lambda word: setattr(word, "signed", False),
}


def words(one: Converted) -> list[tuple[str, str, Any]]:
    """Every word that a layer has: layer, name, type."""
    found = []
    for layer in one.network.weighted_layers:
        own = one.layer(layer.name)
        behind = next((item for item in one.model.get_layers() if item.name == f"{layer.name}_relu"), own)
        found += [(layer.name, name, weight.type) for name, weight in own.weights.items() if name != "recurrent_bias"]
        found.append((layer.name, "result", behind.get_output_variable().type))
        if layer.accumulator is not None:
            found.append((layer.name, "accum", own.get_attr("accum_t")))
        if isinstance(layer, LSTM):
            found.append((layer.name, "table", own.get_attr("table_t")))
    return found


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", ["plain", "recurrent"])
def test_a_silent_change_of_any_word_is_found(kind: str, change: str, request: pytest.FixtureRequest) -> None:
    one: Converted = request.getfixturevalue(kind)
    tried = set()
    for layer, name, typed in words(one):
        kept = typed.precision
        typed.precision = _copy(kept)
        CHANGES[change](typed.precision)
        with pytest.raises(ToolError, match=rf"changed of layer '{layer}': .*{name} "):
            one.check()
        typed.precision = kept
        tried.add(name)
    assert {"weight", "bias", "result"} <= tried
    assert ({"accum", "table", "recurrent_weight"} <= tried) == (kind == "recurrent")
    one.check()


def _copy(word: Any) -> Any:
    return type(word)(word.width, word.integer, word.signed, word.rounding_mode, word.saturation_mode)


def test_sums_that_no_longer_hold_every_sum_are_found(plain: Converted) -> None:
    """Inferred ones may be wider than they need to be, in no direction narrower."""
    own = plain.layer("conv")
    for name, typed in (("accum", own.get_attr("accum_t")), ("sum", own.get_output_variable().type)):
        kept = typed.precision
        for width, integer in ((-8, 0), (-8, -8)):  # too coarse; too small
            typed.precision = _copy(kept)
            typed.precision.width += width
            typed.precision.integer += integer
            with pytest.raises(ToolError, match=rf"{name} fixed<.* or wider to"):
                plain.check()
        typed.precision = _copy(kept)
        typed.precision.width += 3
        typed.precision.integer += 3
        plain.check()
        typed.precision = kept


@pytest.mark.parametrize(
    "layer, name, value", [("conv", "reuse_factor", 1), ("lstm", "strategy", "latency"), ("lstm", "table_size", 512)]
)
def test_a_silent_change_of_an_attribute_is_found(recurrent: Converted, layer: str, name: str, value: Any) -> None:
    own = recurrent.layer(layer)
    kept = own.get_attr(name)
    own.set_attr(name, value)
    with pytest.raises(ToolError, match=f"changed of layer '{layer}': {name} "):
        recurrent.check()
    own.set_attr(name, kept)


def test_another_word_of_the_input_is_found(plain: Converted) -> None:
    other = replace(plain.network, input_format=FixedFormat(14, 10, "truncate", "wrap"))
    with pytest.raises(ToolError, match="the input's word to fixed<14,4,RND,SAT>"):
        check_kept(plain.model, other, plain.request)


def test_tables_are_as_fine_as_asked(tmp_path: Path, ntorc_home: Path) -> None:
    import keras

    keras.utils.clear_session()
    layers = keras.layers
    model = keras.Sequential([layers.Input((12, 1)), layers.Conv1D(3, 3), layers.LSTM(4), layers.Dense(1)])
    path = tmp_path / "recurrent.keras"
    model.save(path)
    flow = open_flow(Silent())

    def entries(table_error: float | None) -> int:
        network = open_network(flow, path, None, "hls4ml", table_error=table_error)
        return next(layer.activation.entries for layer in network.layers if isinstance(layer, LSTM))

    assert (entries(None), entries(2.0**-8), entries(0.01)) == (2048, 2048, 1024)
    with pytest.raises(DataError, match="no table of hls4ml's"):
        entries(1e-4)
    with pytest.raises(UsageError, match="brings its words and tables"):
        open_network(flow, tmp_path, None, "hls4ml", table_error=0.01)
