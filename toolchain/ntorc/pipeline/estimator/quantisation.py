"""Narrower words: what post-training quantisation costs, and what training in them wins back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ntorc.errors import UsageError
from ntorc.estimator.few_bits import rmse_of
from ntorc.estimator.forms import GivenForm, StreamingForm, WindowForm
from ntorc.estimator.judging import judge_network
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.estimator.windows import cut
from ntorc.network.floating import FloatNetwork
from ntorc.network.network import Network
from ntorc.network.quantise import Precision
from ntorc.pipeline.estimator.learn import STREAMING_CODE, WINDOW_CODE, Learned, network_stage
from ntorc.pipeline.flow import Flow
from ntorc.records import code_of, digest_of, digest_of_file

ITERATIONS, LEARNING_RATE = 300, 1e-3
_EPOCHS = 6  # looks of a window network's training
_STREAMING = (*STREAMING_CODE, "estimator/quantised_training.py", "pipeline/estimator/quantisation.py")
_WINDOW = (*WINDOW_CODE, "estimator/few_bits.py", "network/few_bits.py", "pipeline/estimator/quantisation.py")
WIDTHS = ((16, 12), (12, 8), (8, 6), (8, 4))


@dataclass(frozen=True)
class Quantised:
    """One width of words.

    Attributes:
        activation_bits, weight_bits: see `Precision`.
        post_rmse_v, aware_rmse_v: of the integer networks on the test runs.
        float_rmse_v: of the real network.
    """

    activation_bits: int
    weight_bits: int
    float_rmse_v: float
    post_rmse_v: float
    aware_rmse_v: float

    def text(self) -> str:
        """For people."""
        return (
            f"activations of {self.activation_bits} bits, weights of {self.weight_bits}:"
            f" float {self.float_rmse_v:.4f} V, post-training {self.post_rmse_v:.4f} V,"
            f" quantisation-aware {self.aware_rmse_v:.4f} V"
        )


def aware_stage(flow: Flow, learned: Learned, precision: Precision, iterations: int = ITERATIONS) -> Network:
    """The integer network of these widths after training in them; kept in the store.

    A streaming form is trained on all but the test runs for a fixed number of iterations: nothing is chosen.  Of a
    window network's epochs the best on the validation trajectories is taken, and none of them may be.

    Raises:
        UsageError: a model that was given, of whose training nothing is known.
        DataError: its layers are not supported.
    """
    form = learned.estimator.form
    if isinstance(form, GivenForm):
        raise UsageError("quantisation-aware training is for estimators that are trained here", "leave it out")
    post = network_stage(flow, learned.runs, learned.split, learned.estimator, learned.folder, precision)
    key = digest_of(
        {
            "how": [iterations, LEARNING_RATE, code_of(*(_STREAMING if isinstance(form, StreamingForm) else _WINDOW))],
            "model": digest_of_file(learned.folder / "model.keras"),
            "post": post.digest,
            "runs": learned.runs.digest,
            "split": digest_of(learned.split),
        }
    )

    def make(work: Path) -> None:
        flow.progress.message(f"  going on in words of {precision.activation_bits} and {precision.weight_bits} bits")
        trained = _on_frames if isinstance(form, StreamingForm) else _on_windows
        trained(flow, learned, post, iterations).save(work)

    return Network.load(flow.once("quantised", key, make))


def _on_frames(flow: Flow, learned: Learned, post: Network, iterations: int) -> Network:
    from ntorc.estimator.estimator import load_model
    from ntorc.estimator.frames import frames_of
    from ntorc.estimator.quantised_training import train_quantised
    from ntorc.estimator.streaming_training import prepare

    split, estimator, form = learned.split, learned.estimator, learned.estimator.form
    assert isinstance(form, StreamingForm)
    runs = [learned.runs[name] for name in (*split.train, *split.validation)]
    data = prepare(form, frames_of(runs, form, estimator.input_fraction_bits), split, with_validation=False)
    config = StreamingConfig(
        form=form, iterations=iterations, learning_rate=LEARNING_RATE, seed=estimator.seed, time_limit_s=3600.0
    )
    return train_quantised(data, config, load_model(learned.folder), post, flow.progress)[0]


def _on_windows(flow: Flow, learned: Learned, post: Network, iterations: int) -> Network:
    from ntorc.estimator.few_bits import FewBitsConfig, train_on
    from ntorc.estimator.training import TrainingConfig, prepare
    from ntorc.network.few_bits import with_weights
    from ntorc.network.importers.keras_model import import_keras

    estimator, form = learned.estimator, learned.estimator.form
    assert isinstance(form, WindowForm)
    steps = max(iterations // _EPOCHS, 1)
    config = TrainingConfig(form, estimator.hop_samples, steps_per_epoch=steps, seed=estimator.seed)
    data = prepare(learned.runs, learned.split, config)
    few = FewBitsConfig(_EPOCHS, LEARNING_RATE, config)

    def quantised_of(current: FloatNetwork) -> Network:
        return with_weights(post, post.layers, current, whole_result=False)

    def error_v(network: Network) -> float:
        return rmse_of(network, data.validation)

    floating = import_keras(learned.folder / "model.keras", post.name)
    network, _, _ = train_on(floating, data, few, quantised_of, error_v, flow.progress)
    return replace(network, name=f"{post.name}-qat")


def quantised(
    flow: Flow, learned: Learned, precision: Precision, iterations: int = ITERATIONS
) -> tuple[Learned, Quantised]:
    """The estimator with the network that was trained in these words, and what that is worth."""
    aware = aware_stage(flow, learned, precision, iterations)
    post = network_stage(flow, learned.runs, learned.split, learned.estimator, learned.folder, precision)
    errors = [_error_v(learned, network) for network in (post, aware)]
    figures = Quantised(precision.activation_bits, precision.weight_bits, learned.estimator.test_rmse_v, *errors)
    return replace(learned, network=aware), figures


def _error_v(learned: Learned, network: Network) -> float:
    test, estimator = [learned.runs[name] for name in learned.split.test], learned.estimator
    if not network.stateful:
        return rmse_of(network, cut(test, estimator.window_samples, estimator.hop_samples))
    return judge_network(network, test, estimator.valid_range_v, estimator.position_mm_per_v).total.rmse_v


def quantisation_figures(flow: Flow, learned: Learned) -> dict[str, Any]:
    """A table of widths."""
    rows = []
    for number, (activations, weights) in enumerate(WIDTHS):
        _, row = quantised(flow, learned, Precision(activation_bits=activations, weight_bits=weights))
        rows.append(row)
        flow.progress.message("  " + row.text())
        flow.progress.step("widths", number + 1, len(WIDTHS))
    return {
        "benchmark": "quantisation",
        "estimator": learned.estimator.name,
        "split": learned.split.name,
        "rows": [vars(row) for row in rows],
        "text": [row.text() for row in rows],
    }
