"""A realm with a KDC of its own, for whoever needs GSSAPI's real thing."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from typing import Any

import pytest

SERVICE = "host@localhost"
SERVER = {"gssapi_server": 1, "gssapi_principal": SERVICE.encode()}
CLIENT = {"gssapi_service_principal": SERVICE.encode()}

_INSTALLED = all(map(importlib.util.find_spec, ("gssapi", "k5test")))
_KDC = shutil.which("krb5kdc") or os.path.exists("/usr/sbin/krb5kdc")

MARKS = [
    pytest.mark.kdc,
    pytest.mark.slow,
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(not _INSTALLED, reason="gssapi or k5test is not installed"),
    pytest.mark.skipif(
        not _KDC, reason="there is no KDC (Debian: krb5-kdc krb5-admin-server krb5-user)"
    ),
]


@contextlib.contextmanager
def begun() -> Iterator[Any]:
    """A KDC with host/localhost and a user, who has a ticket; the process belongs to it."""
    import k5test

    made = k5test.K5Realm(start_kdc=False, get_creds=False, portbase=_free_ports())
    before = dict(os.environ)
    try:
        made.start_kdc()
        made.kinit(made.user_princ, made.password("user"))
        os.environ.update(made.env)
        yield made
    finally:
        for name in made.env:
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]
        made.stop()


def _free_ports() -> int:
    """The first of a few ports: another KDC may have those that k5test prefers.

    Beyond those that the system gives to whoever connects, or one may be taken meanwhile.
    """
    for port in range(61000, 65500, 10):
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as stream,
        ):
            try:
                datagrams.bind(("", port))
                stream.bind(("", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no ports for a KDC")


def realm_for(what: str) -> contextlib.AbstractContextManager[Any]:
    """A realm if GSSAPI is mentioned."""
    return begun() if "GSSAPI" in what else contextlib.nullcontext()


@pytest.fixture(scope="module")
def realm() -> Iterator[Any]:
    """`begun`, for a module's tests."""
    with begun() as made:
        yield made


@pytest.fixture(scope="module", autouse=True)
def realm_if_wanted(request: pytest.FixtureRequest) -> None:
    """For modules with tests that need a KDC: begun before the first one.

    To be imported by their conftest.py, with `realm`.
    """
    mine = [item for item in request.session.items if item.path == request.node.path]
    if _INSTALLED and _KDC and any(item.get_closest_marker("kdc") for item in mine):
        request.getfixturevalue("realm")
