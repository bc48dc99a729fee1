"""``ntorc calibrate``: what the cost models know from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def calibrate(
    board: options.Board = "pynq-z2",
    backend: Annotated[str, typer.Option("--backend", help="Whose cost model: native or hls4ml.")] = "native",
    show: Annotated[bool, typer.Option("--show", help="What measurements changed about the board, and why.")] = False,
    target: Annotated[str, typer.Option("--target", help="With --show: the board that was measured.")] = "virtual",
    refit: Annotated[
        bool, typer.Option("--refit", help="Remake the model that ships from its data (hls4ml; a minute).")
    ] = False,
    describe: Annotated[bool, typer.Option("--describe", help="The card of the data behind hls4ml's model.")] = False,
    measurements: Annotated[
        Path | None,
        typer.Option("--measurements", help="CSV of measured hls4ml layers to store; docs/guide.md has its columns."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the synthesis data; NTORC_DATA, or shared/data beside the checkout."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write with --refit; else the shipped one.")] = None,
    json: options.Json = False,
) -> None:
    """Show every stored measurement and whether they drifted; take measurements in; remake or explain a model.

    \b
    ntorc calibrate --board pynq-z2
    ntorc calibrate --board pynq-z2 --show                    what was learnt of the board, and what it changed
    ntorc calibrate --backend hls4ml --measurements layers.csv
    ntorc calibrate --backend hls4ml --describe --data DIR    what the published synthesis data holds
    ntorc calibrate --backend hls4ml --refit --data DIR       remake models/cost/hls4ml.json from it
    """
    from ntorc.errors import UsageError

    if backend not in ("native", "hls4ml"):
        raise UsageError(f"there is no cost model of '{backend}'", "known backends: native, hls4ml")
    if (refit or describe or measurements) and backend != "hls4ml":
        raise UsageError(
            f"--refit, --describe and --measurements are for --backend hls4ml, not {backend}",
            "the native model is remade by: ntorc characterize --backend native; its measurements come from deploy",
        )
    if show:
        from ntorc.pipeline.flow import open_flow
        from ntorc.pipeline.measured.show import calibration_history

        result, text = calibration_history(open_flow(options.progress()), board, backend, target)
        options.show(result, as_json=json, text=text)
    elif describe:
        from ntorc.cost import data_card
        from ntorc.cost.synthesis_data import load_synthesis, synthesis_folder

        card = data_card.describe(load_synthesis(synthesis_folder(data)))
        options.show(card, as_json=json, text=data_card.as_text(card))
    elif refit:
        from ntorc.pipeline.refit import refit_hls4ml

        result = refit_hls4ml(data, out, options.progress())
        source = result["provenance"]
        known = f"{source['designs']} designs, data {source['data_digest'][:12]}"
        text = f"{result['model']}: {known}, {result['bytes']} bytes"
        options.show(result, as_json=json, text=text)
    else:
        _stored(board, backend, measurements, json)


def _stored(board: str, backend: str, table: Path | None, json: bool) -> None:
    from ntorc.boards import load_board
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.measured.drift import drift_lines, drifts_of, measured_only

    part, store = load_board(board).part, open_flow(options.progress()).store
    lines, added = [], 0
    if table is not None:
        from ntorc.cost.hls4ml_measured import read_measurements

        given = read_measurements(table)
        added = store.observe(given)
        lines.append(f"{added} new of {len(given)} measurements from {table}")
    everything = list(store.observations(backend, part))
    found, drifts = measured_only(everything), drifts_of(backend, everything)
    lines.append(f"{len(found)} observations for {part} ({backend})")
    for item in found:
        figures = ", ".join(f"{name} {value:.0f}" for name, value in sorted(item.quantities.items()))
        lines.append(f"  {item.source:17} {figures:45} {item.directive[:60]:60} {item.subject[:70]}")
    lines += drift_lines(drifts)
    result = {
        "part": part,
        "added": added,
        "observations": [vars(item) for item in found],
        "drift": {name: {"measurements": count, **vars(one)} for name, (count, one) in drifts.items()},
    }
    options.show(result, as_json=json, text="\n".join(lines))
