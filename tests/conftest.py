"""What all tests share: optional real parts, a store of their own, compiled simulators kept between runs."""

from __future__ import annotations

import os
import signal
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

import optional_parts
from cli_program import Program, new_program

# A run that was started in a shell's background ignores SIGINT, and so would every process that the tests
# start and interrupt; children inherit an ignored signal, but not a handler.
signal.signal(signal.SIGINT, signal.default_int_handler)

# no test may fail because the machine is busy; in CI the examples are the same each time, so that a
# failure there can be repeated, while every run elsewhere searches on
settings.register_profile(
    "ntorc",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("ntorc")


@pytest.fixture(scope="session")
def require() -> Callable[[str], Path]:
    """``require("chromium")``: the path of an optional real part, or a skip (see `optional_parts`)."""
    return optional_parts.require


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """The folder of recorded data; without it the test is skipped."""
    return optional_parts.require(optional_parts.DATA)


@pytest.fixture
def ntorc_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A store of the test's own, empty, where ``NTORC_HOME`` points."""
    home = tmp_path / "ntorc-home"
    home.mkdir()
    monkeypatch.setenv("NTORC_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def ntorc_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for compiled simulators that outlives the run: ``NTORC_CACHE``, or the user's cache.

    What is kept there is addressed by content, so that an old file is never a wrong one.
    """
    import platformdirs

    named = os.environ.get("NTORC_CACHE")
    folder = Path(named).absolute() if named else Path(platformdirs.user_cache_path("ntorc")) / "tests"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError:
        return tmp_path_factory.mktemp("ntorc-cache")


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, ntorc_cache: Path) -> Program:
    """``ntorc`` with one store for the session: later tests find what earlier ones made."""
    return new_program(tmp_path_factory.mktemp("cli") / "home", ntorc_cache)


@pytest.fixture
def fresh_program(tmp_path: Path, ntorc_cache: Path) -> Program:
    """``ntorc`` with a store of the test's own."""
    return new_program(tmp_path / "home", ntorc_cache)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> object:
    """Under ``NTORC_REQUIRE=all`` no skip is silent, whoever asked for it."""
    report: pytest.TestReport = yield
    if os.environ.get("NTORC_REQUIRE") == "all" and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid}: left out although NTORC_REQUIRE=all: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> object:
    """The same for a whole file that leaves itself out."""
    report: pytest.CollectReport = yield
    if os.environ.get("NTORC_REQUIRE") == "all" and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid}: left out although NTORC_REQUIRE=all: {_reason(report)}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what was left out, and how to bring it; pytest's own closing line comes after this."""
    skipped = Counter(_reason(report) for report in terminalreporter.stats.get("skipped", []))
    lines = optional_parts.summary(skipped)
    if lines:
        terminalreporter.section("left out")
        for line in lines:
            terminalreporter.line(line)


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test was skipped."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)
