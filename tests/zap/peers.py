"""The mechanisms that ask ZAP: options of a server and of a client it likes, by mechanism."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests import kerberos
from tests.helpers import zmq

Options = dict[str, Any]


def null() -> tuple[Options, Options]:
    return {}, {}


def plain() -> tuple[Options, Options]:
    return {"plain_server": 1}, {"plain_username": b"admin", "plain_password": b"sesame"}


def curve() -> tuple[Options, Options]:
    server_public, server_secret = zmq.curve_keypair()
    public, secret = zmq.curve_keypair()
    server = {"curve_server": 1, "curve_secretkey": server_secret}
    return server, {
        "curve_serverkey": server_public,
        "curve_publickey": public,
        "curve_secretkey": secret,
    }


def gssapi() -> tuple[Options, Options]:
    return dict(kerberos.SERVER), dict(kerberos.CLIENT)


MECHANISMS: dict[str, Callable[[], tuple[Options, Options]]] = {
    "NULL": null,
    "PLAIN": plain,
    "CURVE": curve,
}
SECURED = MECHANISMS | {"GSSAPI": gssapi}
NEEDS_KDC = pytest.param("GSSAPI", marks=kerberos.MARKS)
"""To be parametrized with; conftest.py has `realm_if_wanted`."""
