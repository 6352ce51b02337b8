"""What cannot be shadowed says so."""

from typing import Any

import pytest

import peromq as zmq


@pytest.fixture
def foreign() -> Any:
    """A context of the real pyzmq, with a socket."""
    real = pytest.importorskip("zmq")
    with real.Context() as context, context.socket(real.PAIR) as socket:
        yield context, socket


def test_pointers_of_libzmq(foreign: tuple[Any, Any]) -> None:
    context, socket = foreign
    for pointer in (context, context.underlying):
        with pytest.raises(zmq.ZMQError, match=r"libzmq.* cannot be shadowed") as caught:
            zmq.Context.shadow(pointer)
        assert caught.value.errno == zmq.EFAULT
    for pointer in (socket, socket.underlying):
        with pytest.raises(zmq.ZMQError, match=r"libzmq.* cannot be shadowed") as caught:
            zmq.Socket.shadow(pointer)
        assert caught.value.errno == zmq.ENOTSOCK


def test_our_own_are_not_mistaken_for_each_other() -> None:
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        with pytest.raises(zmq.ZMQError, match="no open PeroMQ socket"):
            zmq.Socket.shadow(context.underlying)
        with pytest.raises(zmq.ZMQError, match="no open PeroMQ context"):
            zmq.Context.shadow(socket.underlying)


def test_what_is_no_number() -> None:
    for cls in (zmq.Context, zmq.Socket):
        with pytest.raises(ValueError, match="Cannot cast"):
            cls.shadow("x")  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="no libzmq"):
        zmq.Context.shadow_pyczmq(object())
