"""``ntorc doctor``: what this machine has, and what a board has."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def doctor(
    target: Annotated[
        str | None, typer.Option("--target", help="Look at that board too: its name, or ssh://user@host.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Check the tools that ntorc uses, and say what is missing and what that prevents.

    \b
    ntorc doctor
    ntorc doctor --target rack1
    """
    from ntorc.pipeline.doctor import check, check_board, everything_needed
    from ntorc.pipeline.flow import open_flow

    found = check()
    if target is not None:
        found += check_board(open_flow(options.progress()), target)
    lines = [f"{'ok ' if item.present else '-- '} {item.name:22} {item.detail}" for item in found]
    options.show({"tools": [vars(item) for item in found]}, as_json=json, text="\n".join(lines))
    everything_needed(found)
