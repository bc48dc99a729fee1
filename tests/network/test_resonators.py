"""The resonator bank's integers against Python's, against exact arithmetic's bounds, and its design."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ntorc.errors import DataError
from ntorc.network import reference, resonator_design, resonators
from ntorc.network.floating import FloatNetwork, FloatResonatorBank
from ntorc.network.formats import FixedFormat, IntArray
from ntorc.network.network import Network, random_network
from ntorc.network.quantise import Precision, quantise
from ntorc.network.resonator_layer import ResonatorBank

RATE_HZ = 5000.0


def half_up(value: Fraction) -> int:
    return math.floor(value + Fraction(1, 2))


def clip(value: int, bits: int) -> int:
    return min(max(value, -(1 << bits - 1)), (1 << bits - 1) - 1)


def slow_bank(layer: ResonatorBank, weights: IntArray, bias: IntArray, samples: list[int]) -> list[list[int]]:
    """The definition, sample by sample, in fractions of counts and the difference equation as it is stated."""
    unit, state = Fraction(1, 1 << layer.dc_fraction), Fraction(2) ** -layer.state_fraction
    kept, features = Fraction(0), []
    re, im = [0] * layer.resonators, [0] * layer.resonators
    for index, x in enumerate(samples):
        y = x - unit * math.floor(kept / (1 << layer.dc_shift) / unit)
        kept += y
        for i, (c, s) in enumerate(weights.tolist()):
            scale = Fraction(1, 1 << layer.weight_format.fraction)
            new = (c * re[i] - s * im[i]) * scale + y / state, (c * im[i] + s * re[i]) * scale
            re[i], im[i] = (clip(half_up(part), layer.state_bits) for part in new)
        if (index + 1) % layer.input_length == 0:
            features.append(slow_features(layer, bias, re, im))
    return features


def slow_features(layer: ResonatorBank, bias: IntArray, re: list[int], im: list[int]) -> list[int]:
    drop = layer.state_bits - min(layer.state_bits, 18)
    cut = [[clip(half_up(Fraction(part, 1 << drop)), layer.state_bits - drop) for part in parts] for parts in (re, im)]
    powers = [a * a + b * b for a, b in zip(*cut, strict=True)]
    total = sum(w * p for w, p in zip(bias[:-1, 1].tolist(), powers, strict=True)) >> layer.total_bits

    def logarithm(value: int) -> int:
        if value == 0:
            return 0
        exponent = value.bit_length() - 1
        mantissa = ((value << layer.mantissa_bits) >> exponent) & ((1 << layer.mantissa_bits) - 1)
        middle = 1 + (mantissa + 0.5) / (1 << layer.mantissa_bits)
        return (exponent << layer.log_fraction) + math.floor(math.log2(middle) * 2**layer.log_fraction + 0.5)

    whole = logarithm(total) + int(bias[-1, 0])
    shares = [max(logarithm(p) + int(c) - whole, layer.floor) for p, c in zip(powers, bias[:-1, 0], strict=True)]
    word = layer.output_format
    scaled = [Fraction(2) ** (word.fraction - layer.log_fraction) * value for value in (*shares, whole)]
    return [clip(half_up(value), word.bits) for value in scaled]


@st.composite
def banks(draw: st.DrawFn) -> Network:
    pole = FixedFormat(draw(st.integers(8, 18)), 7)
    pole = replace(pole, fraction=pole.bits - draw(st.integers(1, 2)))
    layer = ResonatorBank(
        "bank",
        draw(st.integers(1, 9)),
        1,
        draw(st.integers(1, 7)),
        pole,
        FixedFormat(draw(st.integers(8, 18)), draw(st.integers(0, 12))),
        draw(st.integers(8, 25)),
        draw(st.integers(-3, 4)),  # a shift of the blocked input by up to 3, at any dc_fraction
        draw(st.integers(1, 12)),
        draw(st.integers(0, 4)),
        draw(st.integers(8, 12)),
        draw(st.integers(1, 7)),
        draw(st.integers(1, 16)),
        -draw(st.integers(0, 40 << 8)),
    )
    word = FixedFormat(draw(st.integers(4, 16)), 3)
    return random_network(draw(st.integers(0, 10**6)), word, layer.input_length, (layer,))


@settings(max_examples=120)
@given(banks(), st.integers(0, 10**6), st.integers(1, 3))
def test_reference_equals_the_definition_in_fractions(network: Network, seed: int, streams: int) -> None:
    (layer,) = network.layers
    assert isinstance(layer, ResonatorBank)
    word, generator = network.input_format, np.random.default_rng(seed)
    frames = generator.integers(word.minimum, word.maximum + 1, (6 * streams, layer.input_length, 1))
    frames[:2] = generator.choice([0, word.minimum, word.maximum])  # constants too: states at rest or saturated
    found = reference.run(network, frames, streams)
    samples = frames.reshape(streams, -1).tolist()
    weights, bias = network.weights["bank"], network.biases["bank"]
    wanted = [row for sequence in samples for row in slow_bank(layer, weights, bias, sequence)]
    np.testing.assert_array_equal(found, wanted)


def plain_bank(**changes: int) -> ResonatorBank:
    return replace(ResonatorBank("b", 16, 1, 1, FixedFormat(16, 15), FixedFormat(16, 10)), **changes)


@given(st.integers(-8192, 8191), st.integers(-8192, 8191), st.integers(1, 10), st.integers(0, 6))
def test_a_constant_input_gives_exactly_nothing(before: int, x: int, shift: int, fraction: int) -> None:
    """No offset, no limit cycle: whatever the blocker held, it ends at 0 and stays there."""
    layer = plain_bank(dc_shift=shift, dc_fraction=fraction)
    samples = np.array([[before] * 50 + [x] * (30 << shift)])
    blocked = resonators.block_dc(layer, samples)[0]
    assert not blocked[-(8 << shift) :].any()


@given(st.integers(1, 10), st.integers(0, 6), st.integers(0, 10**6))
def test_the_blocker_is_within_one_step_and_one_bit_of_its_input(shift: int, fraction: int, seed: int) -> None:
    layer, generator = plain_bank(dc_shift=shift, dc_fraction=fraction), np.random.default_rng(seed)
    samples = generator.integers(-8192, 8192, (2, 400)) // generator.choice([1, 64, 4096], (2, 1))
    samples[:, 200:] = generator.choice([-8192, 8191], (2, 1))
    blocked = resonators.block_dc(layer, samples)
    assert int(np.abs(blocked).max()) <= (1 << 14) - 1 << fraction
    exact, last, previous = np.zeros(samples.shape), np.zeros(2), np.zeros(2)
    for index in range(400):
        last = samples[:, index] - previous + (1 - 2.0**-shift) * last
        previous = samples[:, index]
        exact[:, index] = last
    assert np.abs(blocked * 2.0**-fraction - exact).max() <= 2.0**-fraction + 1e-9


def real_bank(**changes: object) -> FloatResonatorBank:
    frequencies, times = (20.0, 31.0, 46.0, 150.0, 285.0, 700.0), (0.04, 0.012, 0.04, 0.006, 0.006, 0.003)
    return replace(FloatResonatorBank("bank", frequencies, times, RATE_HZ), **changes)


def exact_states(bank: FloatResonatorBank, samples: IntArray) -> npt.NDArray[np.complex128]:
    """States in counts at the frames' ends: ``[streams, frames, resonators]``."""
    return np.moveaxis(bank.states(samples.astype(np.float64))[..., 15::16], 0, -1)


