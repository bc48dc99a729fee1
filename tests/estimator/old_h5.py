"""A model file as Keras 2.12 wrote it: its configuration has what Keras 3 no longer knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np


def write_old_h5(path: Path, kind: str = "LSTM") -> dict[str, dict[str, Any]]:
    """Conv1D, a recurrent layer, Dense on windows of 32 samples; returns the weights by layer and name."""
    import h5py

    generator = np.random.default_rng(0)
    gates = 4 if kind == "LSTM" else 3
    bias = (16,) if kind == "LSTM" else (2, 12)
    cell = f"{kind.lower()}_cell"
    common = {"trainable": True, "dtype": "float32", "use_bias": True}
    layers = [
        ("InputLayer", {"batch_input_shape": [None, 32, 1], "dtype": "float32", "sparse": False, "ragged": False}),
        (
            "Conv1D",
            {**common, "name": "c", "batch_input_shape": [None, 32, 1], "filters": 3, "kernel_size": [3],
             "strides": [2], "padding": "valid", "data_format": "channels_last", "dilation_rate": [1], "groups": 1,
             "activation": "relu"},
        ),
        (
            kind,
            {**common, "name": "r", "return_sequences": False, "return_state": False, "go_backwards": False,
             "stateful": False, "unroll": False, "time_major": False, "units": 4, "activation": "tanh",
             "recurrent_activation": "sigmoid", "dropout": 0.0, "recurrent_dropout": 0.0, "implementation": 2,
             **({"reset_after": True} if kind == "GRU" else {"unit_forget_bias": True})},
        ),
        ("Dense", {**common, "name": "d", "units": 1, "activation": "linear"}),
    ]  # fmt: skip
    config = {
        "class_name": "Sequential",
        "config": {"name": "old", "layers": [{"class_name": name, "config": fields} for name, fields in layers]},
    }
    weights = {
        "c": {"kernel:0": generator.normal(0, 0.5, (3, 1, 3)), "bias:0": generator.normal(0, 0.1, 3)},
        "r": {
            f"{cell}/kernel:0": generator.normal(0, 0.5, (3, 4 * gates)),
            f"{cell}/recurrent_kernel:0": generator.normal(0, 0.5, (4, 4 * gates)),
            f"{cell}/bias:0": generator.normal(0, 0.1, bias),
        },
        "d": {"kernel:0": generator.normal(0, 0.5, (4, 1)), "bias:0": np.array([2.0])},
    }
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = "2.12.0", "tensorflow"
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = [name.encode() for name in weights]
        group.attrs["keras_version"], group.attrs["backend"] = "2.12.0", "tensorflow"
        for name, arrays in weights.items():
            own = group.create_group(name)
            own.attrs["weight_names"] = [f"{name}/{key}".encode() for key in arrays]
            for key, array in arrays.items():
                own.create_dataset(f"{name}/{key}", data=array.astype("f4"))
    return weights
