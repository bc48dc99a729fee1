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
    activation_bits: Annotated[int, typer.Option("--activation-bits", min=6, max=18, help="Between layers.")] = 16,
    weight_bits: Annotated[int, typer.Option("--weight-bits", min=3, max=18, help="Words of the weights.")] = 12,
    quantise_aware: Annotated[
        bool, typer.Option("--quantise-aware", help="Go on training in these words; says what it wins.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Train an estimator on an honest split and write it with its integer network.  Ctrl-C loses nothing.

    \b
    ntorc train my_network/
    ntorc train my_network/ --data my_runs/ --seed 2
    ntorc train my_network/ --form window
    ntorc train my_network/ --activation-bits 8 --weight-bits 6 --quantise-aware
    """
    from ntorc.network.quantise import Precision
    from ntorc.pipeline.card import CARD_NAME, card_of, card_text
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.learn import learn, save_learned
    from ntorc.pipeline.quantisation import ITERATIONS, quantised
    from ntorc.records import save

    progress = options.progress()
    flow, precision = open_flow(progress), Precision(activation_bits=activation_bits, weight_bits=weight_bits)
    config = options.training(form, seed, train_limit, epochs)
    learned = learn(flow, data, config, precision=precision)
    card = ""
    if quantise_aware:
        iterations = min(ITERATIONS, getattr(config, "iterations", ITERATIONS))
        learned, figures = quantised(flow, learned, precision, iterations)
        card = "\n" + figures.text()
    save_learned(learned, out)
    if learned.network.stateful:
        progress.message("  card: errors, disturbed sensors and faults, in integer arithmetic")
        made = card_of(learned)
        save(made, out / CARD_NAME)
        card += "\n" + card_text(made)
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
        result, as_json=json, text=f"written to {out}: {learned.network.multiplies} multiplies per estimate{card}"
    )
