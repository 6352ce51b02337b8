"""What the targets that feed a connection share: their set-ups, and how octets go in.

The first octet of an input chooses socket type, MAXMSGSIZE and RCVHWM, the second one into what
pieces the rest is cut.
"""

from dataclasses import dataclass
from typing import NamedTuple

from peromq._core.handles_codec import Codec
from tests._core.wire import PULL, XPUB, Seen, Wire

TYPES = (PULL, XPUB)
LIMITS = (-1, 0, 40, 20_000)


class Setup(NamedTuple):
    """How one input is received. mark: RCVHWM, and how many messages are taken at once."""

    socket_type: int
    limit: int
    mark: int
    chunk: int


@dataclass(frozen=True)
class Setups:
    """All that a target chooses from."""

    marks: tuple[int, ...] = (0, 1, 3, 1000)
    chunks: tuple[int, ...] = (1, 2, 3, 8, 9, 10, 447, 448, 449, 1 << 15)

    def __len__(self) -> int:
        """How many there are, but for the pieces."""
        return len(TYPES) * len(LIMITS) * len(self.marks)

    def choose(self, kind: int, cut: int, size: int) -> Setup:
        """What two octets mean for an input of `size` octets."""
        chunk = self.chunks[cut % len(self.chunks)]
        if size > 3000:
            chunk = max(chunk, 447)  # octet by octet takes a system call for each
        kind, socket_type = divmod(kind, len(TYPES))
        mark, limit = divmod(kind, len(LIMITS))
        return Setup(TYPES[socket_type], LIMITS[limit], self.marks[mark % len(self.marks)], chunk)


def receive(setup: Setup, data: bytes, codec: Codec, kept: int) -> tuple[list[Seen], int | None]:
    """`feed` through a codec: what is seen, and why the connection failed."""
    with Wire(setup.socket_type, max_size=setup.limit, rcvhwm=setup.mark, codec=codec) as wire:
        shown = feed(wire, data, setup, kept)
        wire.drain()
        return shown, wire.window.failed


def feed(wire: Wire, data: bytes, setup: Setup, kept: int) -> list[Seen]:
    """All that the application sees of `data`, up to an offence.

    kept: the octets of memory that the connection may take besides what the data make necessary.
    """
    window = wire.window
    shown: list[Seen] = []
    for start in range(0, len(data), setup.chunk):
        wire.peer.sendall(data[start : start + setup.chunk])
        while True:
            wire.read()
            assert window.memory() <= kept + 8 * len(data)
            seen = window.receive(setup.mark) if setup.mark else []
            shown += seen
            if window.failed is not None:
                return shown + window.receive()
            if not seen and (not setup.mark or window.paused or not wire.readable()):
                break
    return shown + window.receive()
