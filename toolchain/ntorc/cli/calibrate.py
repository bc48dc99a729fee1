"""``ntorc calibrate``: what the cost models know from measurements."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def calibrate(
    board: options.Board = "pynq-z2",
    backend: Annotated[str, typer.Option("--backend", help="Whose cost model: native or hls4ml.")] = "native",
    refit: Annotated[
        bool, typer.Option("--refit", help="Remake the model that ships from its data (hls4ml; a minute).")
    ] = False,
    describe: Annotated[bool, typer.Option("--describe", help="The card of the data behind hls4ml's model.")] = False,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of the synthesis data; NTORC_DATA, or shared/data beside the checkout."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="File to write with --refit; else the shipped one.")] = None,
    json: options.Json = False,
) -> None:
    """Show every stored measurement that the next allocation will use; remake or explain a model.

    \b
    ntorc calibrate --board pynq-z2
    ntorc calibrate --backend hls4ml --describe --data DIR    what the published synthesis data holds
    ntorc calibrate --backend hls4ml --refit --data DIR       remake models/cost/hls4ml.json from it
    """
    from ntorc.errors import UsageError

    if (refit or describe) and backend != "hls4ml":
        raise UsageError(
            f"--refit and --describe are for --backend hls4ml, not {backend}",
            "the native model is remade by: ntorc characterize --backend native",
        )
    if describe:
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
        _stored(board, backend, json)


def _stored(board: str, backend: str, json: bool) -> None:
    from ntorc.boards import load_board
    from ntorc.pipeline.flow import open_flow

    part = load_board(board).part
    found = list(open_flow(options.progress()).store.observations(backend, part))
    lines = [f"{len(found)} observations for {part} ({backend})"]
    for item in found:
        figures = ", ".join(f"{name} {value:.0f}" for name, value in sorted(item.quantities.items()))
        lines.append(f"  {item.source:17} {figures:45} {item.directive[:60]:60} {item.subject[:70]}")
    options.show({"part": part, "observations": [vars(item) for item in found]}, as_json=json, text="\n".join(lines))
