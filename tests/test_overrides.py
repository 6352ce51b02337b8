"""Subclasses that override `send` or `recv`: every message goes through them, on pyzmq as well."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest


class Secret:
    """Changes what is sent, and back."""

    def send(self, data: Any, *args: Any, **kwargs: Any) -> Any:
        return super().send(b"!" + bytes(data), *args, **kwargs)  # type: ignore[misc]

    def recv(self, *args: Any, **kwargs: Any) -> Any:
        return super().recv(*args, **kwargs)[1:]  # type: ignore[misc]


@pytest.fixture
def make(lib: ModuleType) -> Iterator[Callable[[Any, int], Any]]:
    context = lib.Context()
    made: list[Any] = []

    def socket(cls: Any, kind: int) -> Any:
        made.append(cls(context, kind))
        return made[-1]

    yield socket
    for one in made:
        one.close(linger=0)
    context.term()


@pytest.mark.parametrize("how", ["plainly", "by a mixin", "further down"])
def test_parts_go_through_send_and_recv(lib: ModuleType, make: Any, how: str) -> None:
    base: Any = lib.Socket
    if how == "plainly":
        cls = type("Sealed", (base,), {"send": _seal(base), "recv": _open(base)})
    else:
        cls = type("Sealed", (Secret, base), {})
    if how == "further down":
        cls = type("Named", (cls,), {})
    sealed, plain = make(cls, lib.PAIR), make(base, lib.PAIR)
    sealed.bind("inproc://overrides")
    plain.connect("inproc://overrides")

    sealed.send_multipart([b"a", b"", b"c"])
    assert plain.recv_multipart() == [b"!a", b"!", b"!c"]
    sealed.send_serialized(2, lambda number: [b"x"] * number)
    assert plain.recv_multipart() == [b"!x", b"!x"]
    sealed.send_string("text")
    assert plain.recv() == b"!text"

    plain.send_multipart([b"!a", b"!", b"!c"])
    assert sealed.recv_multipart() == [b"a", b"", b"c"]
    plain.send_multipart([b"!1"])
    assert sealed.recv_serialized(lambda parts: parts) == [b"1"]
    with pytest.raises(lib.Again):
        sealed.recv_multipart(lib.DONTWAIT)


def _seal(base: Any) -> Any:
    return lambda self, data, *args, **kwargs: base.send(self, b"!" + bytes(data), *args, **kwargs)


def _open(base: Any) -> Any:
    return lambda self, *args, **kwargs: base.recv(self, *args, **kwargs)[1:]


def test_nothing_is_sent_if_one_part_cannot_be(lib: ModuleType, make: Any) -> None:
    sealed, plain = (
        make(type("Sealed", (Secret, lib.Socket), {}), lib.PAIR),
        make(lib.Socket, lib.PAIR),
    )
    sealed.bind("inproc://overrides")
    plain.connect("inproc://overrides")
    with pytest.raises(TypeError, match="Frame 1"):
        sealed.send_multipart([b"a", "text", b"c"])
    with pytest.raises(IndexError):
        sealed.send_multipart([])
    assert not plain.poll(20)


def test_a_class_with_its_own_multipart_keeps_it(lib: ModuleType, make: Any) -> None:
    seen: list[Any] = []

    class Own(lib.Socket):  # type: ignore[misc, name-defined]
        def send(self, data: Any, *args: Any, **kwargs: Any) -> Any:
            raise AssertionError

        def send_multipart(self, msg_parts: Any, *args: Any, **kwargs: Any) -> Any:
            seen.append(msg_parts)

    make(Own, lib.PAIR).send_multipart([b"x"])
    assert seen == [[b"x"]]
