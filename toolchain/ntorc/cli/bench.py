"""``ntorc bench``: rerun what docs/results.md states."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ntorc.cli import options

if TYPE_CHECKING:
    from ntorc.pipeline.flow import Flow


@dataclass(frozen=True)
class Asked:
    """What the user gave."""

    count: int
    seed: int
    only: tuple[str, ...]
    data: Path | None
    seconds: float | None = None


Outcome = tuple[dict[str, Any], str]
"""The result, and the same in words."""


def bench(
    name: Annotated[str, typer.Argument(help="Which one; see below.")],
    count: Annotated[int, typer.Option("--count", min=1, help="Networks to draw, or faults at the most.")] = 60,
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Of the published networks or the settings, by name.")
    ] = None,
    seed: options.Seed = 1,
    data: options.Data = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", min=1.0, help="Of `search`: processor time that each search has.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Rerun a benchmark of docs/results.md.

    \b
    ntorc bench allocate               exact allocation against searches on the same tables, in one run
    ntorc bench backends               predicted costs of native, hls4ml and FINN side by side, outputs gated (an hour)
    ntorc bench calibration --count 60 what few measurements of a shifted tool are worth, on the synthesis data
    ntorc bench convolutions           convolutions beyond hls4ml's synthesis data: what its structure tells of them
    ntorc bench cost-speed             options that the cost models answer in a second
    ntorc bench day --count 432        a day's records (millions) through harness, pipe and Parquet: memory
    ntorc bench deployments --count 100  random designs on the virtual board: cycles against the closed form
    ntorc bench harness                the harness's own time in a turn of the loop
    ntorc bench recalibration --count 20  a board with hidden properties, until measurements have found them
    ntorc bench cost --seed 2          the shipped cost model against synthesis of parts it has not seen
    ntorc bench estimator --data DIR   errors by split and seed, in integer arithmetic (an hour; goes on where it was)
    ntorc bench excitation --data DIR  the simulator's modes and excitation fitted to recorded runs (a minute)
    ntorc bench faults --count 1000    deployments over SSH that are ended at every step (a quarter of an hour)
    ntorc bench few-bits --data DIR    the default estimator with 2 to 8 bits, rounded and trained on
    ntorc bench finn-fill              what FINN's estimates leave out, from syntheses (half an hour; writes the model)
    ntorc bench gateware --count 60    gateware against reference and closed form, random networks
    ntorc bench hls4ml --count 30      reference and gateware in hls4ml mode against its C++ emulation
    ntorc bench hgq --data DIR         widths learned by HGQ2 against fixed ones: error, area, outputs (an hour)
    ntorc bench hls4ml-convolutions    random convolutions as hls4ml projects, emulated against the reference
    ntorc bench open-tools             an allocation for openXC7 against yosys' synthesis of the whole (minutes)
    ntorc bench published              the paper's networks: LUTs and DSPs against its own (an hour)
    ntorc bench simulator              natural frequencies of the beam model against the rig's
    ntorc bench quantisation --data DIR  narrower words: after training, and trained in them (minutes)
    ntorc bench resonators --data DIR  fixed-point features of the resonator bank against double precision
    ntorc bench search --data DIR      a search that knows the hardware against multiplies as proxy (half an hour)
    ntorc bench search-scaling --count 12  candidates trained an hour with one worker and with two
    ntorc bench speed                  what a network's synthesis, compilation and simulation take
    ntorc bench ssh --count 10         a whole deployment over SSH, to a virtual board behind an sshd on loopback
    ntorc bench timing                 the gateware's clock by open place and route (minutes)
    """
    from ntorc.errors import GateError, UsageError
    from ntorc.pipeline.flow import open_flow

    if name not in _BENCHMARKS:
        raise UsageError(f"there is no benchmark '{name}'", f"known benchmarks: {', '.join(_BENCHMARKS)}")
    asked = Asked(count, seed, tuple(only or ()), data, seconds)
    result, text = _BENCHMARKS[name](open_flow(options.progress()), asked)
    if failures(result):
        hint = "keep the seed: it makes the network again" if "seed" in result else "report it, with what it says"
        raise GateError(text, hint, result)
    options.show(result, as_json=json, text=text)