@settings(max_examples=60)
@given(
    st.integers(12, 25),
    st.integers(10, 18),
    st.integers(0, 5),
    st.sampled_from([3.0, 30.0, 300.0, 3000.0]),
    st.integers(0, 10**6),
)
def test_measured_errors_stay_within_the_stated_bounds(
    state_bits: int, pole_bits: int, dc_fraction: int, amplitude: float, seed: int
) -> None:
    bank, generator = real_bank(), np.random.default_rng(seed)
    time_s = np.arange(1600) / RATE_HZ
    tone = np.sin(2 * np.pi * generator.uniform(15, 800) * time_s + generator.uniform(0, 6))
    noise = generator.normal(0, generator.choice([0.0, 1.0]), time_s.size)
    samples = np.clip(np.rint(amplitude * (tone + noise)), -8192, 8191).astype(np.int64)[None]
    states = bank.states(samples.astype(np.float64))[:, 0]
    largest = np.abs(states).max(axis=1)
    fraction = state_bits - 2 - math.ceil(math.log2(largest.max() + 1))  # a bit of room: nothing saturates
    state, pole = FixedFormat(state_bits, min(fraction, 12)), FixedFormat(pole_bits, pole_bits - 1)
    bound = resonator_design.state_error_bound(bank.poles, pole, state, dc_fraction, largest)
    if state.fraction + pole.fraction < dc_fraction or not np.isfinite(bound).all():
        return
    precision = resonator_design.BankPrecision(state, pole_bits, dc_fraction=dc_fraction)
    layer, weights, bias = resonator_design.integer_bank(bank, 16, FixedFormat(14, 10), 1.0, precision)
    parts = resonators.bank_states(layer, weights, samples)
    if max(int(np.abs(part).max()) for part in parts) >= state.maximum:
        return  # poor poles and few bits: the error itself reached the range, where no bound is stated
    found = (parts[0] + 1j * parts[1]) * state.step
    exact = exact_states(bank, samples)
    assert (np.abs(found - exact) <= bound).all()
    powers = resonators.bank_powers(layer, *parts)
    shown = (resonators.log2_words(layer, powers) + bias[:-1, 0]) * 2.0**-layer.log_fraction
    gains = (1 - np.abs(bank.poles)) ** 2 * 2.0**-20  # (1 / 1024)^2 of the input format
    with np.errstate(divide="ignore"):
        off = np.abs(shown - np.log2(np.abs(exact) ** 2 * gains))
    allowed = resonator_design.log2_power_error(bound + resonator_design.cut_error_bound(layer), np.abs(exact))
    assert (off <= allowed + resonator_design.logarithm_error_bound(layer)).all()


