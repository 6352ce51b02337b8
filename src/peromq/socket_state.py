"""What all handles of one socket share, and the face it shows to the control plane."""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from . import unpatched
from ._core.handles_watch import ControlCore
from .constants import Errno, Event, SocketOption, SocketType
from .error import Again, ContextTerminated, ZMQError, strerror
from .inproc import ENOENT, InprocLinks
from .links import Links
from .monitor import MonitorFeed
from .option_table import LIVE_OPTIONS
from .options import Options
from .requests import Turns
from .shadow import no_such, numbers
from .version import CAPABILITIES

if TYPE_CHECKING:
    from .context_state import ContextState
    from .control.peer import Peer
    from .statistics import SocketStatistics

_O = SocketOption

CORE_INTS = frozenset(
    {
        _O.SNDHWM, _O.RCVHWM, _O.SNDTIMEO, _O.RCVTIMEO, _O.LINGER, _O.ROUTER_MANDATORY,
        _O.ROUTER_HANDOVER, _O.CONFLATE, _O.MAXMSGSIZE, _O.HEARTBEAT_IVL, _O.HEARTBEAT_TTL,
        _O.HEARTBEAT_TIMEOUT, _O.XPUB_VERBOSE, _O.XPUB_VERBOSER, _O.XPUB_NODROP, _O.XPUB_MANUAL,
        _O.XPUB_MANUAL_LAST_VALUE, _O.INVERT_MATCHING, _O.REQ_CORRELATE, _O.REQ_RELAXED,
        _O.PROBE_ROUTER, _O.ONLY_FIRST_SUBSCRIBE, _O.ROUTER_NOTIFY, _O.STREAM_NOTIFY,
        _O.XSUB_VERBOSE_UNSUBSCRIBE, _O.IMMEDIATE, _O.SPIN_US, _O.CONFLATE_TOPICS, _O.ROUTER_RAW,
    }
)  # fmt: skip
"""Options the data plane itself needs."""

CORE_BYTES = frozenset(
    {
        _O.ROUTING_ID, _O.XPUB_WELCOME_MSG, _O.HELLO_MSG, _O.DISCONNECT_MSG, _O.HICCUP_MSG,
    }
)  # fmt: skip

INPROC = "inproc://"
_NUMBERED = (SocketType.SERVER, SocketType.PEER)
_NAMED = (SocketType.ROUTER, SocketType.STREAM)
NEWS = (
    Event.SUBSCRIPTION_ACTIVE
    | Event.MESSAGES_DROPPED
    | Event.SEND_HWM_REACHED
    | Event.RECEIVE_HWM_REACHED
)
"""Monitor events of the data plane's."""

MAX_GROUP = 255
"""Octets of a group's name (RFC 48; ZMQ_GROUP_MAX_LENGTH)."""

_by_number: weakref.WeakValueDictionary[int, SocketState] = weakref.WeakValueDictionary()


class WireCore(ControlCore):
    """A socket as the control plane sees it.

    It is not the user's handle, so that the control plane keeps no handle alive. The user's side
    lets go of it at close, the control plane when the last endpoint is gone: then the monitor ends.
    """

    def __init__(self, state: SocketState) -> None:
        super().__init__(state.context.engine, state.type)
        self.options = state.options
        self.socket_type = state.type
        self.number = state.number
        self.subscribes = state.type in (SocketType.SUB, SocketType.XSUB, SocketType.DISH)
        self.links = state.links
        self._feed = state.feed
        self._inproc = state.inproc

    def emit(
        self,
        event: int,
        value: int,
        endpoint: str,
        details: Mapping[str, str] | None = None,
        *,
        other: str = "",
        accepted: bool = True,
    ) -> None:
        if self._feed.events:
            pair = (endpoint, other) if accepted else (other, endpoint)
            self._feed.emit(event, [value], pair, accepted=accepted, details=details)

    def tell(
        self, event: int, values: Sequence[int], token: int, peer: Peer | None, **details: str
    ) -> None:
        """An event of the data plane's. token: of the peer; 0: the socket itself."""
        endpoint, accepted = self._inproc.names().get(token, ("", True))
        endpoint = INPROC + endpoint if endpoint else ""
        pair = (endpoint, "") if accepted else ("", endpoint)
        if peer is not None:
            accepted = peer.bound
            pair = peer.pair()
            details = peer.who() | details
        self._feed.emit(event, values, pair, accepted=accepted, details=details)

    def subscribed(self, topic: bytes | None) -> int:
        """How many peers have subscribed to the topic; or how many topics or groups we have."""
        return self.subscribers_core(topic) if topic is not None else self.topics_count()

    def __del__(self) -> None:
        feed = getattr(self, "_feed", None)  # absent if the core could not be made
        if feed is not None:
            feed.stop()


