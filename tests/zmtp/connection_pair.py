"""Two handshakes wired to each other, so that every test of one end also runs the other."""

from dataclasses import dataclass, field

from peromq.zmtp import Handshake, NullMechanism, ProtocolError


def null_handshake(
    socket_type: str,
    *,
    routing_id: bytes = b"",
    max_msg_size: int = -1,
    metadata: list[tuple[str, bytes]] | None = None,
) -> Handshake:
    return Handshake(
        socket_type=socket_type,
        mechanism=NullMechanism(),
        routing_id=routing_id,
        max_msg_size=max_msg_size,
        metadata=metadata or (),
    )


@dataclass
class End:
    """A handshake, its wire to the other end, and how it failed if it did."""

    handshake: Handshake
    wire: bytearray = field(default_factory=bytearray)
    sent: bytearray = field(default_factory=bytearray)
    error: ProtocolError | None = None

    def flush(self) -> None:
        data = self.handshake.data_to_send()
        self.wire += data
        self.sent += data

    def receive(self, data: bytes) -> None:
        if self.error is None:
            try:
                self.handshake.receive_data(data)
            except ProtocolError as error:
                self.error = error


class ConnectionPair:
    """Both ends run until neither has anything more to say, then both are checked."""

    def __init__(self, left: Handshake, right: Handshake) -> None:
        self.left = End(left)
        self.right = End(right)

    def run(self, chunk: int = 1 << 16) -> None:
        """Carry octets both ways, at most `chunk` at a time."""
        ends = ((self.left, self.right), (self.right, self.left))
        for end, _ in ends:
            end.flush()
        while self.left.wire or self.right.wire:
            for sender, receiver in ends:
                data = bytes(sender.wire[:chunk])
                del sender.wire[:chunk]
                receiver.receive(data)
                receiver.flush()
        for end, _ in ends:
            assert end.handshake.done is (end.error is None)
            assert end.handshake.data_to_send() == b""
