"""``ntorc report``: where a run's report is."""

from __future__ import annotations

from typing import Annotated

import typer

from ntorc.cli import options


def report(
    run: Annotated[str, typer.Argument(help="The run; the newest one if left out.")] = "", json: options.Json = False
) -> None:
    """Print the path of a run's report (one self-contained HTML page).

    \b
    ntorc report
    ntorc report 20260101-120000-001
    """
    from pathlib import Path

    from ntorc.pipeline.flow import open_flow
    from ntorc.pipeline.standalone import find_run

    record = find_run(open_flow(options.progress()).store, run, "report.html")
    path = str(Path(record.folder) / "report.html")
    options.show({"run": record.run, "report": path}, as_json=json, text=path)
