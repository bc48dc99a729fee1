"""Which axis of a tensor is what, followed through the nodes of an ONNX model that only move elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from ntorc.errors import DataError

Axis = Literal["batch", "channels", "time", "one", "flat"]
_HINT = "use tensors [1, channels, length], and Flatten before dense layers"


@dataclass(frozen=True)
class Axes:
    """The axes of the current tensor.

    Attributes:
        names: of every axis.
        length, channels: of the frame.
        flat_order: of a flattened tensor, which axis was the outer one.
    """

    names: tuple[Axis, ...]
    length: int
    channels: int
    flat_order: Literal["channels", "time"] = "time"

    @staticmethod
    def of_input(shape: Sequence[int], name: str) -> Axes:
        """``[1, channels, length]``, two-dimensional with an axis of 1, or ``[1, inputs]``.

        Raises:
            DataError: another shape.
        """
        sizes = list(shape)
        if sizes and sizes[0] == 0:
            sizes[0] = 1  # any batch
        fixed = len(sizes) in (2, 3, 4) and all(size > 0 for size in sizes)
        if not fixed or sizes[0] != 1:
            raise DataError(f"'{name}' takes {list(shape)}", "its input must be [1, channels, length], of fixed sizes")
        if len(sizes) == 2:
            return Axes(("batch", "flat"), sizes[1], 1)
        if len(sizes) == 3:
            return Axes(("batch", "channels", "time"), sizes[2], sizes[1])
        if sizes[3] == 1:
            return Axes(("batch", "channels", "time", "one"), sizes[2], sizes[1])
        if sizes[2] == 1:
            return Axes(("batch", "channels", "one", "time"), sizes[3], sizes[1])
        raise DataError(f"'{name}' takes pictures of {sizes[2]} x {sizes[3]}", "one of both must be 1")

    @property
    def is_vector(self) -> bool:
        """Whether a matrix behind it takes all elements: flat, or no more than one of them an axis."""
        return "flat" in self.names

    def resized(self, length: int, channels: int) -> Axes:
        """The same axes of other sizes."""
        return replace(self, length=length, channels=channels)

    def vector(self, channels: int) -> Axes:
        """``[1, channels]``."""
        return Axes(("batch", "flat"), 1, channels)

    def time_axis(self, label: str) -> int:
        """Which of the axes behind the channels is time.

        Raises:
            DataError: channels are not the second axis.
        """
        self.require_channels_first(label)
        if "time" not in self.names:
            raise DataError(f"node '{label}' works along time on a flattened frame", _HINT)
        return self.names.index("time") - 2

    def require_channels_first(self, label: str) -> None:
        """Raises DataError where the second axis is not the channels' (or everything, of a flat tensor)."""
        if self.names[1] not in ("channels", "flat"):
            raise DataError(f"node '{label}' finds the channels on another axis than the second", _HINT)

    def require_channels_last(self, label: str) -> None:
        """Raises DataError where the last axis is not the channels'."""
        if self.names[-1] != "channels":
            raise DataError(f"node '{label}' multiplies along another axis than the channels'", _HINT)

    def waiting_transpose(self) -> bool:
        """Whether the elements of the result are in another order than time by time."""
        moved = [item for item in self.names if item in ("time", "channels")]
        order = self.flat_order if "flat" in self.names else (moved[0] if moved else "time")
        return order == "channels" and self.length > 1 and self.channels > 1

    def per_channel(self, values: Any, label: str) -> Any:
        """A constant as one value, or one for each channel.

        Raises:
            DataError: it varies along another axis.
        """
        if values.size == 1:
            return values.reshape(())
        padded = (1,) * (len(self.names) - values.ndim) + values.shape
        wide = [index for index, size in enumerate(padded) if size != 1]
        if len(wide) != 1 or wide[0] >= len(self.names):
            raise DataError(f"node '{label}' has a constant of shape {values.shape}", "give one value a channel")
        axis, size = self.names[wide[0]], self.channels
        if axis == "flat" and self.length == 1 and padded[wide[0]] == size:
            return values.reshape(-1)
        if axis != "channels" or padded[wide[0]] != size:
            raise DataError(f"node '{label}' has a constant that varies along time", "give one value a channel")
        return values.reshape(-1)

    def rows_in_time_order(self, weights: Any, label: str) -> Any:
        """Rows of a dense layer's weights in the order of time.

        Raises:
            DataError: not one row for each element.
        """
        if weights.shape[0] != self.length * self.channels:
            raise DataError(
                f"node '{label}' takes {weights.shape[0]} elements, but gets {self.length * self.channels}",
                "check the shapes with onnx.checker",
            )
        if self.flat_order == "time":
            return weights
        rows = weights.reshape(self.channels, self.length, -1).transpose(1, 0, 2)
        return rows.reshape(self.length * self.channels, -1)

    def flattened(self) -> Axes:
        """``[1, elements]`` in the order that the axes have."""
        if "flat" in self.names:
            return self
        first = next((item for item in self.names if item in ("time", "channels")), "time")
        return replace(self, names=("batch", "flat"), flat_order="channels" if first == "channels" else "time")

    def reshaped(self, shape: Sequence[int], label: str) -> Axes:
        """Flattened, or with axes of 1 put in or taken out.

        Raises:
            DataError: elements would change their places in any other way.
        """
        sizes = {"batch": 1, "channels": self.channels, "time": self.length, "one": 1}
        sizes["flat"] = self.length * self.channels
        present = [sizes[item] for item in self.names]
        wanted = [present[index] if size == 0 and index < len(present) else size for index, size in enumerate(shape)]
        if wanted.count(-1) == 1:
            known = int(np.prod([size for size in wanted if size != -1]))
            wanted[wanted.index(-1)] = sizes["flat"] // max(known, 1)
        if wanted == [1, sizes["flat"]]:
            return self.flattened()
        rest = [item for item in self.names[1:] if item != "one"]
        names: list[Axis] = ["batch"]
        for size in wanted[1:]:
            if rest and size == sizes[rest[0]]:
                names.append(rest.pop(0))
            elif size == 1:
                names.append("one")
            else:
                break
        if rest or len(names) != len(wanted) or not wanted or wanted[0] != 1:
            raise DataError(f"node '{label}' reshapes {present} to {wanted}", _HINT)
        return replace(self, names=tuple(names))

    def transposed(self, order: Sequence[int] | None, label: str) -> Axes:
        """The axes in another order.

        Raises:
            DataError: not an order of these axes that leaves the batch first.
        """
        places = [int(item) for item in (order or range(len(self.names))[::-1])]
        if sorted(places) != list(range(len(self.names))) or places[0] != 0:
            raise DataError(f"node '{label}' transposes by {places}", "leave the batch first")
        return replace(self, names=tuple(self.names[item] for item in places))

    def squeezed(self, axes: Sequence[int], label: str) -> Axes:
        """Without axes of 1."""
        gone = {item % len(self.names) for item in axes}
        if not gone or any(self.names[item] != "one" for item in gone):
            raise DataError(f"node '{label}' squeezes axes {list(axes)}", "squeeze what has one element and no meaning")
        return replace(self, names=tuple(item for index, item in enumerate(self.names) if index not in gone))

    def unsqueezed(self, axes: Sequence[int], label: str) -> Axes:
        """With axes of 1 more."""
        rank = len(self.names) + len(axes)
        places = sorted(item % rank for item in axes)
        if len(set(places)) != len(places) or not places or places[0] == 0:
            raise DataError(f"node '{label}' unsqueezes axes {list(axes)}", "leave the batch first")
        names = list(self.names)
        for place in places:
            names.insert(place, "one")
        return replace(self, names=tuple(names))
