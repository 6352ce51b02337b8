"""A CURVE client on a raw socket, whose boxes and nonces the test makes."""

from __future__ import annotations

import os
import socket

from nacl.bindings import crypto_box_afternm

from peromq import z85
from peromq.zmtp import CurveClient, Handshake
from tests.raw_zmtp import RawPeer, frame


class CurvePeer:
    """Shakes hands as a PUSH, by the book. step: octets in a segment, if not all at once."""

    def __init__(self, raw: RawPeer, keys: dict[str, bytes], step: int = 4096) -> None:
        self.raw = raw
        raw.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = b""  # the handshake's octets, for who wants to say them again
        mechanism = CurveClient(
            server_key=z85.decode(keys["curve_serverkey"]),
            public_key=z85.decode(keys["curve_publickey"]),
            secret_key=z85.decode(keys["curve_secretkey"]),
            transient_secret=os.urandom(32),
            vouch_nonce=os.urandom(16),
        )
        handshake = Handshake(socket_type="PUSH", mechanism=mechanism)
        while not handshake.done:
            data = handshake.data_to_send()
            self.sent += data
            for start in range(0, len(data), step):
                raw.send(data[start : start + step])
            if not handshake.done:
                handshake.receive_data(raw.sock.recv(4096))
        traffic = mechanism.take_traffic()
        assert traffic is not None
        self.key, self.prefix, self.nonce = traffic.key, traffic.send_prefix, traffic.send_nonce

    def box(self, body: bytes, nonce: int, flags: int = 0, outer: int = 0) -> bytes:
        """One MESSAGE on the wire."""
        short = nonce.to_bytes(8, "big")
        sealed = crypto_box_afternm(bytes([flags]) + body, self.prefix + short, self.key)
        return frame(b"\x07MESSAGE" + short + sealed, outer)
