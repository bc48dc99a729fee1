"""Weights of the terms of LUT and FF, over all layer kinds, and the structure of what was synthesised."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Set

import numpy as np

from ntorc.cost.hls4ml_latency import words_from_latency
from ntorc.cost.hls4ml_structure import REGIMES, Structure, basis, structure_of
from ntorc.cost.synthesis_data import LayerData


def structure_of_data(data: LayerData) -> Structure:
    """The synthesised options; how many words a dense layer's frame has is read off its latency."""
    columns = {
        "reuse_factor": data.reuse_factor.astype(float),
        "n_in": data.n_in.astype(float),
        "size": data.size.astype(float),
        "length": data.length.astype(float),
    }
    if data.kind == "dense":
        words = words_from_latency(columns["n_in"], columns["reuse_factor"], data.values["latency_max"])
        columns["pack"] = columns["n_in"] / words
    return structure_of(data.kind, columns)


def physical_weights(
    data: Mapping[str, LayerData], structures: Mapping[str, Structure], target: str
) -> dict[str, float]:
    """Non-negative least squares of the relative error (Lawson and Hanson), over all kinds."""
    from scipy.optimize import nnls

    rows = {kind: basis(item) for kind, item in structures.items()}
    names = sorted({name for terms in rows.values() for name in terms})
    matrix = np.concatenate(
        [
            np.stack([terms.get(name, np.zeros(len(data[kind]))) for name in names], axis=1)
            for kind, terms in rows.items()
        ]
    )
    truth = np.concatenate([data[kind].values[target] for kind in rows])
    weights = nnls(matrix / truth[:, None], np.ones(len(truth)), maxiter=100 * len(names))[0]
    found = dict(zip(names, weights.tolist(), strict=True))
    seen = set(np.array(names)[(matrix > 0).any(axis=0)].tolist())
    return {name: weight for name, weight in with_kin(found, seen).items() if weight > 0}


def with_kin(weights: Mapping[str, float], seen: Set[str]) -> dict[str, float]:
    """Terms of regimes without data take the weight of the next regime that has some, the shallower one first.

    A term that no row shows would else be 0, and the layer far too small.
    """
    found = dict(weights)
    for group in (REGIMES[REGIMES.index("o1") :], ("p4", "p2")):
        for prefix, suffix in itertools.product(("M_", "one_", "b_"), ("", "_dense")):
            terms = [f"{prefix}{regime}{suffix}" for regime in group]
            for index, term in enumerate(terms):
                if term in found and term not in seen:
                    kin = [*reversed(terms[:index]), *terms[index + 1 :]]
                    found[term] = next((found[other] for other in kin if other in seen), 0.0)
    return found
