"""``ntorc backend``: what backends need beside ntorc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ntorc.cli import options

app = typer.Typer(help="Backends: what they need beside ntorc.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def backend() -> None:
    """Backends: what they need beside ntorc."""


@app.command("install")
def install_command(
    name: Annotated[str, typer.Argument(help="finn; the other backends come with ntorc.")],
    into: Annotated[Path | None, typer.Option("--into", help="Folder; below NTORC_HOME if left out.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Make it anew.")] = False,
    json: options.Json = False,
) -> None:
    """Make the environment that a backend needs; done once, goes on after Ctrl-C.

    \b
    ntorc backend install finn
    ntorc backend install finn --again

    FINN (finn-plus) has its own environment, since its packages do not go with ntorc's: 2.3 GB where pip finds torch
    built for CPUs alone, else some 6 GB more.
    """
    from ntorc.pipeline.finn_install import as_text, install_backend

    result = install_backend(name, into, again, options.progress())
    options.show(result, as_json=json, text=as_text(result))