class SocketState:
    """One socket, whichever handle it is used by: options, endpoints, monitor, life and death."""

    def __init__(self, context: ContextState, socket_type: SocketType) -> None:
        self.context = context
        self.type = socket_type
        self.number = next(numbers)  # `Socket.underlying`
        self.options = Options(socket_type, CAPABILITIES)
        self.options.ipv6 = context.get(_O.IPV6)
        self.options.ipv4only = int(not self.options.ipv6)
        if not context.get(_O.BLOCKY):
            self.options.linger = 0
        self.inproc = InprocLinks()
        self.links = Links()
        self.turns = Turns()
        self._connecting = unpatched.Lock()  # connect_peer
        self.feed = MonitorFeed(context)
        self.on_peer: Callable[[], None] | None = None  # an inproc peer has come
        self.core: WireCore | None = WireCore(self)
        _by_number[self.number] = self

    @staticmethod
    def find(number: int) -> SocketState:
        """The socket of an `underlying`. ZMQError with ENOTSOCK if there is none any more."""
        state = _by_number.get(number)
        if state is None:
            raise ZMQError(
                Errno.ENOTSOCK, f"{strerror(Errno.ENOTSOCK)} ({no_such('socket', number)})"
            )
        return state

    def open_core(self) -> WireCore:
        """The core, to use it. ZMQError: ENOTSOCK if closed, ETERM if the context is going down."""
        core = self.core
        if core is None:
            raise ZMQError(Errno.ENOTSOCK)
        if self.context.terminating:
            raise ContextTerminated
        return core

    # -- options

    def set(self, option: int, value: object) -> None:
        core = self.open_core()
        kept = self.options.set(option, value)
        if isinstance(kept, int):
            if option in CORE_INTS:
                core.set_core_option(option, kept)
        elif option == _O.SUBSCRIBE:
            core.subscribe_core(kept)
        elif option == _O.UNSUBSCRIBE:
            core.unsubscribe_core(kept)
        elif option in CORE_BYTES:
            core.set_core_bytes(option, kept)

    def get(self, option: int) -> int | bytes:
        core = self.open_core()
        if option == _O.ROUTING_ID and self.type is SocketType.STREAM:
            return core.newest_name() or self.options.routing_id  # who `connect` has just made
        if option not in LIVE_OPTIONS:
            return self.options.get(option)
        self.options.require_readable(option)
        match option:
            case _O.RCVMORE:
                return int(core.rcvmore())
            case _O.EVENTS:
                return core.events()
            case _O.FD:
                return core.notify_fd()
        return core.topics_count()

    def join(self, group: str | bytes, *, on: bool) -> None:
        core = self.open_core()
        name = group.encode() if isinstance(group, str) else group
        if not isinstance(name, bytes):
            raise TypeError(f"a group is str or bytes, not {type(group).__name__}")
        if self.type is not SocketType.DISH:
            raise ZMQError(Errno.ENOTSUP, "Operation not supported (only DISH has groups)")
        if len(name) > MAX_GROUP or b"\0" in name:
            raise ZMQError(
                Errno.EINVAL, f"Invalid argument (a group has at most {MAX_GROUP} octets, no NUL)"
            )
        try:
            core.join_core(name, on)
        except ZMQError as error:
            if error.errno == Errno.EINVAL:
                error.strerror += f" ({group!r} is {'joined already' if on else 'not joined'})"
            raise

    # -- endpoints

    def bind(self, endpoint: str) -> None:
        core = self.open_core()
        if endpoint.startswith(INPROC):
            self.context.inproc.bind(_inproc_name(endpoint), self)
            self.options.last_endpoint = endpoint
        else:
            _check_endpoint(endpoint, self.type)
            self.options.last_endpoint = self.context.control_for(endpoint).bind(core, endpoint)

    def connect(self, endpoint: str) -> None:
        core = self.open_core()
        if endpoint.startswith(INPROC):
            binder = self.context.inproc.connect(_inproc_name(endpoint), self)
            self.options.last_endpoint = endpoint
            if binder is not None and binder.on_peer is not None:
                binder.on_peer()
        else:
            _check_endpoint(endpoint, self.type)
            self.options.last_endpoint = self.context.control_for(endpoint).connect(core, endpoint)
        self.options.connect_routing_id = b""  # it was for this connect only

    def connect_peer(self, endpoint: str) -> int:
        if self.type is not SocketType.PEER:
            raise ZMQError(Errno.ENOTSUP, "Operation not supported (only PEER)")
        if self.options.immediate:
            raise ZMQError(Errno.EFAULT, "Bad address (not with IMMEDIATE)")
        core = self.open_core()
        with self._connecting:
            self.connect(endpoint)
            if endpoint.startswith(INPROC):
                token = self.inproc.connected[_inproc_name(endpoint)][-1]
            else:
                token = self.context.control_for(endpoint).newest_token(core, endpoint)
        return core.number_of_token(token)

    def disconnect_peer(self, routing_id: int | bytes) -> None:
        if not isinstance(routing_id, int | bytes):
            raise TypeError(f"a routing id is int or bytes, not {type(routing_id).__name__}")
        if self.type not in (_NAMED if isinstance(routing_id, bytes) else _NUMBERED):
            raise ZMQError(
                Errno.ENOTSUP,
                "Operation not supported (SERVER and PEER have peers by number, ROUTER by name)",
            )
        core = self.open_core()
        if isinstance(routing_id, bytes):
            token = core.token_of_name(routing_id)
        else:
            token = core.token_of_number(routing_id) if 0 < routing_id < 1 << 32 else 0
        if not token:
            raise ZMQError(Errno.EHOSTUNREACH)
        core.retire_pipe(token)  # what is sent after this call does not go there
        if self.context.control is None or not self.context.control.end_peer(
            token, self.options.linger
        ):
            core.close_pipe(token)  # inproc

    def drop(self, endpoint: str) -> None:
        """unbind and disconnect, which are one in libzmq. ENOENT if there was neither."""
        core = self.open_core()
        if endpoint.startswith(INPROC):
            self.context.inproc.drop(_inproc_name(endpoint), self)
            self.links.end(endpoint)
            return
        _check_endpoint(endpoint, self.type)
        if self.context.control is None:
            raise ZMQError(ENOENT)
        self.links.end(self.context.control.disconnect(core, endpoint))

    def describe(self) -> str:
        """For people: its type, and where it is bound and connected."""
        core, control = self.core, self.context.control
        endpoints = self.context.inproc.names_of(self)
        if core is not None and control is not None:
            endpoints += control.endpoints_of(core)
        return f"{self.type.name} ({', '.join(endpoints) or 'no endpoint'})"

    # -- what can be known of it

    def monitor(self, endpoint: str, events: int, version: int, socket_type: int) -> None:
        core = self.open_core()
        ours = events & NEWS if version == 2 else 0
        control = self.context.control_for(endpoint) if ours else self.context.control
        self.feed.start(endpoint, events, version, socket_type)
        if control is not None:
            control.watch(core, ours)

    def stop_monitor(self) -> None:
        core = self.open_core()
        self.feed.stop()
        if self.context.control is not None:
            self.context.control.watch(core, 0)

    def tell_pipes_stats(self) -> None:
        self.open_core()
        if not self.feed.events & Event.PIPES_STATS:
            raise ZMQError(Errno.EINVAL, "Invalid argument (no monitor wants EVENT_PIPES_STATS)")
        peers = self.statistics().peers
        if not peers:
            raise Again
        for peer in peers:
            pair = (peer.endpoint, peer.remote_endpoint)
            self.feed.emit(
                Event.PIPES_STATS,
                [peer.send_queue, peer.receive_queue],
                pair if peer.accepted else pair[::-1],
                accepted=peer.accepted,
            )

    def statistics(self) -> SocketStatistics:
        from .statistics import of_socket  # not above: `import peromq` shall be quick

        return of_socket(self)

    # -- the end

    def close(self) -> None:
        """No more calls; what was sent lingers in the background. Never blocks, idempotent."""
        with self.context.lock:
            core, self.core = self.core, None
            if core is None:
                return
        self.links.closed()
        linger = self.options.linger
        core.close_core()
        self.context.inproc.close(self, core, linger)
        if self.context.control is not None:
            self.context.control.close_socket(core, linger)
        self.context.socket_closed(self)

    def after_fork(self) -> None:
        """In the child: closed, without a word to anybody."""
        if self.core is not None:
            self.core.after_fork()
        self.core = None


def _check_endpoint(endpoint: str, kind: SocketType) -> None:
    """ZMQError: EINVAL, EPROTONOSUPPORT or ENOCOMPATPROTO unless it can be an endpoint of such."""
    _checker()(endpoint, kind)


@functools.cache
def _checker() -> Callable[[str, SocketType], None]:
    from .transports import check_endpoint  # not above: `import peromq` shall be quick

    return check_endpoint


def _inproc_name(endpoint: str) -> str:
    name = endpoint.removeprefix(INPROC)
    if not name:
        raise ZMQError(Errno.EINVAL, "Invalid argument (inproc:// needs a name)")
    return name
