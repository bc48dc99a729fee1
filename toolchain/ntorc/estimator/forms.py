"""The forms that an estimator can have, as descriptions: what is trained, and what its hardware must compute.

A form is a frozen dataclass without weights.  It knows its true number of multiplies, saves and loads
itself as JSON, and becomes an untrained network (`ntorc.estimator.untrained`), so that the hardware's cost is
known before anything is trained.

- `WindowForm`: convolutions, LSTM and dense layers on a window of samples, recomputed for each estimate.
- `StreamingForm`: a front end that turns each frame into one vector (a `BankFront` of resonators, or a
  `FilterFront` of trained filters), a GRU that keeps its state from frame to frame, and dense layers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from ntorc import records
from ntorc.errors import UsageError
from ntorc.network.floating import FloatResonatorBank
from ntorc.network.resonator_layer import MOST_RESONATORS

FRAME_SAMPLES = 16
"""3.2 ms: the cadence at which the rig's position changes little and a GRU's cost is spread over."""


@dataclass(frozen=True)
class ConvLayer:
    """A Conv1D (relu), and a MaxPooling1D when ``pool`` is over 1; ``same`` pads with zeros to the input's length."""

    filters: int
    kernel: int
    stride: int = 1
    pool: int = 1
    padding: Literal["valid", "same"] = "valid"


