"""Two handshakes and a man in the middle, for hypothesis' state machines.

He holds every command on its way and may deliver, drop, repeat, swap or change it, cut it short, or
say something he has heard in another connection. What must hold whatever he does is in `check`,
which each mechanism's test adds to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from peromq.zmtp import Handshake
from peromq.zmtp.framing import encode_command
from tests.oracle import zmtp as oracle
from tests.zmtp.connection_pair import ConnectionPair, End, Judge

SIDES = st.sampled_from(["left", "right"])

machine_settings = settings(max_examples=60, stateful_step_count=20, deadline=None)


class Middle(RuleBasedStateMachine):
    """`left` and `right` make the ends; `judge` is the ZAP handler of both. All are static."""

    heard: ClassVar[list[bytes]] = []  # bodies of other connections

    left: ClassVar[Callable[[], Handshake]]
    right: ClassVar[Callable[[], Handshake]]
    judge: ClassVar[Judge]

    def check(self) -> None:
        """Called after every step."""
        raise NotImplementedError

    def done(self, side: str) -> bool:
        return self.ends[side].handshake.done

    def check_left_alone(self) -> None:
        """Where nobody but him can be at fault: the ends have nothing to complain of."""
        if not self.touched:
            assert not any(end.error for end in self.ends.values())

    def check_peers(self) -> None:
        """What an end takes the other for is what that is."""
        for side, kind in (("left", "ROUTER"), ("right", "DEALER")):
            if self.done(side):
                assert self.ends[side].handshake.peer.socket_type == kind

    @initialize()
    def greet(self) -> None:
        """Greetings pass; the commands are what this is about."""
        self.ends = {"left": End(self.left()), "right": End(self.right())}
        self.frames: dict[str, list[bytes]] = {"left": [], "right": []}  # to that end
        self.touched = False
        for _ in range(3):
            for end, other in self._ways():
                end.flush()
                greeting, end.wire = bytes(end.wire), bytearray()
                if end.sent[64:]:
                    greeting, rest = greeting[: len(greeting) - len(end.sent) + 64], end.sent[64:]
                    end.wire += rest
                other.receive(greeting)
        self._collect()

    def _ways(self) -> list[tuple[End, End]]:
        left, right = self.ends["left"], self.ends["right"]
        return [(left, right), (right, left)]

    def _collect(self) -> None:
        """Whatever was said meanwhile comes into our hands."""
        for (end, _), other in zip(self._ways(), ("right", "left"), strict=True):
            end.ask_zap(self.judge)
            end.flush()
            frames, rest = oracle.decode(bytes(end.wire))
            assert not rest
            end.wire.clear()
            self.frames[other] += [frame.body for frame in frames]

    def _say(self, side: str, body: bytes) -> None:
        end = self.ends[side]
        if not end.handshake.done:  # behind it comes traffic, which is not ours
            end.receive(encode_command(body))
        self._collect()

    @rule(side=SIDES)
    def deliver(self, side: str) -> None:
        if self.frames[side]:
            self._say(side, self.frames[side].pop(0))

    @precondition(lambda self: any(self.frames.values()))
    @rule(side=SIDES)
    def drop(self, side: str) -> None:
        if self.frames[side]:
            self.touched = True
            self.frames[side].pop(0)

    @rule(side=SIDES)
    def repeat(self, side: str) -> None:
        if self.frames[side]:
            self.touched = True
            self.frames[side].insert(0, self.frames[side][0])

    @rule(side=SIDES)
    def reflect(self, side: str) -> None:
        """Send a command back to where it came from."""
        other = "left" if side == "right" else "right"
        if self.frames[side]:
            self.touched = True
            self._say(other, self.frames[side][0])

    @rule(side=SIDES, data=st.data())
    def flip(self, side: str, data: st.DataObject) -> None:
        if self.frames[side] and self.frames[side][0]:
            self.touched = True
            body = bytearray(self.frames[side][0])
            place = data.draw(st.integers(0, len(body) - 1))
            body[place] ^= 1 << data.draw(st.integers(0, 7))
            self.frames[side][0] = bytes(body)

    @rule(side=SIDES, data=st.data())
    def cut(self, side: str, data: st.DataObject) -> None:
        if self.frames[side]:
            self.touched = True
            body = self.frames[side][0]
            self.frames[side][0] = body[: data.draw(st.integers(0, len(body)))]

    @rule(side=SIDES, tail=st.binary(min_size=1, max_size=40))
    def lengthen(self, side: str, tail: bytes) -> None:
        if self.frames[side]:
            self.touched = True
            self.frames[side][0] += tail

    @rule(side=SIDES, data=st.data())
    def replay(self, side: str, data: st.DataObject) -> None:
        if self.heard:
            self.touched = True
            self._say(side, data.draw(st.sampled_from(self.heard)))

    @invariant()
    def holds(self) -> None:
        if hasattr(self, "ends"):
            for end in self.ends.values():
                assert not (end.error and end.handshake.done)
                if end.error is not None:
                    assert str(end.error).isprintable()
            self.check()


def overhear(left: Handshake, right: Handshake) -> list[bytes]:
    """The bodies of all commands of a connection that nobody disturbs."""
    pair = ConnectionPair(left, right)
    pair.run()
    assert pair.left.handshake.done
    bodies = []
    for end in (pair.left, pair.right):
        frames, _ = oracle.decode(bytes(end.sent[64:]))
        bodies += [frame.body for frame in frames]
    return bodies
