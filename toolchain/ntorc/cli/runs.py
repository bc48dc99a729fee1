"""``ntorc runs``: what has been done."""

from __future__ import annotations

from dataclasses import asdict

from ntorc.cli import options


def runs(json: options.Json = False) -> None:
    """List runs, newest first.

    \b
    ntorc runs
    """
    from ntorc.pipeline.flow import open_flow

    found = open_flow(options.progress()).store.runs()
    lines = [f"{'run':22} {'state':12} command"]
    lines += [f"{record.run:22} {record.state:12} {record.command}" for record in found]
    options.show({"runs": [asdict(record) for record in found]}, as_json=json, text="\n".join(lines))
