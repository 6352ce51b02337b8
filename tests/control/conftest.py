"""A control plane over a fake data plane."""

from collections.abc import Iterator

import pytest

from tests.control.fakes import Plane


@pytest.fixture
def plane() -> Iterator[Plane]:
    made = Plane()
    yield made
    made.stop()
