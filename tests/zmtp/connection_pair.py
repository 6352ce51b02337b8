"""Two handshakes wired to each other, so that every test of one end also runs the other."""

from collections.abc import Callable
from dataclasses import dataclass, field

from peromq.zmtp import Handshake, NullMechanism, ProtocolError, ZapNeeded


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
    eager: bool = False  # works ahead whenever it may

    def flush(self) -> None:
        self._try(self._flush)
        self._flush()  # after a failure, what was said before it

    def _flush(self) -> None:
        data = self.handshake.data_to_send()
        self.wire += data
        self.sent += data
        if self.eager:
            self._try(self.handshake.work_ahead)

    def receive(self, data: bytes) -> None:
        self._try(lambda: self.handshake.receive_data(data))

    def ask_zap(self, judge: "Judge") -> None:
        """Answer its question, if it has one."""
        question = self.handshake.next_zap_question()
        if question is not None:
            status = judge(question)
            if status is None:
                self._try(self.handshake.zap_missing)
            else:
                self._try(lambda: self.handshake.zap_reply(status, "", "alice", {b"X-by": b"zap"}))

    def _try(self, action: Callable[[], None]) -> None:
        if self.error is None:
            try:
                action()
            except ProtocolError as error:
                self.error = error


Judge = Callable[[ZapNeeded], int | None]
"""The ZAP handler: a status, or None if there is none."""


class ConnectionPair:
    """Both ends run until neither has anything more to say, then both are checked."""

    def __init__(self, left: Handshake, right: Handshake, judge: Judge = lambda _: 200) -> None:
        self.left = End(left)
        self.right = End(right)
        self._judge = judge

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
                receiver.ask_zap(self._judge)
                receiver.flush()
        for end, _ in ends:
            waiting = end.error is None and not end.handshake.done
            assert not waiting or end.handshake.refused or self._stuck(end)
            assert end.handshake.data_to_send() == b""

    def _stuck(self, end: End) -> bool:
        """Waiting for the other side, which has failed or refused."""
        other = self.right if end is self.left else self.left
        return other.error is not None or other.handshake.refused is not None or self.deadlock

    deadlock = False
    """Set by tests in which both sides wait for ever."""
