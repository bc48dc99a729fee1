"""Widths learned by HGQ2: what may be trained, that a stopped training goes on, and that all give the same bits.

HGQ2 is real here, in its own process; two of them are started.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

import numpy as np
import pytest

from cli_program import Program
from ntorc.backends.hls4ml.convert import ConvertRequest, convert
from ntorc.backends.hls4ml.reuse import legal_reuse_factors
from ntorc.backends.native.backend import NativeBackend
from ntorc.errors import DataError, GateError, StorageError, UsageError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.forms import ConvLayer, WindowForm
from ntorc.estimator.hgq import environment
from ntorc.estimator.hgq.training import check_form, check_layers, gate
from ntorc.estimator.runs import Runs
from ntorc.estimator.simulator import simulate_runs
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.estimator.training import TrainingConfig
from ntorc.network.bit_operations import effective_bit_operations
from ntorc.network.floating import FloatConv1D, FloatDense, FloatLayer, FloatLSTM, FloatNetwork
from ntorc.network.formats import FixedFormat
from ntorc.network.layers import Conv1D, Dense, MaxPool1D
from ntorc.network.network import Network, random_network
from ntorc.pipeline.estimator.hgq import Trained, hgq_stage, hgq_trained, material
from ntorc.pipeline.estimator.learn import Learned, estimator_stage, network_stage
from ntorc.pipeline.estimator.qat import check_way, chosen_way
from ntorc.pipeline.flow import Flow, open_flow
from ntorc.progress import Silent

FORM = WindowForm(32, (ConvLayer(4, 3, stride=2, pool=2, padding="same"), ConvLayer(5, 3)), (6,))
CONFIG = TrainingConfig(form=FORM, epochs=3, steps_per_epoch=120, batch=32, seed=3)
PENALTY = 1e-5


class Stop(Silent):
    """A user who presses Ctrl-C at HGQ2's first epoch, once."""

    def __init__(self) -> None:
        self.stopped = False
        self.seen: list[int] = []

    def step(self, what: str, done: int, total: int) -> None:
        if "HGQ2" in what:
            self.seen.append(done)
            if not self.stopped:
                self.stopped = True
                raise KeyboardInterrupt


@dataclass(frozen=True)
class Case:
    flow: Flow
    learned: Learned
    trained: Trained
    epochs_seen: list[int]


@pytest.fixture(scope="module")
def case(
    require: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory, ntorc_cache: Path
) -> Iterator[Case]:
    """A window network of short simulated runs, trained on; stopped once on the way."""
    require("hgq")
    home = tmp_path_factory.mktemp("hgq-home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NTORC_HOME", str(home))
        progress = Stop()
        flow = replace(open_flow(progress), cache=ntorc_cache)
        runs: Runs = simulate_runs(seed=3, trajectories=5, replicas=1, duration_s=4.0)
        split, estimator, folder = estimator_stage(flow, runs, CONFIG)
        network = network_stage(flow, runs, split, estimator, folder)
        learned = Learned(runs, split, estimator, folder, network)
        with pytest.raises(KeyboardInterrupt):
            hgq_stage(flow, learned, CONFIG, PENALTY, CONFIG.epochs)
        yield Case(flow, learned, hgq_stage(flow, learned, CONFIG, PENALTY, CONFIG.epochs), progress.seen)


def test_a_stopped_training_goes_on_with_the_next_epoch(case: Case) -> None:
    assert case.epochs_seen == [1, 2, 3]
    assert len(case.trained.outcome.history) == CONFIG.epochs


def test_widths_are_learned_and_the_network_is_the_one_of_the_best_epoch(case: Case) -> None:
    history, epoch = case.trained.outcome.history, case.trained.outcome.epoch
    assert history[-1][1] < 0.9 * effective_bit_operations(start_of(case))  # of 8 bits, where it began
    assert case.trained.operations == effective_bit_operations(case.trained.network) == history[epoch - 1][1]
    validation = material(case.learned, CONFIG).data.validation
    assert rmse_of(case.trained.network, validation) == history[epoch - 1][0] == case.trained.outcome.validation_rmse_v


def start_of(case: Case) -> Network:
    return Network.load(case.trained.folder.parent / "start")


def test_hgqs_own_model_gives_the_same_bits_on_all_held_out_windows(case: Case) -> None:
    held_out = material(case.learned, CONFIG).held_out
    assert (case.trained.gate.vectors, case.trained.gate.mismatches) == (held_out.ends.size, 0)
    # the comparison can fail: the last bit of one bias
    network = case.trained.network
    name = network.weighted_layers[-1].name
    wrong = {**network.biases, name: network.biases[name] + 1}
    with pytest.raises(GateError, match="HGQ2's model differs"):
        gate(replace(network, biases=wrong), held_out, case.trained.folder.parent)


