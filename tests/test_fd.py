"""The FD option as event loops use it, on pyzmq as well: a descriptor that is readable when EVENTS
should be looked at, edge-triggered, for both directions.
"""

import asyncio
import os
import select
import selectors
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

TIMEOUT_MS = 10_000
QUIET_MS = 50


@pytest.fixture
def make(lib: ModuleType) -> Iterator[Callable[[str], Any]]:
    """`make("PUSH")`: a socket, closed at the end."""
    context = lib.Context()
    made: list[Any] = []

    def socket(kind: str) -> Any:
        made.append(context.socket(getattr(lib, kind)))
        return made[-1]

    yield socket
    for one in made:
        one.close(linger=0)
    context.term()


@pytest.fixture(params=["inproc", "ipc", "tcp"])
def pair(request: pytest.FixtureRequest, lib: ModuleType, make: Any, ipc_endpoint: str) -> Any:
    """A connected PUSH and PULL."""
    push, pull = make("PUSH"), make("PULL")
    endpoint = {"inproc": "inproc://fd", "ipc": ipc_endpoint, "tcp": "tcp://127.0.0.1:*"}
    pull.bind(endpoint[request.param])
    push.connect(pull.last_endpoint.decode())
    push.send(b"hello")
    assert pull.recv() == b"hello"
    assert not settle(pull) & lib.POLLIN
    settle(push)
    return push, pull


def readable(descriptor: int, ms: int = TIMEOUT_MS) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(ms))


def settle(socket: Any) -> int:
    """Look at EVENTS until the descriptor is quiet, as a loop does. EVENTS at last."""
    events: int = socket.events
    for _ in range(100):
        if not readable(socket.fd, 0):
            return events
        events = socket.events
    raise AssertionError("the descriptor stays readable")


def test_a_real_descriptor(pair: Any) -> None:
    _, pull = pair
    assert os.fstat(pull.fd)
    assert pull.fd == pull.fileno() == pull.FD
    with selectors.DefaultSelector() as selector:
        assert selector.register(pull, selectors.EVENT_READ).fd == pull.fd
    with select.epoll() as epoll:
        epoll.register(pull.fd, select.EPOLLIN | select.EPOLLET)


def test_a_message_makes_it_readable(lib: ModuleType, pair: Any) -> None:
    push, pull = pair
    for _ in range(20):
        push.send(b"x")
        assert readable(pull.fd)
        while not pull.events & lib.POLLIN:
            assert readable(pull.fd)
        assert pull.recv(lib.DONTWAIT) == b"x"
        assert not settle(pull) & lib.POLLIN


def test_looking_at_events_is_the_edge(lib: ModuleType, pair: Any) -> None:
    """After that the descriptor is quiet, though messages remain; EVENTS goes on telling."""
    push, pull = pair
    push.send(b"1")
    push.send(b"2")
    assert pull.poll(TIMEOUT_MS)
    assert pull.recv() == b"1"
    assert pull.poll(TIMEOUT_MS)
    assert settle(pull) & lib.POLLIN
    assert not readable(pull.fd, QUIET_MS)
    assert pull.events & lib.POLLIN
    assert pull.recv() == b"2"
    assert not pull.events & lib.POLLIN


def test_a_recv_that_finds_nothing_is_the_edge_too(lib: ModuleType, pair: Any) -> None:
    """Programs that never look at EVENTS, but receive until Again, do not spin."""
    push, pull = pair
    for _ in range(20):
        push.send(b"1")
        assert readable(pull.fd)
        assert pull.recv() == b"1"
        for _ in range(100):
            with pytest.raises(lib.Again):
                pull.recv(lib.DONTWAIT)
            if not readable(pull.fd, 0):
                break
        else:
            raise AssertionError("the descriptor stays readable")


