"""Fuzz the handshake: whatever a stranger sends, it is accepted or raises ProtocolError.

    python -m tests.fuzz.fuzz_handshake --seconds 60

damages captured handshakes, in the same order for the same --seed; --atheris has it guided by
coverage. `fuzz_one` is the target; its input is two octets of set-up, then what the peer sends.
"""

from peromq.zmtp import Handshake, NullMechanism, ProtocolError
from peromq.zmtp.compatibility import COMPATIBLE
from peromq.zmtp.framing import MAX_COMMAND_SIZE
from tests.fuzz import driver
from tests.zmtp import golden

TYPES = sorted(COMPATIBLE)
CHUNKS = (1, 2, 3, 9, 63, 64, 65, 1 << 16)
LIMITS = (-1, 40)
BUFFERED = 9 + MAX_COMMAND_SIZE
"""The most that may be kept of a handshake between two calls: one incomplete command."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError, or whatever escapes the handshake, on a bug."""
    setup, wire = data[:2].ljust(2, b"\0"), data[2:]
    handshake = Handshake(
        socket_type=TYPES[setup[0] % len(TYPES)],
        mechanism=NullMechanism(),
        max_msg_size=LIMITS[setup[1] % len(LIMITS)],
    )
    chunk = CHUNKS[(setup[1] // len(LIMITS)) % len(CHUNKS)]
    sent = len(handshake.data_to_send())
    failure = None
    try:
        for start in range(0, len(wire), chunk):
            handshake.receive_data(wire[start : start + chunk])
            sent += len(handshake.data_to_send())
            buffered = len(handshake._incoming)
            assert handshake.done or buffered <= BUFFERED, f"{buffered} octets buffered"
        handshake.receive_eof()
    except ProtocolError as error:
        failure = str(error)
    if failure is not None:
        assert failure.isprintable()
        assert not handshake.done
        assert handshake.leftover == b""
        return
    assert handshake.done
    assert wire.endswith(handshake.leftover)
    if handshake.peer.old is not None:  # what comes of it is fuzz_old's business
        assert sent in (10, 13, 14)
        return
    assert sent > 64
    assert handshake.peer.socket_type in COMPATIBLE[TYPES[setup[0] % len(TYPES)]] | {""}


def corpus() -> list[bytes]:
    """Whole handshakes as captured, each for a socket type that accepts it."""
    inputs = []
    for ready in golden.READIES:
        partner = min(COMPATIBLE[ready.socket_type])
        setup = bytes((TYPES.index(partner), 0))
        traffic = golden.MESSAGES[1].wire
        inputs.append(setup + golden.GREETING + ready.wire + traffic)
    error = b"\x04\x0a\x05ERROR\x03400"
    inputs.append(b"\0\0" + golden.GREETING + error)
    for name in ("DEALER", "ROUTER"):
        setup = bytes((TYPES.index(name), 0))
        inputs.extend(setup + peer.wire for peer in golden.OLD_PEERS)
    return inputs


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
