"""A user's own model: from a file through the same pipeline as a trained estimator."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from ntorc.errors import DataError, UsageError
from ntorc.estimator.forms import GivenForm
from ntorc.network.floating import (
    FloatConv1D,
    FloatDense,
    FloatLayer,
    FloatNetwork,
    FloatRecurrent,
    FloatResonatorBank,
)
from ntorc.network.formats import FixedFormat
from ntorc.network.hls4ml_mode import hls4ml_network
from ntorc.network.network import Network
from ntorc.network.quantise import Precision, quantise
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.networks import mode_of
from ntorc.records import code_of, digest_of, digest_of_file

if TYPE_CHECKING:
    from ntorc.estimator.estimator import Estimator
    from ntorc.estimator.runs import Runs

Unit = Literal["volts", "counts"]
_KERAS, _QONNX = (".keras", ".h5", ".hdf5"), ".onnx"
_FRAMES = 2000


def given_network(
    flow: Flow,
    runs: Runs,
    path: Path,
    unit: Unit,
    precision: Precision | None = None,
    arithmetic: str = "",
    table_error: float | None = None,
) -> Network:
    """The integer network of a model file, with formats from the runs' samples; a QONNX model brings its own.

    In hls4ml's arithmetic the converter's counts are the integers of its input word.

    Args:
        flow: store and progress.
        runs: of the sensor that the model will see.
        path: ``.keras``, ``.h5`` or ``.onnx``.
        unit: what the model was trained on: accelerations in volts, or the converter's counts.
        precision: widths of a Keras model.
        arithmetic: of a Keras model, by name; empty for ntorc's (`ntorc.pipeline.networks.mode_of`).
        table_error: what the table of a Keras model's sigmoid or tanh may be off by; None for the default.

    Raises:
        UsageError: another kind of file, a QONNX model of volts, or one with another arithmetic than its own.
        DataError: it cannot be read, or has a layer that is not supported, by name.
    """
    check_given(path)
    mode = mode_of(arithmetic, table_error=table_error)
    if path.suffix.lower() == _QONNX:
        if arithmetic or table_error is not None:
            raise UsageError(f"{path.name} brings its words and tables", "leave --arithmetic and --table-error out")
        return _qonnx_network(flow, path, unit)
    precision = precision or Precision()
    if table_error is not None:
        precision = replace(precision, table_error=table_error)
    code = code_of("network", "pipeline/estimator/given.py", "pipeline/networks.py")
    key = digest_of(
        {
            "file": digest_of_file(path),
            "name": path.stem,
            "runs": runs.digest,
            "unit": unit,
            "precision": digest_of(precision if mode is None else mode),
            "code": code,
        }
    )

    def make(work: Path) -> None:
        from ntorc.estimator.windows import ADC_BITS, ADC_LSB_V, choose_fraction_bits, to_counts
        from ntorc.network.importers.keras_model import import_keras

        floating = import_keras(path)
        _check_ends(path, floating.input_channels, _outputs(floating))
        if mode is not None:
            flow.progress.message(f"  {path.name}: in hls4ml's arithmetic, granularity '{mode.granularity}'")
            factor = 2.0**mode.precision.fraction * (ADC_LSB_V if unit == "volts" else 1.0)
            hls4ml_network(scaled_input(floating, factor), mode).save(work)
            return
        flow.progress.message(f"  {path.name}: choosing fixed-point formats on {len(runs)} runs")
        counts = [to_counts(run.acceleration_v) for run in runs]
        fraction = choose_fraction_bits(counts)
        word = FixedFormat(ADC_BITS, fraction)
        factor = 2.0**fraction * (ADC_LSB_V if unit == "volts" else 1.0)
        length = floating.input_length
        stacked = np.concatenate([row[: len(row) // length * length] for row in counts]).reshape(-1, length, 1)
        frames = stacked[: 10 * _FRAMES] if _keeps_state(floating) else stacked[:: max(len(stacked) // _FRAMES, 1)]
        frames = frames.astype(np.int64)
        quantise(scaled_input(floating, factor), word, frames, precision).save(work)

    return Network.load(flow.once("given", key, make))


def check_given(path: Path) -> None:
    """Before anything is read or simulated.

    Raises:
        UsageError: another kind of file, or none.
    """
    if path.suffix.lower() not in (*_KERAS, _QONNX):
        raise UsageError(f"{path} is no model that is known", "give a .keras, .h5 or .onnx file with its weights")
    if not path.is_file():
        raise UsageError(f"there is no file {path}", "give a .keras, .h5 or .onnx file")


def _qonnx_network(flow: Flow, path: Path, unit: Unit) -> Network:
    """As it is: its words are those that it was trained in, so its input's integers must be the converter's counts."""
    from ntorc.estimator.windows import ADC_BITS
    from ntorc.network.importers.qonnx_model import import_qonnx

    if unit == "volts":
        raise UsageError(
            f"{path.name} is a QONNX model, whose input is quantised: its integers must be the converter's counts",
            "train it on counts, or counts over a power of two, and say --model-input counts",
        )
    found = import_qonnx(path)
    network = found.network
    _check_ends(path, network.input_channels, network.outputs)
    word = network.input_format
    if word.bits < ADC_BITS:
        raise DataError(
            f"{path.name} takes words of {word.bits} bits, and the converter gives {ADC_BITS}",
            f"quantise its input to {ADC_BITS} bits or more, signed",
        )
    for note in found.notes:
        flow.progress.message(f"  {path.name}: {note}")
    return network


def _check_ends(path: Path, channels: int, outputs: int) -> None:
    if channels != 1 or outputs != 1:
        raise DataError(
            f"{path.name} takes {channels} channels and gives {outputs} values",
            "an estimator takes one acceleration, [batch, samples, 1], and gives one position",
        )


def _outputs(network: FloatNetwork) -> int:
    return int(network.run(np.zeros((1, network.input_length, network.input_channels)))[-1].size)


def _keeps_state(network: FloatNetwork) -> bool:
    return any(isinstance(layer, FloatRecurrent) and layer.stateful for layer in network.layers)


def scaled_input(network: FloatNetwork, factor: float) -> FloatNetwork:
    """The same function of an input that was divided by ``factor``: its first weights take the factor.

    Raises:
        DataError: no layer with weights comes before one that a factor does not pass.
    """
    layers: list[FloatLayer | FloatResonatorBank] = list(network.layers)
    for index, layer in enumerate(layers):
        if isinstance(layer, FloatConv1D | FloatDense):
            layers[index] = replace(layer, weights=layer.weights * factor)
            return replace(network, layers=tuple(layers))
        if isinstance(layer, FloatRecurrent):
            layers[index] = replace(layer, kernel=layer.kernel * factor)
            return replace(network, layers=tuple(layers))
        # a pool's output scales with its input, as the factor is positive
    raise DataError(f"'{network.name}' has no layer with weights", "give a trained model")


def given_estimator(runs: Runs, network: Network, path: Path) -> Estimator:
    """The record of a model whose training is not known: errors on the runs are still to be judged."""
    from ntorc.estimator.estimator import FORMAT, Estimator, software_versions
    from ntorc.estimator.windows import ADC_LSB_V
    from ntorc.pipeline.estimator.shipped import UNKNOWN, all_of
    from ntorc.pipeline.make import hop_for

    positions = np.concatenate([run.position_v for run in runs])
    form = GivenForm(path.name, network.input_length, network.multiplies)
    return Estimator(
        format=FORMAT,
        name=path.stem,
        form=form,
        hop_samples=hop_for(network, None),
        sample_rate_hz=runs.sample_rate_hz,
        adc_lsb_v=ADC_LSB_V,
        input_fraction_bits=network.input_format.fraction,
        warm_up_samples=network.warm_up * network.input_length,
        valid_range_v=(float(positions.min()), float(positions.max())),
        label_mean_v=0.0,
        label_std_v=1.0,
        position_mm_per_v=runs.position_mm_per_v,
        multiplies=network.multiplies,
        parameters=sum(array.size for array in (*network.weights.values(), *network.biases.values())),
        split=all_of(runs, UNKNOWN),
        validation_rmse_v=None,
        test_rmse_v=0.0,
        test_rmse_by_run_v={},
        test_mean_rmse_v=0.0,
        data_digest="",
        data_source=f"not known: {path.name} was given",
        training_key="",
        seed=0,
        epochs=(0, 0),
        model_sha256=digest_of_file(path),
        versions=software_versions(),
    )
