"""`Socket` around the data plane: options, endpoints, handles, payloads; on pyzmq as well."""

import copy
import gc
import importlib
import inspect
import json
import os
import threading
import warnings
import weakref
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

import peromq as zmq

TIMEOUT_MS = 10_000


@pytest.fixture
def context(lib: ModuleType) -> Iterator[Any]:
    context = lib.Context()
    context.linger = 0
    context.rcvtimeo = context.sndtimeo = TIMEOUT_MS
    yield context
    context.destroy(linger=0)
    context.__dict__.pop("kept", None)


@pytest.fixture
def make(lib: ModuleType, context: Any) -> Callable[[str], Any]:
    """Make a socket of a type by name; it stays until the context ends."""
    kept = context.__dict__["kept"] = []

    def socket_of(kind: str) -> Any:
        kept.append(context.socket(getattr(lib, kind)))
        return kept[-1]

    return socket_of


@pytest.fixture
def pair(make: Any) -> tuple[Any, Any]:
    """Two connected PAIR sockets."""
    left, right = make("PAIR"), make("PAIR")
    left.bind("inproc://pair")
    right.connect("inproc://pair")
    return left, right


def errno_of(lib: ModuleType, function: Any, *args: Any) -> int | None:
    with pytest.raises(lib.ZMQError) as caught:
        function(*args)
    number: int | None = caught.value.errno
    return number


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


# -- options as attributes


def test_attributes_in_any_case(make: Any) -> None:
    socket = make("DEALER")
    socket.RCVHWM = 5
    socket.sndhwm = 6
    socket.Identity = b"me"  # ours can be set thus, but not read
    assert (socket.rcvhwm, socket.SNDHWM, socket.ROUTING_ID) == (5, 6, b"me")
    assert socket.mechanism == 0


def test_unknown_attributes(make: Any) -> None:
    socket = make("DEALER")
    with pytest.raises(AttributeError, match="Socket has no such option: MADE_UP"):
        socket.made_up = 1
    with pytest.raises(AttributeError, match=r"(?i)made_up"):
        _ = socket.made_up


def test_write_only_options_are_no_attributes(make: Any) -> None:
    socket = make("ROUTER")
    with pytest.raises(AttributeError, match="write-only"):
        _ = socket.router_mandatory
    assert not hasattr(socket, "subscribe_to")
    assert not hasattr(socket, "PAIR")


def test_no_method_hides_an_option() -> None:
    for name in zmq.SocketOption.__members__:
        for key in (name.lower(), name):
            if key not in ("subscribe", "unsubscribe", "type"):  # both; an enum member
                assert inspect.isdatadescriptor(inspect.getattr_static(zmq.Socket, key))


def test_nothing_makes_method_calls_slow() -> None:
    """A __getattr__ would, even if it were never called."""
    assert not hasattr(zmq.Socket, "__getattr__")
    assert not [base for base in zmq.Socket.__mro__ if "__getattribute__" in base.__dict__][:-1]


def test_dir_lists_options(make: Any) -> None:
    names = dir(make("PUSH"))
    assert {"RCVHWM", "send", "bind"} <= set(names)
    assert len(set(names)) == len(names)


