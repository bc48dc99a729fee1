"""Whether runs are long enough for a form, before anything is trained."""

from __future__ import annotations

from ntorc.errors import DataError
from ntorc.estimator.forms import TrainableForm, WindowForm
from ntorc.estimator.runs import Runs
from ntorc.estimator.splits import Split


def check_lengths(runs: Runs, split: Split, form: TrainableForm) -> None:
    """Each part of a split must have a run that gives estimates that count: longer than window or warm-up.

    Raises:
        DataError: a part has none; says which, and how long it must be.
    """
    from ntorc.estimator.streaming import warm_up_of

    if isinstance(form, WindowForm):
        needed, why = form.window_samples, f"the window of {form.window_samples} samples"
    else:
        frames = warm_up_of(form, runs.sample_rate_hz)
        needed = (frames + 1) * form.frame_samples
        why = f"the warm-up of {frames} frames of {form.frame_samples} samples"
    for part in ("train", "validation", "test"):
        lengths = [runs[name].samples for name in getattr(split, part)]
        if lengths and (longest := max(lengths)) < needed:
            raise DataError(
                f"no run of the {part} part is longer than {why}:"
                f" the longest has {longest} samples, {needed} are needed",
                "record longer runs (seconds, better ten), or train a form with a shorter window",
            )
