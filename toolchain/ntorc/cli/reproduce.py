"""``ntorc reproduce``: tables of the N-TORC paper, as published and as they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ntorc.cli import options

if TYPE_CHECKING:
    from ntorc.pipeline.flow import Flow


@dataclass(frozen=True)
class Asked:
    """What the user gave."""

    data: Path | None


Outcome = tuple[dict[str, Any], str]
"""The result, and the same in words."""


def reproduce(
    table: Annotated[str, typer.Argument(help="Which one; see below.")],
    data: Annotated[
        Path | None, typer.Option("--data", help="Folder of the published synthesis data (six CSV files).")
    ] = None,
    json: options.Json = False,
) -> None:
    """Reproduce a table of the paper (N-TORC, FCCM 2025) from its published data, then with models that hold.

    \b
    ntorc reproduce table1             errors of the cost models: the paper's, its recipe's and ours (minutes)
    ntorc reproduce table3             the 16 published networks: allocations as published, what they cost, ours
    ntorc reproduce table4             the two large ones, against random search, annealing and the paper's program
    """
    from ntorc.errors import UsageError
    from ntorc.pipeline.flow import open_flow

    if table not in _TABLES:
        raise UsageError(f"there is no table '{table}'", f"known tables: {', '.join(sorted(_TABLES))}")
    result, text = _TABLES[table](open_flow(options.progress()), Asked(data))
    options.show(result, as_json=json, text=text)


def _table1(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.table1 import as_text, table1

    result = table1(asked.data, flow.progress)
    return result, as_text(result)


def _table3(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.reproduce_tables import table3
    from ntorc.bench.reproduce_text import table3_text

    result = table3(flow, asked.data)
    return result, table3_text(result)


def _table4(flow: Flow, asked: Asked) -> Outcome:
    from ntorc.bench.reproduce_tables import table4
    from ntorc.bench.reproduce_text import table4_text

    result = table4(flow, asked.data)
    return result, table4_text(result)


_TABLES: dict[str, Callable[[Flow, Asked], Outcome]] = {
    "table1": _table1,
    "table3": _table3,
    "table4": _table4,
}
