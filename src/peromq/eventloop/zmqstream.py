"""`ZMQStream`: a socket on tornado's IOLoop, with callbacks for what is received and sent."""

from __future__ import annotations

import asyncio
import json
import pickle
import warnings
from collections.abc import Awaitable, Callable, Sequence
from queue import Queue
from typing import Any, Literal, overload

from tornado.ioloop import IOLoop
from tornado.log import gen_log

from ..constants import Flag, PollEvent
from ..endpoint_context import EndpointContext
from ..error import Again, ContextTerminated, ZMQError
from ..poll import Poller
from ..socket import Socket

POLLIN, POLLOUT = PollEvent.POLLIN, PollEvent.POLLOUT

_Callback = Callable[..., object]


class ZMQStream:
    """Callbacks for a socket's messages, run by tornado's IOLoop.

    `on_recv` sets what is called with each message. `send` and its relatives queue a message that
    the loop sends as soon as the socket takes it; `on_send` sets what is called then. A callback
    may be a coroutine function: it runs as a task, and what it raises is logged.

    socket: a plain Socket. Of an asynchronous one a plain shadow is taken, with a RuntimeWarning.
    io_loop: by default the current one.

    Each turn of the loop handles one message per direction, so that busy streams share it. Not
    thread-safe: use it in the loop's thread.
    """

    socket: Socket[bytes]
    io_loop: IOLoop
    poller: Poller
    bind: Callable[..., EndpointContext[Socket[bytes]]]
    bind_to_random_port: Callable[..., int]
    connect: Callable[..., EndpointContext[Socket[bytes]]]
    setsockopt: Callable[[int, int | bytes], None]
    getsockopt: Callable[[int], int | bytes]
    setsockopt_string: Callable[..., None]
    setsockopt_unicode: Callable[..., None]
    getsockopt_string: Callable[..., str]
    getsockopt_unicode: Callable[..., str]

    def __init__(self, socket: Socket[Any], io_loop: IOLoop | None = None) -> None:
        if type(socket)._deserialize is not Socket._deserialize:  # its results come later
            warnings.warn(
                f"ZMQStream needs a plain Socket, not {type(socket).__name__}: it uses a shadow of"
                f" this one. Make it with ctx.socket(zmq.{socket._type_name},"
                " socket_class=zmq.Socket), whatever sockets the context makes by default.",
                RuntimeWarning,
                stacklevel=2,
            )
            socket = Socket(shadow=socket)
        self.socket = socket
        self.io_loop = io_loop or IOLoop.current()
        self.poller = Poller()
        self._fd = socket.fileno()
        self._send_queue: Queue[tuple[Sequence[Any], dict[str, Any]]] = Queue()
        self._recv_callback: _Callback | None = None
        self._send_callback: _Callback | None = None
        self._close_callback: _Callback | None = None
        self._recv_copy = False
        self._flushed = False
        self._state = 0
        self._scheduled = False
        self._tasks: set[asyncio.Future[Any]] = set()
        for name in (
            "bind", "bind_to_random_port", "connect", "setsockopt", "getsockopt",
            "setsockopt_string", "getsockopt_string", "setsockopt_unicode", "getsockopt_unicode",
        ):  # fmt: skip
            setattr(self, name, getattr(socket, name))
        self._init_io_state()

    # -- receiving

    @overload
    def on_recv(
        self, callback: Callable[[list[bytes]], object] | None, copy: Literal[True] = True
    ) -> None: ...
    @overload
    def on_recv(
        self, callback: Callable[[list[Any]], object] | None, copy: bool = True
    ) -> None: ...
    def on_recv(self, callback: _Callback | None, copy: bool = True) -> None:
        """Call `callback(parts)` with each message received, instead of any other; None stops.

        copy=False: the parts are Frames. Raises AssertionError unless callable.
        """
        self._check_closed()
        _check_callable(callback)
        self._recv_callback = callback
        self._recv_copy = copy
        if callback is None:
            self._drop_io_state(POLLIN)
        else:
            self._add_io_state(POLLIN)

    def on_recv_stream(
        self, callback: Callable[[ZMQStream, list[Any]], object] | None, copy: bool = True
    ) -> None:
        """The same as `on_recv`, for `callback(stream, parts)`."""
        if callback is None:
            self.stop_on_recv()
        else:
            _check_callable(callback)
            self.on_recv(lambda msg: callback(self, msg), copy=copy)

    def stop_on_recv(self) -> None:
        """Receive nothing more until the next `on_recv`."""
        self.on_recv(None)

    # -- sending

    def on_send(self, callback: Callable[[Any, Any], object] | None) -> None:
        """Call `callback(parts, status)` for each message handed to the socket; None stops.

        status: what `Socket.send_multipart` returned, or the ZMQError it raised.
        """
        self._check_closed()
        _check_callable(callback)
        self._send_callback = callback

    def on_send_stream(self, callback: Callable[[ZMQStream, Any, Any], object] | None) -> None:
        """The same as `on_send`, for `callback(stream, parts, status)`."""
        if callback is None:
            self.stop_on_send()
        else:
            _check_callable(callback)
            self.on_send(lambda msg, status: callback(self, msg, status))

    def stop_on_send(self) -> None:
        """Forget the callback of `on_send`. What is queued is sent all the same."""
        self.on_send(None)

    def send(
        self,
        msg: Any,
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[Any, Any], object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message of one part. `callback` replaces that of `on_send`."""
        self.send_multipart([msg], flags, copy, track, callback, **kwargs)

    def send_multipart(
        self,
        msg: Sequence[Any],
        flags: int = 0,
        copy: bool = True,
        track: bool = False,
        callback: Callable[[Any, Any], object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue a message. `callback` replaces that of `on_send`.

        Never blocks and has no limit: see `sending`. Errors of the socket go to the callback as
        its status, and to tornado's log. Raises OSError if the stream is closed.
        """
        self._check_closed()
        if callback is not None:
            self.on_send(callback)
        self._send_queue.put((msg, {"flags": flags, "copy": copy, "track": track} | kwargs))
        self._add_io_state(POLLOUT)

    def send_string(
        self,
        u: str,
        flags: int = 0,
        encoding: str = "utf-8",
        callback: Callable[[Any, Any], object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue text, encoded. TypeError unless str."""
        if not isinstance(u, str):
            raise TypeError("unicode/str objects only")
        self.send(u.encode(encoding), flags=flags, callback=callback, **kwargs)

    send_unicode = send_string

    def send_json(
        self,
        obj: Any,
        flags: int = 0,
        callback: Callable[[Any, Any], object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue an object as JSON. `kwargs` go to `send`."""
        self.send(json.dumps(obj).encode(), flags=flags, callback=callback, **kwargs)

    def send_pyobj(
        self,
        obj: Any,
        flags: int = 0,
        protocol: int = -1,
        callback: Callable[[Any, Any], object] | None = None,
        **kwargs: Any,
    ) -> None:
        """Queue an object as a pickle: only for receivers that trust this program."""
        self.send(pickle.dumps(obj, protocol), flags=flags, callback=callback, **kwargs)

    # -- state

    def receiving(self) -> bool:
        """Is there a callback for what is received?"""
        return self._recv_callback is not None

    def sending(self) -> bool:
        """Are there queued messages that the socket has not taken yet?"""
        return not self._send_queue.empty()

    def closed(self) -> bool:
        """Is the stream closed? A socket that was closed behind its back closes the stream."""
        if self.socket is None:
            return True
        if self.socket.closed:
            self.close()
            return True
        return False

    def set_close_callback(self, callback: Callable[[], object] | None) -> None:
        """Call `callback()` once the stream is closed."""
        self._close_callback = callback

    def close(self, linger: int | None = None) -> None:
        """Leave the loop and close the socket; `linger` as for `Socket.close`. Idempotent."""
        if self.socket is None:
            return
        if self.socket.closed:
            warnings.warn(
                f"Unregistering FD {self._fd} after closing socket: by now it may be another's."
                " Use stream.close() instead of closing the socket.",
                stacklevel=2,
            )
            self.io_loop.remove_handler(self._fd)
        else:
            self.io_loop.remove_handler(self.socket)
            self.socket.close(linger)
        self.socket = None  # type: ignore[assignment]
        if self._close_callback:
            self._run_callback(self._close_callback)

    def flush(self, flag: int = POLLIN | POLLOUT, limit: int | None = None) -> int:
        """Receive and send now, at most `limit` messages, until nothing can be done at once.

        flag: POLLIN to receive (without a callback, received messages are dropped), POLLOUT to
        send. Returns how many messages it handled. After it has handled any, the stream rests
        until the next turn of the loop.
        """
        self._check_closed()
        rested, self._flushed = self._flushed, False
        count = 0
        while limit is None or limit <= 0 or count < limit:
            wanted = (flag & POLLIN) | (flag & POLLOUT if self.sending() else 0)
            ready = self.socket.events & wanted
            if not ready:
                break
            if ready & POLLIN:
                self._handle_recv()
                count += 1
            if ready & POLLOUT and self.socket is not None and self.sending():
                self._handle_send()
                count += 1
            if self.socket is None:  # closed by a callback
                break
        self._flushed = rested or count > 0
        if count and not rested:
            self.io_loop.add_callback(self._finish_flush)
        self._rebuild_io_state()
        return count

    def on_err(self, callback: _Callback) -> None:
        """Deprecated: does nothing."""
        gen_log.warning("on_err does nothing, and will be removed")

    def stop_on_err(self) -> None:
        """Deprecated: does nothing."""
        gen_log.warning("stop_on_err does nothing, and will be removed")

    # -- in the loop

    def _finish_flush(self) -> None:
        self._flushed = False
        if not self.closed():
            self._rebuild_io_state()

    def _run_callback(self, callback: _Callback, *args: Any, **kwargs: Any) -> None:
        try:
            result = callback(*args, **kwargs)
            if not isinstance(result, Awaitable):
                return
            task = asyncio.ensure_future(result)
        except Exception:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=True)
            raise  # to the loop, which may have a handler of its own
        self._tasks.add(task)  # the loop keeps no reference
        task.add_done_callback(self._callback_done)

    def _callback_done(self, task: asyncio.Future[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            gen_log.error("Uncaught exception in ZMQStream callback", exc_info=error)

    def _handle_events(self, fd: Any, events: int) -> None:
        """The loop says: look at EVENTS."""
        if not self.socket:
            gen_log.warning("Got events for closed stream %s", self)
            return
        try:
            ready = self.socket.events
        except ContextTerminated:
            gen_log.warning("Got events for stream %s after terminating context", self)
            self.closed()
            return
        except ZMQError as error:
            if self.closed():
                gen_log.warning(
                    "Got events for stream %s attached to closed socket: %s", self, error
                )
            else:
                gen_log.error("Error getting events for %s: %s", self, error)
            return
        try:
            if ready & POLLIN and self.receiving():
                self._handle_recv()
            if ready & POLLOUT and self.socket is not None and self.sending():
                self._handle_send()
        except Exception:
            gen_log.error("Uncaught exception in zmqstream callback", exc_info=True)
            raise
        finally:
            if not self.closed():  # a callback may have closed it, or its socket
                self._rebuild_io_state()

    def _handle_recv(self) -> None:
        if self._flushed:
            return
        try:
            msg = self.socket.recv_multipart(Flag.DONTWAIT, copy=self._recv_copy)
        except Again:
            return  # somebody else was faster
        if self._recv_callback:
            self._run_callback(self._recv_callback, msg)

    def _handle_send(self) -> None:
        if self._flushed:
            return
        msg, kwargs = self._send_queue.get()
        status: Any
        try:
            status = self.socket.send_multipart(msg, **kwargs)
        except ZMQError as error:
            gen_log.error("SEND Error: %s", error)
            status = error
        if self._send_callback:
            self._run_callback(self._send_callback, msg, status)

    def _check_closed(self) -> None:
        if self.socket is None:
            raise OSError("Stream is closed")

    def _rebuild_io_state(self) -> None:
        if self.socket is not None:
            self._state = (POLLIN if self.receiving() else 0) | (POLLOUT if self.sending() else 0)
            self._update_handler(self._state)

    def _add_io_state(self, state: int) -> None:
        self._state |= state
        self._update_handler(self._state)

    def _drop_io_state(self, state: int) -> None:
        self._state &= ~state
        self._update_handler(self._state)

    def _update_handler(self, state: int) -> None:
        """See to it that what is ready now gets handled.

        The descriptor tells only of changes, and reading EVENTS forgets them.
        """
        if self.socket is None or self._scheduled or not state:
            return
        if self.socket.events & state:
            self._scheduled = True
            self.io_loop.add_callback(self._handle_scheduled)

    def _handle_scheduled(self) -> None:
        self._scheduled = False
        if self.socket is not None:
            self._handle_events(self.socket, 0)

    def _init_io_state(self) -> None:
        self.io_loop.add_handler(self.socket, self._handle_events, self.io_loop.READ)


def _check_callable(callback: object) -> None:
    if callback is not None and not callable(callback):
        raise AssertionError(f"a callback must be callable: {callback!r}")


__all__ = ["ZMQStream"]
