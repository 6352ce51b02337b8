"""Contexts whose sockets have what every transport asks for."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from tests import certificates, helpers
from tests.helpers import AGAINST_LIBZMQ
from tests.sharedfixtures import endpoints, monitor, sock

__all__ = ["ctx", "endpoints", "monitor", "sock"]

EVERY_TRANSPORT = (
    helpers.TRANSPORTS if AGAINST_LIBZMQ else (*helpers.TRANSPORTS, "tls", "ws", "wss")
)


def equip(context: Any) -> None:
    """Certificates, for all sockets."""
    if not AGAINST_LIBZMQ:
        for name, value in (certificates.server() | certificates.client()).items():
            setattr(context, name, value)


@contextlib.contextmanager
def new_context(**options: Any) -> Iterator[Any]:
    with helpers.new_context(**options) as context:
        equip(context)
        yield context


@pytest.fixture
def ctx() -> Iterator[Any]:
    """A context of the library under test."""
    with new_context() as context:
        yield context
