"""All commands together."""

from __future__ import annotations

import typer

from ntorc.cli import (
    allocate,
    backend,
    bench,
    board,
    build,
    calibrate,
    characterize,
    data,
    deploy,
    doctor,
    front,
    keys,
    measure,
    report,
    reproduce,
    runs,
    train,
)

application = typer.Typer(
    name="ntorc",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Learned estimators in control loops on FPGAs: trained, allocated exactly under a deadline, built, deployed"
    " and measured.\n\nStart with:  ntorc deploy --board pynq-z2 --deadline 500us",
    context_settings={"help_option_names": ["-h", "--help"]},
)
application.command("deploy")(deploy.deploy)
application.command("train")(train.train)
application.command("allocate")(allocate.allocate)
application.command("front")(front.front)
application.command("build")(build.build)
application.command("measure")(measure.measure)
application.command("calibrate")(calibrate.calibrate)
application.command("report")(report.report)
application.command("reproduce")(reproduce.reproduce)
application.command("runs")(runs.runs)
application.command("doctor")(doctor.doctor)
application.command("characterize")(characterize.characterize)
application.command("bench")(bench.bench)
application.add_typer(backend.app, name="backend")
application.add_typer(board.app, name="board")
application.add_typer(data.app, name="data")
application.add_typer(keys.app, name="keys")


@application.callback(invoke_without_command=True)
def version(
    show: bool = typer.Option(False, "--version", help="Print the version and end."),
) -> None:
    """Options before any command."""
    if show:
        from ntorc import __version__

        print(f"ntorc {__version__}")
        raise typer.Exit
