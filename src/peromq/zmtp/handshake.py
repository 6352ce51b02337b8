"""One side of a ZMTP handshake, from the first octet to the peer's READY.

Send schedule of an open socket, the same as libzmq's, so that 1.0 and 2.0 peers can still be told
apart in time. One with security refuses those, and sends its greeting whole, which saves two waits:
    at once                        signature (10 octets)
    peer's signature is versioned  major version (1 octet)
    peer's revision means 3.x      rest of the greeting (53 octets)
    ... or the peer is older       its greeting's end, our identity: see `old`
    peer's 64 octets are in        what the mechanism wants sent; CURVE's HELLO goes with our own
                                   greeting already, which saves a round trip
    mechanism is done              nothing: traffic starts, and never earlier. libzmq takes a
                                   frame behind our READY for a second one while it has not
                                   sent its own, and closes.

A server's mechanism may have to ask ZAP (RFC 27) about the peer: then `next_zap_question` has the
question, and the handshake goes on with `zap_reply`, `zap_missing` or `zap_failed`.
"""

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum, auto
from functools import lru_cache
from operator import methodcaller
from typing import NamedTuple

from .commands import build_metadata, parse_metadata
from .compatibility import ANNOUNCES_ROUTING_ID, COMPATIBLE
from .errors import ProtocolError, ProtocolErrorCode
from .framing import command_limit, encode_command, take_frame
from .greeting import (
    GREETING_SIZE,
    REVISION_END,
    SIGNATURE_SIZE,
    Dialect,
    build_greeting,
    detect_dialect,
    detect_signature,
    parse_mechanism,
    parse_minor,
)
from .mechanisms import Mechanism, TakeWork
from .mechanisms.null import NullMechanism
from .old import (
    GREETING_END,
    SOCKET_TYPES,
    OldLink,
    encode_identity,
    framing_of,
    is_unversioned_header,
    require_harmless,
    take_identity,
)
from .zap import ZapGate, ZapNeeded

_SOCKET_TYPE = "Socket-Type"
_IDENTITY = "Identity"
# Message properties that are our own knowledge. A peer's metadata must not be able to fake them.
_LOCAL_PROPERTIES = frozenset({"User-Id", "Peer-Address"})


class PeerInfo(NamedTuple):
    """What the handshake found out about the peer."""

    minor: int
    """ZMTP 3 minor version of this link, 0 or 1 (subscriptions are messages or commands). -1: it is
    older than ZMTP 3, and there are no commands at all."""
    socket_type: str
    """As announced, e.g. "DEALER"; empty if the peer did not say."""
    routing_id: bytes
    """As announced; empty if none. Not validated: ZMTP sets no limit on receipt."""
    properties: dict[str, str]
    """All metadata, first value of each name, and what the mechanism added. Octets that are not
    UTF-8 appear as surrogate escapes (PEP 383)."""
    old: OldLink | None = None
    """For a peer older than ZMTP 3."""


class State(IntEnum):
    """Of a handshake."""

    SIGNATURE = auto()
    REVISION = auto()
    GREETING = auto()
    COMMANDS = auto()
    OLD_GREETING = auto()
    OLD_IDENTITY = auto()
    ESTABLISHED = auto()
    REFUSED = auto()
    FAILED = auto()


_UNDER_WAY = (State.SIGNATURE, State.REVISION, State.GREETING, State.COMMANDS)


