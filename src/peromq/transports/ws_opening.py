"""The opening handshake of WebSocket (RFC 6455, section 4), by `wsproto`: octets in, octets out.

What is agreed on is the subprotocol, which for ZWS names the security mechanism (RFC 45); no
extension ever is.
"""

from __future__ import annotations

from collections.abc import Sequence

from wsproto.connection import ConnectionType
from wsproto.events import AcceptConnection, RejectConnection, Request
from wsproto.handshake import H11Handshake
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

MAX_HEAD = 16 * 1024
"""Octets of headers that a peer may send."""

_END = b"\r\n\r\n"


class Opening:
    """One side. Look at `failure`, then at `done`, after each receive_data.

    kept: octets of incomplete headers. leftover: what came behind them.
    """

    def __init__(self, kind: ConnectionType, subprotocols: Sequence[str]) -> None:
        self.subprotocol = ""
        self.failure = ""
        self.passing = False
        """The failure may be over when we come again: what is behind the server is not there."""
        self._subprotocols = subprotocols
        self._http = H11Handshake(kind)
        self._incoming = bytearray()
        self._outgoing = b""
        self._leftover = b""

    @property
    def done(self) -> bool:
        return bool(self.subprotocol)

    @property
    def kept(self) -> int:
        return len(self._incoming)

    @property
    def leftover(self) -> bytes:
        return self._leftover

    def data_to_send(self) -> bytes:
        """Drain what is to be written now, an answer that says no included."""
        data, self._outgoing = self._outgoing, b""
        return data

    def receive_data(self, data: bytes) -> None:
        """Take octets from the peer; nothing is read any more when it is done or has failed."""
        if self.done or self.failure:
            return
        # The search goes on where an end could have begun.
        start = max(len(self._incoming) - len(_END) + 1, 0)
        self._incoming += data
        end = self._incoming.find(_END, start)
        if end < 0 and len(self._incoming) <= MAX_HEAD:
            return
        head = bytes(self._incoming[: end + len(_END)])
        self._leftover = bytes(self._incoming[len(head) :])
        self._incoming.clear()
        if end < 0 or len(head) > MAX_HEAD:
            self._refuse(f"more than {MAX_HEAD} octets of HTTP headers", RejectConnection(431))
            return
        try:
            self._http.receive_data(head)
            for event in self._http.events():
                self._judge(event)
        except RemoteProtocolError as error:
            self._refuse(str(error), error.event_hint)
        except (ValueError, LocalProtocolError) as error:  # texts that are not what they should be
            self._refuse(f"bad HTTP headers: {error}", RejectConnection(400))
        if not self.done and not self.failure:
            self._refuse("no HTTP upgrade", RejectConnection(400))

    def _judge(self, event: object) -> None:
        raise NotImplementedError

    def _refuse(self, why: str, answer: object) -> None:
        self.failure = f"WebSocket: {why}"


class ServerOpening(Opening):
    """Accepts whatever path and host are asked for, with the first subprotocol that we speak."""

    def __init__(self, subprotocols: Sequence[str]) -> None:
        super().__init__(ConnectionType.SERVER, subprotocols)

    def _judge(self, event: object) -> None:
        if not isinstance(event, Request):
            return
        for offered in event.subprotocols:
            if offered in self._subprotocols:
                self._outgoing = self._http.send(AcceptConnection(subprotocol=offered))
                self.subprotocol = offered
                return
        offers = ", ".join(event.subprotocols) or "none"
        self._refuse(
            f"no subprotocol in common: offered {offers!a}, we speak "
            f"{', '.join(self._subprotocols)}",
            RejectConnection(400),
        )

    def _refuse(self, why: str, answer: object) -> None:
        super()._refuse(why, answer)
        if isinstance(answer, RejectConnection):
            try:
                self._outgoing = self._http.send(answer)
            except LocalProtocolError:
                pass  # it was no HTTP at all


class ClientOpening(Opening):
    """Asks `host` for `path`, and offers subprotocols in order of preference."""

    def __init__(self, subprotocols: Sequence[str], host: str, path: str) -> None:
        super().__init__(ConnectionType.CLIENT, subprotocols)
        self._outgoing = self._http.send(
            Request(host=host, target=path, subprotocols=list(subprotocols))
        )

    def _judge(self, event: object) -> None:
        if isinstance(event, AcceptConnection):
            if event.subprotocol is None:
                self._refuse("the server chose no subprotocol", None)
            else:
                self.subprotocol = event.subprotocol
        elif isinstance(event, RejectConnection):
            self.passing = True
            self._refuse(f"the server answers with HTTP status {event.status_code}", None)
