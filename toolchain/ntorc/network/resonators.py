"""The ONE definition of the resonator bank's arithmetic, in integers.

For each sample x (units of the input, called counts; ^ is a power of two):

- DC blocker y[n] = x[n] - x[n-1] + (1 - 2^-k) y[n-1], as the equal form with one accumulator
  s[n] = s[n-1] + y[n], y[n] = x[n] - 2^-k s[n-1], where only 2^-k s is floored, to ``dc_fraction`` bits.
  What the floor removes stays in s: a constant input gives exactly 0 in the end, without a limit cycle.
- Resonators z' = y + c z'[n-1]; each part of z' is the exact sum of its two products and y, rounded half
  up ONCE to the state's format and saturated.  z' = z / (1 - r) needs no input gain.

At the frame's end, for each resonator (the state's upper bits squared, where it has more than 18):

- power p = re^2 + im^2, exactly; L(p) = e + table[m], where 2^e is the leading one of p, m the next
  ``mantissa_bits`` bits, table[m] = log2(1 + (m + 1/2) / 2^mantissa_bits); L(0) = 0.
- l_i = L(p_i) + constant_i; the total l_T = L(floor(sum of weight_i p_i / 2^total_bits)) + constant_T.
- features: max(l_i - l_T, floor) for every resonator, then l_T, each brought to the output format.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from functools import cache

import numpy as np

from ntorc.errors import DataError
from ntorc.network.formats import FixedFormat, IntArray, requantise
from ntorc.network.resonator_layer import MOST_RESONATORS, ResonatorBank


def run_bank(layer: ResonatorBank, weights: IntArray, bias: IntArray, values: IntArray, streams: int = 1) -> IntArray:
    """``[n, frame, 1]`` to ``[n, 1, resonators + 1]``.

    Args:
        layer, weights, bias: the bank.
        values: frames in their order of arrival.
        streams: sequences of n / streams frames one after another, each from a reset.
    """
    re, im = bank_states(layer, weights, values.reshape(streams, -1))
    features = bank_features(layer, bias, re, im)
    return features.reshape(len(values), 1, -1)


def block_dc(layer: ResonatorBank, samples: IntArray) -> IntArray:
    """The DC blocker from its reset: ``[streams, n]`` counts to ``[streams, n]`` in 2**-dc_fraction counts."""
    blocked = np.ascontiguousarray((samples << layer.dc_fraction).T)
    kept = np.zeros(len(samples), np.int64)
    for column in blocked:
        column -= kept >> layer.dc_shift
        kept += column
    return blocked.T


def bank_states(layer: ResonatorBank, weights: IntArray, samples: IntArray) -> tuple[IntArray, IntArray]:
    """States at the frames' ends, from a reset: ``[streams, n]`` to twice ``[streams, frames, resonators]``."""
    driven = (block_dc(layer, samples) << (layer.sum_fraction - layer.dc_fraction)).T[:, :, None]
    cosine, turned = weights[:, 0], np.stack([-weights[:, 1], weights[:, 1]])[:, None]
    word, frames = layer.state_format, samples.shape[1] // layer.input_length
    shift = layer.sum_fraction - word.fraction  # the poles' fraction bits: at least 2
    half, lowest, highest = 1 << (shift - 1), word.minimum, word.maximum
    state = np.zeros((2, len(samples), layer.resonators), np.int64)  # real and imaginary parts
    swapped, sums, part = state[::-1], np.empty_like(state), np.empty_like(state)
    ends = np.empty((frames, *state.shape), np.int64)
    for index in range(frames * layer.input_length):  # in place: this is most of the time of judging an estimator
        np.multiply(cosine, state, out=sums)
        np.multiply(turned, swapped, out=part)
        sums += part
        sums[0] += driven[index]
        sums += half
        sums >>= shift
        np.maximum(sums, lowest, out=sums)
        np.minimum(sums, highest, out=state)
        if (index + 1) % layer.input_length == 0:
            ends[index // layer.input_length] = state
    return ends[:, 0].swapaxes(0, 1), ends[:, 1].swapaxes(0, 1)


def bank_features(layer: ResonatorBank, bias: IntArray, re: IntArray, im: IntArray) -> IntArray:
    """Features from states: ``[..., resonators]`` to ``[..., resonators + 1]``."""
    power = bank_powers(layer, re, im)
    total = (power @ bias[:-1, 1]) >> layer.total_bits
    shares = log2_words(layer, power) + bias[:-1, 0]
    whole = log2_words(layer, total)[..., None] + bias[-1, 0]
    features = np.concatenate([np.maximum(shares - whole, layer.floor), whole], axis=-1)
    return requantise(features, layer.log_fraction, layer.output_format)


def bank_powers(layer: ResonatorBank, re: IntArray, im: IntArray) -> IntArray:
    """Squared magnitudes of the words in `ResonatorBank.power_format`."""
    re, im = (requantise(part, layer.state_fraction, layer.power_format) for part in (re, im))
    return re * re + im * im


def log2_words(layer: ResonatorBank, values: IntArray) -> IntArray:
    """L of integers below 2**53, in 2**-log_fraction."""
    exponent = np.frexp(np.maximum(values, 1).astype(np.float64))[1].astype(np.int64) - 1
    mantissa = (values << layer.mantissa_bits >> exponent) - (1 << layer.mantissa_bits)
    words = (exponent << layer.log_fraction) + log2_table(layer.mantissa_bits, layer.log_fraction)[mantissa]
    return np.where(values > 0, words, 0)


@cache
def log2_table(mantissa_bits: int, log_fraction: int) -> IntArray:
    """log2(1 + (m + 1/2) / 2**mantissa_bits) for every m, in 2**-log_fraction; the same on every machine."""
    with localcontext() as context:
        context.prec = 60
        size, scale = 1 << mantissa_bits, Decimal(2) ** log_fraction
        logarithms = [(1 + (m + Decimal("0.5")) / size).ln() / Decimal(2).ln() for m in range(size)]
        words = [math.floor(value * scale + Decimal("0.5")) for value in logarithms]
    result = np.array(words, np.int64)
    result.flags.writeable = False
    return result


def log_format(layer: ResonatorBank, bias: IntArray) -> FixedFormat:
    """The narrowest format (at least 8 bits) of the logarithms with their constants."""
    largest = (layer.power_bits << layer.log_fraction) + max(int(bias[:, 0].max()), 0)
    smallest = min(int(bias[:, 0].min()), 0)
    return FixedFormat(max(8, largest.bit_length() + 1, (-smallest).bit_length() + 1), layer.log_fraction)


def check_bank(layer: ResonatorBank, weights: IntArray, bias: IntArray, input_format: FixedFormat, where: str) -> None:
    """Refuse a bank that reference and gateware could not compute exactly.

    Raises:
        DataError: what is wrong, and the legal range.
    """
    if weights.shape != layer.weights_shape or bias.shape != layer.bias_shape:
        raise DataError(f"{where} has weights of shape {weights.shape}, expected {layer.weights_shape}")
    word = layer.weight_format
    limits = {
        "input_channels": (layer.input_channels, 1, 1),
        "input_length": (layer.input_length, 1, 1 << 15),
        "resonators": (layer.resonators, 1, MOST_RESONATORS),
        "bits of the input": (input_format.bits, 2, 16),
        "bits of the poles": (word.bits, 4, 18),
        "fraction bits of the poles": (word.fraction, 2, word.bits - 1),
        "state_bits": (layer.state_bits, 8, 25),
        "state_fraction": (layer.state_fraction, layer.dc_fraction - word.fraction, 12),
        "dc_shift": (layer.dc_shift, 1, 16),
        "dc_fraction": (layer.dc_fraction, 0, 8),
        "mantissa_bits": (layer.mantissa_bits, 1, 8),
        "log_fraction": (layer.log_fraction, layer.mantissa_bits + 1, 12),
        "total_bits": (layer.total_bits, 1, 16),
        "floor": (layer.floor, -(64 << layer.log_fraction), 0),
        "a constant of the logarithms": (int(np.abs(bias[:, 0]).max()), 0, 64 << layer.log_fraction),
        "the smallest weight in the total": (int(bias[:-1, 1].min()), 0, (1 << layer.total_bits) - 1),
        "the largest weight in the total": (int(bias[:-1, 1].max()), 0, (1 << layer.total_bits) - 1),
        "the total's own weight": (int(bias[-1, 1]), 0, 0),
    }
    for name, (value, least, most) in limits.items():
        if not least <= value <= most:
            raise DataError(f"{where} is not supported: {name} is {value}", f"use {least} to {most}")
    if int((weights.astype(np.int64) ** 2).sum(axis=1).max()) >= 1 << 2 * word.fraction:
        raise DataError(f"{where} has a pole on or outside the unit circle", "use r < 1 and enough pole bits")


def draw_bank(generator: np.random.Generator, layer: ResonatorBank) -> tuple[IntArray, IntArray]:
    """Weights and bias of a random legal bank: poles near the unit circle, any constants and total weights."""
    word, count = layer.weight_format, layer.resonators
    radius = 1.0 - 2.0 ** -generator.uniform(1.0, word.fraction - 1.0, count)
    angle = generator.uniform(0.0, np.pi, count)
    poles = np.trunc(2.0**word.fraction * radius * np.array([np.cos(angle), np.sin(angle)]))  # inward
    limit = 16 << layer.log_fraction
    bias = np.zeros(layer.bias_shape, np.int64)
    bias[:, 0] = generator.integers(-limit, limit + 1, count + 1)
    bias[:-1, 1] = generator.integers(1, 1 << layer.total_bits, count)
    return poles.T.astype(np.int64), bias
