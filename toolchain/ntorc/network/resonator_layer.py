"""The layer that turns a frame of samples into log-powers of resonators: shape, words, widths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ntorc.network.formats import FixedFormat

MOST_RESONATORS = 64
POWER_BITS = 18  # of the state's words that are squared: the narrow port of a DSP48E1


@dataclass(frozen=True)
class ResonatorBank:
    """DC blocker, one-pole complex resonators, and the logarithms of their powers at the frame's end.

    Always stateful: the state goes on from frame to frame, until a reset.  The arithmetic is defined in
    `ntorc.network.resonators`, the error bounds in `ntorc.network.resonator_design`.

    Weights ``[resonators, 2]``: real and imaginary part of each pole r exp(j theta), in ``weight_format``.
    Bias ``[resonators + 1, 2]``: column 0 the constants that are added to the logarithms, in
    2**-log_fraction; column 1 the resonators' weights in the total power (0 in the last row, the total's).

    Attributes:
        input_length: samples of a frame.
        input_channels: 1.
        resonators: 1 .. 64; a frame gives one vector of as many shares and the total.
        weight_format: of the poles.
        output_format: of the features, which are base-2 logarithms.
        state_bits: word of the real and of the imaginary part of a state, saturated.
        state_fraction: its fraction bits below the input's unit (an ADC count); may be negative.
        dc_shift: k of the DC blocker's a = 1 - 2**-k.
        dc_fraction: fraction bits of the blocker's output below the input's unit.
        log_fraction: fraction bits of the logarithms.
        mantissa_bits: the logarithm's table has 2**mantissa_bits words.
        total_bits: bits of the unsigned weights in the total power.
        floor: the smallest share, in 2**-log_fraction.
    """

    name: str
    input_length: int
    input_channels: int
    resonators: int
    weight_format: FixedFormat
    output_format: FixedFormat
    state_bits: int = 18
    state_fraction: int = 0
    dc_shift: int = 8
    dc_fraction: int = 2
    log_fraction: int = 10
    mantissa_bits: int = 6
    total_bits: int = 12
    floor: int = -(13 << 10)
    kind: Literal["resonators"] = "resonators"

    @property
    def output_length(self) -> int:
        """One vector a frame."""
        return 1

    @property
    def output_channels(self) -> int:
        """The shares of the resonators and the total."""
        return self.resonators + 1

    @property
    def weights_shape(self) -> tuple[int, ...]:
        """Shape of the weights."""
        return (self.resonators, 2)

    @property
    def bias_shape(self) -> tuple[int, ...]:
        """Shape of the bias."""
        return (self.resonators + 1, 2)

    @property
    def multiplies(self) -> int:
        """Multiplies for one frame: four an update; at the end two squares and a two-word product."""
        return 4 * self.resonators * (self.input_length + 1)

    @property
    def state_format(self) -> FixedFormat:
        """Format of a state's parts in units of the input's: rounded half up, saturated."""
        return FixedFormat(self.state_bits, self.state_fraction)

    @property
    def power_format(self) -> FixedFormat:
        """Format of the words that are squared: the state's upper bits where it has more than 18."""
        bits = min(self.state_bits, POWER_BITS)
        return FixedFormat(bits, self.state_fraction - self.state_bits + bits)

    @property
    def sum_bits(self) -> int:
        """Bits of the exact sum in an update, its rounding constant included (the input's are at most 16).

        With m = max(state + pole bits, dc bits at the sum's fraction): the products sum up to at most
        |pole| sqrt(2) 2**(state_bits-1), below .71 * 2**(m-1), the blocker's output to 2**(m-1).
        """
        return max(self.state_bits + self.weight_format.bits, 17 + self.sum_fraction) + 1

    @property
    def sum_fraction(self) -> int:
        """Fraction bits of that sum."""
        return self.state_fraction + self.weight_format.fraction

    @property
    def power_bits(self) -> int:
        """Bits of the unsigned word whose logarithm is taken: a power, or the weighted sum of all."""
        return 2 * self.power_format.bits - 1 + max(1, (self.resonators - 1).bit_length())

    @property
    def total_sum_bits(self) -> int:
        """Bits of the exact weighted sum of all powers, of which the lower ``total_bits`` are left out."""
        return 2 * self.power_format.bits - 1 + (self.resonators - 1).bit_length() + self.total_bits
