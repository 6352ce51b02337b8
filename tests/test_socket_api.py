"""`Socket` around the data plane: names, endpoints, handles, its end; on pyzmq as well."""

import copy
import gc
import importlib
import inspect
import os
import pkgutil
import threading
import warnings
import weakref
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from tests.eitherlib import context, errno_of, make, pair

__all__ = ["context", "make", "pair"]

# -- names and signatures


@pytest.mark.parametrize(
    "name", ["Context", "Socket", "Poller", "MessageTracker", "Frame", "Stopwatch", "ZMQError"]
)
def test_classes_have_all_that_pyzmqs_have(name: str) -> None:
    """Public methods with the same parameters, and perhaps more."""
    theirs, ours = getattr(importlib.import_module("zmq"), name), getattr(zmq, name)
    private = {"tracker_event", "context"}  # fields of pyzmq's compiled classes
    public = {key for key in dir(theirs) if not key.startswith("_")} - private
    assert public <= set(dir(ours))
    for key in public:
        try:
            expected = inspect.signature(getattr(theirs, key)).parameters.values()
            found = inspect.signature(getattr(ours, key)).parameters.values()
        except (TypeError, ValueError):
            continue  # not a function, or a compiled one that does not tell
        shapes = [[(p.name, p.kind, p.default) for p in group] for group in (expected, found)]
        assert shapes[0] == shapes[1][: len(shapes[0])], key


ADDED = {
    "Context": {"shutdown", "statistics"},
    "Frame": {"fast_copy"},  # pyzmq's, but hidden in its compiled class
    "Poller": {"ppoll"},
    "Socket": {
        *("connect_peer", "disconnect_peer", "datagram_counts", "peer_state", "request"),
        *("monitor_pipes_stats", "options", "recv_many", "send_many", "statistics"),
        *("subscriber_count", "wait_connected", "wait_subscribed", "wait_subscribers"),
    },
}


@pytest.mark.parametrize("name", ["Context", "Socket", "Poller", "MessageTracker", "Frame"])
@pytest.mark.parametrize("module", ["zmq", "zmq.asyncio"])
def test_nothing_internal_is_public(module: str, name: str) -> None:
    """What dir() shows besides is documented, or an option's name."""
    if module == "zmq.asyncio" and name in ("MessageTracker", "Frame"):
        pytest.skip("not in zmq.asyncio")
    theirs = getattr(importlib.import_module(module), name)
    ours = getattr(importlib.import_module(module.replace("zmq", "peromq")), name)
    options = {*zmq.SocketOption.__members__, *zmq.ContextOption.__members__}
    public = {key for key in dir(ours) if not key.startswith("_") and key.upper() not in options}
    assert public - set(dir(theirs)) == ADDED.get(name, set())


def test_nothing_internal_is_in_the_package() -> None:
    """Modules in it are names of it, too, once somebody has imported them."""
    theirs = importlib.import_module("zmq")
    modules = {found.name for found in pkgutil.iter_modules(theirs.__path__)}
    ours = {name for name in dir(zmq) if not name.startswith("_")} - set(zmq.__all__)
    assert ours <= {*dir(theirs), *modules, "anyio", "trio"}
    happens = {"annotations", "contextmanager", "os", "sys"}  # what pyzmq happens to import
    known = {name for name in dir(theirs) if not name.startswith("_")}
    assert known - set(dir(zmq)) - happens - modules <= set(vars(zmq))


def test_modules_that_programs_refer_to() -> None:
    assert zmq.sugar.socket.Socket is zmq.Socket
    assert zmq.sugar.context.Context is zmq.Context
    assert issubclass(zmq.Socket, zmq.backend.Socket)
    assert {"error", "constants", "utils"} <= set(dir(zmq))
    assert set(importlib.import_module("zmq.backend").__all__) <= set(zmq.backend.__all__)


def test_include_directories(lib: ModuleType) -> None:
    assert lib.get_includes()[1].endswith("utils")
    assert [os.path.basename(path) for path in lib.get_library_dirs()] == [lib.__name__]


# -- making


def test_constructor(lib: ModuleType, context: Any) -> None:
    with lib.Socket(context, lib.PUSH, copy_threshold=5) as socket:
        assert socket.copy_threshold == 5
        assert socket.context is context
        assert socket.type is lib.SocketType.PUSH
        assert repr(socket) == f"<zmq.Socket(zmq.PUSH) at {hex(id(socket))}>"
    assert repr(socket) == f"<zmq.Socket(zmq.PUSH) at {hex(id(socket))} closed>"
    with pytest.raises(TypeError, match="context must be specified"):
        lib.Socket()
    with pytest.raises(TypeError):
        lib.Socket(1, lib.PUSH)
    with pytest.raises(TypeError):
        lib.Socket(context, "PUSH")


