"""Whether a target has a run's design, asked before anything is programmed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ntorc.deploy.target import plain_name
from ntorc.errors import UsageError

if TYPE_CHECKING:
    from ntorc.deploy.target import Target
    from ntorc.store.base import Store


def require_confirmed(store: Store, target: Target, run: str, design_id: str) -> None:
    """Refuse to measure a run whose design is not the one that its target has confirmed.

    Args:
        store: of runs, for the one that was deployed there since.
        target: started; its logic is left as it is.
        run: the run that is to be measured.
        design_id: of its design, 16 hexadecimal digits.

    Raises:
        UsageError: another design is confirmed, or none; says which run is there, if one of the store's.
    """
    status = target.status()
    if status.confirmed == design_id:
        return
    if status.confirmed is None:
        raise UsageError(f"{target.name} has no confirmed design, so not run {run}'s", "deploy again: ntorc deploy")
    there = [
        record.run
        for record in store.runs()
        if record.summary.get("design_id") == status.confirmed and record.summary.get("target") == target.name
    ]
    ways = [f"measure that one, run {there[0]}: ntorc measure {there[0]}"] if there else []
    if status.previous == design_id:
        ways.append(f"go back to this one: ntorc board rollback '{plain_name(target.name)}'")
    ways.append("deploy this one again: ntorc deploy")
    raise UsageError(
        f"the confirmed design of {target.name} is {status.confirmed}, not run {run}'s {design_id}", "; or ".join(ways)
    )
