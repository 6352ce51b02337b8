"""A control plane over a fake data plane."""

import logging
from collections.abc import Iterator

import pytest

from tests.control.fakes import Plane


@pytest.fixture
def plane(caplog: pytest.LogCaptureFixture) -> Iterator[Plane]:
    """One that has no exceptions to log, unless the test says so."""
    made = Plane()
    yield made
    made.stop()
    records = caplog.get_records("call")
    errors = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    assert made.may_log_errors or not errors
