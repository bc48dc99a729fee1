"""``ntorc backend check``: each backend with its ways to simulated logic and to a bitstream."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from ntorc.backends.bitstream.detect import Way, finn_way, hls_way, open_way, vivado_way
from ntorc.errors import ToolError, UsageError

_WAYS: dict[str, tuple[Callable[[], Way], ...]] = {
    "native": (vivado_way, open_way),
    "hls4ml": (hls_way,),
    "finn": (finn_way,),
}
_VIRTUAL = {
    "native": "simulated logic for the virtual board, with exact cycles; no vendor tool needed",
    "hls4ml": "none: its logic comes from the vendor's HLS; allocation, project and gated emulation work without",
    "finn": "none: its logic comes from the vendor's HLS; allocation, graphs and plan work with its environment alone",
}


def check_backends(name: str = "") -> dict[str, Any]:
    """What there is for one backend or all.

    Raises:
        UsageError: there is no such backend.
    """
    if name and name not in _WAYS:
        raise UsageError(f"there is no backend '{name}'", f"known backends: {', '.join(_WAYS)}")
    return {
        "backends": {
            one: {"virtual": _VIRTUAL[one], "bitstream": [asdict(way()) for way in ways]}
            for one, ways in _WAYS.items()
            if name in ("", one)
        }
    }


def summary(name: str) -> tuple[bool, str]:
    """Whether networks can be allocated with a backend on this machine, and what it can do here, in a line."""
    from ntorc.backends.finn import environment, vendor_free
    from ntorc.backends.hls4ml.emulate import hls4ml_version

    does = "allocation and simulated logic"
    if name == "hls4ml":
        try:
            does = f"allocation, projects, gated emulation ({hls4ml_version()})"
        except ToolError as error:
            return False, f"{error.message}: {error.hint}"
    if name == "finn":
        python = environment.find()
        if python is None:
            return False, f"not installed: `{environment.INSTALL}` (minutes, 2.3 GB or more); nothing else needs it"
        does = f"allocation, gated graphs, plans (finn-plus {vendor_free.WRITTEN_FOR}, {python})"
    ways = [way.name for way in (one() for one in _WAYS[name]) if way.works]
    made = f"bitstreams by {', '.join(ways)}" if ways else f"no bitstreams here (`ntorc backend check {name}`)"
    return True, f"{does}; {made}"


def as_text(result: dict[str, Any]) -> str:
    """For people."""
    lines = []
    for name, found in result["backends"].items():
        lines += [f"{name}", f"  virtual board: {found['virtual']}"]
        for way in found["bitstream"]:
            against = [*(f"lacks {one}" for one in way["lacks"]), *way["flaws"]]
            why = f": {'; '.join(against)}" if against else ""
            lines.append(f"  bitstream by {way['name']}: {'yes' if way['works'] else 'no'}{why}")
            for tool in way["tools"]:
                if tool["path"]:
                    version = tool["version"] or "of a version that it does not say"
                    lines.append(f"    {tool['name']} {version} ({tool['path']})")
            lines += [f"    note: {note}" for note in way["notes"]]
    lines.append("without the tools: ntorc build ... --tool vivado --plan-only, or --host ssh://builder")
    return "\n".join(lines)
