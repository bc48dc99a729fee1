"""Fixtures for the tests of reports."""

from __future__ import annotations

import pytest
from report_samples import sample

from ntorc.report.data import ReportData


@pytest.fixture(scope="session")
def data() -> ReportData:
    """A virtual board's run that met its deadline."""
    return sample()
