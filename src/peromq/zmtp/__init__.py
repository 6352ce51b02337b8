"""ZMTP handshakes without I/O: bytes in, bytes and facts about the peer out.

Everything a stranger can send before the connection is ready is parsed here, in plain Python.
Nothing in this package knows sockets, threads, clocks or randomness; what it needs of them are
arguments. `handshake.Handshake` is the way in; the other modules are its parts, bottom up:
`errors`, `compatibility`, `greeting`, `framing`, `commands`, `zap`, `mechanisms`, `old`. `zws` is
the same by `websocket`.
"""

from .errors import ProtocolError, ProtocolErrorCode
from .handshake import Handshake, PeerInfo
from .mechanisms import Mechanism
from .mechanisms.curve import CurveClient, CurveServer
from .mechanisms.curve_box import CurveTraffic
from .mechanisms.gssapi import GssapiClient, GssapiContext, GssapiServer
from .mechanisms.gssapi_traffic import GssapiFailure, GssapiTraffic
from .mechanisms.null import NullMechanism
from .mechanisms.plain import PlainClient, PlainServer
from .old import OldLink
from .zap import ZapGate, ZapNeeded
from .zap_frames import ZapReply, ZapRequest
from .zap_frames import parse_reply as parse_zap_reply
from .zws import ZwsHandshake
from .zws import subprotocols as zws_subprotocols

__all__ = [
    "CurveClient",
    "CurveServer",
    "CurveTraffic",
    "GssapiClient",
    "GssapiContext",
    "GssapiFailure",
    "GssapiServer",
    "GssapiTraffic",
    "Handshake",
    "Mechanism",
    "NullMechanism",
    "OldLink",
    "PeerInfo",
    "PlainClient",
    "PlainServer",
    "ProtocolError",
    "ProtocolErrorCode",
    "ZapGate",
    "ZapNeeded",
    "ZapReply",
    "ZapRequest",
    "ZwsHandshake",
    "parse_zap_reply",
    "zws_subprotocols",
]
