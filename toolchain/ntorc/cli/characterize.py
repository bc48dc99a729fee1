"""``ntorc characterize``: remake the cost model that ships."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def characterize(
    out: Annotated[Path | None, typer.Option("--out", help="File to write; the shipped model if left out.")] = None,
    parts: Annotated[int, typer.Option("--parts", min=20, help="Parts to draw and synthesise.")] = 440,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Synthesis processes side by side.")] = 2,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", help="Address of a Dask scheduler whose workers synthesise instead.")
    ] = None,
    bounds: Annotated[
        bool, typer.Option("--bounds", help="Keep the model; set its upper bounds by these parts, of another seed.")
    ] = False,
    seed: options.Seed = 1,
    backend: options.BackendName = "native",
    json: options.Json = False,
) -> None:
    """Synthesise drawn parts and fit the cost model of LUT and FF.  Goes on where it was after Ctrl-C.

    \b
    ntorc characterize --backend native --parts 440 --workers 2
    ntorc characterize --bounds --seed 3 --parts 80     upper bounds by parts that the fit has not seen
    ntorc characterize --scheduler tls://rack:8786      with workers on other machines
    """
    from ntorc.backends.native.characterise import characterise, rebound
    from ntorc.cost.native import MODEL_FILE, load_model, save_model
    from ntorc.paths import project_root
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.make import backend_named

    backend_named(backend)
    flow = open_flow(options.progress())
    if bounds:
        model = rebound(load_model(), parts, seed, workers, flow.cache, flow.progress, scheduler)
    else:
        model = characterise(parts, seed, workers, flow.cache, flow.progress, scheduler)
    path = save_model(model, out or project_root() / MODEL_FILE)
    text = (
        f"{path}: {model.provenance['runs']} syntheses of {model.provenance['shapes']} shapes, held-out error"
        f" {model.provenance['held_out_mape_percent']} %, upper bound x{dict(model.bound_factor)}"
    )
    options.show({"model": str(path), "provenance": dict(model.provenance)}, as_json=json, text=text)
