"""Fuzz CURVE's traffic: whatever a stranger makes of boxes, the application sees what was sealed.

    python -m tests.fuzz.fuzz_curve --seconds 60

damages sealed commands, in the same order for the same --seed; --atheris has it guided by coverage.
`fuzz_one` is the target; its input is two octets of set-up, then what the peer sends, whose keys
are KEY. The judge opens the same commands with PyNaCl's boxes.
"""

from peromq._core.handles_codec import CurveCodec
from tests._core.wire import UNLIMITED, XPUB, pattern, whole
from tests.fuzz import driver
from tests.fuzz.stream import Setups, receive
from tests.oracle.curve import CLIENT, SERVER, UNSPECIFIED, Box, Refused
from tests.oracle.zmtp import Frame, encode_frame

KEY = bytes(range(100, 132))
PEER = Box(KEY, SERVER)
FIRST = 3
SETUPS = Setups(marks=(0, 1, 3), chunks=(1, 2, 33, 34, 42, 43, 447, 448, 4096, 1 << 15))
KEPT = (1 << 20) + (1 << 18) + 4096
"""What a promise of a large body and a read buffer may take, however little arrives."""


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    data = data.ljust(2, b"\0")
    setup, wire = SETUPS.choose(data[0], data[1], len(data) - 2), data[2:]
    frames, reason = judge(wire, UNLIMITED if setup.limit < 0 else setup.limit)
    codec = CurveCodec(
        key=KEY, send_prefix=CLIENT, recv_prefix=SERVER, send_nonce=2, recv_nonce=FIRST - 1
    )
    shown, failed = receive(setup, wire, codec, KEPT)
    assert shown == whole(frames, setup.socket_type == XPUB)
    assert failed == reason


def judge(stream: bytes, limit: int) -> tuple[list[Frame], int | None]:
    """The frames up to the first offence, and what that is."""
    frames = []
    last = FIRST - 1
    while stream:
        if stream[0] & ~6:
            return frames, 0x10000012
        head = 9 if stream[0] & 2 else 2
        if len(stream) < head:
            break
        size = int.from_bytes(stream[1:head], "big")
        body = stream[head : head + size]
        try:
            start_of_message(body, size)  # is it one that nobody needs to wait for?
            if len(body) >= 33 and int.from_bytes(body[8:16], "big") <= last:
                PEER.open(Frame(body), last)
            if size - 33 > limit or (size - 33) >> 62:
                if len(body) >= 33:
                    return frames, UNSPECIFIED
                break
            if len(body) < size:
                break
            frame, last = PEER.open(Frame(body), last)
        except Refused as refused:
            return frames, refused.args[0]
        frames.append(frame)
        stream = stream[head + size :]
    return frames, None


def start_of_message(body: bytes, size: int) -> None:
    """Raises if a command that begins so, of that size, is none."""
    wrong = size < 8 and (body or not size)
    if wrong or (len(body) >= 8 and not body.startswith(b"\x07MESSAGE")):
        raise Refused(0x10000011 if size < 2 or size <= body[0] else 0x10000001)
    if size < 33 and len(body) >= 8:
        raise Refused(0x10000012)


def corpus() -> list[bytes]:
    """Sealed frames of every kind; replays, another key, commands that are none."""
    frames = [
        Frame(b""),
        Frame(b"a", more=True),
        Frame(b"b" * 222),
        Frame(b"c" * 223),
        Frame(b"\x04PING\x00\x0aabc", command=True),
        Frame(b"\x09SUBSCRIBEtopic", command=True),
        Frame(b"d" * 5000),
        Frame(pattern(1, 16_384), more=True),
        Frame(pattern(2, 40_000)),
    ]
    sealed = [PEER.seal(frame, FIRST + i) for i, frame in enumerate(frames)]
    wires = [
        *sealed,
        b"".join(sealed),
        b"".join(sealed[:6]),
        sealed[2] + sealed[2],
        sealed[3] + sealed[1],
        b"".join(PEER.seal(frame, FIRST + i, long=True) for i, frame in enumerate(frames[:5])),
        Box(bytes(32), SERVER).seal(Frame(b"m"), FIRST),
        Box(KEY, CLIENT).seal(Frame(b"m"), FIRST),
        PEER.seal(Frame(b"last"), 2**64 - 1) + sealed[0],
        sealed[0] + encode_frame(Frame(b"\x05ERROR\x03400", command=True)),
        sealed[0] + encode_frame(Frame(b"plain")),
        b"\x02" + (2**63).to_bytes(8, "big") + sealed[8][9:400],
        b"\x02" + (2**40).to_bytes(8, "big") + sealed[8][9:400],
    ]
    return [bytes((setup, setup)) + wire for wire in wires for setup in range(len(SETUPS))]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
