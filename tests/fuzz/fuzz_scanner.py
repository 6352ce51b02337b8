"""Fuzz the scanner: whatever a stranger sends, the application sees what the oracle says.

    python -m tests.fuzz.fuzz_scanner --seconds 60

damages captured and large frames, in the same order for the same --seed; --atheris has it guided
by coverage. `fuzz_one` is the target; its input is two octets of set-up, then what the peer sends.
"""

from tests._core.wire import PROTOCOL_ERROR, UNLIMITED, XPUB, Seen, Wire, expected, pattern
from tests.fuzz import driver
from tests.fuzz.stream import Setup, Setups, feed
from tests.oracle.zmtp import Frame, encode_command, encode_frame, encode_message
from tests.zmtp import golden

SETUPS = Setups()
KEPT = (1 << 20) + (1 << 18) + 4096
"""What a promise of a large body and two read buffers may take, however little arrives."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    setup, wire = SETUPS.choose(data[0], data[1], len(data) - 2), data[2:]
    assert scan(setup, wire) == expected(
        wire,
        limit=UNLIMITED if setup.limit < 0 else setup.limit,
        subscriptions=setup.socket_type == XPUB,
    )


def scan(setup: Setup, data: bytes) -> tuple[list[Seen], bool]:
    with Wire(setup.socket_type, max_size=setup.limit, rcvhwm=setup.mark) as wire:
        shown = feed(wire, data, setup, KEPT)
        assert wire.window.failed in (None, PROTOCOL_ERROR)
        wire.drain()
        return shown, wire.window.failed is not None


def corpus() -> list[bytes]:
    """Captured messages and commands, one by one and all together; large frames; odd commands."""
    messages = [message.wire for message in golden.MESSAGES if len(message.wire) < 100_000]
    commands = [command.wire for command in golden.COMMANDS]
    own = [
        encode_message([b"a", b"b" * 255, b"c" * 256]),
        encode_message([pattern(1, 16383), pattern(2, 16384), b"end"]),
        encode_frame(Frame(b"long", more=True), long=True) + encode_message([b""]),
        encode_command(b"SUBSCRIBE", b"t" * 20_000),
        encode_frame(Frame(b"\x09SUBSCRIBE", command=True, more=True)),
    ]
    together = b"".join(m + c for m in messages[:8] for c in commands[:4])
    wires = (*messages, *commands, *own, together, together[::-1])
    return [bytes((setup, setup)) + wire for wire in wires for setup in range(len(SETUPS))]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus(), growth=100 << 20)