def test_default_copy_threshold(lib: ModuleType, make: Any) -> None:
    assert make("PUSH").copy_threshold == lib.COPY_THRESHOLD == 65536


def test_subclass(lib: ModuleType, context: Any) -> None:
    base: Any = lib.Socket

    class MySocket(base):
        flavour: str

        def __init__(self, flavour: str) -> None:
            super().__init__(context, lib.PUSH)
            self.flavour = flavour

    with MySocket("sweet") as socket:
        assert socket.flavour == "sweet"
        assert repr(socket).startswith(f"<{MySocket.__module__}.MySocket(zmq.PUSH) at ")


def test_sockets_hash_and_compare_by_identity(make: Any) -> None:
    one, other = make("PUSH"), make("PUSH")
    assert one == one
    assert one != other
    assert len({one, other, one}) == 2
    assert weakref.ref(one)() is one


def test_socket_type_is_deprecated(lib: ModuleType, make: Any) -> None:
    with pytest.warns(DeprecationWarning, match="socket_type"):
        assert make("SUB").socket_type == lib.SUB


# -- endpoints


def test_last_endpoint(make: Any, inproc_endpoint: str) -> None:
    socket, peer = make("PULL"), make("PUSH")
    assert socket.last_endpoint == b""
    socket.bind("tcp://127.0.0.1:*")
    assert socket.last_endpoint.startswith(b"tcp://127.0.0.1:")
    assert not socket.last_endpoint.endswith(b"*")
    endpoint = socket.last_endpoint.decode()
    socket.bind(inproc_endpoint)
    assert socket.last_endpoint == inproc_endpoint.encode()
    peer.connect(endpoint)
    assert peer.last_endpoint == endpoint.encode()
    peer.connect(inproc_endpoint.encode())
    assert peer.last_endpoint == inproc_endpoint.encode()


@pytest.mark.parametrize("call", ["bind", "connect"])
@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        ("", "EINVAL"),
        ("tcp", "EINVAL"),
        ("tcp://", "EINVAL"),
        ("://x", "EINVAL"),
        ("inproc://", "EINVAL"),
        ("tcp:/x", "EINVAL"),
        ("nonsense://x", "EPROTONOSUPPORT"),
    ],
)
def test_bad_endpoints(lib: ModuleType, make: Any, call: str, endpoint: str, error: str) -> None:
    with pytest.raises(lib.ZMQError) as caught:
        getattr(make("PUSH"), call)(endpoint)
    assert caught.value.errno == getattr(lib, error)
    assert str(caught.value).endswith(f"(addr={endpoint!r})")


@pytest.mark.parametrize("call", ["bind", "connect", "unbind", "disconnect"])
def test_endpoints_are_text(make: Any, call: str) -> None:
    for bad in (5, 1.5, object()):
        with pytest.raises(TypeError, match="Expected addr to be str, got addr="):
            getattr(make("PUSH"), call)(bad)


@pytest.mark.parametrize("endpoint", ["tcp", "inproc"], indirect=True)
def test_undoing_what_was_not_done(lib: ModuleType, make: Any, endpoint: str) -> None:
    socket = make("PUSH")
    assert errno_of(lib, socket.unbind, endpoint) == 2  # ENOENT
    assert errno_of(lib, socket.disconnect, endpoint) == 2


@pytest.mark.parametrize("endpoint", ["tcp", "inproc"], indirect=True)
def test_address_in_use(lib: ModuleType, make: Any, endpoint: str) -> None:
    make("PULL").bind(endpoint)
    with pytest.raises(lib.ZMQError, match="in use") as caught:
        make("PULL").bind(endpoint)
    assert caught.value.errno == lib.EADDRINUSE


def test_bind_as_context_manager(make: Any, lib: ModuleType) -> None:
    socket = make("PULL")
    with socket.bind("tcp://127.0.0.1:*") as same:
        assert same is socket
        endpoint = socket.last_endpoint.decode()
    assert errno_of(lib, socket.unbind, endpoint) == 2
    bound = socket.bind("inproc://x")
    assert repr(bound) == "<SocketContext(bind='inproc://x')>"


def test_connect_as_context_manager(make: Any, lib: ModuleType, tcp_endpoint: str) -> None:
    socket = make("PUSH")
    with socket.connect(tcp_endpoint) as same:
        assert same is socket
    assert errno_of(lib, socket.disconnect, tcp_endpoint) == 2
    with socket.connect(tcp_endpoint) as same:
        same.close()


