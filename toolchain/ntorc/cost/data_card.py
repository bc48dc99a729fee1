"""A card of the published synthesis data: what it is, what is wrong with it, and what was done about that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ntorc.cost.synthesis_data import KINDS, RESOURCE_TARGETS, SynthesisData, labels


def describe(data: SynthesisData) -> dict[str, Any]:
    """The card, as JSON values: counts by kind, repairs with the evidence for them, what the data does not say."""
    return {
        "data": "hls4ml single-layer synthesis, published with N-TORC (FCCM 2025), MIT",
        "tool": "Vivado HLS 2019.1, csynth estimates",
        "device": "ZU7EV",
        "clock_hz": 250e6,
        "word": "ap_fixed<16,8>, io_stream",
        "digest": data.digest,
        "kinds": {kind: _kind(data, kind) for kind in KINDS},
        "not_in_the_data": [
            "the layer before a dense layer, on which its latency depends (words of its input frame)",
            "place and route: LUTs of HLS estimates are 1.6 to 5.8 times those after it (published comparisons)",
            "another device, clock, word or kernel size",
            "inputs and sizes between those listed: few were synthesised, most of them powers of two",
        ],
    }


def _kind(data: SynthesisData, kind: str) -> dict[str, Any]:
    raw, keys = data.raw[kind], data.layers(kind)
    resource = keys.resource
    repaired = labels(kind, raw.resources)
    rows = {"least": int(keys.rows.min()), "median": float(np.median(keys.rows)), "most": int(keys.rows.max())}
    changed = (repaired != raw.resources.features).any(axis=0)
    card: dict[str, Any] = {
        "rows": len(raw.resources),
        "unique_keys": len(keys),
        "strategy_latency_keys": int(keys.latency_strategy.sum()),
        "rows_a_key": rows,
        "plain_join_rows": _plain_join(data, kind),
        "sizes": sorted({(int(n), int(s)) for n, s in zip(resource.n_in, resource.size, strict=True)}),
        "lengths": sorted(set(resource.length.tolist())),
        "reuse_factors": sorted(set(resource.reuse_factor.tolist())),
        "rows_with_repaired_label": int((repaired != raw.resources.features).any(axis=1).sum()),
        "repaired_columns": [name for name, one in zip(_COLUMNS, changed.tolist(), strict=True) if one],
        "averaged_dsp_keys": int((resource.values["dsp"] % 1 != 0).sum()),
        "largest_spread_within_a_key_percent": {
            name: round(100 * float(resource.spread[name].max()), 2) for name in (*RESOURCE_TARGETS, "latency_max")
        },
    }
    if kind == "conv":
        exact = resource.values["latency_min"] == 6 * (resource.length + 2)
        card["latency_min_is_6_times_length_plus_2_percent"] = round(100 * float(exact.mean()), 1)
    return card


_COLUMNS = ("reuse_factor", "n_in", "size", "sequence_length")


def _plain_join(data: SynthesisData, kind: str) -> int:
    """Rows of a join of the two files on their keys without aggregation."""
    raw = data.raw[kind]
    counts = []
    for rows in (raw.resources, raw.latency):
        unique, number = np.unique(rows.features, axis=0, return_counts=True)
        counts.append(dict(zip(map(tuple, unique.tolist()), number.tolist(), strict=True)))
    return int(sum(number * counts[1].get(key, 0) for key, number in counts[0].items()))


def as_text(card: Mapping[str, Any]) -> str:
    """The card for people."""
    lines = [
        f"{card['data']}; {card['tool']}, {card['device']}, {card['clock_hz'] / 1e6:.0f} MHz, {card['word']}",
        f"digest {card['digest']}",
    ]
    for kind, item in card["kinds"].items():
        spread = ", ".join(f"{name} {value} %" for name, value in item["largest_spread_within_a_key_percent"].items())
        lines += [
            "",
            f"{kind}: {item['rows']} rows, {item['unique_keys']} unique keys (of them {item['strategy_latency_keys']}"
            f" with Strategy=Latency); up to {item['rows_a_key']['most']} rows a key",
            f"  (inputs, size): {' '.join(f'({n}, {s})' for n, s in item['sizes'])}",
            f"  lengths {item['lengths']}, reuse factors {item['reuse_factors']}",
            f"  spread within a key, at most: {spread}",
            f"  joining the files without aggregation would give {item['plain_join_rows']} rows",
        ]
        if item["rows_with_repaired_label"]:
            columns = ", ".join(item["repaired_columns"])
            lines.append(f"  repaired: {columns} in {item['rows_with_repaired_label']} rows")
        if "latency_min_is_6_times_length_plus_2_percent" in item:
            share = item["latency_min_is_6_times_length_plus_2_percent"]
            lines.append(f"  with it latency_min is 6 (length + 2) in {share} % of the keys, without it in almost none")
        if item["averaged_dsp_keys"]:
            lines.append(f"  DSPs of {item['averaged_dsp_keys']} keys are averages of several designs")
    lines += ["", "what the data does not say:", *(f"  - {text}" for text in card["not_in_the_data"])]
    return "\n".join(lines)