def test_a_send_that_finds_no_room_is_the_edge_too(
    lib: ModuleType, make: Any, inproc_endpoint: str
) -> None:
    push, pull = make("PUSH"), make("PULL")
    push.sndhwm = pull.rcvhwm = 2
    pull.bind(inproc_endpoint)
    push.connect(inproc_endpoint)
    for _ in range(20):
        for _ in range(100_000):  # libzmq takes note once a millisecond or so
            try:
                push.send_multipart([b"x", b"y"], lib.DONTWAIT)
            except lib.Again:
                if not readable(push.fd, 0):
                    break
        else:
            raise AssertionError("the descriptor stays readable")
        while pull.poll(0):
            pull.recv_multipart()
        assert readable(push.fd)


def test_it_is_shared_by_the_shadows(lib: ModuleType, pair: Any) -> None:
    push, pull = pair
    shadow = lib.Socket.shadow(pull)
    assert shadow.fd == pull.fd
    push.send(b"x")
    assert readable(shadow.fd)
    assert pull.recv() == b"x"


def test_room_to_send_makes_it_readable(lib: ModuleType, make: Any, inproc_endpoint: str) -> None:
    push, pull = make("PUSH"), make("PULL")
    push.sndhwm = pull.rcvhwm = 2
    pull.bind(inproc_endpoint)
    push.connect(inproc_endpoint)
    while push.events & lib.POLLOUT:
        push.send(b"x", lib.DONTWAIT)
    assert not settle(push) & lib.POLLOUT
    for _ in range(4):
        pull.recv()
    pull.poll(0)
    assert readable(push.fd)
    assert settle(push) & lib.POLLOUT
    push.send(b"x", lib.DONTWAIT)


def test_a_peer_makes_it_readable(lib: ModuleType, make: Any) -> None:
    """Somebody to send to is an event as well."""
    push, pull = make("PUSH"), make("PULL")
    push.bind("tcp://127.0.0.1:*")
    assert not settle(push) & lib.POLLOUT
    pull.connect(push.last_endpoint.decode())
    assert readable(push.fd)
    while not push.events & lib.POLLOUT:
        assert readable(push.fd)


def test_every_message_of_another_thread_is_seen(lib: ModuleType, pair: Any) -> None:
    """The loop of those who use it: wait, read all there is, wait again. None is missed."""
    push, pull = pair
    count = 3000

    def send() -> None:
        for number in range(count):
            push.send(b"%d" % number)

    thread = threading.Thread(target=send)
    thread.start()
    seen = 0
    while seen < count:
        assert pull.events & lib.POLLIN or readable(pull.fd)
        while pull.events & lib.POLLIN:
            assert pull.recv(lib.DONTWAIT) == b"%d" % seen
            seen += 1
    thread.join()


def test_sending_does_not_hide_what_arrives(
    lib: ModuleType, make: Any, inproc_endpoint: str
) -> None:
    """A send may take the edge along, so loops look at EVENTS after it; it must be there."""
    left, right = make("PAIR"), make("PAIR")
    left.bind(inproc_endpoint)
    right.connect(inproc_endpoint)
    settle(left)
    right.send(b"in")
    left.send(b"out")
    while not left.events & lib.POLLIN:
        assert readable(left.fd)
    assert left.recv(lib.DONTWAIT) == b"in"


def test_a_loop_s_reader(lib: ModuleType, pair: Any) -> None:
    push, pull = pair
    received: list[bytes] = []

    async def main() -> None:
        done = asyncio.get_running_loop().create_future()

        def ready() -> None:
            while pull.events & lib.POLLIN:
                received.append(pull.recv(lib.DONTWAIT))
            if len(received) == 100 and not done.done():
                done.set_result(None)

        loop = asyncio.get_running_loop()
        loop.add_reader(pull.fd, ready)
        for number in range(100):
            push.send(b"%d" % number)
        async with asyncio.timeout(10):
            await done
        loop.remove_reader(pull.fd)

    asyncio.run(main())
    assert received == [b"%d" % number for number in range(100)]


def test_of_a_closed_socket(lib: ModuleType, pair: Any) -> None:
    _, pull = pair
    pull.close()
    with pytest.raises(lib.ZMQError) as caught:
        pull.fileno()
    assert caught.value.errno == lib.ENOTSOCK
