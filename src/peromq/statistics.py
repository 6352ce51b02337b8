"""What `Socket.statistics` and `Context.statistics` return: counters of a moment, frozen.

All of them are always counted, most of them without cost: they follow from the positions of the
queues. Octets are those of the messages' frames as ZMTP has them, headers included (2 octets for a
part below 256 octets, else 9), before encryption; commands are not in them, nor in the messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .constants import Event, SocketType
from .control.facts import ControlFacts

if TYPE_CHECKING:
    from .control.facts import PeerFacts
    from .socket_state import SocketState

_INPROC = "inproc://"


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Messages of one peer, a socket or a context, since it was made."""

    messages_sent: int = 0
    """Given to the peer's queue; what of them is still there is `send_queue`."""
    messages_received: int = 0
    """Taken by the application."""
    bytes_sent: int = 0
    bytes_received: int = 0
    messages_dropped: int = 0
    """Meant for the peer but not queued (PUB, XPUB, RADIO, ROUTER at the high-water mark), replaced
    by newer ones (CONFLATE), cut off, or lost with its queue."""
    messages_rejected: int = 0
    """Came and were not wanted: not subscribed to, of another group, a reply to no request."""
    messages_replaced: int = 0
    """Came and were replaced by newer ones before they were received (CONFLATE)."""
    send_hwm_reached: int = 0
    """How often the queue to send from became full."""
    receive_hwm_reached: int = 0
    """How often reading stopped because the queue to receive from was full."""


_COUNTERS = [field.name for field in fields(Traffic)]  # in the order of `Totals` (_core/types.pxd)


def _sum(parts: Sequence[Traffic]) -> dict[str, int]:
    return {name: sum(getattr(part, name) for part in parts) for name in _COUNTERS}


