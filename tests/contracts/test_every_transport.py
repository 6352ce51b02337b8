"""What every transport owes its sockets, through the public API: one is done when it passes.

`PEROMQ_TEST_AGAINST=zmq` runs it against libzmq.
"""

from __future__ import annotations

import errno
import threading
from typing import Any

import pytest

from tests.contracts.conftest import EVERY_TRANSPORT, equip, new_context
from tests.helpers import (
    AGAINST_LIBZMQ,
    TIMEOUT,
    Deadline,
    check_numbered,
    differs_from_libzmq,
    drain,
    fill,
    last_endpoint,
    numbered,
    raises_errno,
    readable,
    terminate,
    try_send,
    wait_until,
    zmq,
)

TRANSPORTS = EVERY_TRANSPORT
WIRES = [transport for transport in TRANSPORTS if transport != "inproc"]
SIZES = [0, 1, 254, 255, 256, 257, 8192, 16383, 16384, 16385, 65535, 65536, 1_000_000, 20_000_000]

every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
every_wire = pytest.mark.parametrize("transport", WIRES)
either_binds = pytest.mark.parametrize("binds", ["sender", "receiver"])


def joined(
    sock: Any, endpoints: Any, transport: str, kinds: tuple[str, str], *, binds: str, **options: Any
) -> tuple[Any, Any]:
    """A sender and a receiver, one of them bound."""
    sender, receiver = sock(kinds[0], **options), sock(kinds[1], **options)
    first, second = (sender, receiver) if binds == "sender" else (receiver, sender)
    first.bind(endpoints.any(transport))
    second.connect(last_endpoint(first))
    return sender, receiver


