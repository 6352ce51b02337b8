"""What a received frame knows: numbers, and names of its peer. On pyzmq as well."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def pair(lib: ModuleType) -> Iterator[tuple[Any, Any]]:
    """A ROUTER and a DEALER, not connected."""
    with (
        lib.Context() as context,
        context.socket(lib.ROUTER) as router,
        context.socket(lib.DEALER) as dealer,
    ):
        yield router, dealer


def frames(lib: ModuleType, pair: tuple[Any, Any], endpoint: str, **options: Any) -> list[Any]:
    """A message of two parts, as the ROUTER has received it: three frames."""
    router, dealer = pair
    for name, value in options.items():
        dealer.setsockopt(getattr(lib, name.upper()), value)
    router.bind(endpoint)
    dealer.connect(router.getsockopt(lib.LAST_ENDPOINT).rstrip(b"\0").decode())
    dealer.send_multipart([b"one", b"two" * 10_000])
    assert router.poll(10_000)
    received: list[Any] = router.recv_multipart(copy=False)
    return received


def failure(lib: ModuleType, frame: Any, option: object) -> int | None:
    with pytest.raises(lib.ZMQError) as caught:
        frame.get(option)
    number: int | None = caught.value.errno
    return number


@pytest.mark.parametrize("transport", ["tcp", "ipc"])
def test_numbers(lib: ModuleType, pair: tuple[Any, Any], transport: str, ipc_endpoint: str) -> None:
    endpoint = "tcp://127.0.0.1:*" if transport == "tcp" else ipc_endpoint
    received = frames(lib, pair, endpoint)
    assert [frame.get(lib.MORE) for frame in received] == [1, 1, 0]
    for frame in received[1:]:
        assert stat.S_ISSOCK(os.fstat(frame.get(lib.SRCFD)).st_mode)
        assert frame.get("__fd") == str(frame.get(lib.SRCFD))
        assert frame.get(lib.SHARED) in (0, 1)
        for unknown in (0, 4, 99):
            assert failure(lib, frame, unknown) == lib.EINVAL
        for number in (lib.MORE, lib.SRCFD, lib.SHARED):
            with pytest.raises(lib.ZMQError) as caught:
                frame.set(number, 1)
            assert caught.value.errno == lib.EINVAL
        with pytest.raises(TypeError):
            frame.get(None)


def test_names(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    for frame in frames(
        lib, pair, "tcp://127.0.0.1:*", routing_id=b"me", metadata=b"X-rank:major:general"
    )[1:]:
        assert frame.get("Socket-Type") == frame["Socket-Type"] == "DEALER"
        assert frame.get("Identity") == "me"
        assert frame.get("Peer-Address") == "127.0.0.1"
        assert frame.get("X-rank") == frame.get(b"X-rank") == "major:general"
        for absent in ("User-Id", "X-other", ""):
            assert failure(lib, frame, absent) == lib.EINVAL


def test_inproc_and_frames_of_our_own_have_none(lib: ModuleType, pair: tuple[Any, Any]) -> None:
    for frame in (frames(lib, pair, "inproc://here")[-1], lib.Frame(b"ours")):
        assert frame.get(lib.MORE) == 0
        for absent in (lib.SRCFD, "Socket-Type", "Peer-Address", "__fd"):
            assert failure(lib, frame, absent) == lib.EINVAL
