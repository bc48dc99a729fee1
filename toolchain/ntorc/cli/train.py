"""``ntorc train``: runs to an estimator and its integer network."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def train(
    out: Annotated[Path, typer.Argument(help="Folder that receives estimator and integer network.")],
    data: options.Data = None,
    form: options.Form = "streaming",
    seed: options.Seed = 1,
    train_limit: options.TimeLimit = None,
    epochs: options.Epochs = None,
    json: options.Json = False,
) -> None:
    """Train an estimator on an honest split and write it with its integer network.  Ctrl-C loses nothing.

    \b
    ntorc train my_network/
    ntorc train my_network/ --data my_runs/ --seed 2
    ntorc train my_network/ --form window
    """
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.learn import learn, save_learned

    learned = learn(open_flow(options.progress()), data, options.training(form, seed, train_limit, epochs))
    save_learned(learned, out)
    result = {
        "network": str(out),
        "digest": learned.network.digest,
        "multiplies": learned.network.multiplies,
        "split": learned.split.name,
        "estimator": str(learned.folder),
        "form": learned.estimator.form.describe(),
        "validation_rmse_v": learned.estimator.validation_rmse_v,
        "test_rmse_v": learned.estimator.test_rmse_v,
    }
    options.show(
        result, as_json=json, text=f"network written to {out}: {learned.network.multiplies} multiplies per estimate"
    )
