"""The resonator bank's engine: its shape under a directive, exact cycles, generated module, and what it costs.

Widths and steps are those of ``firmware/gateware/ntorc_resonators.sv``, whose head states the same timing.
"""

from __future__ import annotations

from dataclasses import dataclass

from ntorc.backends.base import Directive
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank
from ntorc.network.resonators import log_format

MOST_LANES = 8
"""More multipliers make an update shorter than the powers that follow it, which only one works on."""

_LEAST_PASSES = 2  # a state can be read again seven cycles after it was
_TAIL = 19  # stages behind the passes: squares, table, difference, output format


@dataclass(frozen=True)
class BankEngine:
    """``ntorc_resonators`` with ``lanes`` multipliers.

    Attributes:
        length: samples of a frame.
        resonators, lanes: of the bank.
        power_bits: of the words whose logarithm is taken.
    """

    length: int
    resonators: int
    lanes: int
    power_bits: int
    # as the recurrence of `cycles` sees it: each sample is a position with an input of one vector
    slots: int = 1
    stride: int = 1
    span: int = 1
    pad_left: int = 0

    @property
    def groups(self) -> int:
        """Resonators that one lane updates, one after another; the last pass may be padded."""
        return -(-self.resonators // self.lanes)

    @property
    def reuse_factor(self) -> int:
        """Uses of one multiplier for one sample."""
        return 4 * self.groups

    @property
    def update_cycles(self) -> int:
        """T: from a sample's start to the next one's earliest."""
        return 4 * max(self.groups, _LEAST_PASSES)

    @property
    def log_steps(self) -> int:
        """Halving steps to a word's leading one."""
        return (self.power_bits - 1).bit_length()

    @property
    def interval_cycles(self) -> int:
        """From one resonator's power to the next one's."""
        return max(self.log_steps + 1, 6)

    @property
    def closing_cycles(self) -> int:
        """From the start of a frame's last sample to the next sample's earliest."""
        return self.update_cycles + 5 + self.interval_cycles * self.resonators

    @property
    def available_cycles(self) -> int:
        """A: from the start of a frame's last sample to its last feature's first possible acceptance."""
        return self.closing_cycles + self.log_steps + self.resonators + _TAIL - 5


def bank_engine(layer: ResonatorBank, lanes: int) -> BankEngine:
    """The engine of a bank with ``lanes`` multipliers."""
    return BankEngine(layer.input_length, layer.resonators, lanes, layer.power_bits)


def bank_directives(layer: ResonatorBank, sample_period_cycles: int | None = None) -> tuple[Directive, ...]:
    """All directives of a bank, from fewest multipliers; each with another number of passes.

    Args:
        layer: the bank.
        sample_period_cycles: if given, only directives whose update, the one that closes a frame included,
            ends within a sample's period: then no sample ever waits for the one before.
    """
    counts = sorted({-(-layer.resonators // groups) for groups in range(1, layer.resonators + 1)})
    engines = [bank_engine(layer, lanes) for lanes in counts if lanes <= MOST_LANES]
    return tuple(
        Directive(engine.lanes, engine.reuse_factor, "lut")
        for engine in engines
        if sample_period_cycles is None or engine.closing_cycles <= sample_period_cycles
    )


def bank_parameters(
    network: Network, layer: ResonatorBank, engine: BankEngine, word: FixedFormat
) -> dict[str, int | str]:
    """The parameters of ``ntorc_resonators``, by name; ``word`` is the input's format."""
    log_bits = log_format(layer, network.biases[layer.name]).bits
    words = layer.power_format.bits
    shift = layer.log_fraction - layer.output_format.fraction
    feature_bits = max(log_bits + 1, (-layer.floor).bit_length() + 1, shift + 1) + 1
    return {
        "IN_BITS": word.bits,
        "OUT_BITS": layer.output_format.bits,
        "FRAME": layer.input_length,
        "RESONATORS": layer.resonators,
        "LANES": engine.lanes,
        "POLE_BITS": layer.weight_format.bits,
        "POLE_FRACTION": layer.weight_format.fraction,
        "STATE_BITS": layer.state_bits,
        "WORD_BITS": words,
        "SUM_BITS": max(layer.sum_bits, 2 * words + 1, words + layer.total_bits + 3),
        "DC_FRACTION": layer.dc_fraction,
        "DC_SHIFT": layer.dc_shift,
        "DRIVE_SHIFT": layer.sum_fraction - layer.dc_fraction,
        "POWER_BITS": layer.power_bits,
        "TOTAL_BITS": layer.total_bits,
        "TOTAL_SUM_BITS": layer.total_sum_bits,
        "MANTISSA_BITS": layer.mantissa_bits,
        "LOG_FRACTION": layer.log_fraction,
        "LOG_BITS": log_bits,
        "FEATURE_BITS": feature_bits,
        "FLOOR": f"{feature_bits}'h{layer.floor & ((1 << feature_bits) - 1):x}",
        "OUT_SHIFT": shift,
        "HALF_UP": int(layer.output_format.rounding == "half_up"),
        "SATURATE": int(layer.output_format.overflow == "saturate"),
    }


def pole_words(network: Network, layer: ResonatorBank, engine: BankEngine) -> list[int]:
    """Words of the poles' memory; lane l in bits [l*W +: W].

    For every pass the real parts c, -s of the imaginary parts s, c, s: in the order of the products.
    """
    bits, poles = layer.weight_format.bits, network.weights[layer.name]
    mask, words = (1 << bits) - 1, []
    for group in range(engine.groups):
        cosine, sine = poles[group * engine.lanes : (group + 1) * engine.lanes].T
        for part in (cosine.tolist(), (-sine).tolist(), cosine.tolist(), sine.tolist()):
            words.append(sum((value & mask) << (lane * bits) for lane, value in enumerate(part)))
    return words


def bank_subject(network: Network, layer: ResonatorBank, word: FixedFormat) -> str:
    """Signature of a bank: everything that its structure depends on, constants aside."""
    stated = bank_parameters(network, layer, bank_engine(layer, 1), word)
    text = " ".join(f"{name.lower()}={value}" for name, value in stated.items() if name not in ("LANES", "FLOOR"))
    return f"resonators {text}"
