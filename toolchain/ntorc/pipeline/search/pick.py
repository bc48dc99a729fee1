"""From a point of a search's front to an estimator that ``ntorc deploy`` takes as ready."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ntorc.errors import UsageError
from ntorc.estimator.forms import StreamingForm
from ntorc.estimator.runs import Runs
from ntorc.pipeline.estimator.learn import runs_stage
from ntorc.pipeline.flow import Flow
from ntorc.pipeline.search.front import picked
from ntorc.pipeline.search.joint import Searched, read_search
from ntorc.records import digest_of, digest_of_file
from ntorc.search.artefacts import Kept, load_kept
from ntorc.search.material import Material, material_of
from ntorc.search.record import TrialRecord
from ntorc.search.space import Candidate
from ntorc.search.study import artefacts, candidate_of
from ntorc.search.tasks import error_of


def estimator_from_search(flow: Flow, name: str, pick: str) -> tuple[Path, Path | None]:
    """A folder with estimator, Keras model and integer network of a point, and the data that it was searched on.

    Args:
        flow: for the store.
        name: of the search.
        pick: ``knee``, or the point's place on the front from 1.

    Raises:
        StorageError: there is no such search.
        UsageError: no such point, or the runs are no longer those of the search.
    """
    found = read_search(flow, name)
    record = picked(found, pick)
    place = artefacts(found.folder, record.number)
    data = Path(found.config.data) if found.config.data else None
    key = digest_of({"state": digest_of_file(place / "state.npz"), "record": digest_of(record), "edition": 1})
    asked = f"searched for {found.config.deadline} on {found.config.board}"
    flow.progress.message(f"from {name}: trial {record.number}, {record.describe}; {asked}")

    def make(work: Path) -> None:
        runs = runs_stage(flow, data)
        material = material_of(runs, found.config.budget.replicas)
        if material.digest != found.config.material:
            raise UsageError(f"the runs in {data} are no longer those that '{name}' searched on", "search again")
        _write(work, found, record, load_kept(place), runs, material)

    return flow.once("picked", key, make), data


def _write(folder: Path, found: Searched, record: TrialRecord, kept: Kept, runs: Runs, material: Material) -> None:
    """The estimator's record with its errors in integer arithmetic, its model, its network."""
    from ntorc.estimator.estimator import on_test, save_trained

    candidate, split, network = candidate_of(found.config, record), material.split, kept.network
    target_v = np.concatenate([runs[name].position_v for name in split.test])
    by_run_v = {name: error_of(material, network, (name,), 1) for name in split.test}
    warm_up = network.warm_up if network.stateful else 1
    save_trained(
        folder,
        _model(candidate, kept),
        runs,
        split,
        name=network.name,
        form=candidate.form,
        hop_samples=candidate.hop,
        warm_up_samples=warm_up * candidate.form.frame_samples,
        input_fraction_bits=material.input_fraction_bits,
        labels=kept.labels,
        validation_rmse_v=record.error_v,
        test=on_test({**by_run_v, "all": error_of(material, network, split.test, 1)}, target_v, kept.labels.mean_v),
        training_key=digest_of({"search": digest_of(found.config), "trial": record.number}),
        seed=found.config.seed,
        epochs=(len(record.curve_v), record.curve_v.index(min(record.curve_v)) + 1),
    )
    kept.network.save(folder)


def _model(candidate: Candidate, kept: Kept) -> Any:
    from ntorc.estimator.models import build_model
    from ntorc.estimator.streaming_model import build_streaming

    form = candidate.form
    model = build_streaming(form, 0) if isinstance(form, StreamingForm) else build_model(form, 0)
    model.set_weights(kept.weights)
    return model
