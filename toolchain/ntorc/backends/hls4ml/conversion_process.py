"""The process that turns an integer network into an hls4ml project and runs its emulation: ``python -m ... FOLDER``.

The protocol is a folder: ``request.json``, ``network/`` and ``windows.npz`` go in, ``converted.json``, ``source/`` and
``outputs.npz`` come out (see `convert`).  hls4ml can abort a process, so it has one of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ntorc.backends.hls4ml.convert import NAME, Converted, ConvertRequest
from ntorc.backends.hls4ml.emulation_process import predict
from ntorc.backends.hls4ml.expressible import padding_of, type_name
from ntorc.errors import NtorcError, ToolError
from ntorc.network.activations import Table
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.hls4ml_mode import TABLE_ENTRY, hls4ml_format
from ntorc.network.layers import LSTM, Conv1D, Dense, MaxPool1D, WeightedLayer
from ntorc.network.network import Network
from ntorc.network.widths import accumulator_fraction, exact_bits
from ntorc.npz import read_arrays
from ntorc.records import load, save

_INPUT = "samples"


def main(folder: Path) -> None:
    """Answer the request in ``folder``."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import hls4ml

    request, network = load(ConvertRequest, folder / "request.json"), Network.load(folder / "network")
    model = keras_model(network)
    wanted = configuration(network, request, model)
    converted = hls4ml.converters.convert_from_keras_model(
        model, hls_config=wanted, output_dir=str(folder / "source"), project_name=NAME, backend=request.backend,
        io_type="io_stream", part=request.part, clock_period=1e9 / request.clock_hz,
    )  # fmt: skip
    check_kept(converted, network, request)
    converted.compile()
    windows = read_arrays(folder / "windows.npz", ["windows"], "run it again")["windows"].astype(np.float64)
    word = converted.get_output_variables()[0].type.precision
    result = hls4ml_format(word.width, word.integer)
    outputs = predict(Path(converted._top_function_lib._name), windows * network.input_format.step, 1, NAME)
    np.savez(folder / "outputs.npz", outputs=np.round(outputs * 2.0**result.fraction).astype(np.int64))
    save(
        Converted(
            input_port=converted.get_input_variables()[0].name,
            output_port=converted.get_output_variables()[0].name,
            output_bits=word.width,
            output_fraction=result.fraction,
            indices={layer.name: int(layer.index) for layer in converted.get_layers()},
            tool=f"hls4ml {hls4ml.__version__}",
        ),
        folder / "converted.json",
    )


def keras_model(network: Network) -> Any:
    """The model with the same layers, its weights the integers' exact values."""
    import keras

    keras.utils.clear_session()
    first = keras.Input((network.input_length, network.input_channels), name=_INPUT)
    last, length = first, network.input_length
    for layer in network.layers:
        if isinstance(layer, Dense) and length > 0:
            last, length = keras.layers.Flatten(name=f"{layer.name}_flat")(last), 0
        last = _keras_layer(keras.layers, layer)(last)
        if isinstance(layer, LSTM) and not layer.return_sequences:
            length = 0
    model = keras.Model(first, last)
    for layer, word in zip(network.layers, network.formats, strict=False):
        if isinstance(layer, Conv1D | Dense | LSTM):
            model.get_layer(layer.name).set_weights(_values(network, layer, word))
    return model


def _keras_layer(layers: Any, layer: Any) -> Any:
    if isinstance(layer, MaxPool1D):
        return layers.MaxPooling1D(layer.pool, name=layer.name)
    if isinstance(layer, LSTM):
        return layers.LSTM(layer.units, return_sequences=layer.return_sequences, name=layer.name)
    function = layer.activation.function if isinstance(layer.activation, Table) else layer.activation
    if isinstance(layer, Conv1D):
        return layers.Conv1D(
            layer.filters, layer.kernel, layer.stride, padding_of(layer), activation=function, name=layer.name
        )
    return layers.Dense(layer.units, activation=function, name=layer.name)


def _values(network: Network, layer: WeightedLayer, before: FixedFormat) -> list[Any]:
    """Kernel and bias as Keras shapes them; an LSTM's gates in Keras' order are this network's too."""
    weights = network.weights[layer.name] * layer.weight_format.step
    bias = network.biases[layer.name] * 2.0 ** -_bias_fraction(layer, before)
    if isinstance(layer, LSTM):
        return [weights[: layer.input_channels], weights[layer.input_channels :], bias]
    return [weights, bias]


def _bias_fraction(layer: WeightedLayer, before: FixedFormat) -> int:
    if layer.accumulator is not None:
        return layer.accumulator.fraction
    return accumulator_fraction(layer, before)


def _smallest_word(integers: IntArray, fraction: int) -> FixedFormat:
    """The narrowest word that holds all of them exactly."""
    while fraction > 0 and not (integers % 2).any():
        integers, fraction = integers // 2, fraction - 1
    largest = int(np.abs(integers).max(initial=1))
    return FixedFormat(max(largest.bit_length() + 1, 2), fraction, "truncate", "wrap")