def test_mock_with_a_socket_as_spec(make: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks at deprecated attributes, too
        fake = mock.Mock(spec=make("SUB"))
    fake.subscribe(b"x")
    fake.subscribe.assert_called_once_with(b"x")


def test_subscribe_is_an_option_and_a_method(lib: ModuleType, make: Any) -> None:
    pub, sub = make("PUB"), make("SUB")
    pub.bind("inproc://topics")
    sub.connect("inproc://topics")
    sub.subscribe = b"a"
    sub.subscribe("b")
    sub.SUBSCRIBE = "c"
    sub.set(lib.SUBSCRIBE, b"d")
    sub.unsubscribe(b"a")
    sub.UNSUBSCRIBE = b"b"
    assert callable(sub.subscribe)
    for topic in (b"a", b"b", b"c", b"d"):
        pub.send(topic)
    assert [sub.recv(), sub.recv()] == [b"c", b"d"]


def test_get_and_set(lib: ModuleType, make: Any) -> None:
    socket = make("DEALER")
    socket.setsockopt(lib.IDENTITY, b"one")
    assert socket.getsockopt(lib.IDENTITY) == socket.get(lib.ROUTING_ID) == b"one"
    for name in ("set_string", "setsockopt_string", "setsockopt_unicode"):
        getattr(socket, name)(lib.IDENTITY, name)
        assert socket.getsockopt_string(lib.IDENTITY) == socket.get_string(lib.IDENTITY) == name
    with pytest.raises(TypeError, match="setsockopt_string"):
        socket.set(lib.IDENTITY, "text")
    with pytest.raises(TypeError, match="strings only"):
        socket.set_string(lib.IDENTITY, b"bytes")
    with pytest.raises(TypeError, match="string"):
        socket.get_string(lib.RCVHWM)
    assert errno_of(lib, socket.get, 4711) == lib.EINVAL
    assert errno_of(lib, socket.set, 4711, 1) == lib.EINVAL
    assert errno_of(lib, socket.set, lib.REQ_RELAXED, 1) == lib.EINVAL


def test_hwm_is_both(lib: ModuleType, make: Any) -> None:
    socket = make("DEALER")
    socket.hwm = 5
    assert (socket.hwm, socket.sndhwm, socket.rcvhwm) == (5, 5, 5)
    socket.set_hwm(7)
    assert socket.get_hwm() == socket.get(lib.RCVHWM) == 7


def test_live_options(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    right.send_multipart([b"1", b"2"])
    assert left.poll(TIMEOUT_MS)
    assert left.events == left.EVENTS == lib.POLLIN | lib.POLLOUT
    assert left.rcvmore == 0
    left.recv()
    assert left.rcvmore == 1
    left.recv()
    assert left.rcvmore == 0
    assert left.fd == left.FD == left.fileno() > 0
    os.fstat(left.fd)
    assert left.get(lib.TYPE) == lib.PAIR
    assert left.thread_safe == 0


def test_spin_us_is_ours(context: Any) -> None:
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        assert socket.spin_us == 50
        socket.spin_us = 0
        assert socket.get(zmq.SPIN_US) == 0


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


def test_a_shadow_of_nothing(context: Any) -> None:
    with zmq.Context() as own, own.socket(zmq.PUSH) as socket:
        number = socket.underlying
    assert errno_of(zmq, zmq.Socket.shadow, number) == zmq.ENOTSOCK
    with pytest.raises(ValueError, match="Cannot cast"):
        zmq.Socket(shadow="text")  # type: ignore[call-overload]


# -- payloads


def test_strings(pair: tuple[Any, Any]) -> None:
    left, right = pair
    left.send_string("grüß")
    assert right.recv_string() == "grüß"
    left.send_unicode("grüß", encoding="utf-16")
    assert right.recv_unicode(encoding="utf-16") == "grüß"
    with pytest.raises(TypeError, match="str objects only"):
        left.send_string(b"bytes")
    with pytest.raises(TypeError, match="send_string"):
        left.send("text")


def test_json(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    left, right = pair
    value = {"a": [1, 2.5, None, "ü"]}
    left.send_json(value)
    assert right.recv() == json.dumps(value).encode()
    left.send_json(value, lib.SNDMORE, separators=(",", ":"), sort_keys=True)
    left.send_json(5)
    assert right.recv_json() == value
    assert right.recv_json(parse_int=str) == "5"


def test_pyobj(pair: tuple[Any, Any]) -> None:
    left, right = pair
    left.send_pyobj({"a": {1, 2}}, protocol=2)
    assert right.recv_pyobj() == {"a": {1, 2}}


def test_serialized(pair: tuple[Any, Any]) -> None:
    left, right = pair
    left.send_serialized([1, 2], lambda numbers: [b"%d" % n for n in numbers])
    assert right.recv_serialized(lambda frames: [int(f) for f in frames]) == [1, 2]


def test_many_means_at_least_one() -> None:
    with zmq.Context() as context, context.socket(zmq.PULL) as pull:
        for count in (0, -1):
            with pytest.raises(ValueError, match="max_messages"):
                pull.recv_many(count, zmq.DONTWAIT)


def test_iteration_is_ours() -> None:
    with zmq.Context() as own, own.socket(zmq.PAIR) as left, own.socket(zmq.PAIR) as right:
        left.bind("inproc://x")
        right.connect("inproc://x")
        for number in range(3):
            left.send(b"%d" % number)
        assert [message for _, message in zip(range(3), right, strict=False)] == [b"0", b"1", b"2"]


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
