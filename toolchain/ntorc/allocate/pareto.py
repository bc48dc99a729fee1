"""What no other label beats, in two dimensions or more, and layers joined to one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

_BLOCK = 128


@dataclass(frozen=True)
class Labels:
    """Partial choices.

    Attributes:
        layers: which layers are chosen so far.
        cost: of each label ``[n]``.
        uses: what each takes of every constraint ``[n, constraints]``.
        choice: option of each layer ``[n, layers]``.
    """

    layers: tuple[int, ...]
    cost: FloatArray
    uses: FloatArray
    choice: IntArray

    def __len__(self) -> int:
        return len(self.cost)

    def take(self, kept: IntArray) -> Labels:
        """Some of them."""
        return Labels(self.layers, self.cost[kept], self.uses[kept], self.choice[kept])


@dataclass(frozen=True)
class Product:
    """Every pair of two sets of labels, their choices not yet written out."""

    left: Labels
    right: Labels
    cost: FloatArray
    uses: FloatArray

    @staticmethod
    def of(left: Labels, right: Labels) -> Product:
        """All pairs, those of one left label side by side."""
        cost = (left.cost[:, None] + right.cost[None, :]).ravel()
        uses = (left.uses[:, None, :] + right.uses[None, :, :]).reshape(len(cost), left.uses.shape[1])
        return Product(left, right, cost, uses)

    def take(self, kept: IntArray) -> Labels:
        """Some pairs as labels."""
        first, second = np.divmod(kept, len(self.right))
        choice = np.concatenate([self.left.choice[first], self.right.choice[second]], axis=1)
        return Labels(self.left.layers + self.right.layers, self.cost[kept], self.uses[kept], choice)


def staircase(use: FloatArray, cost: FloatArray) -> IntArray:
    """Indices of the pairs that no other beats, by rising use and falling cost; of equal ones the first."""
    order = np.argsort(use, kind="stable")
    ordered = cost[order]
    kept = np.empty(len(order), bool)
    kept[:1] = True
    np.less(ordered[1:], np.minimum.accumulate(ordered)[:-1], out=kept[1:])
    found = order[kept]
    # of equal uses only the last, cheapest one is left
    last = np.ones(len(found), bool)
    np.not_equal(use[found[1:]], use[found[:-1]], out=last[:-1])
    chosen: IntArray = found[last]
    return chosen


def undominated(cost: FloatArray, uses: FloatArray) -> IntArray:
    """Indices of labels that no other one beats or equals in cost and every use; of equal ones one is kept."""
    if uses.shape[1] == 1:
        return staircase(uses[:, 0], cost)
    if uses.shape[1] == 0:
        return np.array([int(np.argmin(cost))])
    order = np.lexsort((*uses.T[::-1], cost))
    sorted_uses = uses[order]
    kept = np.empty_like(sorted_uses)
    count, found = 0, []
    for start in range(0, len(order), _BLOCK):
        block = sorted_uses[start : start + _BLOCK]
        alive = np.arange(len(block))
        if count:
            alive = alive[~_beaten(kept[:count], block).any(axis=0)]
        inside = np.triu(_beaten(block[alive], block[alive]), 1)  # cheaper ones come first
        alive = alive[~inside.any(axis=0)]
        kept[count : count + len(alive)] = block[alive]
        count += len(alive)
        found.append(order[start + alive])
    return np.concatenate(found)


def _beaten(by: FloatArray, these: FloatArray) -> npt.NDArray[np.bool_]:
    """``[i, j]``: whether ``by[i]`` uses no more than ``these[j]`` of anything."""
    result = np.ones((len(by), len(these)), bool)
    for column in range(by.shape[1]):
        result &= by[:, column, None] <= these[None, :, column]
    return result
