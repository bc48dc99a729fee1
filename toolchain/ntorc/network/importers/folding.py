"""Per-channel affine layers (batch normalisation) and activations of their own, merged into their neighbours."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ntorc.errors import DataError
from ntorc.network.floating import (
    FloatActivation,
    FloatArray,
    FloatConv1D,
    FloatDense,
    FloatLayer,
    FloatMaxPool1D,
    FloatPool,
    FloatRecurrent,
    FloatWeighted,
)


@dataclass(frozen=True)
class Affine:
    """``scale * x + shift``, one of each for a channel (or for an element of a flattened frame)."""

    name: str
    scale: FloatArray
    shift: FloatArray


class Chain:
    """The layers so far, and an affine layer that waits for the next weighted one."""

    def __init__(self) -> None:
        self.layers: list[FloatLayer] = []
        self._waiting: Affine | None = None

    def finish(self) -> tuple[FloatLayer, ...]:
        """The layers.

        Raises:
            DataError: an affine layer found no neighbour.
        """
        self._refuse_waiting("no convolution or dense layer follows it")
        return tuple(self.layers)

    def add(self, layer: FloatLayer) -> None:
        """Append a layer; a waiting affine layer goes into it, or through it when it is a pool."""
        if isinstance(layer, FloatPool):
            self._add_pool(layer)
            return
        if self._waiting is not None:
            layer = _into_following(self._waiting, layer)
            self._waiting = None
        self.layers.append(layer)

    def _add_pool(self, layer: FloatPool) -> None:
        if isinstance(layer, FloatMaxPool1D) and self._waiting is not None and self._waiting.scale.min() <= 0:
            self._refuse_waiting("a maximum follows it, and it has a scale that is not positive")
        if layer.pool == 1:
            return
        last = self.layers[-1] if self.layers else None
        if isinstance(last, FloatPool) and type(last) is type(layer):
            # two like pools in a row are one pool of their product, also where lengths do not divide
            self.layers[-1] = replace(last, pool=last.pool * layer.pool)
        else:
            self.layers.append(layer)

    def activate(self, activation: FloatActivation, name: str) -> None:
        """Merge an activation into the last weighted layer; maxima let it through, since it is monotone."""
        if activation == "linear":
            return
        self._refuse_waiting(f"the activation '{name}' follows it")
        index = self._last_weighted(name, through=FloatMaxPool1D)
        before = self.layers[index]
        if not isinstance(before, FloatWeighted) or before.activation != "linear":
            raise DataError(
                f"activation layer '{name}' does not follow a linear convolution or dense layer",
                "put it right behind such a layer; behind an average pool or another activation it cannot be merged",
            )
        self.layers[index] = replace(before, activation=activation)

    def scale(self, affine: Affine) -> None:
        """Fold an affine layer into the weighted layer before it, else keep it for the one that follows."""
        if self._waiting is not None:
            first = self._waiting
            if len(first.scale) != len(affine.scale):
                first = _tiled(first, len(affine.scale))
            self._waiting = Affine(affine.name, affine.scale * first.scale, affine.scale * first.shift + affine.shift)
            return
        index = len(self.layers) - 1
        monotone = affine.scale.min() > 0
        while index >= 0 and isinstance(self.layers[index], FloatPool):
            if isinstance(self.layers[index], FloatMaxPool1D) and not monotone:
                break
            index -= 1
        before = self.layers[index] if index >= 0 else None
        if (
            isinstance(before, FloatWeighted)
            and before.activation == "linear"
            and before.weights.shape[-1] == len(affine.scale)
        ):
            bias = before.bias * affine.scale + affine.shift
            self.layers[index] = replace(before, weights=before.weights * affine.scale, bias=bias)
        else:
            self._waiting = affine

    def _last_weighted(self, name: str, through: type[FloatMaxPool1D]) -> int:
        index = len(self.layers) - 1
        while index >= 0 and isinstance(self.layers[index], through):
            index -= 1
        if index < 0:
            raise DataError(f"activation layer '{name}' has no layer before it", "begin with Conv1D or Dense")
        return index

    def _refuse_waiting(self, why: str) -> None:
        if self._waiting is not None:
            raise DataError(
                f"batch normalisation '{self._waiting.name}' cannot be folded into another layer: {why}",
                "put it between a Conv1D or Dense layer without activation and that activation",
            )


def _tiled(affine: Affine, length: int) -> Affine:
    """The affine layer of channels for a flattened frame (time-major), of ``length`` elements."""
    times, rest = divmod(length, len(affine.scale))
    if rest:
        raise DataError(f"batch normalisation '{affine.name}' has {len(affine.scale)} channels, {length} follow")
    return Affine(affine.name, np.tile(affine.scale, times), np.tile(affine.shift, times))


def _into_following(affine: Affine, layer: FloatWeighted | FloatRecurrent) -> FloatWeighted | FloatRecurrent:
    """``layer(affine(x))`` as one layer: W (s x + t) + b = (W s) x + (W t + b)."""
    if isinstance(layer, FloatRecurrent):
        driven = affine.shift @ layer.kernel
        bias = layer.bias + np.pad(driven, (0, len(layer.bias) - len(driven)))  # a GRU's recurrent bias stays
        return replace(layer, kernel=affine.scale[:, None] * layer.kernel, bias=bias)
    if isinstance(layer, FloatDense):
        affine = _tiled(affine, layer.weights.shape[0])
        bias = layer.bias + affine.shift @ layer.weights
        return replace(layer, weights=affine.scale[:, None] * layer.weights, bias=bias)
    return _into_convolution(affine, layer)


def _into_convolution(affine: Affine, layer: FloatConv1D) -> FloatConv1D:
    if layer.padding_left + layer.padding_right and affine.shift.any():
        raise DataError(
            f"batch normalisation '{affine.name}' cannot go into '{layer.name}' behind it, which pads with zeros",
            "use padding='valid' there, or put the normalisation behind a layer without activation",
        )
    if layer.weights.shape[1] != len(affine.scale):
        raise DataError(f"batch normalisation '{affine.name}' does not fit the channels of '{layer.name}'")
    bias = layer.bias + np.einsum("c,kcf->f", affine.shift, layer.weights)
    return replace(layer, weights=affine.scale[None, :, None] * layer.weights, bias=bias)
