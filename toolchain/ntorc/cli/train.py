"""``ntorc train``: runs to an estimator and its integer network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def train(
    out: Annotated[Path, typer.Argument(help="Folder that receives the integer network.")],
    data: options.Data = None,
    seed: options.Seed = 1,
    train_limit: options.TimeLimit = None,
    epochs: options.Epochs = None,
    json: options.Json = False,
) -> None:
    """Train an estimator on an honest split and write its integer network.

    \b
    ntorc train my_network/
    ntorc train my_network/ --data my_runs/ --seed 2
    """
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.learn import learn

    learned = learn(open_flow(options.progress()), data, options.training(seed, train_limit, epochs))
    learned.network.save(out)
    result = {
        "network": str(out),
        "digest": learned.network.digest,
        "multiplies": learned.network.multiplies,
        "split": learned.split.name,
        "estimator": str(learned.folder),
    }
    options.show(
        result, as_json=json, text=f"network written to {out}: {learned.network.multiplies} multiplies per estimate"
    )
