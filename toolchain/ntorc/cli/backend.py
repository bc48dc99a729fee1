"""``ntorc backend``: what this machine has for each backend."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ntorc.cli import options

app = typer.Typer(no_args_is_help=True, help="Backends: what is here, and what will work.")


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="native or hls4ml; all if left out.")] = "",
    json: options.Json = False,
) -> None:
    """Find the tools and their versions, and say what will and won't work.

    \b
    ntorc backend check
    ntorc backend check hls4ml --json

    Exit 3 when the backend that was asked for has no way to a bitstream here.
    """
    from ntorc.pipeline.backends import as_text, check_backends

    result: dict[str, Any] = check_backends(name)
    options.show(result, as_json=json, text=as_text(result))
    if name and not any(way["works"] for way in result["backends"][name]["bitstream"]):
        raise typer.Exit(3)
