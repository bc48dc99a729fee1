"""The fitted model: recovers a known law, bounds hold, files are checked."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.backends.base import Resources
from ntorc.cost.native import CONFIDENCE, FittedModel, bram18_blocks, fit, load_model, save_model, with_bounds
from ntorc.errors import StorageError


def test_fit_recovers_a_law_and_its_bound_covers(tmp_path: Path) -> None:
    draw = random.Random(1)
    rows, truths = [], []
    for _ in range(200):
        a, b = draw.uniform(1, 50), draw.uniform(1, 50)
        noise = draw.uniform(0.9, 1.1)
        rows.append({"kind": 1.0, "a": a, "b": b, "lanes": 2.0})
        truths.append(Resources((40 + 3 * a) * noise, (20 + 5 * b) * noise, 2, 0))
    model = fit(rows, truths, [str(i) for i in range(200)], {})
    assert model.coefficients["lut"]["a"] == pytest.approx(3, rel=0.1)
    assert model.coefficients["ff"]["b"] == pytest.approx(5, rel=0.1)
    covered = sum(model.predict(row)[1].lut >= truth.lut for row, truth in zip(rows, truths, strict=True))
    assert covered >= 0.93 * len(rows)
    assert model.bound_factor["lut"] < 1.15
    again = load_model(save_model(model, tmp_path / "m.json"))
    assert again.predict(rows[0]) == model.predict(rows[0])


def test_bounds_from_unseen_parts_cover_further_ones() -> None:
    """A model that is a tenth too low on average: the bound makes up for it, the coefficients stay."""
    draw = random.Random(2)

    def drawn(count: int) -> tuple[list[dict[str, float]], list[Resources]]:
        rows = [{"kind": 1.0, "a": draw.uniform(1, 50), "dsp_by_structure": 2.0} for _ in range(count)]
        noise = [1.1 * draw.lognormvariate(0, 0.05) for _ in rows]
        return rows, [Resources(3 * row["a"] * n, 5 * row["a"] * n, 2, 0) for row, n in zip(rows, noise, strict=True)]

    model = FittedModel({"lut": {"a": 3.0}, "ff": {"a": 5.0}}, {"lut": 1.0, "ff": 1.0}, {"seed": 1})
    bounded = with_bounds(model, *drawn(400), seed=5)
    assert bounded.coefficients == model.coefficients
    assert bounded.provenance["bounds"] == {"seed": 5, "parts": 400, "confidence": CONFIDENCE}
    rows, truths = drawn(4000)
    covered = sum(bounded.predict(row)[1].lut >= truth.lut for row, truth in zip(rows, truths, strict=True))
    assert CONFIDENCE - 0.03 < covered / len(rows) < CONFIDENCE + 0.03


@given(st.integers(1, 300), st.integers(1, 20000))
def test_block_count_holds_the_memory_and_is_not_wasteful(bits: int, words: int) -> None:
    blocks = bram18_blocks(bits, words)
    assert blocks * 18432 >= bits * words
    assert blocks <= -(-bits // 36) * -(-words // 512)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"coefficients": {}}'])
def test_damaged_models_are_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "m.json").write_text(text)
    with pytest.raises(StorageError, match="cost model"):
        load_model(tmp_path / "m.json")


def test_the_shipped_model_says_where_it_comes_from() -> None:
    provenance = load_model().provenance
    assert int(str(provenance["runs"])) >= 100
    assert "yosys" in str(provenance["tool"])
    assert set(provenance["held_out_mape_percent"]) == {"lut", "ff"}  # type: ignore[call-overload]
