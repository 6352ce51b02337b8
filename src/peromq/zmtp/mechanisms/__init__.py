"""Security mechanisms: the command exchange between greeting and traffic.

A mechanism object serves one side of one connection. It sees command bodies only; framing,
greeting and metadata belong to `handshake.Handshake`, which drives it so:

    work_ahead() at any time, here as well: while the peer is busy
    start(our metadata)
    repeat:  send next_command() until it gives None
             stop if done
             receive_command(body of the peer's next command)

Each mechanism has its role, keys and randomness as constructor arguments. One that must ask ZAP
has a `gate` for it, and next_command() gives None until the gate is passed or refused.
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ..zap import ZapGate
from .curve_box import CurveTraffic
from .gssapi_traffic import GssapiTraffic


class Mechanism(Protocol):
    """One side of the exchange."""

    @property
    def name(self) -> str:
        """As in the greeting: NULL, PLAIN, CURVE or GSSAPI."""

    @property
    def gate(self) -> ZapGate | None:
        """Where ZAP is asked about the peer; None if this side never asks."""

    @property
    def done(self) -> bool:
        """Both sides have all they need; what follows on the wire is traffic."""

    @property
    def properties(self) -> Mapping[str, str]:
        """What authentication found out about the peer (User-Id, ZAP metadata)."""

    @property
    def opens(self) -> bool:
        """It speaks first, of nothing that the peer must say before, and gives nothing away: its
        first command may go with our greeting."""

    @property
    def kept(self) -> int:
        """Octets that it keeps for the peer."""

    def take_traffic(self) -> CurveTraffic | GssapiTraffic | None:
        """What encrypts the traffic; None where it stays in clear. To be called once, when done:
        the key is not kept."""

    def work_ahead(self) -> None:
        """Compute now what only the next steps need. Never necessary, and idempotent.

        Raises ProtocolError for what no step could go on with.
        """

    def forget(self) -> None:
        """It goes no further: wipe the secrets that were made for it."""

    def start(self, metadata: bytes) -> None:
        """Greetings are exchanged and agree, or it `opens`; `metadata`: what to tell the peer."""

    def next_command(self) -> bytes | None:
        """Body of the next command to send, or None if there is nothing to say now."""

    def receive_command(self, body: bytes) -> bytes | None:
        """Take the peer's next command; returns the metadata block if it carried one.

        Raises ProtocolError if the command is wrong, unexpected or a refusal.
        """


TakeWork = Callable[[], Callable[[], None] | None]
"""The method `take_work` of a mechanism that has something to do which may take seconds: what is to
be called now, in any thread, before data_to_send goes on. Each once."""
