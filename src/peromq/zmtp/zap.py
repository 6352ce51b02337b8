"""What a mechanism asks ZAP (RFC 27), and what it makes of the answer.

A server's mechanism has a `ZapGate`. It hands over the peer's credentials and waits until the gate
is passed, or shut; who carries the question to a handler, and back the answer, is not known here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .commands import build_error
from .errors import ProtocolError, ProtocolErrorCode

_TEMPORARY = 300
_REFUSALS = frozenset({_TEMPORARY, 400, 500})


@dataclass(frozen=True, slots=True)
class ZapNeeded:
    """A question to ZAP: the frames of the request that the mechanism knows."""

    mechanism: str
    credentials: list[bytes] = field(repr=False)


class ZapGate:
    """One question about one peer.

    ask: whether to ask at all. required: whether a peer is refused if there is nobody to answer.
    """

    def __init__(self, *, ask: bool, required: bool) -> None:
        self.passed = False
        """The peer is let in."""
        self.refused: int | None = None
        """The handler's 300, 400 or 500."""
        self.properties: dict[str, str] = {}
        """User-Id and the handler's metadata."""
        self._ask = ask
        self._required = required
        self._question: ZapNeeded | None = None
        self._waiting = False

    @property
    def asks(self) -> bool:
        """Somebody is to be asked about the peer."""
        return self._ask

    @property
    def waiting(self) -> bool:
        """The question is asked and not answered."""
        return self._waiting

    def present(self, mechanism: str, credentials: list[bytes]) -> None:
        """The peer's credentials are in. To be called once."""
        if self._ask:
            self._question = ZapNeeded(mechanism, credentials)
            self._waiting = True
        else:
            self.passed = True

    def take_question(self) -> ZapNeeded | None:
        """What is to be asked now; each question is given once, and not kept."""
        question, self._question = self._question, None
        return question

    def answer(self, status_code: int, user_id: str, metadata: Mapping[bytes, bytes]) -> None:
        """The handler's verdict. Raises ProtocolError for a status that RFC 27 does not know."""
        self._end_waiting()
        if status_code == 200:
            self.properties = {_text(name): _text(value) for name, value in metadata.items()}
            self.properties["User-Id"] = user_id
            self.passed = True
        elif status_code in _REFUSALS:
            self.refused = status_code
        else:
            raise ProtocolError(
                f"ZAP handler answered with status {status_code}",
                ProtocolErrorCode.ZAP_INVALID_STATUS_CODE,
            )

    def no_handler(self) -> None:
        """There is nobody to ask. Raises ProtocolError if there must be."""
        self._end_waiting()
        if self._required:
            raise ProtocolError("no ZAP handler is there to authenticate the peer", local=True)
        self.passed = True

    def refusal(self, prefix: bytes) -> bytes | None:
        """The ERROR command for a refused peer. None: it is not to know, and may try again."""
        return None if self.refused == _TEMPORARY else build_error(str(self.refused), prefix)

    def _end_waiting(self) -> None:
        if not self._waiting:
            raise RuntimeError("ZAP was not asked, or has answered already")
        self._waiting = False


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "surrogateescape")
