"""Table I of N-TORC: the paper's errors, its recipe under a random split, and against ours with groups held out.

Whoever asks for a dense layer's costs knows the network, and so how many stream words its frame has.  The data does
not say it; here it is the number, of four, that explains the key's own latency best.  So the error of a dense latency
is that of the best of four, and it is shown beside the one without this knowledge.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ntorc.cost.hls4ml_fit import fit_hls4ml, held_out_ratios
from ntorc.cost.hls4ml_structure import structure_of
from ntorc.cost.hls4ml_weights import structure_of_data
from ntorc.cost.published_forests import FOREST_TARGETS, default_forest
from ntorc.cost.splits import SPLITS, folds
from ntorc.cost.synthesis_data import KINDS, LayerData, SynthesisData, labels, load_synthesis, synthesis_folder
from ntorc.progress import Progress

if TYPE_CHECKING:
    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

_PAPER_ORDER = ("bram18", "lut", "ff", "dsp", "latency_max")
_PAPER_R2 = {
    "conv": (0.9976, 0.9988, 0.9995, 0.9979, 0.9999),
    "lstm": (0.9371, 0.9800, 0.9826, 0.9780, 0.9988),
    "dense": (0.9954, 0.9921, 0.9989, 0.9956, 0.9931),
}
_PAPER_MAPE = {
    "conv": (0.44, 2.35, 0.60, 1.21, 0.09),
    "lstm": (11.98, 1.36, 1.23, 1.65, 2.59),
    "dense": (0.13, 0.14, 0.09, 0.12, 4.20),
}
PAPER = {
    kind: dict(zip(_PAPER_ORDER, zip(_PAPER_R2[kind], _PAPER_MAPE[kind], strict=True), strict=True)) for kind in KINDS
}
"""R2 and MAPE (%) of N-TORC's Table I (FCCM 2025)."""

TARGETS = {
    "conv": {"lut": 15.0, "ff": 13.0, "latency_max": 1.5},
    "lstm": {"lut": 5.0, "ff": 4.5, "latency_max": 0.6},
    "dense": {"lut": 6.0, "ff": 1.8},
}
"""MAPE (%) asked of our models with the weights' shapes held out."""

_TEST_SHARE = 0.2
_NEEDS_WORDS = ("latency_max", "lut", "ff")
_OURS = {"lut": "lut", "ff": "ff", "dsp": "dsp", "bram18": "bram18", "latency_max": "latency_cycles"}


def table1(folder: Path | None, progress: Progress) -> dict[str, Any]:
    """All three blocks; some minutes.

    Args:
        folder: of the synthesis data; where it is looked for when left out.
        progress: told of each fold.
    """
    data = load_synthesis(synthesis_folder(folder))
    progress.message("the published recipe under a random split of the rows")
    random = {kind: _random_split(data, kind) for kind in KINDS}
    keys = {kind: data.layers(kind) for kind in KINDS}
    groups = {}
    for number, kind in enumerate(KINDS):
        progress.message(f"{kind}: held-out groups, the published recipe and ours")
        others = {name: item for name, item in keys.items() if name != kind}
        further = held_out_ratios(others, list(others))  # of the other kinds, without any row of this one
        groups[kind] = {split: grouped(data, keys, kind, split, further, progress) for split in SPLITS}
        progress.step("layer kinds", number + 1, len(KINDS))
    return {
        "table": "1",
        "data_digest": data.digest,
        "paper": {
            kind: {target: {"r2": r2, "mape_percent": mape} for target, (r2, mape) in row.items()}
            for kind, row in PAPER.items()
        },
        "published_recipe_random_split": random,
        "group_splits": groups,
        "asked_weights_mape_percent": TARGETS,
        "dsp_exact_percent": _dsp_exact(groups),
    }


