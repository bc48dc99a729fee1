"""``ntorc board``: the known boards."""

from __future__ import annotations

from dataclasses import asdict

import typer

from ntorc.cli import options

app = typer.Typer(help="The known boards.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_command(json: options.Json = False) -> None:
    """List boards with their parts and capacities.

    \b
    ntorc board list
    """
    from ntorc.boards import list_boards, load_board

    boards = [load_board(name) for name in list_boards()]
    lines = [
        f"{b.name:10} {b.part:20} {b.capacity['lut']} LUT, {b.capacity['ff']} FF, {b.capacity['dsp']} DSP,"
        f" {b.capacity['bram18']} BRAM18; {b.default_clock_hz / 1e6:g} MHz; {b.description}"
        for b in boards
    ]
    options.show({"boards": [asdict(b) for b in boards]}, as_json=json, text="\n".join(lines))


@app.callback()
def boards() -> None:
    """The known boards."""
