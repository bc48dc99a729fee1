"""What a resonator bank costs, by structure: registers, adders, multiplexers and memories of ``ntorc_resonators.sv``.

One DSP48E1 a multiplier holds operands, product and sum (the widths that `ntorc.network.resonators` allows all
fit one).  Every memory is small and lies in logic, so no bank takes a block RAM.
"""

from __future__ import annotations

from ntorc.backends.base import Directive
from ntorc.backends.native.logic_only import product_luts
from ntorc.backends.native.memory_cost import distributed_luts, multiplexer_luts
from ntorc.backends.native.resonator_engine import BankEngine, bank_engine, bank_parameters
from ntorc.network.formats import FixedFormat
from ntorc.network.network import Network
from ntorc.network.resonator_layer import ResonatorBank

_CONTROL_LUTS = 55  # counters, states and the choice of what a sum begins with
_CONTROL_FLIP_FLOPS = 50  # states and the stages of the two pipelines


def bank_features(
    network: Network,
    layer: ResonatorBank,
    input_format: FixedFormat,
    directive: Directive,
    *,
    logic_only: bool = False,
) -> dict[str, float]:
    """The basis of a bank's counts (see `cost.native`); ``logic_only``: its multipliers lie in logic too."""
    engine = bank_engine(layer, directive.multipliers)
    stated = bank_parameters(network, layer, engine, input_format)
    widths = {name: int(value) for name, value in stated.items() if name != "FLOOR"}
    luts = float(_memory_luts(layer, engine, widths) + _logic_luts(layer, engine, widths))
    flip_flops = float(_flip_flops(layer, engine, widths))
    if logic_only:  # what a DSP block holds: operands, product and sum
        wide, narrow, total = layer.state_bits + 1, max(widths["POLE_BITS"], widths["WORD_BITS"]), widths["SUM_BITS"]
        luts += engine.lanes * (product_luts(wide, narrow) + total)
        flip_flops += engine.lanes * (2 * (wide + narrow) + total)
    return {
        "dsp_by_structure": 0.0 if logic_only else float(engine.lanes),
        "lut_by_structure": luts,
        "ff_by_structure": flip_flops,
    }


def _read_only_luts(words: int, bits: int) -> int:
    return bits * -(-words // 64)


def _memory_luts(layer: ResonatorBank, engine: BankEngine, widths: dict[str, int]) -> int:
    """States, logarithms and output words; poles, weights, constants and the table."""
    count = layer.resonators
    written = (
        engine.lanes * distributed_luts(2 * engine.groups, layer.state_bits)
        + distributed_luts(count, widths["LOG_BITS"])
        + distributed_luts(2 * (count + 1), widths["OUT_BITS"])
    )
    fixed = (
        _read_only_luts(4 * engine.groups, engine.lanes * widths["POLE_BITS"])
        + _read_only_luts(count, layer.total_bits)
        + _read_only_luts(count + 1, widths["LOG_BITS"])
        + _read_only_luts(1 << layer.mantissa_bits, layer.log_fraction)
    )
    return written + fixed


def _logic_luts(layer: ResonatorBank, engine: BankEngine, widths: dict[str, int]) -> int:
    state, word = layer.state_bits, widths["WORD_BITS"]
    blocked = widths["IN_BITS"] + layer.dc_fraction + 1
    lanes = engine.lanes * (state - 1) + state * multiplexer_luts(engine.lanes)  # clips; the choice of a lane
    cut = 2 * word + 1 if state > word else 0
    lent = max(state, word + 1) + max(widths["POLE_BITS"], word) + word
    total = widths["TOTAL_SUM_BITS"] + word + layer.total_bits
    logarithm = 7 * widths["POWER_BITS"] // 2 + widths["LOG_BITS"]
    features = 2 * widths["LOG_BITS"] + widths["FEATURE_BITS"] + widths["OUT_BITS"] + 35  # 35: their counters
    return 2 * blocked + layer.dc_shift - 1 + lanes + cut + lent + total + logarithm + features + _CONTROL_LUTS


def _flip_flops(layer: ResonatorBank, engine: BankEngine, widths: dict[str, int]) -> int:
    word, address = widths["WORD_BITS"], (2 * engine.groups - 1).bit_length()
    items = layer.resonators.bit_length()
    blocked = widths["IN_BITS"] + layer.dc_fraction + 1
    counters = 7 * items + 2 * address + (layer.input_length - 1).bit_length() + engine.groups.bit_length() + 9
    samples = widths["IN_BITS"] + 2 * blocked + layer.dc_shift - 1 + widths["IN_BITS"] + layer.state_fraction + 3
    powers = 2 * word + layer.total_bits + widths["TOTAL_SUM_BITS"] + engine.lanes * layer.state_bits
    logarithm = widths["POWER_BITS"] + 2 * engine.log_steps + layer.log_fraction + 6 + 2 * widths["LOG_BITS"]
    features = 3 * widths["FEATURE_BITS"] + widths["OUT_BITS"]
    return counters + samples + powers + logarithm + features + _CONTROL_FLIP_FLOPS