def test_hls4ml_computes_it_and_gateware_can_be_made_of_it(case: Case) -> None:
    network = case.trained.network
    assert NativeBackend().unsupported(network) == []
    reuse = {
        layer.name: legal_reuse_factors(prod(layer.weights_shape[:-1]), layer.weights_shape[-1])[-1]
        for layer in network.weighted_layers
    }
    convert(network, ConvertRequest("Vitis", "xc7z020clg400-1", 100e6, reuse), case.flow.cache)  # or a GateError


def test_what_is_reported_is_the_network_that_takes_its_place(case: Case) -> None:
    learned, about, text = hgq_trained(case.flow, case.learned, CONFIG, PENALTY)
    assert learned.network.digest == case.trained.network.digest
    assert about["test_rmse_v"] == rmse_of(learned.network, material(case.learned, CONFIG).held_out)
    assert f"{about['test_rmse_v']:.4f} V on held-out trajectories" in text


def test_the_folder_is_the_locked_one_and_nothing_else_is_overwritten(
    require: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = require("hgq")
    before = (folder / "hgq-environment.json").stat().st_mtime_ns
    assert set(environment.install(folder).packages) == {"hgq2", "quantizers"}
    assert (folder / "hgq-environment.json").stat().st_mtime_ns == before
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    assert environment.find(tmp_path) is None
    with pytest.raises(StorageError, match="holds something else"):
        environment.install(tmp_path)


def test_layers_that_hgq_has_not_are_named() -> None:
    check_form(FORM)
    with pytest.raises(UsageError, match="no LSTM 7, LSTM 3") as refused:
        check_form(replace(FORM, lstm=(7, 3)))
    assert "--qat native" in refused.value.hint
    with pytest.raises(UsageError, match="no resonator bank") as refused:
        check_form(StreamingConfig().form)
    assert "--form window" in refused.value.hint
    dense = FloatDense("last", np.ones((2, 1)), np.zeros(1))
    lstm = FloatLSTM("memory", np.ones((1, 8)), np.ones((2, 8)), np.zeros(8), False, False, "sigmoid", "tanh")
    odd = FloatConv1D("bent", np.ones((2, 1, 1)), np.zeros(1), activation="tanh")
    for layers, named in (
        ((lstm, dense), r"'memory' \(LSTM\)"), ((odd, dense), r"'bent' \(Conv1D\)"),
        ((replace(dense, activation="relu"),), "'last', which is last"),
    ):  # fmt: skip
        made: tuple[FloatLayer, ...] = layers
        with pytest.raises(DataError, match=named):
            check_layers(FloatNetwork("odd", 2, 1, made))


def test_bit_operations_are_products_of_widths_without_needless_signs() -> None:
    word = FixedFormat(5, 2)
    layers = (
        Conv1D("a", 10, 1, 4, 3, FixedFormat(4, 2), word, activation="relu"),
        MaxPool1D("p", 8, 4, 2),
        Dense("b", 4, 4, 3, FixedFormat(3, 1), FixedFormat(7, 2)),
        Dense("c", 1, 3, 1, FixedFormat(6, 1), FixedFormat(20, 3)),
    )
    network = random_network(1, FixedFormat(14, 6), 10, layers)
    assert effective_bit_operations(network) == 8 * 3 * 4 * 3 * 14 + 16 * 3 * 2 * 4 + 3 * 5 * 7


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--qat", "hgq"), "--form window"),
        (("--qat", "qkeras"), "native or hgq"),
        (("--penalty", "1e-9"), "--qat hgq"),
        (("--quantise-aware", "--form", "window", "--qat", "hgq"), "one of them"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_trained(
    words: tuple[str, ...], said: str, fresh_program: Program, tmp_path: Path
) -> None:
    done = fresh_program("train", tmp_path / "out", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()


def test_no_training_in_words_is_begun_for_an_lstm() -> None:
    form = WindowForm(64, (ConvLayer(4, 3, pool=2),), (8,), lstm=(6,))
    with pytest.raises(UsageError, match="LSTM 6"):
        check_way("native", TrainingConfig(form=form))


def test_the_older_name_of_the_native_way_still_holds() -> None:
    assert chosen_way(None, True, None) == chosen_way("native", True, None) == "native"
    assert chosen_way(None, False, None) is None