def body(size: int) -> bytes:
    return bytes(range(256)) * (size // 256) + bytes(range(size % 256))


# ---------------------------------------------------------------- what is sent is what arrives


@every_transport
@either_binds
def test_round_trip(sock: Any, endpoints: Any, transport: str, binds: str) -> None:
    a, b = joined(sock, endpoints, transport, ("PAIR", "PAIR"), binds=binds)
    for n in range(100):
        a.send(numbered(1, n))
        assert b.recv() == numbered(1, n)
        b.send(numbered(2, n))
        assert a.recv() == numbered(2, n)


@every_transport
@pytest.mark.parametrize("size", SIZES)
def test_sizes(sock: Any, endpoints: Any, transport: str, size: int) -> None:
    a, b = joined(sock, endpoints, transport, ("PAIR", "PAIR"), binds="receiver")
    data = body(size)
    a.send(data)
    a.send(data, copy=False)
    a.send(memoryview(bytearray(data)))
    a.send(b"end")
    assert b.recv() == data
    frame = b.recv(copy=False)
    assert (frame.bytes, len(frame)) == (data, size)
    target = bytearray(size + 1)
    assert b.recv_into(target) == size
    assert target[:size] == data
    assert b.recv() == b"end"


@every_transport
@pytest.mark.parametrize(
    "sizes", [[0], [0, 0], [1, 0, 1], [0, 20_000, 0], [16384] * 3, [255, 256] * 50, [70_000, 1]]
)
def test_multipart(sock: Any, endpoints: Any, transport: str, sizes: list[int]) -> None:
    a, b = joined(sock, endpoints, transport, ("PAIR", "PAIR"), binds="sender")
    parts = [body(size) for size in sizes]
    a.send_multipart(parts)
    a.send_multipart([b"next"])
    assert b.recv_multipart() == parts
    assert b.recv_multipart() == [b"next"]


@every_transport
def test_order(sock: Any, endpoints: Any, transport: str) -> None:
    """Sizes of all kinds, so that large bodies and small ones cannot overtake each other."""
    a, b = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    sizes = [5, 300, 16384, 6, 40_000, 16383, 7]

    def produce() -> None:
        for n in range(700):
            a.send(numbered(1, n, sizes[n % len(sizes)]))

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    for n in range(700):
        assert check_numbered(b.recv(), sizes[n % len(sizes)]) == (1, n)
    thread.join(TIMEOUT)


@every_transport
def test_frames_outlive_their_socket_and_context(endpoints: Any, transport: str) -> None:
    with new_context() as context:
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.bind(endpoints.any(transport))
        push.connect(last_endpoint(pull))
        push.send(b"small")
        push.send(body(100_000))
        assert pull.poll(TIMEOUT * 1000)
        frames = [pull.recv(copy=False) for _ in range(2)]
        views = [memoryview(frame.buffer) for frame in frames]
        push.close(linger=0)
        pull.close(linger=0)
    assert [bytes(view) for view in views] == [b"small", body(100_000)]


@every_transport
def test_a_buffer_may_change_after_a_copying_send(
    sock: Any, endpoints: Any, transport: str
) -> None:
    a, b = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    for size in (10, 16384, 100_000):
        data = bytearray(b"x" * size)
        a.send(data)
        data[:] = b"y" * size
        assert b.recv() == b"x" * size


@every_transport
def test_a_tracked_message_is_done_when_its_buffer_is_free(
    sock: Any, endpoints: Any, transport: str
) -> None:
    a, b = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    tracker = a.send(bytearray(200_000), copy=False, track=True)
    assert b.recv() == bytes(200_000)
    tracker.wait(TIMEOUT)
    assert tracker.done


# ---------------------------------------------------------------- many peers


@every_transport
def test_one_receiver_many_senders(sock: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    pushes = [sock("PUSH", connect=last_endpoint(pull)) for _ in range(20)]
    for n in range(50):
        for source, push in enumerate(pushes):
            push.send(numbered(source, n))
    got = [check_numbered(pull.recv()) for _ in range(1000)]
    for source in range(20):
        assert [n for s, n in got if s == source] == list(range(50))


@every_transport
def test_one_sender_many_receivers(sock: Any, endpoints: Any, transport: str) -> None:
    push = sock("PUSH", bind=endpoints.any(transport))
    pulls = [sock("PULL", connect=last_endpoint(push)) for _ in range(5)]
    got: list[tuple[int, int]] = []
    sent = 0
    deadline = Deadline()
    while len(got) < 500:
        if sent < 500:
            push.send(numbered(1, sent))
            sent += 1
        for pull in pulls:
            got += [check_numbered(parts[0]) for parts in drain(pull)]
        assert deadline.left
    assert sorted(got) == [(1, n) for n in range(500)]


@every_transport
def test_one_socket_binds_and_connects(sock: Any, endpoints: Any, transport: str) -> None:
    middle = sock("DEALER", bind=endpoints.any(transport))
    client = sock("DEALER", connect=last_endpoint(middle))
    server = sock("DEALER", bind=endpoints.any(transport))
    middle.connect(last_endpoint(server))
    client.send(b"from a client")
    server.send(b"from a server")
    assert sorted(middle.recv() for _ in range(2)) == [b"from a client", b"from a server"]


# ---------------------------------------------------------------- high-water marks


@every_transport
@either_binds
def test_a_full_queue_blocks_and_loses_nothing(
    sock: Any, endpoints: Any, transport: str, binds: str
) -> None:
    push, pull = joined(
        sock, endpoints, transport, ("PUSH", "PULL"), binds=binds, sndhwm=5, rcvhwm=5
    )
    push.send(b"first")
    assert pull.recv() == b"first"
    parts = [body(1000), b"", b"end"]
    # the threads on the way, which relays have as well, may be slow in filling the last buffer
    count = fill(push, parts, wait_ms=400 if transport in ("tls", "wss") else 100, at_least=5)
    assert count <= (most := {"inproc": 10, "tls": 10_000, "wss": 10_000}.get(transport, 5000))
    push.setsockopt(zmq.SNDTIMEO, 10)
    while more := fill(push, parts) + sends(push, parts):
        count += more  # room may come late, but not for ever
        assert count <= most
    for _ in range(count):
        assert pull.recv_multipart() == parts
    wait_until(lambda: try_send(push, b"room again"))
    assert pull.recv() == b"room again"
    assert not readable(pull)


def sends(sock: Any, parts: list[bytes]) -> bool:
    """Whether it is sent in time."""
    try:
        sock.send_multipart(parts)
    except zmq.Again:
        return False
    return True


@every_transport
def test_a_blocked_sender_is_woken_by_the_reader(sock: Any, endpoints: Any, transport: str) -> None:
    push, pull = joined(
        sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver", sndhwm=2, rcvhwm=2
    )
    sent = threading.Event()

    def produce() -> None:
        for n in range(500):
            push.send(numbered(1, n, 3000))
        sent.set()

    thread = threading.Thread(target=produce, daemon=True)
    thread.start()
    for n in range(500):
        assert check_numbered(pull.recv(), 3000) == (1, n)
    assert sent.wait(TIMEOUT)
    thread.join(TIMEOUT)


@every_transport
def test_the_mark_is_exact_for_a_queue_without_a_peer(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push = sock("PUSH", sndhwm=7, connect=endpoints.fixed(transport))
    assert fill(push) == 7


# ---------------------------------------------------------------- order of connect, bind and close


@every_transport
def test_connect_comes_before_bind(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", connect=endpoint)
    push.send_multipart([b"early", body(20_000)])
    pull = sock("PULL", bind=endpoint)
    assert pull.recv_multipart() == [b"early", body(20_000)]


@every_transport
@either_binds
def test_the_sender_closes_first(endpoints: Any, transport: str, binds: str) -> None:
    """LINGER -1: all arrives, though close() returned at once."""
    with new_context() as context:
        push, pull = context.socket(zmq.PUSH), context.socket(zmq.PULL)
        first, second = (push, pull) if binds == "sender" else (pull, push)
        first.bind(endpoints.any(transport))
        second.connect(last_endpoint(first))
        pull.setsockopt(zmq.RCVTIMEO, int(TIMEOUT * 1000))
        push.setsockopt(zmq.SNDTIMEO, int(TIMEOUT * 1000))
        for n in range(300):
            push.send(numbered(1, n, 2000))
        push.close(linger=-1)
        for n in range(300):
            assert check_numbered(pull.recv(), 2000) == (1, n)
        pull.close(linger=0)


@every_transport
@either_binds
def test_the_receiver_closes_first(sock: Any, endpoints: Any, transport: str, binds: str) -> None:
    push, pull = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds=binds)
    push.send(b"one")
    assert pull.recv() == b"one"
    pull.close(linger=0)
    push.setsockopt(zmq.SNDTIMEO, 20)
    try:
        for _ in range(5000):
            push.send(b"into the void")
    except zmq.Again:
        pass


@every_transport
def test_an_unfinished_message_is_not_delivered(sock: Any, endpoints: Any, transport: str) -> None:
    push, pull = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    push.send(b"whole")
    push.send(b"half", zmq.SNDMORE)
    push.close(linger=1000)
    assert pull.recv_multipart() == [b"whole"]
    assert not readable(pull)


@every_transport
def test_what_was_received_stays_readable_when_the_peer_is_gone(
    sock: Any, endpoints: Any, transport: str
) -> None:
    push, pull = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    for n in range(10):
        push.send(numbered(1, n))
    assert check_numbered(pull.recv()) == (1, 0)
    push.close(linger=1000)
    for n in range(1, 10):
        assert check_numbered(pull.recv()) == (1, n)
    assert not readable(pull)


@every_transport
def test_a_name_is_free_again_after_close(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    for n in range(3):
        pull = sock("PULL")
        wait_until(lambda pull=pull: bound(pull, endpoint))
        push = sock("PUSH", connect=endpoint)
        push.send(numbered(1, n))
        assert pull.recv() == numbered(1, n)
        push.close(linger=0)
        pull.close(linger=0)


def bound(sock: Any, endpoint: str) -> bool:
    """bind(); False while the last owner's close is under way."""
    try:
        sock.bind(endpoint)
    except zmq.ZMQError as error:
        if error.errno != zmq.EADDRINUSE:
            raise
        return False
    return True


@every_transport
def test_two_cannot_bind_the_same(sock: Any, endpoints: Any, transport: str) -> None:
    if AGAINST_LIBZMQ and transport == "ipc":
        pytest.skip("libzmq takes a live path over")
    first = sock("PULL", bind=endpoints.any(transport))
    second = sock("PULL")
    with raises_errno(zmq.EADDRINUSE):
        second.bind(last_endpoint(first))
    push = sock("PUSH", connect=last_endpoint(first))
    push.send(b"still works")
    assert first.recv() == b"still works"


@every_transport
def test_disconnect_ends_the_relation(sock: Any, endpoints: Any, transport: str) -> None:
    push, pull = joined(sock, endpoints, transport, ("PUSH", "PULL"), binds="receiver")
    push.send(b"before")
    assert pull.recv() == b"before"
    push.disconnect(last_endpoint(pull))
    push.setsockopt(zmq.SNDTIMEO, 0)
    wait_until(lambda: not try_send(push, b"after"))
    with raises_errno(errno.ENOENT):
        push.disconnect(last_endpoint(pull))


# ---------------------------------------------------------------- wires come back


@every_wire
def test_a_peer_that_returns_is_found(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", connect=endpoint, reconnect_ivl=10)
    for n in range(3):
        pull = sock("PULL")
        wait_until(lambda pull=pull: bound(pull, endpoint))
        assert pull.poll(0) == 0
        # what was sent while the last peer went may be gone with it: send until something arrives
        deadline = Deadline()
        while not readable(pull, 10):
            push.send(numbered(n, 0))
            assert deadline.left
        assert check_numbered(pull.recv())[0] <= n
        drain(pull, 20)
        pull.close(linger=0)


@every_wire
def test_what_waits_for_a_lost_peer_arrives_when_it_returns(
    sock: Any, monitor: Any, endpoints: Any, transport: str
) -> None:
    endpoint = endpoints.fixed(transport)
    push = sock("PUSH", reconnect_ivl=10)
    events = monitor(push)
    push.connect(endpoint)
    pull = sock("PULL", bind=endpoint)
    push.send(b"hello")
    assert pull.recv() == b"hello"
    pull.close(linger=0)
    events.wait(zmq.Event.DISCONNECTED)
    events.wait(zmq.Event.CLOSED)  # an attempt was refused: the listener is gone as well
    for n in range(100):
        push.send(numbered(1, n, 500))
    pull = sock("PULL")
    wait_until(lambda: bound(pull, endpoint))
    for n in range(100):
        assert check_numbered(pull.recv(), 500) == (1, n)


@every_wire
def test_both_ends_of_a_returned_connection_work(sock: Any, endpoints: Any, transport: str) -> None:
    endpoint = endpoints.fixed(transport)
    client = sock("DEALER", connect=endpoint, reconnect_ivl=10, routing_id=b"client")
    for n in range(3):
        server = sock("ROUTER")
        wait_until(lambda server=server: bound(server, endpoint))
        deadline = Deadline()
        while not readable(server, 10):
            client.send(b"anybody there?")
            assert deadline.left
        server.recv_multipart()
        server.send_multipart([b"client", numbered(1, n)])
        while client.recv() != numbered(1, n):
            pass
        server.close(linger=0)


# ---------------------------------------------------------------- the end


@every_transport
@pytest.mark.parametrize("call", ["recv", "send", "poll"])
def test_term_ends_blocked_calls(endpoints: Any, transport: str, call: str) -> None:
    with new_context() as context:
        pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.bind(endpoints.any(transport))
        push.setsockopt(zmq.SNDHWM, 1)
        push.connect(endpoints.fixed(transport))  # nobody there
        pull.setsockopt(zmq.LINGER, 0)
        push.setsockopt(zmq.LINGER, 0)
        fill(push)
        calls = {"recv": pull.recv, "send": lambda: push.send(b"x"), "poll": pull.poll}
        ended: list[int] = []
        inside = threading.Event()

        def block() -> None:
            inside.set()
            try:
                calls[call]()
            except zmq.ZMQError as error:
                ended.append(error.errno)

        thread = threading.Thread(target=block, daemon=True)
        thread.start()
        assert inside.wait(TIMEOUT)
        assert not readable(pull, 20)
        term = threading.Thread(target=context.term, daemon=True)
        term.start()
        thread.join(TIMEOUT)
        assert ended == [zmq.ETERM]
        pull.close()
        push.close()
        term.join(TIMEOUT)
        assert not term.is_alive()


@every_transport
def test_term_waits_for_what_lingers(endpoints: Any, transport: str) -> None:
    with new_context() as context, new_context() as other:
        shared = context if transport == "inproc" else other
        pull, push = shared.socket(zmq.PULL), context.socket(zmq.PUSH)
        pull.setsockopt(zmq.RCVTIMEO, int(TIMEOUT * 1000))
        pull.bind(endpoints.any(transport))
        push.connect(last_endpoint(pull))
        for n in range(500):
            push.send(numbered(1, n, 1000))
        push.close(linger=-1)
        if transport != "inproc":
            terminator = threading.Thread(target=context.term, daemon=True)
            terminator.start()
        for n in range(500):
            assert check_numbered(pull.recv(), 1000) == (1, n)
        if transport != "inproc":
            terminator.join(TIMEOUT)
            assert not terminator.is_alive()
        pull.close(linger=0)


@every_transport
def test_nothing_is_left_after_many_rounds(endpoints: Any, transport: str) -> None:
    """Threads and descriptors are counted by the fixture of all tests."""
    with new_context() as context:
        for n in range(50):
            pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
            pull.setsockopt(zmq.RCVTIMEO, int(TIMEOUT * 1000))
            pull.bind(endpoints.any(transport))
            push.connect(last_endpoint(pull))
            push.send(numbered(1, n, 20_000))
            if n % 2:
                assert pull.recv() == numbered(1, n, 20_000)
            push.close(linger=0)
            pull.close(linger=0)


@differs_from_libzmq  # whose sockets must not be closed under a call of another thread
@every_transport
def test_destroy_while_traffic_flows(endpoints: Any, transport: str) -> None:
    context = zmq.Context()
    equip(context)
    pull, push = context.socket(zmq.PULL), context.socket(zmq.PUSH)
    pull.bind(endpoints.any(transport))
    push.connect(last_endpoint(pull))
    arrived = threading.Event()
    errors: list[int] = []

    def produce() -> None:
        try:
            while True:
                push.send(body(3000))
        except zmq.ZMQError as error:
            errors.append(error.errno)

    def consume() -> None:
        try:
            while True:
                assert pull.recv() == body(3000)
                arrived.set()
        except zmq.ZMQError as error:
            errors.append(error.errno)

    threads = [threading.Thread(target=work, daemon=True) for work in (produce, consume)]
    for thread in threads:
        thread.start()
    assert arrived.wait(TIMEOUT)
    terminate(context)
    for thread in threads:
        thread.join(TIMEOUT)
    assert len(errors) == 2
    assert set(errors) <= {zmq.ETERM, zmq.ENOTSOCK}
