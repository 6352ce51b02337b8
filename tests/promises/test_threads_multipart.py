"""A message of several parts is one, for all threads: none gets between them, either way."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, each_transport, last_endpoint, together

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq aborts: its sockets are not shared")

THREADS = 6
EACH = 30
LARGE = bytes(range(256)) * 400  # 100 KB: goes by reference


@pytest.fixture(autouse=True)
def busy_switching() -> Iterator[None]:
    """Have threads take turns as often as the interpreter lets them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def parts_of(source: int, number: int) -> list[Any]:
    """Small bytes, large ones, and memory of others: all that is sent in different ways."""
    head = b"%d %d" % (source, number)
    return [head, bytearray(LARGE), head, memoryview(LARGE), b"", bytearray(b"small"), LARGE, head]


@each_transport
@pytest.mark.parametrize("how", ["copied", "shared", "tracked"])
def test_many_threads_send(sock: Any, endpoints: Any, transport: str, how: str) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull), sndhwm=3)

    def sender(source: int) -> None:
        for number in range(EACH):
            push.send_multipart(
                parts_of(source, number), copy=how == "copied", track=how == "tracked"
            )

    def receiver() -> None:
        following = [0] * THREADS
        for _ in range(THREADS * EACH):
            parts = pull.recv_multipart()
            source, number = map(int, parts[0].split())
            assert number == following[source]
            following[source] += 1
            assert parts == [bytes(part) for part in parts_of(source, number)]

    together(receiver, *(lambda n=n: sender(n) for n in range(THREADS)))


@pytest.mark.parametrize("copy", [True, False])
@each_transport
def test_many_threads_receive(sock: Any, endpoints: Any, transport: str, copy: bool) -> None:
    pull = sock("PULL", bind=endpoints.any(transport))
    push = sock("PUSH", connect=last_endpoint(pull))
    seen: list[int] = []

    def receiver() -> None:
        while True:
            parts = [bytes(part) for part in pull.recv_multipart(copy=copy)]
            if parts == [b"end"]:
                return
            number = int(parts[0].split()[1])
            assert parts == [bytes(part) for part in parts_of(0, number)]
            seen.append(number)

    def sender() -> None:
        for number in range(THREADS * EACH):
            push.send_multipart(parts_of(0, number))
        for _ in range(THREADS):
            push.send(b"end")

    together(sender, *[receiver] * THREADS)
    assert sorted(seen) == list(range(THREADS * EACH))


def test_a_list_that_another_thread_changes_while_it_is_sent(sock: Any, endpoints: Any) -> None:
    """send_many waits for room, and the list is emptied meanwhile: what is gone is not sent."""
    push = sock("PUSH", connect=endpoints.fixed("inproc"), sndhwm=5)
    messages = [b"%d" % number for number in range(1000)]
    sent: list[int] = []
    thread = threading.Thread(target=lambda: sent.append(push.send_many(messages)), daemon=True)
    thread.start()
    while push.poll(0, 2):  # POLLOUT
        pass
    messages.clear()
    pull = sock("PULL", rcvtimeo=200, bind=last_endpoint(push))
    got = [pull.recv()]
    thread.join(10)
    assert not thread.is_alive()
    while len(got) < sent[0]:
        got.append(pull.recv())
    assert got == [b"%d" % number for number in range(sent[0])]
    assert sent[0] < 1000