def failures(value: Any) -> int:
    """How much in a result is wrong, whatever the machine's load: mismatches and broken bounds, however deep."""
    if isinstance(value, dict):
        return sum(_failures_of(key, item) for key, item in value.items())
    return sum(map(failures, value)) if isinstance(value, list) else 0


def _failures_of(key: str, item: Any) -> int:
    if key == "broken_bounds":
        return len(item)
    return int(item) if key.endswith("mismatches") else failures(item)


def _backends(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.backends import as_text, side_by_side

    result = side_by_side(flow, asked.only, asked.seed)
    return result, as_text(result)


def _gateware(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.gateware import gateware_exactness

    result = gateware_exactness(flow, asked.seed, asked.count)
    late = result["late_receiver"]
    return result, (
        f"{result['networks']} random networks, {result['frames']} frames: {result['output_mismatches']} outputs"
        f" and {result['latency_mismatches']} latencies differ from reference and closed form;"
        f" irregular samples and late receivers: {late['networks']} networks, {late['frames']} frames,"
        f" {late['output_mismatches']} outputs and {late['latency_mismatches']} cycles differ"
    )


def _faults(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.faults import deployment_faults

    result = deployment_faults(flow, asked.seed, asked.count)
    kinds = "; ".join(
        f"{name}: {one['points']} ({one['old']} end with the old design, {one['new']} with the new one)"
        for name, one in result["kinds"].items()
    )
    return result, f"{result['points']} faults, {result['mismatches']} with a board that is not as it must be. {kinds}"


def _few_bits(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.pipeline.estimator.few_bits import as_text, table_of_widths

    result = table_of_widths(flow, asked.data, asked.seed, asked.only)
    return result, as_text(result)


def _finn_fill(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.finn_fill import fill

    result = fill(flow, None)
    return result, "\n".join(
        f"{name}: {line['samples']} syntheses of {line['source']}, off by {100 * line['mape']:.1f} % where left out,"
        f" bound {line['worst']} times"
        for name, line in result["lines"].items()
    )


def _hls4ml(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.hls4ml import hls4ml_exactness

    result = hls4ml_exactness(flow, asked.seed, asked.count)
    return result, "\n".join(
        f"granularity '{kind}': {one['networks']} random networks ({one['with_lstm']} with LSTM),"
        f" {one['windows']} windows: {one['window_mismatches']} of the reference differ from {result['tool']};"
        f" {one['in_gateware']} networks in gateware: {one['gateware_mismatches']} outputs and"
        f" {one['latency_mismatches']} latencies differ"
        for kind, one in result["granularities"].items()
    )


def _hgq(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.hgq import as_text, learned_widths

    result = learned_widths(flow, asked.data, asked.seed)
    return result, as_text(result)


def _published(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.published import published_sizes

    result = published_sizes(flow, asked.only)
    lines = ["network               budget  cycles    LUT (paper, ratio)      DSP (paper)  BRAM18  FF"]
    for row in result["rows"]:
        lut = f"{row['lut']:5} ({row['paper_lut']}, {row['lut_ratio']:5.1f})"
        lines.append(
            f"{row['network']:20}  {row['budget_cycles']:6}  {row['latency_cycles']:6}  {lut}  {row['dsp']:4}"
            f" ({row['paper_dsp']:3})  {row['bram18']:6}  {row['ff']}"
        )
    for part in result["summary"]:
        ratios = f"{part['lut_ratio_geometric_mean']} times fewer LUTs in the geometric mean"
        lines.append(
            f"Table {part['table']}, {part['budget_cycles']} cycles: {ratios}, at least {part['lut_ratio_least']};"
            f" {len(part['more_dsp_than_paper'])} of {part['networks']} with more DSPs than the paper's;"
            f" {part['output_mismatches']} outputs and {part['latency_mismatches']} latencies differ"
        )
    return result, "\n".join(lines)


def _allocate(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.allocation import allocation_speed, in_words

    result = allocation_speed(flow, asked.data, asked.seed)
    return result, in_words(result)


def _cost(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.cost import cost_accuracy

    result = cost_accuracy(flow, asked.seed, asked.count)
    return result, (
        f"{result['parts']} parts of seed {result['seed']}: LUT {result['lut']['mape_percent']} %, FF"
        f" {result['ff']['mape_percent']} % off (mean absolute), in sum {result['lut']['total_percent']} % and"
        f" {result['ff']['total_percent']} %; below the bound {result['lut']['below_bound_percent']} % and"
        f" {result['ff']['below_bound_percent']} %, and no part above it by more than"
        f" {result['lut']['largest_over_bound_percent']} % and {result['ff']['largest_over_bound_percent']} %;"
        f" exact: DSP {result['dsp']['exact_percent']} %, block RAM"
        f" {result['bram18']['exact_percent']} %"
    )


def _speed(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.speed import speed_of_tools

    result = speed_of_tools(flow, asked.seed)
    return result, "\n".join(
        f"{row['lut']:.0f} LUT, {row['ff']:.0f} FF, {row['dsp']} DSP, {row['bram18']} BRAM18,"
        f" {row['latency_cycles']} cycles: synthesis {row['synthesis_cpu_s']} s of CPU, with other weights"
        f" {row['other_weights_synthesis_cpu_s']} s again; simulator built in {row['verilator_build_s']} s"
        f" ({row['verilator_build_cpu_s']} s of CPU); {row['inferences_per_s']} inferences a second"
        for row in result["rows"]
    )


def _timing(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.timing import placed_clock

    result = placed_clock(flow, asked.seed)
    return result, (
        f"{result['fmax_hz'] / 1e6:.1f} MHz of {result['wanted_hz'] / 1e6:.0f} wanted on {result['device']}, a"
        f" stand-in for vendor timing; longest path {result['path_s'] * 1e9:.2f} ns"
        f" ({result['routing_s'] * 1e9:.2f} of it wires), from {result['from_module']} to {result['to_module']};"
        f" {result['lut4']} LUT4, {result['ff']} FF, {result['mult18']} MULT18, {result['ebr']} EBR"
    )


def _estimator(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.estimator import estimator_figures, text_of
    from ntorc.estimator.readers import load_runs

    result = estimator_figures(flow, load_runs(_data(asked), progress=flow.progress), only=asked.only)
    return result, "\n".join(text_of(line) for line in result["lines"])


def _excitation(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.excitation import fit_excitation
    from ntorc.estimator.readers import load_runs

    result = fit_excitation(load_runs(_data(asked), progress=flow.progress), flow.progress)
    lines = [
        f"fitted to {', '.join(result['runs'])}: amplitudes off by a factor of {math.exp(result['distance']):.2f} RMS"
    ]
    lines += [f"  {name} = {value}" for name, value in result["excitation"].items()]
    for name, row in result["amplitudes_v"].items():
        bands = ", ".join(f"{band} {recorded} ({simulated}) V" for band, (recorded, simulated) in row.items())
        lines.append(f"  {name}, recorded (simulated): {bands}")
    return result, "\n".join(lines)


def _quantisation(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.estimator.streaming_training import StreamingConfig
    from ntorc.pipeline.estimator.learn import learn
    from ntorc.pipeline.estimator.quantisation import quantisation_figures
    from ntorc.pipeline.estimator.shipped import shipped_folder

    result = quantisation_figures(flow, learn(flow, _data(asked), StreamingConfig(), shipped_folder()))
    return result, "\n".join(result["text"])


def _data(asked: Asked) -> Path:
    from ntorc.errors import UsageError

    if asked.data is None:
        raise UsageError("estimators are judged on recorded runs", "say where they are: --data DIR")
    return asked.data


def _resonators(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.resonators import resonator_accuracy
    from ntorc.errors import UsageError
    from ntorc.estimator.readers import load_runs

    if asked.data is None:
        raise UsageError("the resonators are measured on runs", "say where they are: --data DIR")
    result = resonator_accuracy(load_runs(asked.data, progress=flow.progress), flow.progress)
    return result, "\n".join(
        f"{row['state_bits']}-bit state: log2 of shares off by {row['all_share_rms']} RMS,"
        f" {row['all_share_max']} at most; above 30 mV {row['loud_share_rms']}, {row['loud_share_max']}"
        for row in result["log2_errors"]
    )


def _calibration(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.calibration import as_text, calibration_accuracy

    result = calibration_accuracy(asked.data, asked.count, asked.seed, flow.progress)
    return result, as_text(result)


def _convolutions(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.convolutions import as_text, convolution_trials

    result = convolution_trials(asked.data)
    return result, as_text(result["rows"])


def _hls4ml_convolutions(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.convolutions import gated_projects

    result = gated_projects(flow, asked.seed, asked.count)
    return result, (
        f"{result['networks']} random networks ({result['convolutions']} convolutions of different shape),"
        f" {result['windows']} windows: {result['mismatches']} of {result['tool']} differ from the reference"
    )


def _cost_speed(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.cost_speed import options_a_second

    result = options_a_second()
    return result, "\n".join(
        f"{kind}: {row['options']} options in {row['best_s']} s, {row['options_a_second']:,} a second"
        f" ({row['options_a_second_of_cpu']:,} a second of CPU)"
        for kind, row in result["kinds"].items()
    )


def _search(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.search import hardware_awareness, in_words

    result = hardware_awareness(flow, asked.data, asked.seed, cpu_s=asked.seconds, only=asked.only)
    return result, in_words(result)


def _search_scaling(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.search import worker_scaling

    result = worker_scaling(flow, asked.data, asked.seed, asked.count)
    one, two = result["rows"]
    whole = [f"{row['candidates_an_hour']} ({row['candidates']} in {row['seconds']} s)" for row in result["searches"]]
    return result, (
        f"{result['candidates']} candidates: {one['candidates_an_hour']} an hour with one worker,"
        f" {two['candidates_an_hour']} with two, {result['ratio']} times; {result['cores']} cores, load average before"
        f" {one['load_before']} and {two['load_before']}\n"
        f"whole searches: {whole[0]} an hour with one worker, {whole[1]} with two, {result['ratio_of_searches']} times"
    )


def _simulator(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.gateware import simulator_accuracy

    result = simulator_accuracy(flow, asked.seed)
    return result, (
        f"{result['dwells']} dwells: f1 off by {result['f1_rms_percent']} %, f2 by {result['f2_rms_percent']} %"
        f" (RMS), at most {result['worst_percent']} %; in the simulator, with the rig's curves:"
        f" {result['simulator_f1_rms_percent']} %, {result['simulator_f2_rms_percent']} %,"
        f" at most {result['simulator_worst_percent']} %;"
        f" {result['simulated_s']:.0f} s of runs in {result['cpu_s']} s of CPU"
    )


def _board(flow: Flow, asked: Asked, name: str) -> Outcome:
    from ntorc.cli import bench_board

    run: Callable[[Flow, int, int], Outcome] = getattr(bench_board, name)
    return run(flow, asked.seed, asked.count)


_BENCHMARKS: dict[str, Callable[[Flow, Asked], Outcome]] = {
    "allocate": _allocate,
    "backends": _backends,
    "calibration": _calibration,
    **{name: partial(_board, name=name) for name in ("day", "deployments", "harness", "recalibration", "ssh")},
    "convolutions": _convolutions,
    "cost": _cost,
    "cost-speed": _cost_speed,
    "estimator": _estimator,
    "excitation": _excitation,
    "faults": _faults,
    "few-bits": _few_bits,
    "finn-fill": _finn_fill,
    "gateware": _gateware,
    "hgq": _hgq,
    "hls4ml": _hls4ml,
    "hls4ml-convolutions": _hls4ml_convolutions,
    "open-tools": partial(_board, name="open_tools"),
    "published": _published,
    "quantisation": _quantisation,
    "resonators": _resonators,
    "search": _search,
    "search-scaling": _search_scaling,
    "simulator": _simulator,
    "speed": _speed,
    "timing": _timing,
}
