"""`Socket`: what programs hold. Send and receive are inherited from the data plane, unwrapped."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Iterator
from operator import index
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast, overload
from warnings import warn

from ._core.handles import SocketCore
from .attributes import AttributeSetter, declare_options
from .connected import ConnectedMixin
from .constants import Errno, Event, PollEvent, SocketOption, SocketType, _OptType
from .endpoint_context import EndpointContext
from .error import ZMQBindError, ZMQError
from .options import shown
from .overrides import follow_overrides
from .payloads import PayloadMixin
from .poll import Poller
from .requests import RequestMixin
from .shadow import number_of
from .socket_state import SocketState
from .waits import WaitMixin

if TYPE_CHECKING:
    from .context import Context
    from .options import Options
    from .statistics import SocketStatistics

COPY_THRESHOLD = 65536
"""Octets below which copy=False copies all the same."""

_T_co = TypeVar("_T_co", covariant=True)


class Socket(
    SocketCore,
    PayloadMixin,
    WaitMixin,
    ConnectedMixin,
    RequestMixin,
    AttributeSetter,
    Generic[_T_co],
):
    """A ZeroMQ socket. Made by `Context.socket`; safe to use from several threads.

    ctx_or_socket: the Context; or another Socket, for a shadow.
    shadow: a Socket or its `underlying`: this one is then a second handle of the same socket.
    copy_threshold: octets below which copy=False copies all the same.

    Option names are attributes, in any case: `socket.rcvtimeo = 100`. After `close` every call
    raises ZMQError with ENOTSOCK, after `Context.term` ContextTerminated.
    """

    context: Context[Any] = cast("Context[Any]", None)  # here, too, for mock.Mock(spec=Socket)
    copy_threshold: int
    type: SocketType
    _state: SocketState
    _shadow = False
    _shadow_obj: Socket[Any] | int | None = None
    _monitor_socket: Any = None
    _type_name = "UNKNOWN"
    _poller_class: Callable[[], Any] = Poller
    _repr_cls = "zmq.Socket"
    _follows_overrides = True

    @overload
    def __init__(
        self: Socket[bytes],
        ctx_or_socket: Context[Any],
        socket_type: int,
        *,
        copy_threshold: int | None = None,
    ) -> None: ...
    @overload
    def __init__(
        self: Socket[bytes], *, shadow: Socket[Any] | int, copy_threshold: int | None = None
    ) -> None: ...
    @overload
    def __init__(self: Socket[bytes], ctx_or_socket: Socket[Any]) -> None: ...
    def __init__(
        self: Socket[bytes],
        ctx_or_socket: Context[Any] | Socket[Any] | None = None,
        socket_type: int = 0,
        *,
        shadow: Socket[Any] | int = 0,
        copy_threshold: int | None = None,
    ) -> None:
        if isinstance(ctx_or_socket, Socket):
            shadow, ctx_or_socket = ctx_or_socket, None
        if shadow:
            state = SocketState.find(number_of(shadow))
            context = shadow.context if isinstance(shadow, Socket) else ctx_or_socket
            self._shadow = True
            self._shadow_obj = shadow
        elif ctx_or_socket is None:
            raise TypeError("context must be specified")
        elif not hasattr(ctx_or_socket, "_state"):
            raise TypeError(f"a Context or a Socket is needed, not {ctx_or_socket!r}")
        else:
            context = ctx_or_socket
            state = context._state.new_socket(index(socket_type))
        super().__init__(None, 0, shadow=state.open_core())
        self.__dict__.update(  # none of them is an option: `__setattr__` would look
            _state=state,
            context=context,  # None for a shadow made from a number
            type=state.type,
            _type_name=state.type.name,
        )
        if copy_threshold is not None:
            self.copy_threshold = copy_threshold

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls._follows_overrides:
            follow_overrides(cls)

    def __del__(self) -> None:
        if self._shadow or self.closed:  # closed, too, is what __init__ did not get to open
            return
        warn(f"Unclosed socket {self}", ResourceWarning, stacklevel=2, source=self)
        self.close()

    def __repr__(self) -> str:
        cls = self.__class__
        name = cls.__dict__.get("_repr_cls") or f"{cls.__module__}.{cls.__name__}"
        closed = " closed" if self.closed else ""
        return f"<{name}(zmq.{self._type_name}) at {hex(id(self))}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __copy__(self, memo: Any = None) -> Self:
        """A copy is a shadow."""
        return self.shadow(self.underlying)

    __deepcopy__ = __copy__

    def __iter__(self) -> Iterator[Any]:
        """Messages, for ever: `recv` again and again."""
        while True:
            yield self.recv()

    @classmethod
    def shadow(cls, address: int | Socket[Any]) -> Self:
        """Another handle of an existing socket. Collecting it leaves the socket open."""
        return cls(shadow=address)

    @property
    def underlying(self) -> int:
        """A number that stands for this socket, for `shadow`; 0 when closed."""
        return 0 if self.closed else self._state.number

    @property
    def _closed(self) -> bool:
        return self.closed

    @property
    def options(self) -> Options:
        """All options of this socket, to read."""
        return self._state.options

    @property
    def socket_type(self) -> int:
        """Deprecated: use `type`."""
        warn("Socket.socket_type is deprecated, use Socket.type", DeprecationWarning, stacklevel=2)
        return int(self._state.type)

    def close(self, linger: int | None = None) -> None:
        """Close the socket, for all its handles. Never blocks; idempotent.

        What was sent goes on in the background for LINGER ms; `linger` sets that first.
        """
        if self.context is not None:
            self.context._rm_socket(self)
        if linger is not None and not self.closed:
            try:
                self._state.options.set(SocketOption.LINGER, linger)
            except ZMQError:
                pass  # as in libzmq, a bad value does not keep a socket open
        self._state.close()

    # -- options

    def set(self, option: int, optval: int | bytes | None) -> None:
        """Set an option. Most act on later binds and connects only: docs/surface.md tells.

        None unsets SOCKS_…, PLAIN_…, filters, ZAP_DOMAIN and BINDTODEVICE, as NULL does in libzmq.
        Raises TypeError for a value of another type, ZMQError with EINVAL for what libzmq refuses.
        """
        self._state.set(option, optval)

    def get(self, option: int) -> int | bytes:
        """The value of an option: int, or bytes. ZMQError with EINVAL if it cannot be read."""
        return self._state.get(option)

    setsockopt = set
    getsockopt = get

    def set_string(self, option: int, optval: str, encoding: str = "utf-8") -> None:
        """Set an option of bytes to encoded text. TypeError unless str."""
        if not isinstance(optval, str):
            text = shown(option, optval)
            raise TypeError(f"strings only, not {optval.__class__}: {text}")
        self.set(option, optval.encode(encoding))

    setsockopt_unicode = setsockopt_string = set_string

    def get_string(self, option: int, encoding: str = "utf-8") -> str:
        """The decoded value of an option of bytes. TypeError for other options."""
        if SocketOption(option)._opt_type != _OptType.bytes:
            raise TypeError(f"option {option} will not return a string to be decoded")
        return cast(bytes, self.get(option)).decode(encoding)

    getsockopt_unicode = getsockopt_string = get_string

    if TYPE_CHECKING:

        def __getattr__(self, key: str) -> Any:
            """The option of that name; see `declare_options`."""

    def __setattr__(self, key: str, value: Any) -> None:
        # methods and options at once: `socket.subscribe(b"a")`, `socket.subscribe = b"a"`
        if key not in self.__dict__ and (name := key.lower()) in ("subscribe", "unsubscribe"):
            getattr(self, name)(value)
        else:
            super().__setattr__(key, value)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self.__class__), *SocketOption.__members__})

    def subscribe(self, topic: str | bytes) -> None:
        """SUB: receive messages that begin with `topic` (text in UTF-8), once more."""
        self.set(SocketOption.SUBSCRIBE, topic.encode() if isinstance(topic, str) else topic)

    def unsubscribe(self, topic: str | bytes) -> None:
        """SUB: undo one `subscribe`."""
        self.set(SocketOption.UNSUBSCRIBE, topic.encode() if isinstance(topic, str) else topic)

    def get_hwm(self) -> int:
        """The high-water mark for sending (SNDHWM), in messages per peer."""
        return cast(int, self.get(SocketOption.SNDHWM))

    def set_hwm(self, value: int) -> None:
        """Set both high-water marks, SNDHWM and RCVHWM, in messages per peer."""
        self.set(SocketOption.SNDHWM, value)
        self.set(SocketOption.RCVHWM, value)

    hwm = property(get_hwm, set_hwm, doc="Both high-water marks; reads SNDHWM.")

    # Options whose names are the data plane's methods: attributes here, as every option.

    @property
    def events(self) -> int:  # type: ignore[override]
        """The EVENTS option: POLLIN and POLLOUT as of now."""
        return cast(int, self.get(SocketOption.EVENTS))

    @property
    def rcvmore(self) -> int:  # type: ignore[override]
        """The RCVMORE option: 1 while the message being received has more parts."""
        return cast(int, self.get(SocketOption.RCVMORE))

    @property
    def topics_count(self) -> int:  # type: ignore[override]
        """The TOPICS_COUNT option: the number of distinct subscriptions."""
        return cast(int, self.get(SocketOption.TOPICS_COUNT))

    def fileno(self) -> int:
        """The FD option: a descriptor that is readable when EVENTS should be looked at.

        Edge-triggered, for both directions: after a wake-up read EVENTS until nothing is left.
        """
        return cast(int, self.get(SocketOption.FD))

    def poll(self, timeout: int | None = None, flags: int = PollEvent.POLLIN) -> int:
        """Wait for events, `timeout` ms or for ever. The events that happened, 0 if time is over.

        ZMQError with ENOTSUP if the socket is closed.
        """
        if self.closed:
            raise ZMQError(Errno.ENOTSUP)
        poller = self._poller_class()
        poller.register(self, flags)
        happened: dict[Any, int] = dict(poller.poll(timeout))
        return happened.get(self, 0)

    # -- endpoints

    def bind(self, addr: str | bytes) -> EndpointContext[Self]:
        """Accept connections at an endpoint: `tcp://*:5555`, `ipc:///path`, `inproc://name`.

        Usable as a context manager that unbinds. Raises ZMQError: EADDRINUSE, EINVAL,
        EPROTONOSUPPORT, ENOCOMPATPROTO, EMTHREAD, or what the system says.
        """
        endpoint = _endpoint_text(addr)
        try:
            self._state.bind(endpoint)
        except ZMQError as error:
            raise _with_endpoint(error, addr) from None
        return EndpointContext(self, "bind", self._state.options.last_endpoint)

    def connect(self, addr: str | bytes) -> EndpointContext[Self]:
        """Connect to an endpoint, now or whenever somebody is there.

        Usable as a context manager that disconnects. Raises ZMQError for endpoints that can never
        work: EINVAL, EPROTONOSUPPORT, ENOCOMPATPROTO, EMTHREAD.
        """
        endpoint = _endpoint_text(addr)
        try:
            self._state.connect(endpoint)
        except ZMQError as error:
            raise _with_endpoint(error, addr) from None
        return EndpointContext(self, "connect", endpoint)

    def unbind(self, addr: str | bytes) -> None:
        """Undo a `bind`; wildcards as LAST_ENDPOINT resolved them. ZMQError with ENOENT.

        As in libzmq, it is the same as `disconnect`: an endpoint is dropped, whatever made it.
        """
        self._state.drop(_endpoint_text(addr))

    def disconnect(self, addr: str | bytes) -> None:
        """Undo a `connect`; what is unsent lingers. ZMQError with ENOENT."""
        self._state.drop(_endpoint_text(addr))

    def bind_to_random_port(
        self, addr: str, min_port: int = 49152, max_port: int = 65536, max_tries: int = 100
    ) -> int:
        """Bind to a free port of `addr` (`tcp://127.0.0.1`), and return it.

        min_port, max_port: the range, the end excluded; by default the system chooses.
        Raises ZMQBindError after `max_tries`.
        """
        if (min_port, max_port) == (49152, 65536):
            self.bind(f"{addr}:*")
            return int(self._state.options.last_endpoint.rpartition(":")[2])
        import random  # not above: `import peromq` shall be quick

        for _ in range(max_tries):
            port = random.randrange(min_port, max_port)
            try:
                self.bind(f"{addr}:{port}")
            except ZMQError as error:
                if error.errno == Errno.EADDRINUSE:
                    continue
                if sys.platform == "win32" and error.errno == errno.EACCES:
                    continue
                raise
            return port
        raise ZMQBindError("Could not bind socket to random port.")

    def join(self, group: str | bytes) -> None:
        """DISH: receive messages for a group (text in UTF-8), at most 255 octets without NUL.

        ZMQError: EINVAL for a group joined already or a bad name, ENOTSUP on other sockets.
        """
        self._state.join(group, on=True)

    def leave(self, group: str | bytes) -> None:
        """DISH: undo `join`. ZMQError: EINVAL for a group not joined, ENOTSUP on other sockets."""
        self._state.join(group, on=False)

    def connect_peer(self, addr: str | bytes) -> int:
        """PEER: `connect`, and the routing id to send to whoever is there.

        ZMQError: as `connect`; ENOTSUP on other sockets, EFAULT with IMMEDIATE: there is no queue
        then that could have an id.
        """
        return self._state.connect_peer(_endpoint_text(addr))

    def disconnect_peer(self, routing_id: int | bytes) -> None:
        """End the connection to one peer, by its routing id. What was sent to it lingers (LINGER).

        An int for SERVER and PEER; bytes for ROUTER and STREAM. What the peer has sent can still be
        received. A peer that dialed may come again: nothing keeps it away; one that we dialed is
        not dialed again. ZMQError: EHOSTUNREACH if there is no such peer, ENOTSUP on other sockets.
        """
        self._state.disconnect_peer(routing_id)

    def datagram_counts(self) -> tuple[int, int, int, int]:
        """udp: datagrams received, received but malformed or too long, sent, and lost on sending.

        Of all addresses of the socket, since it was made.
        """
        return self._state.open_core().datagram_counts()

    # -- monitor

    def monitor(
        self,
        addr: str | bytes | None,
        events: int = Event.ALL,
        version: int = 1,
        type: int = SocketType.PAIR,
    ) -> None:
        """Publish this socket's connection events at an inproc endpoint; None ends that.

        version: 2 has PIPES_STATS and PeroMQ's own events, several values for one event, and both
        endpoints (zmq_socket_monitor_versioned). type: PAIR, PUB or PUSH.

        Raises ZMQError: EINVAL for events that the version does not have, other versions or types;
        EPROTONOSUPPORT unless inproc, EADDRINUSE; EMTHREAD for PeroMQ's events without I/O threads.
        """
        if addr is None:
            self._state.stop_monitor()
        else:
            self._state.monitor(_endpoint_text(addr), events, version, type)

    def monitor_pipes_stats(self) -> None:
        """Have the monitor get a PIPES_STATS event for each peer: messages queued there and back.

        As zmq_socket_monitor_pipes_stats. ZMQError: EINVAL unless a monitor of version 2 wants that
        event; Again without peers.
        """
        self._state.tell_pipes_stats()

    def statistics(self) -> SocketStatistics:
        """Messages, octets, drops and queue depths, of each peer and in all, as of now.

        Frozen; costs the socket nothing between calls. ZMQError: ENOTSOCK, ETERM. Thread-safe.
        """
        return self._state.statistics()

    def get_monitor_socket(
        self, events: int | None = None, addr: str | None = None, version: int = 1
    ) -> Self:
        """A PAIR socket that receives this socket's events; the same one as long as it is open.

        events: all of the version's, without PeroMQ's own, by default. version: see `monitor`.
        """
        if self._monitor_socket is not None and not self._monitor_socket.closed:
            return cast(Self, self._monitor_socket)
        endpoint = f"inproc://monitor.s-{self.underlying}" if addr is None else addr
        if events is None:
            events = Event.ALL if version == 1 else Event.ALL_V2
        self.monitor(endpoint, events, version)
        self._monitor_socket = receiver = self.context.socket(SocketType.PAIR)
        receiver.connect(endpoint)
        return cast(Self, receiver)

    def disable_monitor(self) -> None:
        """End what `get_monitor_socket` began; its socket gets MONITOR_STOPPED."""
        self._monitor_socket = None
        self.monitor(None, 0)


declare_options(Socket)


def _endpoint_text(addr: object) -> str:
    if isinstance(addr, bytes):
        return addr.decode(errors="surrogateescape")
    if not isinstance(addr, str):
        raise TypeError(f"Expected addr to be str, got addr={addr!r}")
    return addr


def _with_endpoint(error: ZMQError, addr: str | bytes) -> ZMQError:
    """The same error, naming the endpoint."""
    if "(addr=" not in error.strerror:
        error.strerror += f" (addr={addr!r})"
    return error


SyncSocket = Socket[bytes]

__all__ = ["Socket", "SyncSocket"]
