"""Points of the search's space from hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st


class Drawn:
    """Chooses what hypothesis draws, and keeps it."""

    def __init__(self, data: st.DataObject) -> None:
        self._data = data
        self.values: dict[str, Any] = {}

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1) -> int:
        self.values[name] = low + step * self._data.draw(st.integers(0, (high - low) // step), name)
        return int(self.values[name])

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        self.values[name] = self._data.draw(st.sampled_from(list(choices)), name)
        return self.values[name]
