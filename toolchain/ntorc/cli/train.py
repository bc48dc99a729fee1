"""``ntorc train``: runs to an estimator and its integer network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options


def train(
    out: Annotated[Path, typer.Argument(help="Folder that receives estimator and integer network.")],
    data: options.Data = None,
    form: options.Form = "streaming",
    split: Annotated[
        str,
        typer.Option(
            "--split", help="honest (whole trajectories held out); for comparison alone: paper (its test runs), leaky."
        ),
    ] = "honest",
    seed: options.Seed = 1,
    train_limit: options.TimeLimit = None,
    epochs: options.Epochs = None,
    activation_bits: Annotated[int, typer.Option("--activation-bits", min=6, max=18, help="Between layers.")] = 16,
    weight_bits: Annotated[int, typer.Option("--weight-bits", min=3, max=18, help="Words of the weights.")] = 12,
    table_error: options.TableError = None,
    qat: Annotated[
        str | None,
        typer.Option("--qat", help="Train on in words: native (of these widths), hgq (window form; learns widths)."),
    ] = None,
    quantise_aware: Annotated[bool, typer.Option("--quantise-aware", help="The same as --qat native.")] = False,
    penalty: Annotated[
        float | None, typer.Option("--penalty", help="Of HGQ2 for a bit operation, as 3e-8; else chosen on validation.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that was interrupted; an error if there is none.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Train an estimator and write it with its integer network and its card.

    Ctrl-C loses at most 50 iterations, or an epoch of a window network: the same command goes on, with or without
    --resume.

    \b
    ntorc train my_network/
    ntorc train my_network/ --data my_runs/ --seed 2
    ntorc train my_network/ --form window
    ntorc train my_network/ --form network.json
    ntorc train my_network/ --data my_runs/ --resume
    ntorc train my_network/ --data my_runs/ --split paper
    ntorc train my_network/ --activation-bits 8 --weight-bits 6 --qat native
    ntorc train my_network/ --form window --qat hgq
    ntorc train my_network/ --form window --qat hgq --penalty 3e-8

    --qat hgq trains on by HGQ2 (`ntorc backend install hgq`), which learns each layer's widths under a penalty on bit
    operations.  Without --penalty it tries several, shows what each gives, and takes the one chosen on validation.
    """
    from ntorc.estimator.named_splits import check_split
    from ntorc.network.quantise import Precision
    from ntorc.paths import check_folder
    from ntorc.pipeline.estimator.card import CARD_NAME, card_of, card_text, figures_of
    from ntorc.pipeline.estimator.learn import learn, save_learned
    from ntorc.pipeline.estimator.qat import check_way, chosen_way, save_about, trained_on
    from ntorc.pipeline.flow import open_flow
    from ntorc.records import save

    check_split(split)
    check_folder(out)
    way = chosen_way(qat, quantise_aware, penalty)
    progress = options.progress()
    flow, precision = open_flow(progress), Precision(activation_bits=activation_bits, weight_bits=weight_bits)
    if table_error is not None:
        precision = replace(precision, table_error=table_error)
    config = options.training(form, seed, train_limit, epochs)
    check_way(way, config)
    learned = learn(flow, data, config, precision=precision, split=split, resume=resume)
    learned, about, card = trained_on(flow, learned, config, precision, way, penalty)
    save_learned(learned, out)
    save_about(way, about, out)
    progress.message("  card: errors, disturbed sensors and faults, in integer arithmetic")
    made = card_of(learned)
    save(made, out / CARD_NAME)
    said = "\n".join(text for text in (card, card_text(made)) if text)
    result = {
        "network": str(out),
        "digest": learned.network.digest,
        "multiplies": learned.network.multiplies,
        "split": learned.split.name,
        "estimator": str(learned.folder),
        "form": learned.estimator.form.describe(),
        "validation_rmse_v": learned.estimator.validation_rmse_v,
        "test_rmse_v": learned.estimator.test_rmse_v,
        "card": figures_of(made),
    }
    if about is not None:
        result["quantised"] = about
    options.show(
        result, as_json=json, text=f"written to {out}: {learned.network.multiplies} multiplies per estimate\n{said}"
    )
