"""A control plane over a fake data plane."""

from collections.abc import Iterator

import pytest

from tests.control.fakes import Plane


@pytest.fixture
def plane(caplog: pytest.LogCaptureFixture) -> Iterator[Plane]:
    """One that has no exceptions to log, unless the test says so."""
    made = Plane()
    yield made
    made.stop()
    errors = [record.getMessage() for record in caplog.get_records("call")]
    assert made.may_log_errors or not errors