@dataclass(frozen=True)
class WindowForm:
    """The shape of a window network.

    Attributes:
        window_samples: length of its input.
        conv: convolution layers, first to last.
        dense: units of the hidden dense layers (relu); one linear unit in volts follows.
        lstm: units of LSTM layers between both, each of which gives its whole sequence.

    Raises:
        UsageError: a size that is not positive, or layers that leave nothing of the window.
    """

    window_samples: int
    conv: tuple[ConvLayer, ...]
    dense: tuple[int, ...]
    lstm: tuple[int, ...] = ()
    kind: Literal["window"] = "window"

    def __post_init__(self) -> None:
        sizes = [self.window_samples, *self.dense, *self.lstm]
        for layer in self.conv:
            sizes += [layer.filters, layer.kernel, layer.stride, layer.pool]
        if min(sizes) < 1:
            raise UsageError("a network's window, filters, kernels, strides, pools and units must be positive")
        self.lengths()

    def lengths(self) -> list[tuple[int, int]]:
        """Length after each convolution and after its pooling.

        Raises:
            UsageError: a kernel or pool longer than what is left of the window.
        """
        result = []
        left = self.window_samples
        for number, layer in enumerate(self.conv, start=1):
            if layer.padding == "same":
                convolved = -(-left // layer.stride)
            else:
                convolved = (left - layer.kernel) // layer.stride + 1 if left >= layer.kernel else 0
            pooled = convolved // layer.pool
            if pooled < 1:
                raise UsageError(
                    f"convolution {number} (kernel {layer.kernel}, stride {layer.stride}, pool {layer.pool}) "
                    f"does not fit the {left} samples that reach it",
                    "use a longer window, fewer layers, or smaller strides and pools",
                )
            result.append((convolved, pooled))
            left = pooled
        return result

    @property
    def multiplies(self) -> int:
        """Multiplications of one estimate, all input channels and padding counted, biases not."""
        total, channels, left = 0, 1, self.window_samples
        for layer, (convolved, pooled) in zip(self.conv, self.lengths(), strict=True):
            total += convolved * layer.kernel * channels * layer.filters
            channels, left = layer.filters, pooled
        for units in self.lstm:
            total += left * units * (4 * (channels + units) + 3)
            channels = units
        return total + _dense_multiplies(left * channels, self.dense)

    @property
    def frame_samples(self) -> int:
        """Samples that one estimate is computed from."""
        return self.window_samples

    def describe(self) -> str:
        """In words."""
        layers = [f"conv {layer.filters}x{layer.kernel}" for layer in self.conv]
        layers += [f"LSTM {units}" for units in self.lstm] + [f"dense {units}" for units in self.dense]
        return f"window of {self.window_samples} samples, {', '.join(layers) or 'one dense layer'}"


@dataclass(frozen=True)
class BankFront:
    """A bank of resonators behind a DC blocker (`ntorc.network.floating.FloatResonatorBank`).

    Attributes:
        frequencies_hz, time_constants_s: one each a resonator.
        dc_shift: the DC blocker's pole is 1 - 2**-dc_shift.
        floor_log2: the smallest share of a resonator in the total power.
    """

    frequencies_hz: tuple[float, ...]
    time_constants_s: tuple[float, ...]
    dc_shift: int = 8
    floor_log2: float = -13.0
    kind: Literal["bank"] = "bank"

    def __post_init__(self) -> None:
        count = len(self.frequencies_hz)
        if not 1 <= count <= MOST_RESONATORS or len(self.time_constants_s) != count:
            raise UsageError(
                f"a bank of {count} frequencies and {len(self.time_constants_s)} time constants",
                f"give 1 to {MOST_RESONATORS} resonators, each with both",
            )
        if min(self.frequencies_hz) <= 0.0 or min(self.time_constants_s) <= 0.0:
            raise UsageError("a resonator's frequency and time constant must be positive")

    @property
    def features(self) -> int:
        """Elements of the vector of one frame: the shares of the resonators, and the total."""
        return len(self.frequencies_hz) + 1

    def multiplies(self, frame: int) -> int:
        """For one frame: four a resonator and sample, and four at the frame's end."""
        return 4 * len(self.frequencies_hz) * (frame + 1)

    def real(self, sample_rate_hz: float) -> FloatResonatorBank:
        """The bank in real numbers.

        Raises:
            UsageError: a frequency beyond half the sample rate.
        """
        if max(self.frequencies_hz) >= sample_rate_hz / 2:
            raise UsageError(
                f"a resonator at {max(self.frequencies_hz):g} Hz needs more than {sample_rate_hz:g} samples a second",
                "leave it out",
            )
        return FloatResonatorBank(
            "bank", self.frequencies_hz, self.time_constants_s, sample_rate_hz, self.dc_shift, self.floor_log2
        )


@dataclass(frozen=True)
class FilterFront:
    """Trained filters over the samples of a frame (relu); no overlap with other frames."""

    filters: int
    kind: Literal["filters"] = "filters"

    def __post_init__(self) -> None:
        if self.filters < 1:
            raise UsageError("a front end needs at least one filter")

    @property
    def features(self) -> int:
        """Elements of the vector of one frame."""
        return self.filters

    def multiplies(self, frame: int) -> int:
        """For one frame."""
        return frame * self.filters


@dataclass(frozen=True)
class StreamingForm:
    """An estimator that keeps its state: front end, GRU, dense layers; one estimate a frame.

    Attributes:
        front: what turns a frame into a vector.
        units: of the GRU.
        dense: units of hidden dense layers (relu) behind it; one linear unit in volts follows.
        frame_samples: samples from one estimate to the next.
        members: parts of the GRU that know nothing of each other and whose estimates are averaged, each trained by
            itself: an ensemble in one network.  The weights between them are zeros, and counted as multiplies.

    Raises:
        UsageError: a size that is not positive, or units that do not divide among the members.
    """

    front: BankFront | FilterFront
    units: int
    dense: tuple[int, ...] = ()
    frame_samples: int = FRAME_SAMPLES
    members: int = 1
    kind: Literal["streaming"] = "streaming"

    def __post_init__(self) -> None:
        if min(self.units, self.frame_samples, *self.dense, 1) < 1:
            raise UsageError("a streaming form's units and frame must be positive")
        if self.members < 1 or self.units % self.members or (self.members > 1 and self.dense):
            raise UsageError(
                f"{self.units} units behind {self.members} members",
                "members share the units evenly, and have no hidden dense layers",
            )
        if self.members > 1 and isinstance(self.front, FilterFront):
            raise UsageError("members share their front end: it must be a bank")

    @property
    def multiplies(self) -> int:
        """Multiplications of one estimate, those of every sample of its frame and the elementwise ones included."""
        gru = self.units * (3 * (self.front.features + self.units) + 2)
        return self.front.multiplies(self.frame_samples) + gru + _dense_multiplies(self.units, self.dense)

    @property
    def member(self) -> StreamingForm:
        """The form of one member."""
        return replace(self, units=self.units // self.members, members=1)

    def describe(self) -> str:
        """In words."""
        front = self.front
        if isinstance(front, BankFront):
            kind = f"{len(front.frequencies_hz)} resonators"
        else:
            kind = f"{front.filters} trained filters"
        dense = "".join(f", dense {units}" for units in self.dense)
        dense += f" ({self.members} members)" if self.members > 1 else ""
        return f"{kind}, GRU {self.units}{dense}, frames of {self.frame_samples} samples"


@dataclass(frozen=True)
class GivenForm:
    """A model that was given as a file, of whose making nothing is known.

    Attributes:
        file: its name.
        frame_samples: samples that one estimate is computed from.
        multiplies: of one estimate.
    """

    file: str
    frame_samples: int
    multiplies: int
    kind: Literal["given"] = "given"

    def describe(self) -> str:
        """In words."""
        return f"{self.file}, {self.frame_samples} samples for an estimate"


TrainableForm = WindowForm | StreamingForm
"""Forms that are built and trained here."""

Form = TrainableForm | GivenForm


@dataclass(frozen=True)
class _File:
    form: Form
    format: Literal[1] = 1


def save_form(form: Form, path: Path) -> Path:
    """Write a form as JSON."""
    return records.save(_File(form), path)


def load_form(path: Path) -> Form:
    """Read what `save_form` wrote.

    Raises:
        StorageError: missing, or not a form.
    """
    return records.load(_File, path).form


def _dense_multiplies(inputs: int, hidden: tuple[int, ...]) -> int:
    total = 0
    for units in (*hidden, 1):
        total += inputs * units
        inputs = units
    return total


def bank_of(*groups: tuple[float, float, int, float]) -> BankFront:
    """A bank of groups (lowest and highest frequency in Hz, how many, time constant in s), evenly spaced."""
    frequencies: list[float] = []
    times: list[float] = []
    for low_hz, high_hz, count, time_s in groups:
        frequencies += [float(f) for f in np.linspace(low_hz, high_hz, count)]
        times += [time_s] * count
    return BankFront(tuple(frequencies), tuple(times))


RIG_BANK = bank_of((18, 54, 8, 0.012), (22, 46, 10, 0.04), (145, 285, 10, 0.006), (420, 700, 3, 0.003))
"""31 resonators around the beam's three lowest natural frequencies."""

SMALL_BANK = bank_of((20, 48, 8, 0.025), (150, 275, 6, 0.006), (430, 680, 2, 0.003))
"""16 resonators for where every multiply counts."""

DEFAULT_FORM = StreamingForm(RIG_BANK, 32)

DEFAULT_WINDOW = WindowForm(
    window_samples=384,
    conv=(ConvLayer(6, 8, stride=4), ConvLayer(10, 4, stride=2, pool=2), ConvLayer(16, 4, stride=2)),
    dense=(32,),
)
