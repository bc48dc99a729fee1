"""Remake the cost model of hls4ml layers from the published synthesis data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from ntorc.cost.hls4ml import MODEL_FILE, save_hls4ml
from ntorc.cost.hls4ml_fit import fit_all
from ntorc.cost.synthesis_data import load_synthesis, synthesis_folder
from ntorc.paths import project_root
from ntorc.progress import Progress


def refit_hls4ml(folder: Path | None, out: Path | None, progress: Progress) -> dict[str, Any]:
    """Fit to all data and write the file; what it says about itself.

    Args:
        folder: of the synthesis data; where it is looked for when left out.
        out: file to write; the shipped model when left out.
        progress: told of each layer kind.
    """
    data = load_synthesis(synthesis_folder(folder))
    model = fit_all(data, progress)
    bounds = {
        kind: {
            name: [round(value, 4) for value in (row.inside, row.outside, row.beyond)]
            for name, row in one.bounds.items()
        }
        for kind, one in model.kinds.items()
    }
    shares = {
        kind: {target: items[0].share if len(items) > 1 else 0.0 for target, items in one.residuals.items()}
        for kind, one in model.kinds.items()
    }
    model = replace(model, provenance={**model.provenance, "residual_shares": shares})
    path = save_hls4ml(model, out or project_root() / MODEL_FILE)
    return {
        "model": str(path),
        "bytes": path.stat().st_size,
        "provenance": dict(model.provenance),
        "bound_factors_inside_outside_beyond": bounds,
    }