class Handshake:
    """Bytes in by `receive_data`, bytes out by `data_to_send`, until `done`.

    After each receive_data the owner sends what data_to_send gives, then looks at done, refused and
    next_zap_question.

    socket_type: ours, e.g. "PUB". routing_id: option ROUTING_ID, at most 255 octets.
    max_msg_size: option MAXMSGSIZE in octets, negative for unlimited; it holds for handshake
    commands too. metadata: option METADATA, names and values; the first value of a name wins.
    Raises ValueError for arguments that cannot be put on the wire.
    """

    def __init__(
        self,
        *,
        socket_type: str,
        mechanism: Mechanism,
        routing_id: bytes = b"",
        max_msg_size: int = -1,
        metadata: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        if socket_type not in COMPATIBLE:
            raise ValueError(f"unknown socket type {socket_type!r}")
        if len(routing_id) > 255:
            raise ValueError(f"routing id of {len(routing_id)} octets, at most 255 are allowed")
        self.mechanism = mechanism
        self._take_work: TakeWork | None = getattr(mechanism, "take_work", None)
        self._socket_type = socket_type
        self._routing_id = routing_id
        self._metadata = _own_metadata(socket_type, routing_id, tuple(metadata))
        self._limit = command_limit(max_msg_size)
        self._greeting = build_greeting(mechanism.name, len(routing_id))
        self._greeted = 0  # octets of it that were sent
        self._outgoing = bytearray()
        self._greet(SIGNATURE_SIZE if mechanism.name == NullMechanism.name else GREETING_SIZE)
        self._early = mechanism.opens
        self._opened = False
        self._incoming = bytearray()
        self._minor = 0
        self._dialect = Dialect.ZMTP_3
        self._old: OldLink | None = None
        self._properties: dict[str, bytes] = {}
        self._peer: PeerInfo | None = None
        self._state = State.SIGNATURE

    @property
    def done(self) -> bool:
        """Both sides are ready and data_to_send has given out all of ours: traffic may start."""
        return self._state is State.ESTABLISHED and not self._outgoing

    @property
    def refused(self) -> int | None:
        """ZAP's 300, 400 or 500, if it would not have the peer. Whatever still comes is ignored."""
        gate = self.mechanism.gate
        return gate.refused if gate is not None else None

    @property
    def peer(self) -> PeerInfo:
        """Facts about the peer. Raises RuntimeError before both sides are ready."""
        if self._state is not State.ESTABLISHED:
            raise RuntimeError("the handshake is not done")
        if self._peer is None:
            self._peer = self._describe()
        return self._peer

    def _describe(self) -> PeerInfo:
        properties = {
            name: _text(value)
            for name, value in self._properties.items()
            if name not in _LOCAL_PROPERTIES
        }
        return PeerInfo(
            minor=self._minor,
            socket_type=properties.get(_SOCKET_TYPE, ""),
            routing_id=self._properties.get(_IDENTITY, b""),
            properties=properties | dict(self.mechanism.properties),
            old=self._old,
        )

    @property
    def kept(self) -> int:
        """Octets that we keep for the peer: an incomplete command, a token that is waited for."""
        return len(self._incoming) + self.mechanism.kept

    @property
    def leftover(self) -> bytes:
        """Octets received behind the handshake: the beginning of the peer's traffic."""
        return bytes(self._incoming) if self._state is State.ESTABLISHED else b""

    def data_to_send(self) -> bytes:
        """Drain what is to be written now. Raises ProtocolError if we cannot go on."""
        try:
            if self._early and not self._opened and self._state in _UNDER_WAY:
                self._open_mechanism()
                self._put_commands()
            self._send_commands()
        except ProtocolError:
            self._fail()
            raise
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def receive_data(self, data: bytes) -> None:
        """Take octets from the peer. Raises ProtocolError, from then on at each call.

        Keeps no more than one incomplete greeting or command; behind the handshake, everything.
        After a failure data_to_send still gives what was said before it. Sending that before
        closing lets the peer see the mismatch too, instead of an end it would retry after.
        """
        self._raise_if_failed()
        if self._state is State.REFUSED:
            return
        self._incoming += data
        try:
            while self._advance():
                pass
        except ProtocolError:
            self._fail()
            raise

    def receive_eof(self) -> None:
        """The peer closed. Raises ProtocolError with retry set, unless both sides were ready."""
        self._raise_if_failed()
        if self._state is not State.ESTABLISHED:
            self._fail()
            raise ProtocolError("peer closed the connection during the handshake", retry=True)

    def work_ahead(self) -> None:
        """Compute, while the peer is busy, what the next step needs. Never necessary.

        Raises ProtocolError if there is no going on.
        """
        if self._state in _UNDER_WAY:
            try:
                self.mechanism.work_ahead()
            except ProtocolError:
                self._fail()
                raise

    def next_work(self) -> Callable[[], None] | None:
        """What may take seconds and is to be called elsewhere; then data_to_send goes on."""
        return self._take_work() if self._take_work is not None else None

    # -- ZAP

    def next_zap_question(self) -> ZapNeeded | None:
        """What ZAP is to be asked now; each question is given once."""
        gate = self.mechanism.gate
        return gate.take_question() if gate is not None else None

    def zap_reply(
        self, status_code: int, status_text: str, user_id: str, metadata: Mapping[bytes, bytes]
    ) -> None:
        """The handler's answer; then look at data_to_send, done and refused.

        status_text is for people and goes to no peer. Raises ProtocolError for a status other than
        200, 300, 400, 500, RuntimeError if nothing was asked. An answer after the handshake has
        failed is ignored.
        """
        self._answer_gate(lambda gate: gate.answer(status_code, user_id, metadata))

    def zap_missing(self) -> None:
        """Nobody answers for ZAP here. Raises ProtocolError if that means refusal."""
        self._answer_gate(ZapGate.no_handler)

    def zap_failed(self, error: ProtocolError) -> None:
        """The answer is no ZAP, or there will be none: raises `error`, the handshake has failed."""
        self._fail()
        raise error

    def _answer_gate(self, answer: Callable[[ZapGate], None]) -> None:
        gate = self.mechanism.gate
        if self._state is State.FAILED:
            return
        if gate is None:
            raise RuntimeError("this mechanism does not ask ZAP")
        try:
            answer(gate)
            self._send_commands()
        except ProtocolError:
            self._fail()
            raise
        if gate.refused is not None:
            self._incoming.clear()
            self._state = State.REFUSED

    def _greet(self, end: int) -> None:
        """Send the greeting up to there, unless it is sent."""
        self._outgoing += self._greeting[self._greeted : end]
        self._greeted = max(self._greeted, end)

    def _raise_if_failed(self) -> None:
        if self._state is State.FAILED:
            raise ProtocolError("the handshake has already failed")

    def forget(self) -> None:
        """It goes no further. Idempotent."""
        self.mechanism.forget()

    def _fail(self) -> None:
        self._state = State.FAILED
        self._incoming.clear()

    def _advance(self) -> bool:
        """Take one step if enough octets are in; False when not."""
        step = _STEPS.get(self._state)
        return step is not None and step(self)

    def _read_signature(self) -> bool:
        versioned = detect_signature(self._incoming)
        if versioned is None:
            return False
        if not versioned:
            self._meet_old(Dialect.ZMTP_1_0)
            return True
        self._greet(REVISION_END)
        self._state = State.REVISION
        return True

    def _read_revision(self) -> bool:
        dialect = detect_dialect(self._incoming)
        if dialect is None:
            return False
        if dialect is not Dialect.ZMTP_3:
            self._meet_old(dialect)
            self._outgoing.append(SOCKET_TYPES.index(self._socket_type))
            return True
        self._greet(GREETING_SIZE)
        self._state = State.GREETING
        return True

    def _read_greeting(self) -> bool:
        if len(self._incoming) < GREETING_SIZE:
            return False
        self._minor = parse_minor(self._incoming)
        theirs = parse_mechanism(self._incoming)
        if theirs != self.mechanism.name:
            raise ProtocolError(
                f"our mechanism is {self.mechanism.name}, the peer's is {theirs!r}",
                ProtocolErrorCode.ZMTP_MECHANISM_MISMATCH,
            )
        del self._incoming[:GREETING_SIZE]
        self._state = State.COMMANDS
        if not self._opened:
            self._open_mechanism()
        self._send_commands()
        return True

    def _open_mechanism(self) -> None:
        self._opened = True
        self.mechanism.start(self._metadata)

    # Peers older than ZMTP 3

    def _meet_old(self, dialect: Dialect) -> None:
        gate = self.mechanism.gate
        secured = self.mechanism.name != "NULL" or (gate is not None and gate.asks)
        require_harmless(self._socket_type, secured, dialect)
        self._dialect = dialect
        self._minor = -1
        self._state = State.OLD_GREETING

    def _read_old_greeting(self) -> bool:
        framing = framing_of(self._dialect)
        unversioned = self._dialect is Dialect.ZMTP_1_0
        if unversioned:
            good = is_unversioned_header(self._incoming)
            if good is None:
                return False
            if not good:
                raise ProtocolError("peer does not speak ZMTP")
            self._outgoing += self._routing_id
        elif len(self._incoming) < GREETING_END:
            return False
        else:
            number = self._incoming[GREETING_END - 1]
            if number < len(SOCKET_TYPES):
                self._properties[_SOCKET_TYPE] = SOCKET_TYPES[number].encode()
            del self._incoming[:GREETING_END]
            self._outgoing += encode_identity(framing, self._routing_id)
        # Only a ROUTER must know the identity before there is traffic. libzmq gives no one else
        # the time to say it: a peer that never does still gets its messages.
        named = self._socket_type == "ROUTER"
        self._old = OldLink(
            version=framing,
            identity_limit=-1 if named else self._limit,
            subscribed=unversioned and self._socket_type in ("PUB", "XPUB"),
        )
        self._state = State.OLD_IDENTITY if named else State.ESTABLISHED
        return True

    def _read_identity(self) -> bool:
        identity = take_identity(self._incoming, framing_of(self._dialect), self._limit)
        if identity is None:
            return False
        self._properties[_IDENTITY] = identity
        self._state = State.ESTABLISHED
        return True

    def _read_command(self) -> bool:
        body = self._take_command()
        if body is None:
            return False
        metadata = self.mechanism.receive_command(body)
        if metadata is not None:
            self._read_metadata(metadata)
        self._send_commands()
        return True

    # How commands are framed

    def _take_command(self) -> bytes | None:
        """The body of the next command in _incoming; None while it is incomplete."""
        return take_frame(self._incoming, self._limit)

    def _put_command(self, body: bytes) -> None:
        self._outgoing += encode_command(body)

    def _read_metadata(self, metadata: bytes) -> None:
        for raw_name, value in parse_metadata(metadata):
            name = _text(raw_name)
            if name == _SOCKET_TYPE and _text(value) not in COMPATIBLE[self._socket_type]:
                raise ProtocolError(
                    f"{self._socket_type} cannot talk to {_text(value)[:40]!a}",
                    ProtocolErrorCode.ZMTP_INVALID_METADATA,
                )
            self._properties.setdefault(name, value)

    def _send_commands(self) -> None:
        if self._state is State.COMMANDS:
            self._put_commands()
            if self.mechanism.done:
                self._state = State.ESTABLISHED

    def _put_commands(self) -> None:
        while (body := self.mechanism.next_command()) is not None:
            self._put_command(body)


_STEPS: dict[State, Callable[[Handshake], bool]] = {
    State.SIGNATURE: methodcaller("_read_signature"),
    State.REVISION: methodcaller("_read_revision"),
    State.GREETING: methodcaller("_read_greeting"),
    State.COMMANDS: methodcaller("_read_command"),
    State.OLD_GREETING: methodcaller("_read_old_greeting"),
    State.OLD_IDENTITY: methodcaller("_read_identity"),
}


@lru_cache(maxsize=8)  # a listener's are all the same
def _own_metadata(
    socket_type: str, routing_id: bytes, metadata: tuple[tuple[str, bytes], ...]
) -> bytes:
    """Socket-Type, then Identity where the type has one, then the application's by name."""
    properties = [(_SOCKET_TYPE.encode(), socket_type.encode())]
    if socket_type in ANNOUNCES_ROUTING_ID:
        properties.append((_IDENTITY.encode(), routing_id))
    # Reversed, so that the first value of a name is the last one written to the dict.
    application = {name.encode(): value for name, value in reversed(metadata)}
    return build_metadata(properties + sorted(application.items()))


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
