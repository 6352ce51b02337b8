"""Many threads on the same few sockets, with sockets closed and contexts ended among them.

Contents are verified, every wait is bounded. Its main use is under the sanitizers
(`make asan tsan`).
"""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import peromq as zmq

TIMEOUT = 30.0
each_transport = pytest.mark.parametrize("transport", ["inproc", "tcp", "ipc"])
SIZES = [0, 1, 40, 200, 255, 256, 1000, 5000, 16383, 16384, 30_000, 100_000]
END = {zmq.ENOTSOCK, zmq.ETERM}


@contextlib.contextmanager
def ends() -> Iterator[None]:
    """What a thread does until its socket or context ends."""
    try:
        yield
    except zmq.ZMQError as end:
        if end.errno not in END:
            raise


def endpoint_of(sock: Any) -> str:
    endpoint: str = sock.getsockopt(zmq.LAST_ENDPOINT).decode()
    return endpoint


def message(source: int, number: int) -> list[bytes]:
    """What sender `source` sends as its message `number`: 1 to 3 parts that tell."""
    rng = random.Random(source * 1_000_003 + number)
    head = b"%d/%d" % (source, number)
    unit = head + b";"
    parts = [head]
    for _ in range(rng.choice((0, 0, 1, 2))):
        size = rng.choice(SIZES if number % 20 == 0 else SIZES[:7])
        parts.append((unit * (size // len(unit) + 1))[:size])
    return parts


def check(parts: list[bytes]) -> tuple[int, int]:
    source, number = map(int, parts[0].split(b"/"))
    assert parts == message(source, number), f"message {number} of {source} is damaged"
    return source, number


def send(sock: Any, parts: list[bytes], rng: random.Random) -> None:
    """One message, in one of the ways there are."""
    way = rng.randrange(5)
    if way == 0:
        sock.send_multipart([zmq.Frame(part, copy=True) for part in parts], copy=False)
    elif way == 1:
        sock.send_multipart([bytearray(part) for part in parts])
    elif way == 2 and len(parts) == 1:
        sock.send_many(parts)
    else:
        sock.send_multipart(parts)


def receive(sock: Any, rng: random.Random) -> list[list[bytes]]:
    """Some messages, in one of the ways there are; none at the time-out."""
    way = rng.randrange(5)
    try:
        if way == 0:
            return [[bytes(frame) for frame in sock.recv_multipart(copy=False)]]
        if way == 1:
            if not sock.poll(20):
                return []
            return [sock.recv_multipart(zmq.DONTWAIT)]
        if way == 2:
            return [m if isinstance(m, list) else [m] for m in sock.recv_many(7)]
        return [sock.recv_multipart()]
    except zmq.Again:
        return []


class Crew:
    """Threads whose first failure is the test's."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.failures: list[BaseException] = []

    def start(self, work: Callable[..., None], *args: Any) -> None:
        def run() -> None:
            try:
                work(*args)
            except BaseException as failure:
                self.failures.append(failure)

        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(TIMEOUT)
            assert not thread.is_alive(), "a thread hangs"
        if self.failures:
            raise self.failures[0]


@each_transport
@pytest.mark.parametrize("kinds", [("PUSH", "PULL"), ("DEALER", "DEALER")])
@pytest.mark.parametrize("hwm", [3, 1000])
def test_every_message_arrives_once_and_whole(
    sock: Any, endpoints: Any, transport: str, kinds: tuple[str, str], hwm: int
) -> None:
    """3 senders share 1 socket, 2 receivers another, over two connections."""
    senders, each = 3, 150
    sink = sock(kinds[1], bind=endpoints.any(transport), rcvhwm=hwm, rcvtimeo=20)
    source = sock(kinds[0], sndhwm=hwm, sndtimeo=int(TIMEOUT * 1000))
    source.connect(endpoint_of(sink))
    source.connect(endpoint_of(sink))
    got: list[tuple[int, int]] = []
    complete = threading.Event()
    crew = Crew()

    def produce(number: int) -> None:
        rng = random.Random(number)
        for i in range(each):
            send(source, message(number, i), rng)

    def consume(number: int) -> None:
        rng = random.Random(100 + number)
        while not complete.is_set():
            got.extend(check(parts) for parts in receive(sink, rng))
            if len(got) >= senders * each:
                complete.set()

    def watchdog() -> None:
        assert complete.wait(TIMEOUT), f"{len(got)} of {senders * each} messages arrived"

    for n in range(2):
        crew.start(consume, n)
    for n in range(senders):
        crew.start(produce, n)
    crew.start(watchdog)
    try:
        crew.threads[-1].join(TIMEOUT + 5)
    finally:
        complete.set()
    crew.join()
    assert sorted(got) == [(s, n) for s in range(senders) for n in range(each)]


@each_transport
def test_requests_of_many_threads_through_a_broker(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """REQs, a ROUTER-DEALER proxy and REPs in threads; closed by the context."""
    clients, workers, each = 4, 2, 30
    ctx = sock.context
    front = sock("ROUTER", bind=endpoints.any(transport))
    back = sock("DEALER", bind=endpoints.any(transport))
    reached = threading.Barrier(clients + 1)
    crew = Crew()

    def broker() -> None:
        with ends():
            zmq.proxy(front, back)

    def work() -> None:
        rep = ctx.socket(zmq.REP)
        rep.connect(endpoint_of(back))
        with ends():
            while True:
                rep.send_multipart([b"re", *rep.recv_multipart()])

    def ask(number: int) -> None:
        with ctx.socket(zmq.REQ) as req:
            req.rcvtimeo = req.sndtimeo = int(TIMEOUT * 1000)
            req.connect(endpoint_of(front))
            for i in range(each):
                question = message(number, i)
                req.send_multipart(question)
                assert req.recv_multipart() == [b"re", *question]
        reached.wait(TIMEOUT)

    crew.start(broker)
    for _ in range(workers):
        crew.start(work)
    for n in range(clients):
        crew.start(ask, n)
    try:
        reached.wait(TIMEOUT)
    except threading.BrokenBarrierError:
        pass
    ctx.destroy(linger=0)
    crew.join()


@each_transport
@pytest.mark.parametrize("how", ["close", "shutdown", "destroy"])
def test_the_end_comes_while_all_are_busy(endpoints: Any, transport: str, how: str) -> None:
    for round_ in range(6):
        context = zmq.Context()
        near, far = context.socket(zmq.DEALER), context.socket(zmq.DEALER)
        near.bind(endpoints.any(transport))
        far.connect(endpoint_of(near))
        busy = threading.Semaphore(0)
        crew = Crew()

        def work(sock: Any, seed: int, busy: threading.Semaphore = busy) -> None:
            rng = random.Random(seed)
            number = 0
            sock.rcvtimeo = sock.sndtimeo = 5
            with ends():
                while True:
                    with contextlib.suppress(zmq.Again):
                        send(sock, message(seed, number), rng)
                        number += 1
                        for parts in receive(sock, rng):
                            check(parts)
                    busy.release()

        for n, sock in enumerate((near, far, near, far)):
            crew.start(work, sock, n + 10 * round_)
        for _ in range(4 + 7 * round_):
            assert busy.acquire(timeout=TIMEOUT)
        if how == "close":
            far.close(linger=0)
            near.close(linger=0)
        elif how == "shutdown":
            context.shutdown()
        else:
            context.destroy(linger=0)
        crew.join()
        near.close(linger=0)
        far.close(linger=0)
        context.term()


@each_transport
def test_peers_come_and_go_around_a_shared_socket(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """A ROUTER answers from two threads, while DEALERs connect, talk and leave in others."""
    router = sock("ROUTER", bind=endpoints.any(transport), rcvtimeo=20)
    leaving = threading.Event()
    crew = Crew()

    def answer() -> None:
        while not leaving.is_set():
            try:
                router.send_multipart(router.recv_multipart())
            except zmq.Again:
                pass

    def visit(number: int) -> None:
        for visit_ in range(12):
            with sock.context.socket(zmq.DEALER) as dealer:
                dealer.rcvtimeo = int(TIMEOUT * 1000)
                dealer.linger = 0
                dealer.connect(endpoint_of(router))
                for i in range(visit_ % 4 + 1):
                    dealer.send_multipart(message(number, i))
                if visit_ % 3:  # the others leave without their answers
                    assert check(dealer.recv_multipart()) == (number, 0)

    visitors = Crew()
    for _ in range(2):
        crew.start(answer)
    for n in range(3):
        visitors.start(visit, n)
    try:
        visitors.join()
    finally:
        leaving.set()
    crew.join()


@each_transport
def test_subscribers_come_and_go_while_two_threads_publish(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pub = sock("XPUB", bind=endpoints.any(transport))
    leaving = threading.Event()
    crew, visitors = Crew(), Crew()

    def publish(source: int) -> None:
        number = 0
        while not leaving.is_set():
            pub.send_multipart([b"topic%d" % source, *message(source, number)])
            number += 1
            while pub.poll(0 if number % 50 else 1):
                try:
                    pub.recv(zmq.DONTWAIT)
                except zmq.Again:
                    break

    def listen(number: int) -> None:
        for visit in range(8):
            with sock.context.socket(zmq.SUB) as sub:
                sub.rcvtimeo = int(TIMEOUT * 1000)
                sub.connect(endpoint_of(pub))
                sub.subscribe(b"topic%d" % (visit % 2))
                last = -1
                for _ in range(5):
                    topic, *parts = sub.recv_multipart()
                    assert topic == b"topic%d" % (visit % 2)
                    source, serial = check(parts)
                    assert source == visit % 2
                    assert serial > last
                    last = serial

    for n in range(2):
        crew.start(publish, n)
    for n in range(3):
        visitors.start(listen, n)
    try:
        visitors.join()
    finally:
        leaving.set()
    crew.join()


@each_transport
def test_a_publisher_that_dies_between_the_parts_takes_nothing_with_it(
    sock: Any, endpoints: Any, transport: str
) -> None:
    """XSUB upstream: one of two publishers goes in the middle of a message to both."""
    xsub = sock("XSUB")
    pubs = [sock("XPUB", bind=endpoints.any(transport)) for _ in range(2)]
    for pub in pubs:
        xsub.connect(endpoint_of(pub))
    xsub.send(b"\x01")
    for pub in pubs:
        assert pub.recv() == b"\x01"
    xsub.send(b"one", zmq.SNDMORE)
    pubs[0].close()
    assert not xsub.poll(0)
    xsub.send(b"two" * 10_000, zmq.SNDMORE)
    xsub.send(b"three")
    assert pubs[1].recv_multipart() == [b"one", b"two" * 10_000, b"three"]


@each_transport
def test_a_disconnect_between_the_parts_cuts_no_message(
    sock: Any, endpoints: Any, transport: str
) -> None:
    pub = sock("XPUB")
    sub = sock("XSUB", bind=endpoints.any(transport))
    pub.connect(endpoint_of(sub))
    sub.send(b"\x01")
    assert pub.recv() == b"\x01"
    pub.send(b"half", zmq.SNDMORE)
    pub.disconnect(endpoint_of(sub))
    pub.send(b"of it")
    if sub.poll(50):  # the message was complete before the disconnect took place
        assert sub.recv_multipart() == [b"half", b"of it"]
