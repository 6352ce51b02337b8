"""What CURVE makes up for one connection is zeros as soon as it has served."""

from __future__ import annotations

import os
from typing import Any

import pytest

from peromq._core import handles_sodium
from peromq.control.security import make_codec
from peromq.zmtp import CurveClient, CurveServer, Handshake, ProtocolError, ZapGate
from tests.helpers import AGAINST_LIBZMQ
from tests.zmtp.connection_pair import ConnectionPair

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="looks inside")


class Spy:
    """libsodium, and all the keys that it made."""

    def __init__(self) -> None:
        self.keys: list[bytes] = []

    def shared_keys(self, public: bytes, *secrets: bytes) -> list[bytes]:
        made = handles_sodium.shared_keys(public, *secrets)
        self.keys += made
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(handles_sodium, name)


class Ends:
    """A client, a server, and what they were given."""

    def __init__(self, verdict: int | None = 200) -> None:
        self.spy: Any = Spy()
        self.long_term = [os.urandom(32), os.urandom(32)]
        self.secrets = [os.urandom(32) for _ in range(3)]
        (ours, theirs), (client_secret, server_secret, cookie_key) = self.long_term, self.secrets
        server_key = handles_sodium.public_key(theirs)
        client = CurveClient(
            server_key=server_key,
            public_key=handles_sodium.public_key(ours),
            secret_key=ours,
            transient_secret=client_secret,
            vouch_nonce=os.urandom(16),
            sodium=self.spy,
        )
        server = CurveServer(
            ZapGate(ask=True, required=False),
            public_key=server_key,
            secret_key=theirs,
            transient_secret=server_secret,
            cookie_key=cookie_key,
            welcome_nonce=os.urandom(16),
            cookie_nonce=os.urandom(16),
            sodium=self.spy,
        )
        self.client = Handshake(socket_type="PUSH", mechanism=client)
        self.server = Handshake(socket_type="PULL", mechanism=server)
        self.pair = ConnectionPair(self.client, self.server, lambda _: verdict)

    def left(self) -> list[bytes]:
        """Those that are no zeros."""
        return [key for key in self.secrets + self.spy.keys if any(key)]


def test_behind_a_handshake_the_codecs_have_the_only_key() -> None:
    ends = Ends()
    ends.pair.run()
    assert len(ends.spy.keys) == 6
    assert len(ends.left()) == 2  # one for each end
    assert len(set(ends.left())) == 1
    for end in (ends.client, ends.server):
        traffic = end.mechanism.take_traffic()
        make_codec(traffic)  # type: ignore[arg-type]
    assert ends.left() == []
    assert all(map(any, ends.long_term))  # the next connection wants them


def test_a_refusal_leaves_nothing_with_the_server() -> None:
    ends = Ends(400)
    ends.pair.run()
    ends.client.forget()
    assert ends.left() == []


@pytest.mark.parametrize("steps", range(1, 4))
def test_nor_does_a_failure_at_any_step(steps: int) -> None:
    ends = Ends()
    octets = b""
    for _ in range(steps):
        ends.client.receive_data(octets)
        heard = ends.client.data_to_send()
        ends.server.receive_data(heard)
        ends.server.work_ahead()
        octets = ends.server.data_to_send()
    with pytest.raises(ProtocolError):
        ends.server.receive_data(b"\x04\x05wrong")
    for end in (ends.client, ends.server):
        end.forget()
        end.forget()
    assert ends.left() == []


@pytest.mark.parametrize("octets", [b"", b"x", b"not of a key's size"])
def test_what_may_be_shared_is_left_alone(octets: bytes) -> None:
    before = bytes(bytearray(octets))
    handles_sodium.wipe(octets)
    assert octets == before
