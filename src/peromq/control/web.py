"""ZMTP by WebSocket: what a connection of ws or wss starts and goes on with."""

from __future__ import annotations

import os
from collections.abc import Sequence

from .._core.handles_codec import Codec, CurveCodec, WebSocketCodec
from ..transports import WebPlace
from ..zmtp import Mechanism, ZwsHandshake, zws_subprotocols


def web_handshake(
    place: WebPlace,
    bound: bool,
    *,
    socket_type: str,
    mechanism: Mechanism,
    routing_id: bytes,
    max_msg_size: int,
    metadata: Sequence[tuple[str, bytes]],
) -> ZwsHandshake:
    """The handshake of one connection, not begun; the rest as for `zmtp.Handshake`."""
    from ..transports.ws_opening import ClientOpening, Opening, ServerOpening  # loads wsproto

    offers = zws_subprotocols(mechanism)
    opening: Opening
    if bound:
        opening = ServerOpening(offers)
    else:
        opening = ClientOpening(offers, place.host, place.path or "/")
    return ZwsHandshake(
        opening=opening,
        new_mask=None if bound else _new_mask,
        socket_type=socket_type,
        mechanism=mechanism,
        routing_id=routing_id,
        max_msg_size=max_msg_size,
        metadata=metadata,
    )


def web_codec(handshake: ZwsHandshake, curve: CurveCodec | None) -> Codec:
    """What its traffic goes through; `curve`: what goes inside."""
    return WebSocketCodec(client=handshake.is_client, mask_seed=os.urandom(16), curve=curve)


def _new_mask() -> bytes:
    return os.urandom(4)
