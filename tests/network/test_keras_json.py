"""Model JSONs: of Keras 3 and of old Keras, damaged ones, and ones that must not be read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError, NtorcError
from ntorc.network.importers.keras_json import SEEDED, import_keras_json
from ntorc.network.published import published_networks, seeded

OLD: dict[str, Any] = {
    "class_name": "Sequential",
    "config": {
        "name": "old",
        "layers": [
            {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 32, 1], "dtype": "float32",
                                                    "sparse": False, "ragged": False, "name": "input"}},
            {"class_name": "Conv1D", "config": {"name": "c", "filters": 4, "kernel_size": [3], "padding": "same",
                                                "activation": "relu"}},
            {"class_name": "MaxPooling1D", "config": {"name": "p", "pool_size": [2], "strides": [2],
                                                      "padding": "same"}},
            {"class_name": "LSTM", "config": {"name": "r", "units": 3, "time_major": False, "implementation": 2}},
            {"class_name": "Dense", "config": {"name": "d", "units": 1}},
        ],
    },
    "keras_version": "2.4.0",
}  # fmt: skip


def written(folder: Path, content: object) -> Path:
    path = folder / "model.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def test_old_and_new_keras_give_the_same_layers(tmp_path: Path) -> None:
    import keras

    old = import_keras_json(written(tmp_path, OLD))
    layers = [
        keras.layers.Conv1D(4, 3, padding="same", activation="relu", name="c"),
        keras.layers.MaxPooling1D(2, name="p"),
        keras.layers.LSTM(3, name="r"),
        keras.layers.Dense(1, name="d"),
    ]
    model = keras.Sequential([keras.Input((32, 1)), *layers])
    new = import_keras_json(written(tmp_path, model.to_json()))
    assert old.name == new.name == "model" + SEEDED
    assert [type(layer) for layer in old.layers] == [type(layer) for layer in new.layers]
    np.testing.assert_array_equal(old.layers[0].weights, new.layers[0].weights)  # type: ignore[union-attr]


def test_published_jsons_are_the_published_networks(recorded_data: Path) -> None:
    for item in published_networks():
        if item.name not in ("128_5_16_0_0_4_8", "table4_model_2"):
            continue
        name = item.name if item.lstm else f"network_{item.name}"
        found, known = import_keras_json(recorded_data / "networks" / f"{name}.json"), seeded(item)
        assert [type(layer) for layer in found.layers] == [type(layer) for layer in known.layers]
        assert found.input_length == known.input_length
        for one, other in zip(found.layers, known.layers, strict=True):
            shapes = [getattr(layer, "weights", getattr(layer, "kernel", np.zeros(0))).shape for layer in (one, other)]
            assert shapes[0] == shapes[1]


def changed(change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(json.dumps(OLD))
    change(content)
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "JSON"),
        ("[]", "sequential"),
        (changed(lambda c: c.update(class_name="Functional")), "sequential"),
        (changed(lambda c: c["config"]["layers"].append({"class_name": "Lambda", "config": {}})), "Lambda"),
        (changed(lambda c: c["config"]["layers"].append(7)), "configuration"),
        (changed(lambda c: c["config"]["layers"][1]["config"].update(filters="many")), "Keras"),
        (changed(lambda c: c["config"]["layers"].clear()), "input shape"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(DataError, match=told):
        import_keras_json(written(tmp_path, content))


@settings(max_examples=12)
@given(st.data())
def test_damaged_jsons_never_crash(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = json.loads(json.dumps(OLD))
    layer = data.draw(st.sampled_from(content["config"]["layers"]))
    key = data.draw(st.sampled_from(sorted(layer["config"])))
    values = st.none() | st.booleans() | st.integers(-3, 10**9) | st.text(max_size=5) | st.lists(st.integers(-2, 3))
    layer["config"][key] = data.draw(values.filter(lambda value: not isinstance(value, int) or abs(value) < 1000))
    path = written(tmp_path_factory.mktemp("json"), content)
    with contextlib.suppress(NtorcError):  # anything else is a crash
        assert import_keras_json(path).layers