def test_the_bound_is_not_idle() -> None:
    """It is passed by a bank whose states are rounded more coarsely than it was told."""
    bank = real_bank()
    time_s = np.arange(8000) / RATE_HZ
    samples = np.rint(400 * np.sin(2 * np.pi * 31 * time_s)).astype(np.int64)[None]
    exact, pole = exact_states(bank, samples), FixedFormat(18, 17)
    largest = np.abs(exact).max(axis=(0, 1))
    coarse, fine = FixedFormat(14, -4), FixedFormat(24, 6)
    for state, within in ((coarse, False), (fine, True)):
        precision = resonator_design.BankPrecision(state, 18, dc_fraction=5)
        layer, weights, _ = resonator_design.integer_bank(bank, 16, FixedFormat(14, 10), 1.0, precision)
        re, im = resonators.bank_states(layer, weights, samples)
        off = np.abs((re + 1j * im) * state.step - exact)
        assert bool((off <= resonator_design.state_error_bound(bank.poles, pole, fine, 5, largest)).all()) is within


@given(st.integers(1, 8), st.integers(9, 12), st.lists(st.integers(1, (1 << 42) - 1), min_size=1, max_size=50))
def test_logarithms_stay_within_their_bound(mantissa: int, fraction: int, values: list[int]) -> None:
    layer = plain_bank(mantissa_bits=mantissa, log_fraction=fraction)
    numbers = np.array([*values, 1, 2, 3, (1 << 42) - 1])
    off = resonators.log2_words(layer, numbers) * 2.0**-fraction - np.log2(numbers)
    assert np.abs(off).max() <= resonator_design.logarithm_error_bound(layer)
    assert resonators.log2_words(layer, np.zeros(1, np.int64))[0] == 0


@given(st.floats(2.0, 500.0), st.floats(0.02, 1.0))
def test_the_chosen_state_is_the_smallest_that_keeps_the_bound(level: float, wanted: float) -> None:
    bank, pole = real_bank(), FixedFormat(18, 17)
    try:
        state = resonator_design.choose_state(bank.poles, pole, 5, 60_000.0, level, wanted)
    except DataError:
        return
    reached = level / (1 - np.abs(bank.poles))

    def worst(word: FixedFormat) -> float:
        error = resonator_design.state_error_bound(bank.poles, pole, word, 5, reached)
        return float(resonator_design.log2_power_error(error, reached).max())

    assert worst(state) <= wanted
    assert state.maximum >= 60_000 * 2.0**state.fraction
    if state.fraction > -8:
        assert worst(FixedFormat(25, state.fraction - 1)) > wanted


@pytest.mark.parametrize("frequency_hz, time_s", [(31.0, 0.012), (150.0, 0.006), (40.0, 0.04)])
def test_a_tone_at_the_stated_level_is_measured_within_the_wanted_error(frequency_hz: float, time_s: float) -> None:
    wanted, level, pole = 0.1, 50.0, FixedFormat(18, 17)
    bank = FloatResonatorBank("b", (frequency_hz,), (time_s,), RATE_HZ)
    tone = np.sin(2 * np.pi * frequency_hz * np.arange(6000) / RATE_HZ)
    samples = np.rint(3.2 * level * tone).astype(np.int64)[None]
    largest = float(np.abs(bank.states(samples.astype(np.float64))).max())
    gain = 1 - float(np.abs(bank.poles)[0])
    exact = exact_states(bank, samples)[0, 100:]
    assert np.abs(exact).min() * gain > level
    state = resonator_design.choose_state(bank.poles, pole, 5, largest, level, wanted, largest * gain / level)
    precision = resonator_design.BankPrecision(state, pole.bits, dc_fraction=5)
    layer, weights, _ = resonator_design.integer_bank(bank, 16, FixedFormat(14, 10), largest, precision)
    re, im = resonators.bank_states(layer, weights, samples)
    found = np.abs(re[0, 100:] + 1j * im[0, 100:]) * state.step
    assert np.abs(2 * np.log2(found / np.abs(exact))).max() <= wanted


