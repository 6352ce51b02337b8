"""The GSSAPI options, against Debian's libzmq: pyzmq's wheel has none."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

import pytest

import peromq as zmq
from peromq.options import Options
from tests.interop import libzmq_ctypes

pytestmark = [pytest.mark.debian_libzmq, pytest.mark.no_sanitizer]

INTS = [zmq.GSSAPI_SERVER, zmq.GSSAPI_PLAINTEXT, zmq.GSSAPI_PRINCIPAL_NAMETYPE]
INTS += [zmq.GSSAPI_SERVICE_PRINCIPAL_NAMETYPE]
TEXTS = [zmq.GSSAPI_PRINCIPAL, zmq.GSSAPI_SERVICE_PRINCIPAL]


@pytest.fixture
def theirs() -> Iterator[Any]:
    lib = libzmq_ctypes.load()
    if lib is None:
        pytest.skip("libzmq.so.5 is not installed")
    context = libzmq_ctypes.Context(lib)
    yield context.socket(zmq.DEALER)
    context.destroy()


@pytest.fixture
def ours() -> Options:
    return Options(zmq.DEALER, frozenset({"gssapi"}))


def refused(call: Any, number: int, value: int | bytes) -> int:
    try:
        call(number, value)
    except (libzmq_ctypes.LibzmqError, zmq.ZMQError) as error:
        return int(error.errno or 0)
    return 0


def text(theirs: Any, number: int) -> bytes:
    data, size = ctypes.create_string_buffer(256), ctypes.c_size_t(256)
    theirs._check(theirs.lib.zmq_getsockopt(theirs.handle, number, data, ctypes.byref(size)))
    return data.raw[: size.value].removesuffix(b"\0")


@pytest.mark.parametrize("number", INTS)
def test_numbers(theirs: Any, ours: Options, number: int) -> None:
    assert theirs.getsockopt(number) == ours.get(number)
    for value in (0, 1, 2, 3, -1):
        assert refused(theirs.setsockopt, number, value) == refused(ours.set, number, value)
        assert theirs.getsockopt(number) == ours.get(number)
        assert theirs.getsockopt(zmq.MECHANISM) == ours.get(zmq.MECHANISM)


@pytest.mark.parametrize("number", TEXTS)
def test_texts(theirs: Any, ours: Options, number: int) -> None:
    assert text(theirs, number) == ours.get(number) == b""
    for value in (b"", b"x" * 256, b"host@localhost", b"x" * 255, b"x"):
        assert refused(theirs.setsockopt, number, value) == refused(ours.set, number, value)
        if len(value) < 255:  # with its NUL it has to fit the buffer
            assert text(theirs, number) == ours.get(number)
        assert theirs.getsockopt(zmq.MECHANISM) == ours.get(zmq.MECHANISM)


def test_roles(theirs: Any, ours: Options) -> None:
    for number, value in [
        (zmq.GSSAPI_SERVER, 1),
        (zmq.GSSAPI_PRINCIPAL, b"host@localhost"),
        (zmq.GSSAPI_SERVICE_PRINCIPAL, b"host@localhost"),
        (zmq.GSSAPI_SERVER, 1),
        (zmq.PLAIN_SERVER, 1),
        (zmq.GSSAPI_PRINCIPAL, b"host@localhost"),
        (zmq.GSSAPI_SERVER, 0),
    ]:
        for target in (theirs.setsockopt, ours.set):
            target(number, value)
        for option in (zmq.MECHANISM, zmq.GSSAPI_SERVER, zmq.PLAIN_SERVER):
            assert theirs.getsockopt(option) == ours.get(option), (number, option)


def test_without_the_package_they_are_refused() -> None:
    options = Options(zmq.DEALER)
    for number in (*INTS, *TEXTS):
        with pytest.raises(zmq.ZMQError, match="needs gssapi"):
            options.get(number)
