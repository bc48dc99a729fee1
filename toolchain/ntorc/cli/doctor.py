"""``ntorc doctor``: what this machine has."""

from __future__ import annotations

from ntorc.cli import options


def doctor(json: options.Json = False) -> None:
    """Check the tools that ntorc uses, and say what is missing and what that prevents.

    \b
    ntorc doctor
    """
    from ntorc.pipeline.doctor import check, everything_needed

    found = check()
    lines = [f"{'ok ' if item.present else '-- '} {item.name:22} {item.detail}" for item in found]
    options.show({"tools": [vars(item) for item in found]}, as_json=json, text="\n".join(lines))
    everything_needed(found)
