"""What a worker does: one look of a training, or the judgement of a trained candidate in integer arithmetic."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from ntorc.estimator.estimator import Labels
from ntorc.estimator.forms import StreamingForm
from ntorc.estimator.windows import ADC_BITS, to_counts
from ntorc.network import reference
from ntorc.network.floating import FloatNetwork
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.network import Network
from ntorc.network.quantise import quantise
from ntorc.network.streams import run_recordings
from ntorc.search.budget import Budget
from ntorc.search.fitting import Arrays, State, fit_of
from ntorc.search.material import Material
from ntorc.search.space import WINDOW_HOP, Candidate

SETTLED_SAMPLES = 1024
"""Of each run are not scored: a bank has settled by then, and every window is full."""

_CALIBRATION_CROP, _CALIBRATION_CROPS, _CALIBRATION_WINDOWS = 256, 48, 1000
_BATCH = 1024


@dataclass(frozen=True)
class Task:
    """A candidate's training.

    Attributes:
        candidate: what.
        budget: how long.
        seed: of weights and samples.
    """

    candidate: Candidate
    budget: Budget
    seed: int


@dataclass(frozen=True, eq=False)
class Judged:
    """A trained candidate.

    Attributes:
        network: the integer network.
        validation_v: its RMSE in volts on the validation trajectories.
        weights: of the Keras model, scales folded in.
        labels: what it learned.
        cpu_s: processor time of judging.
    """

    network: Network
    validation_v: float
    weights: Arrays
    labels: Labels
    cpu_s: float


def advance(material: Material, task: Task, state: State) -> State:
    """Train to the next look."""
    _one_thread()
    began_s = time.process_time()
    found = fit_of(material, task.candidate.form, task.budget, task.seed).advance(state)
    return replace(found, cpu_s=state.cpu_s + time.process_time() - began_s)


def judge(material: Material, task: Task, variables: dict[str, Arrays], name: str) -> Judged:
    """The integer network of the best weights and its error on the validation trajectories."""
    _one_thread()
    began_s = time.process_time()
    fit = fit_of(material, task.candidate.form, task.budget, task.seed)
    model = fit.best_model(variables)
    network = integer_network(material, task.candidate, fit.floating(model, name))
    error_v = error_of(material, network, material.split.validation, task.budget.scored_every)
    return Judged(network, error_v, model.get_weights(), fit.labels, time.process_time() - began_s)


def integer_network(material: Material, candidate: Candidate, floating: FloatNetwork) -> Network:
    """Formats from training data, weights rounded, in the candidate's widths."""
    word = FixedFormat(ADC_BITS, material.input_fraction_bits)
    counts = [to_counts(material.runs[name].acceleration_v).astype(np.int64) for name in material.split.train]
    if isinstance(candidate.form, StreamingForm):
        crop = _CALIBRATION_CROP * candidate.form.frame_samples
        crops = [run[at : at + crop] for run in counts for at in range(0, len(run) - crop + 1, crop)]
        crops = crops[:: max(1, -(-len(crops) // _CALIBRATION_CROPS))] or [np.concatenate(counts)[:crop]]
        frames = np.concatenate(crops).reshape(-1, candidate.form.frame_samples, 1)
        return quantise(floating, word, frames, candidate.precision, len(crops))
    length = candidate.form.window_samples
    windows = np.concatenate([_windows(run, length, length) for run in counts])
    return quantise(floating, word, windows[:: max(1, len(windows) // _CALIBRATION_WINDOWS)], candidate.precision)


def error_on(material: Material, network: Network, part: str, every: int) -> float:
    """`error_of` a part of the split, as a worker's job."""
    names: tuple[str, ...] = getattr(material.split, part)
    return error_of(material, network, names, every)


def error_of(material: Material, network: Network, names: tuple[str, ...], every: int) -> float:
    """RMSE in volts of an integer network on some runs, behind a settling time.

    Args:
        material: with these runs.
        network: stateful, or on windows.
        names: of the runs.
        every: estimates apart that are scored; the same instants for every form with a hop of 16 samples.
    """
    apart = every * WINDOW_HOP
    counts = [to_counts(material.runs[name].acceleration_v).astype(np.int64) for name in names]
    ends = [np.arange(SETTLED_SAMPLES + apart - 1, len(run), apart) for run in counts]
    if network.stateful:
        streams = run_recordings(network, counts)
        values = [row[(end + 1) // network.input_length - 1] for row, end in zip(streams, ends, strict=True)]
    else:
        values = [_window_results(network, run, end) for run, end in zip(counts, ends, strict=True)]
    squares = [
        np.square(network.output_format.values(row) - material.runs[name].position_v[end])
        for row, end, name in zip(values, ends, names, strict=True)
    ]
    return float(np.sqrt(np.mean(np.concatenate(squares))))


def _window_results(network: Network, counts: IntArray, ends: IntArray) -> IntArray:
    offsets = np.arange(1 - network.input_length, 1)
    pieces = [
        reference.run(network, counts[ends[at : at + _BATCH, None] + offsets][..., None])[:, 0]
        for at in range(0, len(ends), _BATCH)
    ]
    return np.concatenate(pieces)


def _windows(counts: IntArray, length: int, hop: int) -> IntArray:
    return np.lib.stride_tricks.sliding_window_view(counts, length)[::hop, :, None]


@cache
def _one_thread() -> None:
    """Workers share a machine by processes; TensorFlow's threads would only get into each other's way."""
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
    except RuntimeError:
        pass  # TensorFlow runs already, as in a process that trains besides
