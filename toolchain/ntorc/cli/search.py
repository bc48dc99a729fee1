"""``ntorc search``: the joint search of model and hardware."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ntorc.cli import options


def search(
    board: Annotated[str | None, typer.Option("--board", help="Board by name; `ntorc board list` shows them.")] = None,
    deadline: Annotated[
        str | None, typer.Option("--deadline", help="With its unit: 500us, 0.2ms or 20000cycles.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", min=1, help="Candidates to train, earlier ones included.")] = 24,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Trainings side by side, a process each.")] = 2,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with a search, by its name.")] = None,
    data: options.Data = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Dask scheduler whose workers train instead; `slurm` asks the batch system."),
    ] = None,
    forms: Annotated[
        list[str] | None, typer.Option("--form", help="Search this form alone: streaming or window; may be repeated.")
    ] = None,
    proxy: Annotated[
        bool, typer.Option("--proxy", help="Weigh multiplies, not hardware, as the paper does; to compare.")
    ] = False,
    sampler: Annotated[
        str,
        typer.Option("--sampler", help="Who proposes: ranked (the best of many that are costed), tpe (Optuna's);"
                     " tpe with --proxy."),
    ] = "",
    energy: Annotated[bool, typer.Option("--energy", help="An energy proxy is a third objective.")] = False,
    looks: Annotated[int, typer.Option("--looks", min=1, help="Length of each training: looks at validation.")] = 8,
    clock_hz: options.ClockHz = None,
    ceiling: options.Ceiling = 0.8,
    storage: Annotated[str, typer.Option("--storage", help="Of the trials: journal or sqlite.")] = "journal",
    name: Annotated[str, typer.Option("--name", help="Of the search; search-1, search-2, ... if left out.")] = "",
    target: Annotated[str | None, options.MEASURED_TARGET] = None,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Search front end, model and formats together with their hardware on a board, under a deadline.

    \b
    ntorc search --board pynq-z2 --deadline 200us --trials 24 --workers 2
    ntorc search --board pynq-z2 --deadline 200us --data my_runs/ --form streaming
    ntorc search --resume search-1 --trials 48
    ntorc deploy --board pynq-z2 --deadline 200us --from-search search-1 --pick knee

    Each candidate is allocated exactly before it is trained; what misses the deadline or is beaten is not trained.
    Ctrl-C loses at most what trains at that moment since its last look: --resume goes on.
    """
    from ntorc.errors import UsageError
    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.search import front as search_front
    from ntorc.pipeline.search.joint import SearchRequest
    from ntorc.pipeline.search.joint import search as run
    from ntorc.search.budget import Budget
    from ntorc.search.record import SearchConfig
    from ntorc.search.space import FORMS

    if storage not in ("journal", "sqlite"):
        raise UsageError(f"there is no storage '{storage}'", "use journal or sqlite")
    if sampler not in ("", "ranked", "tpe"):
        raise UsageError(f"there is no sampler '{sampler}'", "use ranked or tpe")
    began: dict[str, Any] = {
        "board": board, "deadline": deadline, "data": data, "clock_hz": clock_hz, "target": target,
    }  # fmt: skip
    given = [f"--{key.replace('_', '-')}" for key, value in began.items() if value is not None]
    if resume is not None and given:
        raise UsageError(f"a search keeps what it began with: {', '.join(given)} cannot be changed", "leave it out")
    begin = None
    if resume is None and board is not None and deadline is not None:
        begin = SearchConfig(
            name, board, deadline, clock_hz=clock_hz, ceiling=ceiling, target=target or "virtual",
            data="" if data is None else str(data), seed=seed, forms=tuple(forms or FORMS),
            goal="multiplies" if proxy else "area", energy=energy,
            sampler="tpe" if (sampler or ("tpe" if proxy else "")) == "tpe" else "ranked",
            storage="sqlite" if storage == "sqlite" else "journal", budget=Budget(looks=looks),
        )  # fmt: skip
    request = SearchRequest(trials, begin, resume, workers, scheduler)
    flow = open_flow(options.progress())
    result = search_front.as_result(flow, run(flow, request))
    options.show(result, as_json=json, text=search_front.as_text(result))
