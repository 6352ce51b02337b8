"""`Context`: makes sockets, and ends them together."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, Self, cast, overload
from warnings import warn
from weakref import WeakSet

from . import unpatched
from .attributes import AttributeSetter, OptionValue
from .constants import ContextOption, Errno, SocketOption
from .context_state import ContextState
from .error import ZMQError
from .shadow import number_of
from .socket import Socket, SyncSocket

_exiting = False


@atexit.register
def _notice_exit() -> None:
    global _exiting
    _exiting = True


# The default is for type checkers: `zmq.Context.instance().socket(…)` is a Socket[bytes].
if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from .statistics import ContextStatistics

    _SocketT_co = TypeVar("_SocketT_co", bound=Socket[Any], covariant=True, default=Socket[bytes])
else:
    from typing import TypeVar

    _SocketT_co = TypeVar("_SocketT_co", bound=Socket[Any], covariant=True)


class Context(AttributeSetter, Generic[_SocketT_co]):
    """The home of sockets: their I/O threads, inproc names and defaults.

    io_threads: threads that serve connections; 0 is enough for inproc. ZMQError with EINVAL if
    negative. The threads start with the first socket.
    shadow: another Context or its `underlying`: this one is then a second handle of the same.

    As a context manager, and when it is collected unclosed, it closes its sockets and terminates,
    with a ResourceWarning for each that was left open.

    Option names are attributes. A context option (`context.max_sockets`) is set at once, a socket
    option (`context.linger`) becomes the default of new sockets.
    """

    sockopts: dict[int, Any]
    _instance: Any = None
    _instance_lock = unpatched.Lock()
    _instance_pid: int | None = None
    _shadow = False
    _shadow_obj: Context[Any] | int | None = None
    _warn_destroy_close = False
    _sockets: WeakSet[Any]
    _socket_class: type[_SocketT_co] = cast(Any, Socket)
    _repr_cls = "zmq.Context"
    _state: ContextState
    _closed: bool

    @overload
    def __init__(self: SyncContext, io_threads: int = 1) -> None: ...
    @overload
    def __init__(self: SyncContext, io_threads: Context[Any], /) -> None: ...
    @overload
    def __init__(self: SyncContext, *, shadow: Context[Any] | int) -> None: ...
    def __init__(
        self: SyncContext,
        io_threads: int | Context[Any] = 1,
        shadow: Context[Any] | int = 0,
    ) -> None:
        if isinstance(io_threads, Context):
            shadow, io_threads = io_threads, 1
        if shadow:
            self._shadow = True
            self._shadow_obj = shadow
            self._state = ContextState.find(number_of(shadow))
        else:
            self._state = ContextState()
            self._state.set(ContextOption.IO_THREADS, io_threads)
        self._closed = False
        self.sockopts = {}
        self._sockets = WeakSet()

    def __del__(self) -> None:
        # __dict__: an attribute that __init__ did not get to would be looked up as an option
        if self._shadow or _exiting or "_sockets" not in self.__dict__ or self.closed:
            return
        self._warn_destroy_close = True
        warn(f"Unclosed context {self}", ResourceWarning, stacklevel=2, source=self)
        if unpatched.in_own_thread():
            # collected in a thread that must go on for the context to end
            self._close_sockets(None)
            unpatched.Thread(self._state.terminate, "peromq/end").start()
        else:
            self.destroy()

    def __repr__(self) -> str:
        cls = type(self)
        name = cls.__dict__.get("_repr_cls") or f"{cls.__module__}.{cls.__name__}"
        count = len(self._sockets)
        sockets = f"{count} socket{'s' if count > 1 else ''}" if count else ""
        closed = " closed" if self.closed else ""
        return f"<{name}({sockets}) at {hex(id(self))}{closed}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._warn_destroy_close = True
        self.destroy()

    def __copy__(self, memo: Any = None) -> Self:
        """A copy is a shadow."""
        return self.shadow(self)

    __deepcopy__ = __copy__

    @classmethod
    def shadow(cls, address: int | Context[Any]) -> Self:
        """Another handle of an existing context. Collecting it leaves the context alone."""
        return cls(shadow=address)

    @classmethod
    def shadow_pyczmq(cls, ctx: Any) -> Self:
        """For pyczmq contexts, which are libzmq's; always NotImplementedError."""
        raise NotImplementedError("there is no libzmq here to share a context with")

    @classmethod
    def instance(cls, io_threads: int = 1) -> Self:
        """The process's context of this class; made again when closed, or after a fork."""
        if not cls._has_instance():
            with cls._instance_lock:
                if not cls._has_instance():
                    cls._instance = cls(io_threads=io_threads)
                    cls._instance_pid = os.getpid()
        return cast(Self, cls._instance)

    @classmethod
    def _has_instance(cls) -> bool:
        return (
            cls._instance is not None
            and cls._instance_pid == os.getpid()
            and not cls._instance.closed
        )

    @property
    def underlying(self) -> int:
        """A number that stands for this context, for `shadow`; 0 when closed."""
        return 0 if self.closed else self._state.number

    @property
    def closed(self) -> bool:
        """Was this handle terminated? In a forked child: always."""
        return self._closed or self._state.forked

    # -- options

    def get(self, option: int) -> int:
        """A context option. RuntimeError when closed, ZMQError with EINVAL if unknown."""
        self._require_open()
        return self._state.get(option)

    def set(self, option: int, optval: int | str | bytes) -> None:
        """Set a context option.

        RuntimeError when closed, TypeError unless int (THREAD_NAME_PREFIX may be text), ZMQError
        with EINVAL. IO_THREADS and THREAD_… are for before the first socket, which is refused
        (EPERM, EINVAL) where the system does not allow such threads; later changes have no effect.
        """
        self._require_open()
        self._state.set(option, optval)

    def _require_open(self) -> None:
        if self.closed:
            raise RuntimeError("Context has been destroyed")
        if self._state.terminated:
            raise ZMQError(Errno.EFAULT)

    def setsockopt(self, opt: int, value: Any) -> None:
        """A default for sockets made from now on; types it is not for ignore it."""
        self.sockopts[opt] = value

    def getsockopt(self, opt: int) -> OptionValue:
        """A default set by `setsockopt`. KeyError if there is none."""
        return cast(OptionValue, self.sockopts[opt])

    def _set_attr_opt(self, name: str, option: int, value: Any) -> None:
        if name in _CONTEXT_ATTRIBUTES:
            self.set(option, value)
        else:
            self.sockopts[option] = value

    def __getattr__(self, key: str) -> Any:
        option = self._option_number(key)
        if key.upper() in _CONTEXT_ATTRIBUTES:
            try:
                return self.get(option)
            except ZMQError as error:
                raise AttributeError(f"{key} attribute is write-only") from error
        try:
            return self.sockopts[option]
        except KeyError:
            raise AttributeError(key) from None

    def __delattr__(self, key: str) -> None:
        if key in self.__dict__:
            del self.__dict__[key]
            return
        name = key.upper()
        if name not in SocketOption.__members__:
            raise AttributeError(f"No such socket option: {name!r}")
        try:
            del self.sockopts[SocketOption[name]]
        except KeyError:
            raise AttributeError(name) from None

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *ContextOption.__members__})

    # -- sockets

    def socket(
        self,
        socket_type: int,
        socket_class: Callable[[Self, int], _SocketT_co] | None = None,
        **kwargs: Any,
    ) -> _SocketT_co:
        """A new socket, with this context's defaults.

        socket_class: instead of the context's own, e.g. for an asyncio socket of a plain context.
        Raises ZMQError: ENOTSUP when closed, EINVAL for an unknown type, EMFILE beyond
        MAX_SOCKETS; ContextTerminated.
        """
        if self.closed:
            raise ZMQError(Errno.ENOTSUP)
        make = cast("Callable[..., _SocketT_co]", socket_class or self._socket_class)
        socket = make(self, socket_type, **kwargs)
        for option, value in self.sockopts.items():
            try:
                socket.setsockopt(option, value)
            except ZMQError:
                pass  # not an option of this type
        self._add_socket(socket)
        return socket

    def _add_socket(self, socket: Any) -> None:
        self._sockets.add(socket)

    def _rm_socket(self, socket: Any) -> None:
        self._sockets.discard(socket)

    # -- the end

    def shutdown(self) -> None:
        """Make blocked and later calls on all sockets raise ContextTerminated. Never blocks.

        Sockets are still to be closed, and the context to be terminated.
        """
        if not self.closed:
            self._state.shutdown()

    def statistics(self) -> ContextStatistics:
        """`Socket.statistics` of all open sockets, and their sums. RuntimeError when closed."""
        self._require_open()
        return self._state.statistics()

    def term(self, timeout: float | None = None) -> None:
        """Shut down, then wait until all sockets are closed and have sent what LINGER lets them.

        timeout: give up after that many seconds, with a TimeoutError that names what is missing.
        From any thread; idempotent; a signal handler that raises interrupts it.
        """
        if not self.closed:
            self._state.terminate(timeout)
            self._closed = True

    def destroy(self, linger: int | None = None) -> None:
        """Close this handle's sockets, then `term`. linger: ms, LINGER for all of them."""
        if not self.closed:
            self._close_sockets(linger)
            self.term()

    def _close_sockets(self, linger: int | None) -> None:
        for socket in list(self._sockets):
            if socket.closed:
                continue
            if self._warn_destroy_close:
                warn(
                    f"Destroying context with unclosed socket {socket}",
                    ResourceWarning,
                    stacklevel=4,
                    source=socket,
                )
            if linger is not None:
                socket.setsockopt(SocketOption.LINGER, linger)
            socket.close()


# BLOCKY is a socket option in pyzmq, but no socket has it. IPV6 stays a default for sockets.
_CONTEXT_ATTRIBUTES = {*ContextOption.__members__, "BLOCKY"}

SyncContext = Context[SyncSocket]

__all__ = ["Context", "SyncContext"]
