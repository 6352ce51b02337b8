"""What all handles of one context share: threads, sockets, names, and how it ends."""

from __future__ import annotations

import errno
import functools
import os
import weakref
from typing import TYPE_CHECKING, cast

from . import unpatched
from ._core.handles import Engine
from .constants import ContextOption, Errno, SocketType
from .error import ContextTerminated, ZMQError, strerror
from .inproc import InprocRegistry
from .option_table import CONTEXT_OPTIONS, INT_MAX, INT_MIN
from .patience import Patience
from .shadow import no_such, numbers
from .socket_state import SocketState
from .thread_settings import ThreadSettings
from .zap_door import ContextZapDoor

if TYPE_CHECKING:
    from .control import Control
    from .statistics import ContextStatistics

_by_number: weakref.WeakValueDictionary[int, ContextState] = weakref.WeakValueDictionary()

# In a forked child: what belongs to the parent and must not be finalized here.
_inherited: list[Control] = []

_PREFIX_MAX = 16  # octets (zmq_ctx_set_ext)
_FLAGS = frozenset({10, 42, 70})  # ZERO_COPY_RECV, IPV6, BLOCKY: zero or not


class ContextState:
    """One context, whichever handle it is used by.

    `lock` is held for moments only, and may be taken again by a finalizer that runs inside.
    """

    def __init__(self) -> None:
        self.number = next(numbers)  # `Context.underlying`
        self.lock = unpatched.RLock()
        self._changed = unpatched.Condition(self.lock)
        self._ending = unpatched.Lock()
        self._values = {n: spec.default for n, spec in CONTEXT_OPTIONS.items() if spec.readable}
        self._affinity: set[int] = set()
        self._thread_priority = -1
        self._thread_prefix = ""
        self._threads = ThreadSettings()  # those of the threads there are
        self._engine: Engine | None = None
        self._io_threads = 0  # that the engine was made with
        self.control: Control | None = None
        self.inproc = InprocRegistry()
        self._open: set[SocketState] = set()
        self._internal: set[SocketState] = set()
        self.terminating = False
        self.terminated = False
        self.forked = False  # inherited by a child process
        _by_number[self.number] = self

    @staticmethod
    def find(number: int) -> ContextState:
        """The context of an `underlying`. ZMQError with EFAULT if there is none any more."""
        state = _by_number.get(number)
        if state is None:
            raise ZMQError(Errno.EFAULT, f"{strerror(Errno.EFAULT)} ({no_such('context', number)})")
        return state

    # -- options

    def get(self, option: int) -> int:
        spec = CONTEXT_OPTIONS.get(option)
        value = self._values.get(option)
        if spec is None or not isinstance(value, int) or value < spec.low:
            raise ZMQError(Errno.EINVAL, _refusal(option, "cannot be read"))
        return value

    def set(self, option: int, value: object) -> None:
        spec = CONTEXT_OPTIONS.get(option)
        name = spec.name if spec else f"context option {option}"
        if option == ContextOption.THREAD_NAME_PREFIX and isinstance(value, (str, bytes)):
            self._name_threads(value.decode() if isinstance(value, bytes) else value)
            return
        if not isinstance(value, int):
            raise TypeError(f"expected int, got: {value!r} ({name})")
        if not INT_MIN <= value <= INT_MAX:
            raise OverflowError(f"{name}: {value} does not fit a C int")
        if option == ContextOption.THREAD_PRIORITY and value >= 0:
            self._thread_priority = value  # the setter's side of SOCKET_LIMIT
            return
        if spec is None or not spec.writable or value < spec.low:
            raise ZMQError(Errno.EINVAL, _refusal(option, f"cannot be set to {value}"))
        match option:
            case ContextOption.THREAD_AFFINITY_CPU_ADD:
                self._affinity.add(value)
            case ContextOption.THREAD_AFFINITY_CPU_REMOVE:
                if value not in self._affinity:
                    raise ZMQError(Errno.EINVAL, _refusal(option, f"{value} was not added"))
                self._affinity.remove(value)
            case ContextOption.THREAD_NAME_PREFIX:
                self._values[option] = value
                self._thread_prefix = str(value)
            case _:
                self._values[option] = int(bool(value)) if option in _FLAGS else int(value)

    def _name_threads(self, prefix: str) -> None:
        """THREAD_NAME_PREFIX as text (zmq_ctx_set_ext); read as an int it is 0."""
        if not 0 < len(prefix.encode()) <= _PREFIX_MAX:
            raise ZMQError(
                Errno.EINVAL,
                f"Invalid argument (THREAD_NAME_PREFIX has 1 to {_PREFIX_MAX} octets)",
            )
        self._thread_prefix = prefix
        self._values[ContextOption.THREAD_NAME_PREFIX] = 0

    # -- the rooms below, made when they are needed

    @property
    def engine(self) -> Engine:
        """The data plane; the first socket makes it, with IO_THREADS and THREAD_… as they are then.

        Raises ZMQError, EPERM or EINVAL, if the system refuses threads like those.
        """
        with self.lock:
            if self._engine is None:
                count = self.get(ContextOption.IO_THREADS)
                threads = ThreadSettings(
                    policy=cast(int, self._values[ContextOption.THREAD_SCHED_POLICY]),
                    priority=self._thread_priority,
                    cpus=frozenset(self._affinity),
                    prefix=self._thread_prefix,
                )
                name = threads.name("peromq/io").encode()
                self._engine = threads.call(lambda: Engine(count, name))
                self._io_threads, self._threads = count, threads
            return self._engine

    def control_for(self, endpoint: str) -> Control:
        """The control plane; the first endpoint with a descriptor makes it.

        Raises ZMQError with EMTHREAD if the context has no I/O thread to serve it.
        """
        with self.lock:
            if self.control is None:
                from .control import Control  # not above: `import peromq` shall be quick

                engine = self.engine
                if self._io_threads == 0:
                    raise ZMQError(
                        Errno.EMTHREAD,
                        f"No thread available (IO_THREADS is 0, {endpoint} needs one)",
                    )
                self.control = Control(
                    engine,
                    functools.partial(ContextZapDoor, self),
                    self._threads.begin,
                    io_threads=self._io_threads,
                )
            return self.control

    # -- sockets

    def new_socket(self, socket_type: int, *, internal: bool = False) -> SocketState:
        """A new socket. `internal`: not the user's, so neither counted nor waited for.

        Raises ZMQError: EINVAL for an unknown type, ETERM, EMFILE beyond MAX_SOCKETS.
        """
        with self.lock:
            if self.terminated:
                raise ZMQError(Errno.EFAULT)
            if self.terminating:
                raise ContextTerminated
            limit = self.get(ContextOption.MAX_SOCKETS)
            if not internal and len(self._open) >= limit:
                raise ZMQError(
                    errno.EMFILE, f"{os.strerror(errno.EMFILE)} (MAX_SOCKETS is {limit})"
                )
            try:
                state = SocketState(self, SocketType(socket_type))
            except ValueError:
                raise ZMQError(
                    Errno.EINVAL, f"Invalid argument (no socket type {socket_type})"
                ) from None
            (self._internal if internal else self._open).add(state)
            return state

    def socket_closed(self, socket: SocketState) -> None:
        """Told by a socket at the end of its close."""
        with self._changed:
            self._open.discard(socket)
            self._internal.discard(socket)
            self._changed.notify_all()

    def statistics(self) -> ContextStatistics:
        from .statistics import of_sockets  # not above: `import peromq` shall be quick

        with self.lock:
            sockets = sorted(self._open, key=lambda socket: socket.number)
            threads = self._io_threads
        return of_sockets(sockets, threads)

    # -- the end

    def shutdown(self) -> None:
        """Blocked and later calls on sockets raise ETERM; only close works. Never blocks."""
        with self.lock:
            self.terminating = True
            if self._engine is not None:
                self._engine.shutdown()
            for socket in self._open:
                socket.links.closed()

    def terminate(self, timeout: float | None = None) -> None:
        """Shut down, wait for sockets to close and messages to linger, then stop all threads.

        timeout: in seconds; TimeoutError, which names what it waited for, when it is over. Before
        that, it says so in the log: see `Patience`. May be interrupted by a signal handler that
        raises, and called again.
        """
        wait = Patience(timeout)
        self.shutdown()
        with self._changed:
            while self._open:
                if not self._changed.wait(wait.left()) and wait.ask():
                    wait.over("sockets are still open:", [each.describe() for each in self._open])
        control = self.control
        while control is not None and not control.wait_closed(wait.left()):
            if wait.ask():
                wait.over("still waiting for", control.pending())
        with self._ending:
            if not self.terminated:
                self.terminated = True
                self._stop()

    def _stop(self) -> None:
        self.inproc.clear()
        if self.control is not None:
            self.control.stop()
        for socket in list(self._internal):
            socket.close()
        if self._engine is not None:
            self._engine.stop()

    def after_fork(self) -> None:
        """In the child: the threads are gone, and the descriptors are the parent's."""
        self.lock = unpatched.RLock()
        self._changed = unpatched.Condition(self.lock)
        self._ending = unpatched.Lock()
        self.terminating = self.terminated = self.forked = True
        for socket in self._open | self._internal:
            socket.after_fork()
        self._open.clear()
        self._internal.clear()
        self.inproc = InprocRegistry()
        if self.control is not None:
            self.control.after_fork()
            _inherited.append(self.control)
            self.control = None
        if self._engine is not None:
            self._engine.after_fork()
            self._engine = None


def _refusal(option: int, why: str) -> str:
    spec = CONTEXT_OPTIONS.get(option)
    return f"Invalid argument ({spec.name if spec else f'context option {option}'} {why})"


def _after_fork_in_child() -> None:
    for state in list(_by_number.values()):
        state.after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
