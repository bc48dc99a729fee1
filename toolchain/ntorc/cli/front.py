"""``ntorc front``: what every deadline costs at the least."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ntorc.cli import options

if TYPE_CHECKING:
    from ntorc.pipeline.flow import Flow
    from ntorc.pipeline.standalone import NetworkRequest


def front(
    network: options.NetworkArgument,
    board: options.Board,
    backend: options.BackendName = "native",
    deadline: Annotated[
        str, typer.Option("--deadline", help="Point one out in table and picture: 500us, 0.2ms or 20000cycles.")
    ] = "",
    objective: options.Objective = "weighted",
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    hop: options.Hop = None,
    sample_rate_hz: options.SampleRate = 5000.0,
    target: options.MeasuredTarget = "virtual",
    tool: options.CostedTool = "",
    arithmetic: options.Arithmetic = "",
    table_error: options.TableError = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Where to draw it; below NTORC_HOME if left out.")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Hold every point against the integer programs of all solvers.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Draw the exact front: for every deadline at once the least resources, and where the knee lies.

    \b
    ntorc front my_network/ --board pynq-z2
    ntorc front my_network/ --board pynq-z2 --backend all --deadline 200us
    ntorc front model.json --board pynq-z2 --objective dsp --deadline 200us --svg front.svg

    Each point is the proven optimum of its deadline; exit 3 when none can be met.  With --backend all (or auto) the
    fronts of all backends are drawn together, each point marked: an estimate, synthesised, or measured.
    """
    from ntorc.pipeline.choose import ALL, AUTO
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.front import fronts
    from ntorc.pipeline.front.picture import draw_front
    from ntorc.pipeline.standalone import NetworkRequest

    flow = open_flow(options.progress())
    request = NetworkRequest(
        network, board, deadline, backend, clock_hz, ceiling, "MERGE", hop, sample_rate_hz, objective,
        target=target, tool=tool, arithmetic=arithmetic, table_error=table_error,
    )  # fmt: skip
    if backend in (ALL, AUTO):
        _compare(flow, request, svg, verify=verify, as_json=json)
        return
    found = fronts.network_front(flow, request)
    result = fronts.as_result(found)
    if verify:
        result["verified"] = fronts.verify(found, flow.progress)
    drawn = draw_front(flow, found, svg, deadline)
    result["svg"] = str(drawn)
    text = fronts.as_text(found, drawn, deadline)
    for solver, one in result.get("verified", {}).items():
        text += (
            f"\n{solver} agrees at all {one['points']} points and a cycle below each: largest difference"
            f" {one['largest_relative_difference']:.2g} in {one['seconds']} s"
        )
    options.show(result, as_json=json, text=text)
    if deadline and found.least is None:
        raise typer.Exit(3)


def _compare(flow: Flow, request: NetworkRequest, svg: Path | None, *, verify: bool, as_json: bool) -> None:
    from ntorc.errors import UsageError
    from ntorc.pipeline.front import comparison

    if verify:
        raise UsageError("--verify holds one backend's front against the solvers", "name that backend")
    found = comparison.all_fronts(flow, request)
    drawn = comparison.draw_comparison(flow, found, svg, request.deadline)
    result = {**comparison.comparison_result(found), "svg": str(drawn)}
    options.show(result, as_json=as_json, text=comparison.comparison_text(found, drawn, request.deadline))
    if request.deadline and not comparison.meet(found):
        raise typer.Exit(3)
