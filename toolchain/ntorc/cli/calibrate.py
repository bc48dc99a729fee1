"""``ntorc calibrate``: what the cost models know from measurements."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def calibrate(
    board: options.Board = "pynq-z2",
    backend: options.BackendName = "native",
    show: Annotated[bool, typer.Option("--show", help="What measurements changed about the board, and why.")] = False,
    target: Annotated[str, typer.Option("--target", help="With --show: the board that was measured.")] = "virtual",
    json: options.Json = False,
) -> None:
    """Show every stored measurement that the next allocation will use.

    \b
    ntorc calibrate --board pynq-z2
    ntorc calibrate --board pynq-z2 --show
    """
    if show:
        from ntorc.pipeline.flow import open_flow
        from ntorc.pipeline.show import calibration_history

        result, text = calibration_history(open_flow(options.progress()), board, backend, target)
        options.show(result, as_json=json, text=text)
        return
    from ntorc.boards import load_board
    from ntorc.pipeline.flow import open_flow

    part = load_board(board).part
    found = list(open_flow(options.progress()).store.observations(backend, part))
    lines = [f"{len(found)} observations for {part} ({backend})"]
    for item in found:
        figures = ", ".join(f"{name} {value:.0f}" for name, value in sorted(item.quantities.items()))
        lines.append(f"  {item.source:17} {figures:45} {item.directive[:60]:60} {item.subject[:70]}")
    options.show({"part": part, "observations": [vars(item) for item in found]}, as_json=json, text="\n".join(lines))