def _counted(totals: Sequence[int]) -> dict[str, int]:
    return dict(zip(_COUNTERS, totals, strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerStatistics(Traffic):
    """One peer of a socket: a connection, or an endpoint that is to be connected."""

    endpoint: str
    """The one that was bound or connected."""
    remote_endpoint: str
    """The other end of an accepted connection, or our own of one that we made; may be empty."""
    accepted: bool
    """It came to us."""
    connected: bool
    """Messages can go there and come from there now."""
    send_queue: int
    """Messages that wait to be written to the connection, or to be read by the inproc peer."""
    receive_queue: int
    """Messages that wait to be received."""
    routing_id: bytes | int
    """What it is called here: by a ROUTER, by itself (ROUTING_ID), or by a SERVER or PEER (int)."""
    user_id: str
    """What ZAP said who it is."""
    socket_type: str
    address: str
    """The message property Peer-Address."""
    mechanism: str
    connections: int
    """How many were established."""
    retries: int
    """How often we tried again to connect."""
    handshake_time: float | None
    """Seconds from the beginning of the last connection until hands were shaken."""
    ignored: bool
    """ROUTER: another peer has its routing id, so it is neither heard nor served."""
    multicast: Mapping[str, int] | None
    """pgm and epgm: the counters of the endpoint, losses among them."""

    @property
    def reconnects(self) -> int:
        """How many connections were established after the first one."""
        return max(self.connections - 1, 0)


@dataclass(frozen=True, slots=True)
class Datagrams:
    """udp: of all addresses of a socket."""

    received: int
    malformed: int
    sent: int
    lost: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketStatistics(Traffic):
    """One socket. Its traffic is that of all peers, those that are gone included."""

    type: str
    peers: tuple[PeerStatistics, ...]
    """Those there are."""
    send_queue: int
    receive_queue: int
    messages_unroutable: int
    """Sent to peers that were not there: ROUTER without ROUTER_MANDATORY, REP."""
    subscriptions: int | None
    """Distinct topics: our own (SUB, XSUB), or of all peers (PUB, XPUB). None on other types."""
    events: Mapping[str, int]
    """How often each of libzmq's monitor events happened, by name, with or without a monitor. What
    the others tell of is counted above."""
    reconnects: int
    """How often a connection of ours was established that had been before: of all peers, those that
    are gone included."""
    datagrams: Datagrams | None
    """None unless the type knows udp: RADIO, DISH, DGRAM."""

    @property
    def connected_peers(self) -> int:
        """How many peers are there now."""
        return sum(peer.connected for peer in self.peers)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextStatistics(Traffic):
    """All open sockets of a context, and their traffic."""

    io_threads: int
    sockets: tuple[SocketStatistics, ...]
    send_queue: int
    receive_queue: int

    @property
    def connected_peers(self) -> int:
        """Of all sockets."""
        return sum(socket.connected_peers for socket in self.sockets)

    @property
    def reconnects(self) -> int:
        """Of all sockets."""
        return sum(socket.reconnects for socket in self.sockets)


def of_socket(state: SocketState) -> SocketStatistics:
    """An open socket. ZMQError: ENOTSOCK, ETERM."""
    core = state.open_core()
    control = state.context.control
    before = ControlFacts({}, {}, 0) if control is None else control.facts(core)
    names = state.inproc.names()
    rows, gone, unroutable = core.peer_counts()
    now = before if control is None else control.facts(core)
    facts = {**before.peers, **now.peers}  # whoever came or went in between is in one of them
    peers = [_peer(row, facts.get(row[0]), names) for row in rows]
    counted = {row[0] for row in rows}
    for token, fact in now.peers.items():
        if token not in counted and not fact.accepted:
            peers.append(_absent(fact))
    pubsub = (SocketType.PUB, SocketType.XPUB, SocketType.SUB, SocketType.XSUB)
    udp = (SocketType.RADIO, SocketType.DISH, SocketType.DGRAM)
    return SocketStatistics(
        type=state.type.name,
        **_sum([Traffic(**_counted(gone)), *peers]),
        peers=tuple(peers),
        send_queue=sum(peer.send_queue for peer in peers),
        receive_queue=sum(peer.receive_queue for peer in peers),
        messages_unroutable=unroutable,
        subscriptions=core.topics_count() if state.type in pubsub else None,
        events={Event(each).name or hex(each): n for each, n in sorted(now.events.items())},
        reconnects=now.reconnects,
        datagrams=Datagrams(*core.datagram_counts()) if state.type in udp else None,
    )


def of_sockets(states: Sequence[SocketState], io_threads: int) -> ContextStatistics:
    """All of them that are still open."""
    found = []
    for state in states:
        try:
            found.append(of_socket(state))
        except Exception:
            if state.core is not None:
                raise
    return ContextStatistics(
        io_threads=io_threads,
        **_sum(found),
        sockets=tuple(found),
        send_queue=sum(socket.send_queue for socket in found),
        receive_queue=sum(socket.receive_queue for socket in found),
    )


def _peer(
    row: tuple[int, bytes, int, bool, bool, Mapping[str, str] | None, int, int, tuple[int, ...]],
    fact: PeerFacts | None,
    inproc: Mapping[int, tuple[str, bool]],
) -> PeerStatistics:
    token, name, number, connected, ignored, properties, send_queue, receive_queue, counts = row
    properties = properties or {}
    announced = properties.get("Identity", "")
    endpoint, accepted = inproc.get(token, ("", False))
    return PeerStatistics(
        **_counted(counts),
        endpoint=fact.endpoint if fact else _INPROC + endpoint if endpoint else "",
        remote_endpoint=fact.other if fact else "",
        accepted=fact.accepted if fact else accepted,
        connected=connected,
        send_queue=send_queue,
        receive_queue=receive_queue,
        routing_id=number or name or announced.encode("utf-8", "surrogateescape"),
        user_id=properties.get("User-Id", ""),
        socket_type=properties.get("Socket-Type", ""),
        address=properties.get("Peer-Address", ""),
        mechanism=fact.mechanism if fact else "",
        connections=fact.connections if fact else 1,
        retries=fact.retries if fact else 0,
        handshake_time=fact.handshake_time if fact else None,
        ignored=ignored,
        multicast=fact.multicast if fact else None,
    )


def _absent(fact: PeerFacts) -> PeerStatistics:
    """An endpoint without a queue: IMMEDIATE, or a new token on its way."""
    return PeerStatistics(
        endpoint=fact.endpoint,
        remote_endpoint=fact.other,
        accepted=False,
        connected=False,
        send_queue=0,
        receive_queue=0,
        routing_id=b"",
        user_id="",
        socket_type="",
        address="",
        mechanism=fact.mechanism,
        connections=fact.connections,
        retries=fact.retries,
        handshake_time=fact.handshake_time,
        ignored=False,
        multicast=fact.multicast,
    )


__all__ = [
    "ContextStatistics",
    "Datagrams",
    "PeerStatistics",
    "SocketStatistics",
    "Traffic",
]
