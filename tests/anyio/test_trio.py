"""`peromq.trio`, without anyio's run."""

import anyio
import pytest

import peromq

trio = pytest.importorskip("trio")
import peromq.trio  # noqa: E402


def test_sockets() -> None:
    async def main() -> None:
        with (
            peromq.trio.Context() as context,
            context.socket(peromq.PUSH) as push,
            context.socket(peromq.PULL) as pull,
        ):
            assert repr(pull).startswith("<peromq.trio.Socket(zmq.PULL)")
            pull.bind("tcp://127.0.0.1:*")
            push.connect(pull.last_endpoint.decode())
            with trio.fail_after(10):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(push.send, b"x")
                    assert await pull.recv() == b"x"

    trio.run(main)


def test_errors_are_trios() -> None:
    async def main() -> None:
        with peromq.trio.Context() as context:
            pull = context.socket(peromq.PULL)

            async def receive() -> None:
                with pytest.raises(trio.ClosedResourceError) as caught:
                    await pull.recv()
                assert isinstance(caught.value, anyio.ClosedResourceError)
                assert isinstance(caught.value, peromq.ZMQError)

            with trio.fail_after(10):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(receive)
                    await trio.testing.wait_all_tasks_blocked()
                    pull.close()

    import trio.testing

    trio.run(main)


def test_cancel_scopes_of_trio() -> None:
    async def main() -> None:
        with peromq.trio.Context() as context, context.socket(peromq.PULL) as pull:
            with trio.move_on_after(0.01) as scope:
                await pull.recv()
            assert scope.cancelled_caught

    trio.run(main)
