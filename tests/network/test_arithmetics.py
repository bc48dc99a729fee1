"""What a Keras model computes in, by name: its own words, or hls4ml's, for the native backend too; tables by error."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from ntorc.backends.native.backend import NativeBackend
from ntorc.errors import DataError, UsageError
from ntorc.network.activations import Table
from ntorc.network.hls4ml_mode import hls4ml_network
from ntorc.network.importers.keras_model import import_keras
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.networks import ARITHMETICS, HLS4ML_MODE, mode_of, open_network
from ntorc.pipeline.standalone import NetworkRequest, opened
from ntorc.store.local import LocalStore


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    keras.utils.set_random_seed(2)
    layers = [keras.layers.Conv1D(3, 3, activation="tanh", name="conv"), keras.layers.Flatten()]
    path = tmp_path_factory.mktemp("arithmetic") / "mine.keras"
    keras.Sequential([keras.Input((12, 1)), *layers, keras.layers.Dense(1, name="last")]).save(path)
    return path


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(LocalStore(tmp_path), tmp_path, tmp_path)


@pytest.mark.parametrize("name", ["hls4ml-name", "hls4ml-model"])
def test_the_native_backend_has_hls4mls_arithmetic(name: str, model: Path, flow: Flow) -> None:
    request = NetworkRequest(model, "pynq-z2", "1ms", arithmetic=name, table_error=2.0**-8)
    network, mode = opened(flow, request), ARITHMETICS[name]
    assert mode is not None
    assert network.digest == hls4ml_network(import_keras(model), mode).digest
    assert NativeBackend().unsupported(network) == []
    assert network.digest != opened(flow, replace(request, arithmetic="ntorc")).digest


def test_the_default_is_the_backends_own(model: Path, flow: Flow) -> None:
    assert open_network(flow, model, backend="hls4ml").digest == hls4ml_network(import_keras(model), HLS4ML_MODE).digest
    assert open_network(flow, model).digest == open_network(flow, model, arithmetic="ntorc").digest


@pytest.mark.parametrize("name", ["ntorc", "hls4ml-name"])
def test_a_tables_size_follows_its_error(name: str, model: Path, flow: Flow) -> None:
    sizes = []
    for error in (2.0**-7, 2.0**-8):
        table = open_network(flow, model, arithmetic=name, table_error=error).layers[0].activation  # type: ignore[union-attr]
        assert isinstance(table, Table)
        assert table.largest_error <= error
        sizes.append(table.address_bits)
    assert sizes[0] < sizes[1]


def test_what_cannot_be_is_refused_with_what_to_do(model: Path, flow: Flow, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no arithmetic 'float'"):
        mode_of("float")
    with pytest.raises(DataError, match="FINN"):
        mode_of("hls4ml-name", "finn")
    folder = open_network(flow, model).save(tmp_path / "network")
    for options in ({"arithmetic": "hls4ml-name"}, {"table_error": 0.01}):
        with pytest.raises(UsageError, match="brings its words"):
            open_network(flow, folder, **options)  # type: ignore[arg-type]
