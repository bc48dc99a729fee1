"""The hand-written SystemVerilog, and which revision of it a part is made of."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ntorc.paths import gateware_folder
from ntorc.records import digest_of


def library_sources(names: Iterable[str]) -> dict[str, str]:
    """The hand-written SystemVerilog by name."""
    return {name: (gateware_folder() / name).read_text(encoding="utf-8") for name in names}


@lru_cache(maxsize=256)
def revision(names: tuple[str, ...]) -> str:
    """The digest of these files, for subjects: what was measured of other gateware says nothing about this one."""
    return digest_of(library_sources(sorted(set(names))))[:8]
