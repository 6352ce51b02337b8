"""The small modules of zmq.utils."""

from __future__ import annotations

import importlib
import threading
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, LIB, TIMEOUT, wait_until, zmq


def module(name: str) -> Any:
    return importlib.import_module(f"{LIB}.utils.{name}")


def test_jsonapi() -> None:
    jsonapi = module("jsonapi")
    assert jsonapi.dumps({"ü": 1}, ensure_ascii=False) == '{"ü": 1}'.encode()
    assert jsonapi.dumps({"a": 1}, separators=(",", ":")) == b'{"a":1}'
    assert jsonapi.loads('{"ü": 1}'.encode()) == jsonapi.loads('{"ü": 1}') == {"ü": 1}
    assert jsonapi.loads(b"1", parse_int=str) == "1"
    with pytest.raises(ValueError, match="Expecting value"):
        jsonapi.loads(b"nonsense")


def test_strtypes() -> None:
    strtypes = module("strtypes")
    deprecated = pytest.warns(DeprecationWarning, match="strtypes is deprecated")
    for cast, arguments, result in (
        (strtypes.cast_bytes, ("ü",), "ü".encode()),
        (strtypes.b, (b"x",), b"x"),
        (strtypes.u, (b"\xfc", "latin-1"), "ü"),
        (strtypes.cast_unicode, ("x",), "x"),
    ):
        with deprecated:
            assert cast(*arguments) == result
    for cast in (strtypes.asbytes, strtypes.u):
        with pytest.raises(TypeError), deprecated:
            cast(1)
    assert (strtypes.bytes, strtypes.unicode, strtypes.basestring) == (bytes, str, (str,))


def test_addresses() -> None:
    cast_int_addr = module("interop").cast_int_addr
    assert cast_int_addr(5) == 5
    ffi = importlib.import_module("cffi").FFI()
    assert cast_int_addr(ffi.cast("void *", 0x1234)) == 0x1234
    for value in ("5", None, 5.0):
        with pytest.raises(ValueError, match="Cannot cast"):
            cast_int_addr(value)


def test_allow_interrupt_does_nothing_here() -> None:
    allow_interrupt = module("win32").allow_interrupt
    with allow_interrupt(), allow_interrupt(lambda: pytest.fail("called")) as entered:
        assert entered is None


def test_monitor_is_there() -> None:
    assert module("monitor").recv_monitor_message


class TestGarbage:
    def test_nothing_is_kept_by_default(self) -> None:
        gc = module("garbage").gc
        assert gc.refs == {}
        assert AGAINST_LIBZMQ or gc.thread is None
        gc.stop()
        assert not gc.is_alive()

    def test_a_collector_of_ones_own(self) -> None:
        garbage = module("garbage")
        gc = garbage.GarbageCollector(zmq.Context())
        kept, done = object(), threading.Event()
        key = gc.store(kept, done)
        assert gc.is_alive()
        assert gc.refs[key] == (kept, done)
        other = gc.store(b"other")
        with gc.context.socket(zmq.PUSH) as push:
            push.connect(gc.url)
            for number in (key, 0):
                push.send(number.to_bytes(8, "little"))
        assert done.wait(TIMEOUT)
        wait_until(lambda: list(gc.refs) == [other])
        context = gc.context
        gc.stop()
        assert context.closed
        assert not gc.is_alive()
        assert gc.refs == {}
        gc.stop()

    def test_a_new_context_stops_it(self) -> None:
        gc = module("garbage").GarbageCollector()
        gc.store(b"x")
        with pytest.warns(RuntimeWarning, match="gc is running"):
            gc.context = None
        assert not gc.is_alive()

    def test_not_at_exit(self) -> None:
        gc = module("garbage").GarbageCollector()
        gc._atexit()
        assert gc.store(b"x") == 0
        assert not gc.is_alive()
