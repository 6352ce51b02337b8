"""Groups and routing ids under asyncio and anyio."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, TIMEOUT

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheel has no drafts")


async def groups_and_ids(context: Any, zmq: Any) -> None:
    with (
        context.socket(zmq.RADIO) as radio,
        context.socket(zmq.DISH) as dish,
        context.socket(zmq.SERVER) as server,
        context.socket(zmq.CLIENT) as client,
    ):
        dish.bind("udp://127.0.0.1:*")
        dish.join("g")
        radio.connect(dish.last_endpoint.decode())
        server.bind("tcp://127.0.0.1:*")
        client.connect(server.last_endpoint.decode())

        await radio.send(b"hello", group="g")
        await radio.send_multipart([b"again"], group="g")
        frame = await dish.recv(copy=False)
        assert (frame.group, frame.bytes) == ("g", b"hello")
        assert await dish.recv_multipart() == [b"again"]
        await client.send(b"ask")
        request = await server.recv(copy=False)
        await server.send(b"answer", routing_id=request.routing_id)
        assert await client.recv() == b"answer"


def test_asyncio() -> None:
    import peromq.asyncio as zmq_asyncio

    async def main() -> None:
        import peromq

        with zmq_asyncio.Context() as context:
            await asyncio.wait_for(groups_and_ids(context, peromq), TIMEOUT)

    asyncio.run(main())


def test_anyio() -> None:
    anyio = pytest.importorskip("anyio")
    import peromq
    import peromq.anyio as zmq_anyio

    async def main() -> None:
        with zmq_anyio.Context() as context, anyio.fail_after(TIMEOUT):
            await groups_and_ids(context, peromq)

    anyio.run(main)
