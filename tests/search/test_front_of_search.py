"""Fronts, volumes and knees against counting."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntorc.errors import UsageError
from ntorc.search.front import hypervolume, knee, undominated

CELLS = 12
POINTS = st.lists(st.tuples(st.integers(0, CELLS), st.integers(0, CELLS)), max_size=9)


@given(POINTS)
def test_the_volume_is_the_number_of_cells_that_some_point_beats(points: list[tuple[int, int]]) -> None:
    beaten = sum(any(x <= a and y <= b for x, y in points) for a in range(CELLS) for b in range(CELLS))
    assert hypervolume([(float(x), float(y)) for x, y in points], (CELLS, CELLS)) == beaten


@given(st.lists(st.tuples(*[st.integers(0, 4)] * 3), max_size=12))
def test_what_is_kept_is_beaten_by_nothing_and_what_is_not_by_something_kept(points: list[tuple[int, ...]]) -> None:
    kept = undominated(points)

    def beats(a: tuple[int, ...], b: tuple[int, ...]) -> bool:
        return all(x <= y for x, y in zip(a, b, strict=True)) and a != b

    assert len({points[place] for place in kept}) == len(kept)
    for place, point in enumerate(points):
        if place in kept:
            assert not any(beats(other, point) for other in points)
        else:
            assert any(points[one] == point or beats(points[one], point) for one in kept)
    assert [points[place] for place in kept] == sorted(points[place] for place in kept)


def test_the_knee_is_where_the_front_bends() -> None:
    assert knee([(0.1, 0.9), (0.11, 0.2), (0.5, 0.18), (0.6, 0.6)]) == 1
    assert knee([(0.2, 0.2)]) == 0
    with pytest.raises(UsageError, match="no knee"):
        knee([])
