"""Fuzz the handshake: whatever a stranger sends, it is accepted or raises ProtocolError.

    python -m tests.fuzz.fuzz_handshake SECONDS

runs under atheris where that is installed, else mutates captured handshakes, always in the same
order. `fuzz_one` is the target; its input is two octets of set-up, then what the peer sends.
"""

import importlib.util
import random
import sys
import time
from collections.abc import Iterator
from itertools import islice

from peromq.zmtp import Handshake, NullMechanism, ProtocolError
from peromq.zmtp.compatibility import COMPATIBLE
from peromq.zmtp.framing import MAX_COMMAND_SIZE
from tests.zmtp import golden

TYPES = sorted(COMPATIBLE)
CHUNKS = (1, 2, 3, 9, 63, 64, 65, 1 << 16)
LIMITS = (-1, 40)
BUFFERED = 9 + MAX_COMMAND_SIZE
"""The most that may be kept of a handshake between two calls: one incomplete command."""
SEED = 37


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
    assert sent > 64
    assert wire.endswith(handshake.leftover)
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
    inputs.extend(b"\0\0" + peer.wire for peer in golden.OLD_PEERS)
    return inputs


def mutations(seed: int = SEED) -> Iterator[bytes]:
    """An endless sequence of damaged inputs, the same for the same seed; the corpus comes first."""
    rng = random.Random(seed)
    inputs = corpus()
    yield from inputs
    while True:
        data = bytearray(rng.choice(inputs))
        data[1] = rng.randrange(256)
        for _ in range(rng.choice((1, 1, 2, 4, 8))):
            _damage(data, rng, inputs)
        yield bytes(data)


def run(executions: int, seed: int = SEED) -> None:
    """A fixed number of executions, for the test suite."""
    for data in islice(mutations(seed), executions):
        _report(data)


def main(seconds: float) -> None:
    """Fuzz for about `seconds` and print how many executions that were."""
    if importlib.util.find_spec("atheris"):
        atheris = importlib.import_module("atheris")
        atheris.instrument_all()
        atheris.Setup([sys.argv[0], f"-max_total_time={int(seconds)}"], fuzz_one)
        atheris.Fuzz()
        return
    executions = 0
    deadline = time.monotonic() + seconds
    for data in mutations():
        _report(data)
        executions += 1
        if time.monotonic() >= deadline:
            break
    print(f"{executions} executions, no finding")


def _report(data: bytes) -> None:
    try:
        fuzz_one(data)
    except BaseException:
        print(f"input: {data.hex()}", file=sys.stderr)
        raise


def _damage(data: bytearray, rng: random.Random, inputs: list[bytes]) -> None:
    """One change behind the set-up octets; sizes and names sit where most of it lands."""
    at = rng.randrange(2, len(data)) if len(data) > 2 else 2
    match rng.randrange(7):
        case 0:
            data[at : at + 1] = bytes((rng.randrange(256),))
        case 1:
            data[at : at + 1] = rng.choice((b"\0", b"\x01", b"\x7f", b"\x80", b"\xff"))
        case 2:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 8, 300)))
        case 3:
            del data[at : at + rng.choice((1, 2, 4, 8, 64))]
        case 4:
            del data[at:]
        case 5:
            other = rng.choice(inputs)
            data[at:] = other[rng.randrange(2, len(other)) :]
        case 6:
            size = rng.choice((0, 1, 255, 256, 2**16, 2**31, 2**32 - 1, 2**63, 2**64 - 1))
            data[at : at + 8] = size.to_bytes(8, "big")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 10.0)
