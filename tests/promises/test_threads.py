"""A socket may be used from several threads at once: nothing is lost, doubled, mixed up or hung."""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    check_numbered,
    each_transport,
    last_endpoint,
    numbered,
    readable,
    together,
    writable,
    zmq,
)

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq aborts: its sockets are not shared")

THREADS = 8
EACH = 1000


def in_threads(work: Callable[[int], None], count: int = THREADS) -> None:
    """Run `work(0) … work(count - 1)` at the same time; the first error of any is ours."""
    together(*(partial(work, number) for number in range(count)))


def tell_end(push: Any, count: int = THREADS) -> None:
    for _ in range(count):
        push.send(b"end")


@each_transport
def test_eight_threads_send_on_one_push(sock: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    seen: dict[int, list[int]] = {source: [] for source in range(THREADS)}

    def work(source: int) -> None:
        if source == THREADS - 1:
            for _ in range(EACH * (THREADS - 1)):
                sender, number = check_numbered(pull.recv(), 50)
                seen[sender].append(number)
            return
        for number in range(EACH):
            push.send(numbered(source, number, 50))

    in_threads(work)

    assert all(seen[source] == list(range(EACH)) for source in range(THREADS - 1))


@each_transport
def test_eight_threads_receive_on_one_pull(sock: Any, endpoints: Any, transport: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    seen: list[list[int]] = [[] for _ in range(THREADS)]

    def feed() -> None:
        for number in range(EACH * THREADS):
            push.send(numbered(1, number))
        tell_end(push)

    feeder = threading.Thread(target=feed, daemon=True)
    feeder.start()

    def work(reader: int) -> None:
        while (message := pull.recv()) != b"end":
            seen[reader].append(check_numbered(message)[1])

    in_threads(work)
    feeder.join(10)

    assert sorted(itertools.chain.from_iterable(seen)) == list(range(EACH * THREADS))
    assert all(numbers == sorted(numbers) for numbers in seen)


@each_transport
def test_threads_send_and_receive_on_one_dealer(sock: Any, endpoints: Any, transport: str) -> None:
    """Four threads send, four receive on one DEALER, while a fifth pair echoes at the far end."""
    router = sock("ROUTER", bind=endpoints.any(transport), sndhwm=0)
    dealer = sock("DEALER", connect=last_endpoint(router))
    total = EACH * 4
    seen: list[Counter[tuple[int, int]]] = [Counter() for _ in range(4)]
    left = [total]
    lock = threading.Lock()

    def echo() -> None:
        for _ in range(total):
            router.send_multipart(router.recv_multipart())

    echoer = threading.Thread(target=echo, daemon=True)
    echoer.start()

    def work(number: int) -> None:
        if number < 4:
            for serial in range(EACH):
                dealer.send_multipart([b"head", numbered(number, serial, 300)])
            return
        while True:
            with lock:
                if not left[0]:
                    return
                left[0] -= 1
            head, body = dealer.recv_multipart()
            assert head == b"head"
            seen[number - 4][check_numbered(body, 300)] += 1

    in_threads(work)
    echoer.join(10)

    together = sum(seen, Counter[tuple[int, int]]())
    assert together == Counter({(s, n): 1 for s in range(4) for n in range(EACH)})


@each_transport
def test_multipart_messages_of_many_threads_do_not_mix(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """send_multipart and recv_multipart are one step each, also with many parts."""
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull), sndhwm=20)
    got: Counter[tuple[int, int]] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        if number < 4:
            for serial in range(500):
                push.send_multipart([numbered(number, serial, 40)] * (serial % 7 + 1))
            return
        for _ in range(500):
            parts = pull.recv_multipart()
            source, serial = check_numbered(parts[0], 40)
            assert parts == [numbered(source, serial, 40)] * (serial % 7 + 1)
            with lock:
                got[source, serial] += 1

    in_threads(work)

    assert got == Counter({(s, n): 1 for s in range(4) for n in range(500)})


@each_transport
@pytest.mark.parametrize("copy", [True, False])
def test_large_and_small_parts_of_many_threads_do_not_mix(
    sock: Any, endpoints: Any, transport: str, copy: bool
) -> None:
    """Parts that are copied, held by reference or taken from any buffer, while queues fill up."""
    pull = sock("PULL", bind=endpoints.any(transport), rcvhwm=5)
    push = sock("PUSH", connect=last_endpoint(pull), sndhwm=5)
    sizes = (5, 100_000, 300, 20_000, 70_000)
    kinds: tuple[Callable[[bytes], Any], ...] = (bytes, bytearray, memoryview, zmq.Frame)
    got: Counter[tuple[int, int]] = Counter()
    lock = threading.Lock()

    def work(number: int) -> None:
        if number < 4:
            for serial in range(40):
                parts = [numbered(number, serial, size) for size in sizes[: serial % 5 + 1]]
                kind = kinds[serial % 4]
                push.send_multipart([kind(part) for part in parts], copy=copy)
            return
        for _ in range(40):
            parts = [bytes(part) for part in pull.recv_multipart(copy=copy)]
            source, serial = check_numbered(parts[0])
            assert [len(part) for part in parts] == list(sizes[: serial % 5 + 1])
            assert {check_numbered(part, len(part)) for part in parts} == {(source, serial)}
            with lock:
                got[source, serial] += 1

    in_threads(work)

    assert got == Counter({(s, n): 1 for s in range(4) for n in range(40)})


def test_threads_poll_and_set_options_while_others_send(sock: Any, endpoints: Any) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"))
    push = sock("PUSH", connect=last_endpoint(pull))
    done = threading.Event()

    def work(number: int) -> None:
        if number == 0:
            for serial in range(EACH):
                push.send(numbered(0, serial))
        elif number == 1:
            try:
                for serial in range(EACH):
                    assert check_numbered(pull.recv()) == (0, serial)
            finally:
                done.set()
        else:
            while not done.is_set():
                pull.poll(1)
                writable(push)
                push.setsockopt(zmq.SNDHWM, 1000 + number)
                assert push.getsockopt(zmq.TYPE) == zmq.PUSH
                pull.getsockopt(zmq.EVENTS)

    in_threads(work, 5)


def test_threads_connect_and_disconnect_while_others_receive(sock: Any, endpoints: Any) -> None:
    pushes = [sock("PUSH", bind=endpoints.any("tcp")) for _ in range(4)]
    stable = sock("PUSH", bind=endpoints.any("tcp"))
    pull = sock("PULL", connect=last_endpoint(stable))
    done = threading.Event()

    def work(number: int) -> None:
        if number < 4:
            for _ in range(20):
                pull.connect(last_endpoint(pushes[number]))
                pull.disconnect(last_endpoint(pushes[number]))
        elif number == 4:
            for serial in range(EACH):
                stable.send(numbered(1, serial))
        else:
            for serial in range(EACH):
                assert check_numbered(pull.recv()) == (1, serial)
            done.set()

    in_threads(work, 6)
    assert done.is_set()


@pytest.mark.parametrize("call", ["recv", "recv_multipart", "poll"])
def test_closing_a_socket_ends_the_calls_of_other_threads(
    sock: Any, endpoints: Any, call: str
) -> None:
    pull = sock("PULL", bind=endpoints.any("tcp"), rcvtimeo=-1)
    ended: list[Any] = []
    inside = threading.Event()

    def block() -> None:
        inside.set()
        try:
            ended.append(getattr(pull, call)())
        except zmq.ZMQError as problem:
            ended.append(problem)

    threads = [threading.Thread(target=block, daemon=True) for _ in range(4)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    assert not readable(pull, 20)
    pull.close()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive(), f"{call} hangs on a closed socket"
    assert len(ended) == 4
    errors = [problem.errno for problem in ended if isinstance(problem, zmq.ZMQError)]
    assert set(errors) <= {zmq.ENOTSOCK, zmq.ETERM, zmq.ENOTSUP}


def test_sockets_made_and_closed_in_many_threads(ctx: Any) -> None:
    def work(number: int) -> None:
        for _ in range(20):
            pull, push = ctx.socket(zmq.PULL), ctx.socket(zmq.PUSH)
            with pull, push:
                pull.setsockopt(zmq.RCVTIMEO, 10_000)
                pull.bind("tcp://127.0.0.1:*")
                push.setsockopt(zmq.LINGER, 0)
                push.connect(last_endpoint(pull))
                push.send(b"%d" % number)
                assert pull.recv() == b"%d" % number

    in_threads(work)


def test_a_publisher_shared_by_threads(sock: Any, endpoints: Any) -> None:
    pub = sock("XPUB", bind=endpoints.any("tcp"), sndhwm=0, xpub_verbose=1)
    subs = [sock("SUB", connect=last_endpoint(pub), rcvhwm=0) for _ in range(3)]
    for sub in subs:
        sub.setsockopt(zmq.SUBSCRIBE, b"t")
    assert [pub.recv() for _ in subs] == [b"\x01t"] * 3

    def work(source: int) -> None:
        for number in range(200):
            pub.send(b"t" + numbered(source, number))

    in_threads(work, 4)

    for sub in subs:
        got = Counter(check_numbered(sub.recv()[1:]) for _ in range(800))
        assert got == Counter({(s, n): 1 for s in range(4) for n in range(200)})
