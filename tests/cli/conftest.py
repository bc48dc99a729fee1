"""Stores for the program's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_program import Program, new_program


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, ntorc_cache: Path) -> Program:
    """One store for the session: later tests find what earlier ones made."""
    return new_program(tmp_path_factory.mktemp("cli") / "home", ntorc_cache)


@pytest.fixture
def fresh_program(tmp_path: Path, ntorc_cache: Path) -> Program:
    """A store of the test's own."""
    return new_program(tmp_path / "home", ntorc_cache)