def configuration(network: Network, request: ConvertRequest, model: Any) -> dict[str, Any]:
    """hls4ml's configuration, every type of a layer stated but the accumulators' that it infers to be exact."""
    import hls4ml

    recurrent = [layer.output_format for layer in network.layers if isinstance(layer, LSTM)]
    default = recurrent[0] if recurrent else hls4ml_format(16, 6)
    found: dict[str, Any] = hls4ml.utils.config_from_keras_model(
        model, granularity="name", backend=request.backend, default_precision=type_name(default)
    )
    found["Model"]["Strategy"] = "Resource"
    layers = found["LayerName"]
    layers[_INPUT]["Precision"]["result"] = type_name(network.input_format)
    for layer, word in zip(network.layers, network.formats, strict=False):
        if not isinstance(layer, Conv1D | Dense | LSTM):
            continue
        own = layers[layer.name]
        own["Strategy"], own["ReuseFactor"] = "Resource", request.reuse_factors[layer.name]
        if isinstance(layer, LSTM):
            own["TableSize"] = layer.activation.entries
            continue
        own["Precision"]["weight"] = type_name(layer.weight_format)
        bias = _smallest_word(network.biases[layer.name], _bias_fraction(layer, word))
        own["Precision"]["bias"] = type_name(bias)
        if layer.accumulator is not None:
            own["Precision"]["accum"] = type_name(layer.accumulator)
        behind = layers[f"{layer.name}_{_function(layer)}"] if layer.activation != "linear" else own
        behind["Precision"]["result"] = type_name(layer.output_format)
        if isinstance(layer.activation, Table):
            behind["TableSize"] = layer.activation.entries
    return found


def _function(layer: Any) -> str:
    return str(layer.activation.function if isinstance(layer.activation, Table) else layer.activation)


def check_kept(converted: Any, network: Network, request: ConvertRequest) -> None:
    """hls4ml replaces what it does not like with a printed warning only: re-read everything that was stated.

    Words are compared whole, with rounding and overflow.  What hls4ml infers by itself (sums of convolutions and dense
    layers) must hold every sum exactly.

    Raises:
        ToolError: a strategy, reuse factor, word or table is another one.
    """
    layers = {layer.name: layer for layer in converted.get_layers()}
    for layer, before in zip(network.layers, network.formats, strict=False):
        if not isinstance(layer, Conv1D | Dense | LSTM):
            continue
        own = layers[layer.name]
        is_apart = layer.activation != "linear" and not isinstance(layer, LSTM)
        behind = layers[f"{layer.name}_{_function(layer)}"] if is_apart else own
        reuse = request.reuse_factors[layer.name]
        stated = {
            "strategy": ("resource", own.get_attr("strategy")),
            "reuse_factor": (reuse, own.get_attr("reuse_factor")),
            **_words(network, layer, before, own),
            "result": (_plain(layer.output_format), _precision(behind.get_output_variable().type)),
        }
        if layer.accumulator is None:
            bits = exact_bits(layer, before, network.weights[layer.name], network.biases[layer.name])
            exact = FixedFormat(bits, accumulator_fraction(layer, before), "truncate", "wrap")
            sums = {"accum": own.get_attr("accum_t"), **({"sum": own.get_output_variable().type} if is_apart else {})}
            stated |= {name: _exact(exact, kind) for name, kind in sums.items()}
        if isinstance(layer.activation, Table):
            stated["table_size"] = layer.activation.entries, int(behind.get_attr("table_size"))
            stated["table"] = _plain(TABLE_ENTRY), _precision(behind.get_attr("table_t"))
        changed = [f"{name} {wanted} to {kept}" for name, (wanted, kept) in stated.items() if kept != wanted]
        if changed:
            raise ToolError(f"hls4ml changed of layer '{layer.name}': {'; '.join(changed)}", "please report this")
    word = _precision(layers[_INPUT].get_output_variable().type)
    if word != _plain(network.input_format):
        raise ToolError(f"hls4ml changed the input's word to {word}", "please report this")


def _words(network: Network, layer: Conv1D | Dense | LSTM, before: FixedFormat, own: Any) -> dict[str, tuple[str, str]]:
    """Words of weights, bias and a stated accumulator: as they were stated, and as they are."""
    bias = _smallest_word(network.biases[layer.name], _bias_fraction(layer, before))
    if isinstance(layer, LSTM):
        bias = layer.weight_format
    wanted = {"weight": layer.weight_format, "bias": bias}
    if isinstance(layer, LSTM):
        wanted["recurrent_weight"] = layer.weight_format
    found = {name: (_plain(word), _precision(own.weights[name].type)) for name, word in wanted.items()}
    if layer.accumulator is not None:
        found["accum"] = _plain(layer.accumulator), _precision(own.get_attr("accum_t"))
    return found


def _exact(needed: FixedFormat, kind: Any) -> tuple[str, str]:
    """The word that is there, twice where it holds all that is needed."""
    kept, word = _precision(kind), kind.precision
    fraction = int(word.width) - int(word.integer)
    holds = fraction >= needed.fraction and int(word.integer) >= needed.bits - needed.fraction and word.signed
    return (kept if holds else f"{_plain(needed)} or wider", kept)


def _plain(word: FixedFormat) -> str:
    """A word in full: ``fixed<bits, integer, rounding, overflow>``."""
    text = type_name(word)
    return text if text.count(",") > 1 else f"{text[:-1]},TRN,WRAP>"


def _precision(kind: Any) -> str:
    """hls4ml's word of a type, in the same form."""
    word = kind.precision
    rounding, overflow = getattr(word, "rounding_mode", "TRN"), getattr(word, "saturation_mode", "WRAP")
    return f"{'' if word.signed else 'u'}fixed<{int(word.width)},{int(word.integer)},{rounding},{overflow}>"


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]))
    except NtorcError as failure:
        sys.exit(str(failure))
