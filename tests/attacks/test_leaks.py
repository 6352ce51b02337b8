"""CVE-2021-20234, CVE-2021-20237, and failed handshakes: over and over, and memory stays flat.

`python -m tests.attacks.test_leaks` repeats each 20,000 times and prints what it cost.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest

from peromq import z85
from peromq.control.crowd import Crowd
from peromq.zmtp import CurveClient, Handshake
from tests import certificates, kerberos
from tests.helpers import Sockets, last_endpoint, new_context, wait_until, zmq
from tests.promises.test_lifecycle import resident_kib
from tests.raw_zmtp import COMMAND, MORE, RawListener, RawPeer, frame, greeting, ready
from tests.zap.peers import MECHANISMS

COUNT = 80
SLOW_COUNT = 2000
FULL_COUNT = 20_000
LIMIT_KIB = 2048
AT_ONCE = 20
"""Attacks that the server may have before it: what it has not yet let go of is no leak."""


class Target:
    """A bound socket for strangers to try, and its handler."""

    def __init__(self, sock: Sockets, kind: str, **options: Any) -> None:
        self.server = sock(kind, **({"bind": "tcp://127.0.0.1:*"} | options))
        self.endpoint = last_endpoint(self.server)
        self.sock = sock
        self.zap: Any = None
        self.attacks = 0
        self._lure: RawListener | None = None

    def refusing(self, status: bytes) -> Target:
        self.zap = self.sock("REP", bind="inproc://zeromq.zap.01")
        self.status = status
        return self

    def answer(self) -> None:
        self.zap.recv_multipart()
        self.zap.send_multipart([b"1.0", b"1", self.status, b"", b"", b""])

    def stranger(self) -> RawPeer:
        self.attacks += 1
        return RawPeer.connect(self.endpoint)

    def lured(self) -> RawPeer:
        """It connects, to a stranger, and not again after such a failure."""
        self.attacks += 1
        self._lure = self._lure or RawListener()
        self.server.connect(self._lure.endpoint)
        peer = self._lure.accept()
        self._lure.accepted.clear()
        return peer

    def is_over(self) -> bool:
        """Everybody who came, or was called at, is gone."""
        count = self.server.statistics().events.get
        met = count("ACCEPTED", 0) + count("CONNECTED", 0)
        return met == count("DISCONNECTED") == self.attacks

    def close(self) -> None:
        if self._lure is not None:
            self._lure.close()


def plain_hello(password: bytes = b"wrong") -> bytes:
    return greeting(mechanism=b"PLAIN") + frame(b"\x05HELLO\5admin\5" + password, COMMAND)


def a_half_message(target: Target) -> None:
    peer = target.stranger()
    peer.handshake(b"PUSH")
    peer.send(frame(b"x" * 1000, MORE) * 3 + frame(b"y" * 100)[:50])
    peer.reset()


def an_old_half_message(target: Target) -> None:
    peer = target.stranger()
    peer.send(b"\x01\x00" + (b"\xff" + (1001).to_bytes(8, "big") + b"\x01" + bytes(1000)) * 3)
    peer.send(b"\x64\x00" + b"y" * 50)
    peer.read(10)
    peer.reset()


def messages_to_a_pub(target: Target) -> None:
    peer = target.stranger()
    peer.handshake(b"SUB")
    peer.send(frame(b"x" * 1000, MORE) * 2 + frame(b"y" * 1000) * 5)
    peer.settle()
    target.server.send(b"~")
    peer.close()


def octets(data: bytes) -> Callable[[Target], None]:
    def attack(target: Target) -> None:
        peer = target.stranger()
        peer.send(data)
        peer.expect_closed()
        peer.close()

    return attack


def a_greeting_that_will_not_do(target: Target) -> None:
    peer = target.lured()
    peer.send(greeting(mechanism=b"PLAIN"))
    peer.expect_closed()
    peer.close()


def an_error_for_the_client(target: Target) -> None:
    peer = target.lured()
    peer.send(greeting() + frame(b"\x05ERROR\x03400", COMMAND))
    peer.expect_closed()
    peer.close()


def refused_by_address(target: Target) -> None:
    peer = target.stranger()
    peer.send(greeting())
    target.answer()
    peer.read(64 + 2)  # the ERROR's head
    peer.close()


def gone_early(target: Target) -> None:
    peer = target.stranger()
    peer.send(greeting()[:30])
    peer.close()


def refused_by_zap(target: Target) -> None:
    peer = target.stranger()
    peer.send(plain_hello())
    target.answer()
    peer.read(64 + 2)  # the ERROR's head
    peer.close()


def put_off_by_zap(target: Target) -> None:
    peer = target.stranger()
    peer.send(plain_hello())
    target.answer()
    peer.close()


def a_bad_initiate(target: Target) -> None:
    """Behind an honest HELLO, so that the server has keys, and a cookie is about."""
    peer, handshake = welcomed(target)
    initiate = bytearray(handshake.data_to_send())
    initiate[-1] ^= 1
    peer.send(bytes(initiate))
    peer.expect_closed()
    peer.close()


def refused_with_curve(target: Target) -> None:
    peer, handshake = welcomed(target)
    peer.send(handshake.data_to_send())
    target.answer()
    assert peer.read(2 + 10).endswith(b"ERROR\x03400")
    peer.close()


def welcomed(target: Target) -> tuple[RawPeer, Handshake]:
    """A CURVE client whose INITIATE comes next."""
    keys = {name: z85.decode(key) for name, key in CURVE_CLIENT.items()}
    mechanism = CurveClient(
        server_key=keys["curve_serverkey"],
        public_key=keys["curve_publickey"],
        secret_key=keys["curve_secretkey"],
        transient_secret=os.urandom(32),
        vouch_nonce=os.urandom(16),
    )
    peer, handshake = target.stranger(), Handshake(socket_type="PUSH", mechanism=mechanism)
    for answer in (64, 170):
        peer.send(handshake.data_to_send())
        handshake.receive_data(peer.read(answer))
    return peer, handshake


NULL: dict[str, Any] = {}
WS = "ws://127.0.0.1:*"
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: me\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ZWS2.0\r\n\r\n"
)
PLAIN = {"plain_server": 1}
NO_ZAP = octets(plain_hello())
REFUSED: dict[str, tuple[str, dict[str, Any], bytes, Callable[[Target], None]]] = {
    "no zmtp": ("PULL", NULL, b"", octets(b"GET / HTTP/1.1\r\n\r\n")),
    "zmtp 1.0": ("PULL", NULL, b"", an_old_half_message),
    "zmtp 1.0, guarded": ("PULL", PLAIN, b"", octets(b"\x01\x00\x06\x00hello")),
    "another mechanism": ("PULL", NULL, b"", octets(greeting(mechanism=b"CURVE"))),
    "another type": ("PULL", NULL, b"", octets(greeting() + ready(b"REP"))),
    "bad metadata": ("PULL", NULL, b"", octets(greeting() + frame(b"\x05READY\xff", COMMAND))),
    "too large": ("PULL", NULL, b"", octets(greeting() + b"\x06" + b"\xff" * 8)),
    "gone early": ("PULL", NULL, b"", gone_early),
    "no handler": ("PULL", PLAIN, b"", NO_ZAP),
    "zap 300": ("PULL", PLAIN, b"300", put_off_by_zap),
    "zap 400": ("PULL", PLAIN, b"400", refused_by_zap),
    "zap 500": ("PULL", PLAIN, b"500", refused_by_zap),
    "no zap": ("PULL", PLAIN, b"nonsense", put_off_by_zap),
    "half a message": ("PULL", NULL, b"", a_half_message),
    "messages to a PUB": ("PUB", NULL, b"", messages_to_a_pub),
    "NULL, zap 400": ("PULL", {"zap_domain": b"any"}, b"400", refused_by_address),
    "too slow": ("PULL", {"handshake_ivl": 1}, b"", octets(greeting()[:30])),
    "no websocket": ("PULL", {"bind": WS}, b"", octets(b"GET / HTTP/1.1\r\n\r\n")),
    "no zmtp in a websocket": ("PULL", {"bind": WS}, b"", octets(UPGRADE + bytes(20))),
    "no tls": ("PULL", {"bind": "tls://127.0.0.1:*"}, b"", octets(greeting())),
    "a server of another mechanism": ("PUSH", NULL, b"", a_greeting_that_will_not_do),
    "a server that refuses": ("PUSH", NULL, b"", an_error_for_the_client),
}
if "CURVE" in MECHANISMS:
    CURVE, CURVE_CLIENT = MECHANISMS["CURVE"]()
    bad_hello = greeting(mechanism=b"CURVE") + frame(b"\x05HELLO\1\0" + bytes(192), COMMAND)
    REFUSED["a bad CURVE HELLO"] = ("PULL", CURVE, b"", octets(bad_hello))
    REFUSED["a bad CURVE INITIATE"] = ("PULL", CURVE, b"", a_bad_initiate)
    REFUSED["CURVE, zap 400"] = ("PULL", CURVE, b"400", refused_with_curve)
bad_token = greeting(mechanism=b"GSSAPI") + frame(b"\x08INITIATE\0\0\0\4none", COMMAND)
REFUSED["a bad GSSAPI token"] = ("PULL", kerberos.SERVER, b"", octets(bad_token))
CASES = [pytest.param(what, marks=kerberos.MARKS if "GSSAPI" in what else ()) for what in REFUSED]


def grown(sock: Sockets, what: str, count: int) -> int:
    """KiB after `count` times more than after as many as warm it up."""
    kind, options, status, attack = REFUSED[what]
    if "tls" in what:
        options = certificates.server() | options
    target = Target(sock, kind, **options)
    if status:
        target.refusing(status)
    many_times(target, attack, max(50, count // 10))
    before = resident_kib()
    many_times(target, attack, count)
    after = resident_kib()
    wait_until(lambda: not any(map(strangers, of_kind(Crowd))))  # each left, however he ended
    target.close()
    return after - before


def of_kind(kind: type) -> list[Any]:
    return [found for found in gc.get_objects() if type(found) is kind]


def strangers(crowd: Crowd) -> int:
    """What a listener's books say of them."""
    return len(crowd) + len(crowd._greedy) + crowd._octets


def many_times(target: Target, attack: Callable[[Target], None], count: int) -> None:
    for number in range(count):
        attack(target)
        if number % AT_ONCE == 0 or number == count - 1:
            wait_until(target.is_over)
    gc.collect()


@pytest.mark.parametrize("what", CASES)
def test_over_and_over(sock: Any, what: str) -> None:
    assert grown(sock, what, COUNT) < LIMIT_KIB


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("what", CASES)
def test_many_times(sock: Any, what: str) -> None:
    assert grown(sock, what, SLOW_COUNT) < LIMIT_KIB


def main(words: list[str]) -> None:
    """Each of them, or those named, FULL_COUNT times."""
    logging.disable()
    worst = 0
    for what in words or REFUSED:
        with kerberos.realm_for(what), new_context() as context:
            kib = grown(Sockets(context), what, FULL_COUNT)
        worst = max(worst, kib)
        print(f"{what:24} {kib:6} KiB after {FULL_COUNT}", flush=True)
    sys.exit(errno.ENOMEM if worst > LIMIT_KIB else 0)


if __name__ == "__main__":
    assert zmq.__name__ == "peromq"
    main(sys.argv[1:])
