"""``ntorc train --qat``: which quantisation-aware training, whether it can be, and the network that comes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ntorc.errors import UsageError
from ntorc.estimator.forms import WindowForm
from ntorc.network.quantise import Precision
from ntorc.pipeline.estimator.learn import Learned
from ntorc.pipeline.flow import Flow
from ntorc.records import save

if TYPE_CHECKING:
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.estimator.training import TrainingConfig

NATIVE, HGQ = "native", "hgq"
_HGQ_RECORD = "hgq.json"


def chosen_way(qat: str | None, quantise_aware: bool, penalty: float | None) -> str | None:
    """What the options ask for.

    Raises:
        UsageError: two things, or something that is not offered.
    """
    if quantise_aware and qat not in (None, NATIVE):
        raise UsageError(f"--quantise-aware and --qat {qat} ask for two trainings", "give one of them")
    way = NATIVE if quantise_aware else qat
    if way not in (None, NATIVE, HGQ):
        raise UsageError(f"there is no quantisation-aware training '{way}'", "--qat is native or hgq")
    if penalty is not None and way != HGQ:
        raise UsageError("--penalty is for HGQ2", "add --qat hgq, with --form window")
    return way


def check_way(way: str | None, config: TrainingConfig | StreamingConfig) -> None:
    """Before anything is trained: the form can be trained on so, and what it needs is here.

    Raises:
        UsageError: another form.
        ToolError: HGQ2 is not installed.
    """
    if way == NATIVE and isinstance(config.form, WindowForm) and config.form.lstm:
        layers = ", ".join(f"LSTM {units}" for units in config.form.lstm)
        raise UsageError(
            f"no training in words goes through {layers} ({config.form.describe()})", "train this form without --qat"
        )
    if way == HGQ:
        from ntorc.estimator.hgq.environment import require
        from ntorc.estimator.hgq.training import check_form

        check_form(config.form)
        require()


def trained_on(
    flow: Flow,
    learned: Learned,
    config: TrainingConfig | StreamingConfig,
    precision: Precision,
    way: str | None,
    penalty: float | None = None,
) -> tuple[Learned, dict[str, Any] | None, str]:
    """The estimator with the network that was trained on, what that was worth, and the same in words.

    Args:
        flow, learned, config: of the training before.
        precision: words of ``native``.
        way: see `chosen_way`; None leaves the network as it is.
        penalty: of ``hgq``; several are tried if left out, and validation chooses.
    """
    from ntorc.estimator.training import TrainingConfig

    if way == NATIVE:
        from ntorc.pipeline.estimator.quantisation import ITERATIONS, quantised

        iterations = min(ITERATIONS, getattr(config, "iterations", ITERATIONS))
        learned, figures = quantised(flow, learned, precision, iterations)
        return learned, vars(figures), figures.text()
    if way == HGQ and isinstance(config, TrainingConfig):
        from ntorc.pipeline.estimator.hgq import hgq_trained

        return hgq_trained(flow, learned, config, penalty)
    return learned, None, ""


def save_about(way: str | None, about: dict[str, Any] | None, out: Path) -> None:
    """Keep what HGQ2's penalties gave beside the network."""
    if way == HGQ and about is not None:
        save(about, out / _HGQ_RECORD)
