"""A user's own models go through the pipeline: new and old Keras files, the published networks, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from old_h5 import write_old_h5

from ntorc.errors import DataError, UsageError
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.estimator.json_forms import form_of_json
from ntorc.estimator.models import build_model
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.splits import honest
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.estimator.training import TrainingConfig, train
from ntorc.estimator.windows import ADC_LSB_V, to_counts
from ntorc.network import reference
from ntorc.network.exporters.qonnx import write_qonnx
from ntorc.network.formats import FixedFormat
from ntorc.network.importers.keras_model import import_keras
from ntorc.network.layers import Dense
from ntorc.network.network import random_network
from ntorc.network.published import published_networks
from ntorc.pipeline.estimator.learn import Given, learn
from ntorc.pipeline.flow import Flow
from ntorc.store.local import LocalStore


@pytest.fixture(scope="module")
def runs() -> Runs:
    return simulate_runs(seed=2, trajectories=3, replicas=1, duration_s=2.0)


@pytest.fixture
def flow(tmp_path: Path) -> Flow:
    return Flow(LocalStore(tmp_path / "store"), tmp_path / "cache", tmp_path)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_old_h5_files(tmp_path: Path, kind: str) -> None:
    weights = write_old_h5(tmp_path / "old.h5", kind)
    network = import_keras(tmp_path / "old.h5")
    conv, recurrent, dense = network.layers
    np.testing.assert_allclose(conv.weights, weights["c"]["kernel:0"], atol=1e-6)
    np.testing.assert_allclose(recurrent.kernel, weights["r"][f"{kind.lower()}_cell/kernel:0"], atol=1e-6)
    np.testing.assert_allclose(dense.bias, [2.0])


def test_what_is_no_model(tmp_path: Path, flow: Flow, runs: Runs) -> None:
    import h5py

    (tmp_path / "broken.h5").write_bytes(b"not hdf5")
    with pytest.raises(DataError, match=r"broken\.h5 is not a Keras model"):
        import_keras(tmp_path / "broken.h5")
    with h5py.File(tmp_path / "weights.h5", "w") as file:
        file.attrs["keras_version"] = "2.4.0"
    with pytest.raises(DataError, match="weights without a model"):
        import_keras(tmp_path / "weights.h5")
    runs.save(tmp_path / "runs")
    with pytest.raises(UsageError, match="no model that is known"):
        learn(flow, tmp_path / "runs", StreamingConfig(), given=Given(tmp_path / "model.pt"))
    with pytest.raises(UsageError, match="no file"):
        learn(flow, tmp_path / "runs", StreamingConfig(), given=Given(tmp_path / "model.keras"))


@pytest.mark.parametrize(
    ("word", "filters", "unit", "told"),
    [
        (FixedFormat(14, 8), 1, "volts", "its integers must be the converter's counts"),
        (FixedFormat(8, 4), 1, "counts", "takes words of 8 bits, and the converter gives 14"),
        (FixedFormat(14, 8), 2, "counts", "gives 2 values"),
    ],
)
def test_a_qonnx_model_must_take_counts_and_give_one_position(
    tmp_path: Path, flow: Flow, runs: Runs, word: FixedFormat, filters: int, unit: str, told: str
) -> None:
    layers = (Dense("dense", 32, 1, filters, FixedFormat(8, 6), FixedFormat(16, 8)),)
    write_qonnx(random_network(1, word, 32, layers), tmp_path / "mine.onnx")
    runs.save(tmp_path / "runs")
    given = Given(tmp_path / "mine.onnx", "volts" if unit == "volts" else "counts")
    with pytest.raises((DataError, UsageError), match=told):
        learn(flow, tmp_path / "runs", StreamingConfig(), given=given)


def test_a_layer_that_is_not_supported_is_named(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((32, 1)), keras.layers.Bidirectional(keras.layers.GRU(3), name="both")])
    model.save(tmp_path / "m.keras")
    with pytest.raises(DataError, match="'both' is a Bidirectional") as caught:
        import_keras(tmp_path / "m.keras")
    assert "supported: Conv1D" in str(caught.value.hint)


@pytest.mark.parametrize("unit", ["volts", "counts"])
def test_the_models_unit_is_folded_into_its_first_weights(tmp_path: Path, flow: Flow, runs: Runs, unit: str) -> None:
    form = WindowForm(64, (ConvLayer(4, 8, stride=4),), (6,))
    model = build_model(form, seed=3)
    scale = 1.0 if unit == "volts" else ADC_LSB_V  # so that both take volts in the end
    kernel, bias = model.layers[0].get_weights()
    model.layers[0].set_weights([kernel * scale, bias])
    model.save(tmp_path / "mine.keras")
    runs.save(tmp_path / "runs")
    given = Given(tmp_path / "mine.keras", "volts" if unit == "volts" else "counts")
    learned = learn(flow, tmp_path / "runs", StreamingConfig(), given=given)
    assert (learned.split.name, learned.network.multiplies) == ("unknown", form.multiplies)
    counts = to_counts(runs.runs[0].acceleration_v)[: 64 * 50].reshape(-1, 64, 1)
    wanted = model.predict(counts * (ADC_LSB_V if unit == "volts" else 1.0), verbose=0)[:, 0]
    found = learned.network.output_format.values(reference.run(learned.network, counts)[:, 0])
    assert np.abs(found - wanted).max() < 0.02 * max(np.abs(wanted).max(), 0.1)


def test_every_published_network_is_a_form_that_trains(tmp_path: Path, runs: Runs) -> None:
    forms = []
    for published in published_networks():
        conv = (ConvLayer(published.filters, 3, pool=2, padding="same"),) * published.convolutions
        forms.append(WindowForm(published.window, conv, published.dense, published.lstm))
    by_name = {published.name: form for published, form in zip(published_networks(), forms, strict=True)}
    assert len(by_name) >= 16
    # true multiplies: the paper leaves out the convolutions' input channels and says 12.6K and 74.9K
    assert by_name["128_5_16_0_0_4_8"].multiplies == 99_016
    assert by_name["395_5_16_0_0_5_76"].multiplies == 339_356
    for name, form in by_name.items():  # each from the JSON of its layers, one small step
        model = build_model(form, seed=1)
        (tmp_path / f"{name}.json").write_text(model.to_json())
        assert form_of_json(tmp_path / f"{name}.json") == form
        config = TrainingConfig(form=form, epochs=1, steps_per_epoch=1, batch=4, hop_samples=1024)
        estimator = train(runs, honest(runs), config, tmp_path / name)
        assert (estimator.multiplies, estimator.window_samples) == (form.multiplies, form.window_samples)
        assert np.isfinite(estimator.test_rmse_v)


def test_the_published_files_are_forms(recorded_data: Path) -> None:
    """As the authors' repository has them, of an older Keras."""
    forms = {path.stem: form_of_json(path) for path in sorted((recorded_data / "networks").glob("*.json"))}
    for published in published_networks():
        if f"network_{published.name}" in forms:
            found = forms[f"network_{published.name}"]
            assert (found.window_samples, found.dense, found.lstm) == (
                published.window, published.dense, published.lstm,
            )  # fmt: skip
            assert found.conv == (ConvLayer(published.filters, 3, pool=2, padding="same"),) * published.convolutions
    assert len([name for name in forms if name.startswith("network_")]) >= 16


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ("average", "is a AveragePooling1D, which no window form has"),
        ("gru", "is a GRU, which no window form has"),
        ("tanh", "has activation 'tanh', not 'relu'"),
        ("two", "does not end with a Dense of one unit"),
        ("order", r"'late' \(Conv1D\) follows a layer of kind LSTM"),
        ("twice", r"\(MaxPooling1D\) follows a layer of kind MaxPooling1D"),
        ("overlap", "pools 3 of"),
        ("dilated", "is dilated"),
        ("last", "has return_sequences False, not True"),
        ("channels", r"takes \[None, 64, 2\]"),
    ],
)
def test_what_is_no_window_form_is_told(tmp_path: Path, layers: str, told: str) -> None:
    from keras import Input, Sequential
    from keras import layers as kind

    def conv(**changes: object) -> object:
        return kind.Conv1D(**{"filters": 4, "kernel_size": 3, "activation": "relu", **changes})

    end = [kind.Flatten(), kind.Dense(1)]
    made = {
        "average": [conv(), kind.AveragePooling1D(2), *end],
        "gru": [kind.GRU(4, return_sequences=True), *end],
        "tanh": [conv(activation="tanh"), *end],
        "two": [conv(), kind.Flatten(), kind.Dense(2)],
        "order": [kind.LSTM(4, return_sequences=True), conv(name="late"), *end],
        "twice": [conv(), kind.MaxPooling1D(2), kind.MaxPooling1D(2), *end],
        "overlap": [conv(), kind.MaxPooling1D(3, strides=2), *end],
        "dilated": [conv(dilation_rate=2), *end],
        "last": [kind.LSTM(4), *end],
        "channels": [conv(), *end],
    }[layers]
    model = Sequential([Input((64, 2 if layers == "channels" else 1)), *made])
    (tmp_path / "m.json").write_text(model.to_json())
    with pytest.raises(DataError, match=told) as caught:
        form_of_json(tmp_path / "m.json")
    assert caught.value.hint
