"""What these tests share with the project's others: compiled things; a lab that copies them needs none of it."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ntorc_compiled(ntorc_cache: Path) -> Path:
    return ntorc_cache / "program"
