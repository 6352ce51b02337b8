"""WebSocket messages out: small kernel buffers, cuts anywhere; read back by naive eyes."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wsproto import ConnectionType
from wsproto.connection import Connection
from wsproto.events import BytesMessage, Ping

from tests._core import wire_out
from tests._core.test_ws_in import codec
from tests._core.wire import PUSH, Wire, pattern
from tests._core.wire_out import ACTION, TINY
from tests.oracle import zws
from tests.oracle.zmtp import Frame

SIZES = [0, 1, 123, 124, 125, 126, 300, 16383, 16384, 65533, 65534, 65535, 65536, 1_000_000]


def frames_of(stream: bytes, *, client: bool) -> list[Frame]:
    judged = zws.decode(stream, masked=client)
    assert not judged.offence
    return judged.frames


@given(st.lists(ACTION, max_size=50), st.booleans(), st.booleans())
@settings(max_examples=60)
def test_any_order_of_sends_writes_and_cuts(
    actions: list[tuple[str, Any]], tiny: bool, client: bool
) -> None:
    sent, streams, _ = wire_out.play(actions, tiny=tiny, codec=lambda: codec(client))
    shown, commands = wire_out.gather(frames_of(stream, client=client) for stream in streams)
    assert shown == sent
    assert commands == []  # a WebSocket has PINGs of its own


@pytest.mark.parametrize("client", [True, False])
def test_a_well_kept_library_reads_it(client: bool) -> None:
    with Wire(PUSH, codec=codec(client)) as wire:
        stream = b""
        for number, size in enumerate(SIZES):
            assert wire.window.send(pattern(number, size), size % 2 == 1) == 0
            while wire.window.queued():
                wire.window.write()
                wire.window.out_event()
                stream += wire.drain()
        wire.window.ping()
        wire.window.write()
        stream += wire.drain()
    peer = Connection(ConnectionType.SERVER if client else ConnectionType.CLIENT)
    peer.receive_data(stream)
    bodies, pings, gathered = [], 0, b""
    for event in peer.events():
        if isinstance(event, Ping):
            pings += 1
        else:
            assert isinstance(event, BytesMessage)
            gathered += event.data
            if event.message_finished:
                bodies.append(bytes(gathered))
                gathered = b""
    expected = [bytes((size % 2,)) + pattern(number, size) for number, size in enumerate(SIZES)]
    assert bodies == expected
    assert pings == 1


def test_each_frame_has_a_mask_of_its_own() -> None:
    with Wire(PUSH, codec=codec(True)) as wire:
        for _ in range(100):
            wire.window.send(b"\0\0\0", False)
        while wire.window.queued():
            wire.window.write()
        stream = wire.drain()
    masks = {stream[i + 2 : i + 6] for i in range(0, len(stream), 10)}
    assert len(stream) == 1000
    assert len(masks) == 100


@pytest.mark.parametrize("client", [True, False])
def test_the_end_is_said(client: bool) -> None:
    with Wire(PUSH, codec=codec(client)) as wire:
        wire.window.teardown()
        assert zws.decode(wire.drain(), masked=client).controls == [(8, b"\x03\xe8")]


def test_nothing_is_said_in_the_middle_of_a_frame() -> None:
    with Wire(PUSH) as wire:
        wire.cut()
        wire.connect(buffer=TINY, codec=codec(False))
        wire.window.send(bytes(3_000_000), False)
        wire.window.write()
        wire.window.teardown()
        stream = wire.drain()
        assert stream[:1] == b"\x82"
        assert not any(stream[10:])  # not one octet of another frame


def test_commands_keep_their_flag() -> None:
    assert zws.decode(zws.encode(Frame(b"\4JOINx", command=True)), masked=False).frames == [
        Frame(b"\4JOINx", command=True)
    ]