@pytest.mark.parametrize("time_s, dc_shift", [(0.012, 8), (0.1, 8), (0.006, 11)])
def test_behind_the_warm_up_a_reset_is_forgotten(time_s: float, dc_shift: int) -> None:
    """In real numbers, of a tone with an offset as large as itself; and it takes most of that time."""
    frame, wanted, frequency_hz = 16, 0.25, 50.0
    bank = FloatResonatorBank("b", (frequency_hz,), (time_s,), RATE_HZ, dc_shift)
    warm_up = resonator_design.warm_up_frames(bank.poles, dc_shift, frame, wanted)
    samples = 1.0 + np.sin(2 * np.pi * frequency_hz * np.arange(frame * 20 * warm_up) / RATE_HZ)
    power = 2 * np.log2(np.abs(bank.states(samples[None])[0, 0]))
    period = round(RATE_HZ / frequency_hz)
    settled = power[-period:]  # the last period of the steady state, against which each phase is compared
    off = np.abs(power - settled[(np.arange(power.size) - power.size) % period])
    assert off[frame * warm_up :].max() <= wanted
    assert off[frame * warm_up // 4 :].max() > wanted


def test_impossible_bounds_are_refused() -> None:
    with pytest.raises(DataError, match="no state of at most 25 bits"):
        resonator_design.choose_state(real_bank().poles, FixedFormat(16, 15), 2, 60_000.0, 1.0, 0.01)


def quantised() -> tuple[FloatNetwork, Network, IntArray]:
    generator = np.random.default_rng(3)
    time_s = np.arange(16 * 400) / RATE_HZ
    tones = 900 * np.sin(2 * np.pi * 31 * time_s) + 500 * np.sin(2 * np.pi * 180 * time_s)
    samples = np.rint(tones + generator.normal(0, 200, time_s.size)).astype(np.int64)
    source = FloatNetwork("n", 16, 1, (real_bank(),))
    return source, quantise(source, FixedFormat(14, 10), samples.reshape(-1, 16, 1), Precision()), samples


def test_quantised_features_are_close_to_the_real_ones() -> None:
    source, network, samples = quantised()
    frames = samples.reshape(-1, 16, 1)
    found = network.output_format.values(reference.run(network, frames))
    wanted = source.run(network.input_format.values(frames))[0][:, 0]
    assert np.abs(found - wanted)[10:].max() < 0.1
    assert network.stateful
    assert 0 < network.warm_up < len(frames)


def test_a_saved_bank_comes_back_whole(tmp_path: Path) -> None:
    _, network, samples = quantised()
    again = Network.load(network.save(tmp_path / "bank"))
    assert (again.layers, again.warm_up, again.digest) == (network.layers, network.warm_up, network.digest)
    frames = samples.reshape(-1, 16, 1)[:20]
    np.testing.assert_array_equal(reference.run(again, frames), reference.run(network, frames))


def test_state_goes_on_between_frames_and_begins_anew_in_each_stream() -> None:
    _, network, samples = quantised()
    frames = samples.reshape(-1, 16, 1)[:40]
    twice = reference.run(network, np.concatenate([frames, frames]), streams=2)
    np.testing.assert_array_equal(twice[:40], twice[40:])
    assert (reference.run(network, np.concatenate([frames, frames]))[40:] != twice[40:]).any()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"state_bits": 26}, "state_bits is 26"),
        ({"state_fraction": -20}, "state_fraction is -20"),
        ({"resonators": 65}, "resonators is 65"),
        ({"input_channels": 2}, "input_channels is 2"),
        ({"log_fraction": 6}, "log_fraction is 6"),
        ({"floor": 1}, "floor is 1"),
    ],
)
def test_banks_out_of_range_are_refused(changes: dict[str, int], message: str) -> None:
    layer = plain_bank(**changes)
    with pytest.raises(DataError, match=message):
        random_network(1, FixedFormat(14, 10), 16, (layer,))


def test_poles_outside_the_unit_circle_are_refused() -> None:
    layer = plain_bank()
    network = random_network(1, FixedFormat(14, 10), 16, (layer,))
    outside = {"b": np.array([[30_000, 20_000]])}
    with pytest.raises(DataError, match="unit circle"):
        replace(network, weights=outside)
