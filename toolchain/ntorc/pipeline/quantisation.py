"""Narrower words: what post-training quantisation costs, and what training in them wins back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ntorc.errors import UsageError
from ntorc.estimator.forms import StreamingForm
from ntorc.estimator.judging import judge_network
from ntorc.estimator.streaming import KIND
from ntorc.estimator.streaming_training import StreamingConfig
from ntorc.network.network import Network
from ntorc.network.quantise import Precision
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.learn import Learned, network_stage
from ntorc.records import digest_of, digest_of_file

AWARE_KIND = "quantisation-aware-1"
ITERATIONS, LEARNING_RATE = 300, 1e-3
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

    All but the test runs are trained on, for a fixed number of iterations: nothing is chosen.

    Raises:
        UsageError: the estimator is no streaming one.
        DataError: its form is not supported.
    """
    form = learned.estimator.form
    if not isinstance(form, StreamingForm):
        raise UsageError("quantisation-aware training is for streaming estimators", "leave out --quantise-aware")
    post = network_stage(flow, learned.runs, learned.split, learned.estimator, learned.folder, precision)
    key = digest_of(
        {
            "kind": [KIND, AWARE_KIND, iterations, LEARNING_RATE],
            "model": digest_of_file(learned.folder / "model.keras"),
            "post": post.digest,
            "runs": learned.runs.digest,
            "split": digest_of(learned.split),
        }
    )

    def make(work: Path) -> None:
        from ntorc.estimator.estimator import load_model
        from ntorc.estimator.frames import frames_of
        from ntorc.estimator.quantised_training import train_quantised
        from ntorc.estimator.streaming_training import prepare

        flow.progress.message(f"  going on in words of {precision.activation_bits} and {precision.weight_bits} bits")
        split, estimator = learned.split, learned.estimator
        runs = [learned.runs[name] for name in (*split.train, *split.validation)]
        frames = frames_of(runs, form, estimator.input_fraction_bits)
        data = prepare(form, frames, split, with_validation=False)
        config = StreamingConfig(
            form=form, iterations=iterations, learning_rate=LEARNING_RATE, seed=estimator.seed, time_limit_s=3600.0
        )
        network, _ = train_quantised(data, config, load_model(learned.folder), post, flow.progress)
        network.save(work)

    return Network.load(flow.once("quantised", key, make))


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
    test = [learned.runs[name] for name in learned.split.test]
    estimator = learned.estimator
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