def _random_split(data: SynthesisData, kind: str) -> dict[str, dict[str, float]]:
    """The published recipe on a random fifth of the rows, and how many of its keys are among the training rows too."""
    raw, found = data.raw[kind], {}
    for target in FOREST_TARGETS:
        rows = raw.latency if target == "latency_max" else raw.resources
        order = np.random.default_rng(0).permutation(len(rows))
        count = round(_TEST_SHARE * len(rows))
        test, train = order[:count], order[count:]
        guess = default_forest(rows.features[train], rows.values[target][train]).predict(rows.features[test])
        truth = rows.values[target][test]
        known = {tuple(item) for item in rows.features[train].tolist()}
        found[target] = {
            "r2": round(1 - float(((guess - truth) ** 2).sum() / ((truth - truth.mean()) ** 2).sum()), 4),
            "mape_percent": _mape(guess, truth),
            "keys_in_training_percent": round(
                100 * float(np.mean([tuple(item) in known for item in rows.features[test].tolist()])), 1
            ),
        }
    return found


def grouped(
    data: SynthesisData,
    keys: Mapping[str, LayerData],
    kind: str,
    split: str,
    further: Mapping[str, FloatArray],
    progress: Progress,
) -> dict[str, Any]:
    """Both recipes on the held-out groups of one kind and split, judged on unique keys of Strategy=Resource."""
    own = keys[kind]
    theirs = {target: np.full(len(own), np.nan) for target in FOREST_TARGETS}
    ours = {target: np.full(len(own), np.nan) for target in FOREST_TARGETS}
    bound = {target: np.full(len(own), np.nan) for target in FOREST_TARGETS}
    blind = {target: np.full(len(own), np.nan) for target in _NEEDS_WORDS}
    every = folds(own, split)
    for number, test in enumerate(every):
        train = np.setdiff1d(np.arange(len(own)), test)
        _forest_fold(data, own, kind, test, theirs)
        model = fit_hls4ml({**keys, kind: own.take(train)}, kinds=(kind,), others=further)
        asked = structure_of_data(own.take(test))
        mean = model.mean(asked)
        most = model.bound(asked, mean, model.is_outside(asked))
        for target, name in _OURS.items():
            ours[target][test], bound[target][test] = mean[name], most[name]
        if kind == "dense":
            unaware = model.mean(_without_words(own.take(test)))
            for target in _NEEDS_WORDS:
                blind[target][test] = unaware[_OURS[target]]
        progress.step(f"{kind}, {split}", number + 1, len(every))
    used = ~own.latency_strategy & np.isfinite(ours["lut"])
    rows = {}
    for target in FOREST_TARGETS:
        truth = own.values[target][used]
        rows[target] = {
            "published_mape_percent": _mape(theirs[target][used], truth),
            "ours_mape_percent": _mape(ours[target][used], truth),
            "ours_exact_percent": round(100 * float(np.mean(np.abs(ours[target][used] - truth) < 0.5)), 1),
            **_bound_figures(bound[target][used], ours[target][used], truth),
        }
    if kind == "dense":
        for target, guess in blind.items():
            rows[target]["ours_words_unknown_mape_percent"] = _mape(guess[used], own.values[target][used])
    return {"keys": int(used.sum()), "folds": len(every), "targets": rows}


def _forest_fold(
    data: SynthesisData, own: LayerData, kind: str, test: IntArray, found: Mapping[str, FloatArray]
) -> None:
    """The published recipe trained on all rows of other keys; labels are repaired for it too."""
    raw = data.raw[kind]
    held = {tuple(item) for item in own.features[test].tolist()}
    for target in FOREST_TARGETS:
        rows = raw.latency if target == "latency_max" else raw.resources
        features = labels(kind, rows)
        train = np.array([tuple(item) not in held for item in features.tolist()])
        forest = default_forest(features[train], rows.values[target][train])
        found[target][test] = forest.predict(own.features[test])


def _without_words(data: LayerData) -> Any:
    """The options as their keys alone describe them: nobody says what precedes a dense layer."""
    columns = {"reuse_factor": data.reuse_factor, "n_in": data.n_in, "size": data.size}
    return structure_of(data.kind, {name: column.astype(float) for name, column in columns.items()})


