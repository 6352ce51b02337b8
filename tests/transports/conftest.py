"""Default options for transports."""

import pytest

from peromq.constants import SocketType
from peromq.options import Options


@pytest.fixture
def options() -> Options:
    return Options(SocketType.PUSH)
