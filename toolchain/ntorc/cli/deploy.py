"""``ntorc deploy``: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options
from ntorc.units import format_seconds


def deploy(
    board: options.Board,
    deadline: options.Deadline,
    data: options.Data = None,
    target: Annotated[
        str, typer.Option("--target", help="Where to: virtual, ssh://user@host, or a board that was added.")
    ] = "virtual",
    backend: options.BackendName = "native",
    tool: options.Tool = "virtual",
    host: options.Host = "",
    ssh_config: options.SshConfig = None,
    hls: options.Hls = "",
    dtbo: options.DeviceTree = None,
    dma: options.Dma = False,
    clock_hz: options.ClockHz = None,
    miss: options.Miss = None,
    estimates: Annotated[int, typer.Option("--estimates", min=1, help="How many to measure.")] = 10_000,
    load: options.Load = "",
    fifo: options.Fifo = None,
    cpu: options.Cpu = None,
    ceiling: options.Ceiling = 0.8,
    solver: options.Solver = "CBC",
    estimator: options.Estimator = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", help="Your own model (.keras, .h5, .onnx by QONNX): samples to a position in volts."),
    ] = None,
    model_input: Annotated[str, typer.Option("--model-input", help="What that takes: volts or counts.")] = "volts",
    arithmetic: options.Arithmetic = "",
    table_error: options.TableError = None,
    from_search: options.FromSearch = None,
    pick: options.Pick = "knee",
    seed: options.Seed = 1,
    train_limit: options.TimeLimit = None,
    epochs: options.Epochs = None,
    json: options.Json = False,
) -> None:
    """Allocate, build, deploy, measure and calibrate an estimator, trained on your runs: from them to a verdict.

    \b
    ntorc deploy --board pynq-z2 --deadline 500us
    ntorc deploy --board pynq-z2 --deadline 0.2ms --data my_runs/ --json
    ntorc deploy --board pynq-z2 --deadline 500us --estimator window
    ntorc deploy --board pynq-z2 --deadline 500us --data my_runs/ --model my_model.keras
    ntorc deploy --board pynq-z2 --deadline 500us --data my_runs/ --model my_model.onnx --model-input counts
    ntorc deploy --board pynq-z2 --deadline 500us --data my_runs/ --model my_model.keras --arithmetic hls4ml-name
    ntorc deploy --board pynq-z2 --deadline 500us --target ssh://xilinx@pynq --load cpu,io
    ntorc deploy --board pynq-z2 --deadline 500us --target ssh://xilinx@pynq --tool vivado
    ntorc deploy --board pynq-z2 --deadline 500us --target ssh://xilinx@pynq --tool vivado --host ssh://me@builder
    ntorc deploy --board pynq-z2 --deadline 200us --from-search search-1 --pick knee

    Exit: 0 deadline met, 3 missed or infeasible, 1 error.  Ctrl-C loses nothing: the same command goes on.
    """
    from ntorc.pipeline.bitstream.logic import Way
    from ntorc.pipeline.board.realtime import RealTime
    from ntorc.pipeline.deploy import DeployRequest
    from ntorc.pipeline.deploy import deploy as walk
    from ntorc.pipeline.deploy_text import error_text
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.measured.flagged import flags_text
    from ntorc.pipeline.measured.knowledge import MISS_PROBABILITY
    from ntorc.pipeline.prove import misses_text, verdict_text
    from ntorc.units import parse_duration

    share = options.miss_probability(miss)
    if from_search is not None:
        estimator, data = options.searched(from_search, pick, estimator or model, data)
    ready, form = options.ready(estimator, data)
    given = options.given(model, model_input, estimator, arithmetic, table_error)
    request = DeployRequest(
        board,
        parse_duration(deadline),
        options.training(form, seed, train_limit, epochs),
        target,
        backend,
        MISS_PROBABILITY if share is None else share,
        data,
        clock_hz,
        estimates,
        ceiling,
        solver,
        ("ntorc", *sys.argv[1:]),
        load,
        ready=None if given else ready,
        given=given,
        way=Way(tool, host, ssh_config, options.hls(hls, backend), dma),
        is_miss_asked=share is not None,
        realtime=RealTime(fifo, cpu),
        device_tree=dtbo,
    )
    summary = walk(open_flow(options.progress()), request)
    predicted, made, measured = summary["predicted"], summary["synthesised"], summary["measured"]
    lines = [
        f"{verdict_text(summary, is_miss_asked=share is not None)}:"
        f" {format_seconds(summary['deadline_s'])} on {summary['board']},"
        f" {'virtual board' if summary['target'] == 'virtual' else summary['target']}",
        f"  latency   {predicted['latency_cycles']} cycles predicted,"
        f" {measured['pl_cycles_min']}..{measured['pl_cycles_max']} measured on {measured['samples']} estimates",
        *(
            f"  {name:9} {predicted[key]} predicted, {made[key]} {made['state']}"
            for name, key in (("LUT", "lut"), ("FF", "ff"), ("DSP", "dsp"), ("BRAM18", "bram18"))
        ),
        f"  misses    {misses_text(measured)}",
        f"  outputs   {summary['gate']['mismatches']} of {summary['gate']['vectors']} differ from the reference",
        f"  error     {error_text(summary['estimator'])}",
        f"  flags     {flags_text(measured['flags'], measured['samples'])}",
        f"  report    {summary['report']}",
    ]
    options.show(summary, as_json=json, text="\n".join(lines))
