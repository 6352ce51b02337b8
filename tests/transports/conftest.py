"""Default options for transports."""

import pytest

from peromq.constants import SocketOption, SocketType
from peromq.options import Options
from peromq.version import CAPABILITIES
from tests import certificates


@pytest.fixture
def options() -> Options:
    """With certificates, for those transports that want them."""
    options = Options(SocketType.PUSH, CAPABILITIES)
    for name, value in (certificates.server() | certificates.client()).items():
        options.set(SocketOption[name.upper()], value)
    return options