def _mape(guess: FloatArray, truth: FloatArray) -> float:
    """Over the keys whose truth is not 0."""
    some = truth > 0
    return round(100 * float(np.mean(np.abs(guess[some] / truth[some] - 1))), 2)


def _bound_figures(bound: FloatArray, mean: FloatArray, truth: FloatArray) -> dict[str, float]:
    """Coverage of the upper bounds, and how wide they are: bound over mean, its median and the share up to 1.05."""
    some = mean > 0
    width = bound[some] / mean[some]
    return {
        "covered_percent": round(100 * float(np.mean(truth <= bound + 1e-6)), 1),
        "bound_over_mean_median": round(float(np.median(width)), 3),
        "bound_over_mean_max": round(float(np.max(width)), 3),
        "bound_within_1.05_percent": round(100 * float(np.mean(width <= 1.05)), 1),
    }


def _dsp_exact(groups: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Keys whose DSPs are predicted exactly with their weights held out, by kind and together."""
    counts = {kind: groups[kind]["weights"]["keys"] for kind in KINDS}
    shares = {kind: groups[kind]["weights"]["targets"]["dsp"]["ours_exact_percent"] for kind in KINDS}
    together = sum(shares[kind] * counts[kind] for kind in KINDS) / sum(counts.values())
    return {**shares, "all": round(together, 1)}


def as_text(result: Mapping[str, Any]) -> str:
    """The three blocks as tables."""
    lines = ["MAPE in %, by target                    BRAM18      LUT       FF      DSP  latency", ""]
    order = _PAPER_ORDER

    def row(name: str, values: list[float]) -> str:
        return f"  {name:34}" + "".join(f"{value:9.2f}" for value in values)

    lines.append("1. as the paper states (R2 above .93)")
    lines += [row(kind, [result["paper"][kind][t]["mape_percent"] for t in order]) for kind in KINDS]
    lines += ["", "2. the paper's recipe, a random fifth of the rows held out"]
    for kind in KINDS:
        found = result["published_recipe_random_split"][kind]
        lines.append(row(kind, [found[t]["mape_percent"] for t in order]))
        known = found["lut"]["keys_in_training_percent"]
        lines.append(f"      {known} % of the test rows have their key among the training rows")
    lines += ["", "3. whole groups held out; unique keys, Strategy=Resource"]
    for kind in KINDS:
        for split, found in result["group_splits"][kind].items():
            rows = found["targets"]
            theirs = [rows[t]["published_mape_percent"] for t in order]
            lines.append(row(f"{kind}, {split}: the paper's recipe", theirs))
            lines.append(row("ours", [rows[t]["ours_mape_percent"] for t in order]))
            lines.append(row("below our 99 % bound, %", [rows[t]["covered_percent"] for t in order]))
            lines.append(row("bound over mean, median", [rows[t]["bound_over_mean_median"] for t in order]))
            if "ours_words_unknown_mape_percent" in rows["lut"]:
                blind = ", ".join(f"{t} {rows[t]['ours_words_unknown_mape_percent']} %" for t in _NEEDS_WORDS)
                lines.append(f"      where the layer before is not known: {blind}")
    lines += ["", "asked of ours, weights held out"]
    for kind, asked in result["asked_weights_mape_percent"].items():
        reached = result["group_splits"][kind]["weights"]["targets"]
        for target, limit in asked.items():
            got = reached[target]["ours_mape_percent"]
            short = "" if got <= limit else "  SHORT"
            lines.append(f"  {kind:6} {target:12} at most {limit:5.1f} %: {got:6.2f} %{short}")
    exact = result["dsp_exact_percent"]
    lines.append(f"  DSP exact: {exact['all']} % of the keys (" + ", ".join(f"{k} {exact[k]} %" for k in KINDS) + ")")
    return "\n".join(lines)
