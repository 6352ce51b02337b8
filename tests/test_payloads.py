"""Text, JSON, pickles and messages of one's own; on pyzmq as well."""

import json
from types import ModuleType
from typing import Any

import pytest

import peromq as zmq
from tests.eitherlib import context, make, pair

__all__ = ["context", "make", "pair"]


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