def test_bind_to_random_port(lib: ModuleType, make: Any) -> None:
    port = make("PULL").bind_to_random_port("tcp://127.0.0.1")
    assert 0 < port < 65536
    again = make("PULL").bind_to_random_port("tcp://127.0.0.1", min_port=50000, max_port=60000)
    assert 50000 <= again < 60000
    with pytest.raises(lib.ZMQBindError, match="Could not bind"):
        make("PULL").bind_to_random_port(
            "tcp://127.0.0.1", min_port=port, max_port=port + 1, max_tries=3
        )
    assert errno_of(lib, make("PULL").bind_to_random_port, "nonsense://x") == lib.EPROTONOSUPPORT


def test_path_too_long(lib: ModuleType, make: Any) -> None:
    endpoint = "ipc://" + "a" * (lib.IPC_PATH_MAX_LEN + 1)
    with pytest.raises(lib.ZMQError, match=str(lib.IPC_PATH_MAX_LEN)) as caught:
        make("PULL").bind(endpoint)
    assert caught.value.errno == 36  # ENAMETOOLONG


def test_no_such_directory(lib: ModuleType, make: Any) -> None:
    with pytest.raises(lib.ZMQError, match="/no/such/place") as caught:
        make("PULL").bind("ipc:///no/such/place")
    assert caught.value.errno == 2  # ENOENT


# -- the end


def test_close(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PUSH)
    assert not socket.closed
    assert socket.underlying
    socket.close()
    socket.close()
    assert socket.closed
    assert socket not in context._sockets
    for call in (
        lambda: socket.bind("inproc://x"),
        lambda: socket.connect("inproc://x"),
        lambda: socket.unbind("inproc://x"),
        lambda: socket.disconnect("inproc://x"),
        lambda: socket.get(lib.LINGER),
        lambda: socket.set(lib.LINGER, 0),
        lambda: socket.monitor("inproc://x"),
        lambda: socket.send(b""),
        lambda: socket.linger,
    ):
        assert errno_of(lib, call) == lib.ENOTSOCK
    assert errno_of(lib, socket.poll) == lib.ENOTSUP


def test_close_sets_linger(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PUSH)
    socket.connect("tcp://127.0.0.1:1")
    socket.send(b"x")
    socket.close(linger=0)  # or the context would wait for ever


def test_an_abandoned_socket_warns(lib: ModuleType, context: Any) -> None:
    socket = context.socket(lib.PUSH)
    with pytest.warns(ResourceWarning, match=r"Unclosed socket <zmq.Socket\(zmq.PUSH\)"):
        del socket


def test_a_closed_or_managed_socket_warns_nobody(lib: ModuleType, context: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        context.socket(lib.PUSH).close()
        with context.socket(lib.PUSH):
            pass
        gc.collect()


def test_an_abandoned_connected_socket_goes(lib: ModuleType, context: Any) -> None:
    """Nothing below holds the user's handle."""
    socket = context.socket(lib.PULL)
    socket.bind("tcp://127.0.0.1:*")
    socket.connect("tcp://127.0.0.1:1")
    gone = weakref.ref(socket)
    with pytest.warns(ResourceWarning):
        del socket
    assert gone() is None


# -- shadows


def test_shadow(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    shadows = [
        lib.Socket.shadow(left),
        lib.Socket.shadow(left.underlying),
        lib.Socket(left),
        lib.Socket(shadow=left.underlying),
        copy.copy(left),
        copy.deepcopy(left),
    ]
    for shadow in shadows:
        assert shadow.underlying == left.underlying
        assert shadow.type is lib.SocketType.PAIR
        right.send(b"x")
        assert shadow.recv() == b"x"
        shadow.send(b"y")
        assert right.recv() == b"y"
        shadow.sndhwm = 3
        assert left.sndhwm == 3
        left.sndhwm = 4
        assert shadow.sndhwm == 4
    assert [shadow.context is left.context for shadow in shadows[::2]] == [True, True, False]
    assert shadows[1].context is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del shadow, shadows
        gc.collect()
    assert not left.closed


def test_closing_a_shadow_closes_the_socket(lib: ModuleType, make: Any) -> None:
    socket = make("PUSH")
    shadow, other = lib.Socket.shadow(socket), lib.Socket.shadow(socket.underlying)
    shadow.close()
    assert socket.closed
    assert other.closed
    socket.close()


def test_a_shadow_of_nothing() -> None:
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        number = socket.underlying
    assert errno_of(zmq, zmq.Socket.shadow, number) == zmq.ENOTSOCK
    with pytest.raises(ValueError, match="Cannot cast"):
        zmq.Socket(shadow="text")  # type: ignore[call-overload]


# -- threads


def test_options_and_endpoints_from_many_threads() -> None:
    """No call fails, nothing is lost: every bind has its unbind."""
    with zmq.Context() as own, own.socket(zmq.ROUTER) as socket:
        failures: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for round_ in range(50):
                    with socket.bind(f"inproc://{number}-{round_}"):
                        socket.rcvhwm = number
                        assert socket.rcvhwm in range(4)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
