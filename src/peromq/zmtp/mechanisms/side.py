"""What the mechanisms have in common: whose turn it is, what is to be said, and ZAP's verdict."""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType

from ..commands import ERROR, unexpected
from ..errors import ProtocolError, ProtocolErrorCode
from ..zap import ZapGate
from .curve_box import CurveTraffic
from .gssapi_traffic import GssapiTraffic


class State(Enum):
    """What the peer has to say next, in words for errors."""

    BEGIN = "nothing yet"
    TOKEN = "nothing before our token"
    HELLO = "HELLO"
    WELCOME = "WELCOME"
    INITIATE = "INITIATE"
    CONFIRMATION = "the confirmation of the last token"
    VERDICT = "nothing before ZAP's verdict"
    READY = "READY"
    DONE = "nothing more"
    REFUSED = "nothing from a refused peer"


class Side:
    """One side of an exchange."""

    opens = False

    def __init__(self) -> None:
        self._outgoing: list[bytes] = []
        self._metadata = b""
        self._state = State.BEGIN

    @property
    def done(self) -> bool:
        return self._state is State.DONE and not self._outgoing

    @property
    def kept(self) -> int:
        return 0

    def take_traffic(self) -> CurveTraffic | GssapiTraffic | None:
        return None

    def work_ahead(self) -> None:
        pass

    def forget(self) -> None:
        pass

    def start(self, metadata: bytes) -> None:
        self._metadata = metadata

    def next_command(self) -> bytes | None:
        return self._outgoing.pop(0) if self._outgoing else None


class Client(Side):
    """A side that takes the peer for whom the keys, or the network, say he is."""

    gate = None
    properties: Mapping[str, str] = MappingProxyType({})


class Server(Side):
    """A side that lets the peer in, or not, by its gate: every server, and both sides of NULL."""

    name: str
    _error_prefix = ERROR
    """How the command begins that refuses the peer."""

    def __init__(self, gate: ZapGate) -> None:
        super().__init__()
        self.gate = gate

    @property
    def properties(self) -> Mapping[str, str]:
        return self.gate.properties

    def next_command(self) -> bytes | None:
        if self._state is State.VERDICT:
            if self.gate.passed:
                self._let_in()
            elif self.gate.refused is not None:
                self._turn_away()
        return super().next_command()

    def _present(self, credentials: list[bytes]) -> None:
        """Have the peer judged by what it has shown."""
        self._state = State.VERDICT
        self.gate.present(self.name, credentials)

    def _let_in(self) -> None:
        """The gate is passed: what is to be said, and what comes next."""
        raise NotImplementedError

    def _unexpected(self, body: bytes) -> ProtocolError:
        """The exception for a command whose turn it is not, with libzmq's number for it."""
        code = ProtocolErrorCode.ZMTP_UNEXPECTED_COMMAND
        if len(body) <= max(1, body[0] if body else 0):  # no name fits in
            code = ProtocolErrorCode.ZMTP_MALFORMED_COMMAND_UNSPECIFIED
        elif self._state is State.VERDICT:
            code = ProtocolErrorCode.ZMTP_UNSPECIFIED
        return unexpected(self._state.value, body, code)

    def _turn_away(self) -> None:
        self._state = State.REFUSED
        refusal = self.gate.refusal(self._error_prefix)
        if refusal is not None:
            self._outgoing.append(refusal)
