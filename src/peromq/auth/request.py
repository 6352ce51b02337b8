"""What is asked about a client, and what may be answered."""

from __future__ import annotations

from dataclasses import dataclass, field

from peromq import z85


@dataclass(frozen=True, slots=True)
class Request:
    """Somebody wants to connect. Its repr does not show the credentials."""

    domain: str
    """Option ZAP_DOMAIN of the socket that is asked to let him in."""
    address: str
    """His IP address; of ipc clients what the system knows of their process."""
    identity: bytes
    """Option ROUTING_ID of the socket that asks, as libzmq has it."""
    mechanism: str
    """"NULL", "PLAIN", "CURVE" or "GSSAPI"."""
    credentials: tuple[bytes, ...] = field(repr=False)
    """PLAIN: name and password. CURVE: his public key, 32 octets. GSSAPI: his principal."""

    @property
    def username(self) -> str:
        """PLAIN: the name; empty with another mechanism."""
        return self._credential(0).decode("utf-8", "replace") if self.mechanism == "PLAIN" else ""

    @property
    def password(self) -> str:
        """PLAIN: the password; empty with another mechanism. Compare with `hmac.compare_digest`."""
        return self._credential(1).decode("utf-8", "replace") if self.mechanism == "PLAIN" else ""

    @property
    def key(self) -> bytes:
        """CURVE: the public key in Z85; empty with another mechanism."""
        return z85.encode(self._credential(0)) if self.mechanism == "CURVE" else b""

    def _credential(self, place: int) -> bytes:
        return self.credentials[place] if place < len(self.credentials) else b""


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer to a Request, in full.

    code: 200 yes, 300 not now, 400 no, 500 cannot say. text: why, for logs; the client never sees
    it. user_id and metadata become properties of every message of the connection (`Frame.get`).
    Raises ValueError for another code, or metadata that does not fit.
    """

    code: int
    text: str = ""
    user_id: str = ""
    metadata: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.code not in (200, 300, 400, 500):
            raise ValueError(f"a ZAP status is 200, 300, 400 or 500, not {self.code!r}")
        self.encoded_metadata()

    def encoded_metadata(self) -> bytes:
        """As ZMTP has it: name and value, each behind its size."""
        block = bytearray()
        for name, value in self.metadata.items():
            raw_name, raw_value = name.encode(), value.encode()
            if not 1 <= len(raw_name) <= 255:
                raise ValueError(f"the name of metadata has 1 to 255 octets: {name!r}")
            block += bytes([len(raw_name)]) + raw_name
            block += len(raw_value).to_bytes(4, "big") + raw_value
        return bytes(block)


def verdict_of(answer: object) -> Verdict:
    """What a callback's answer means. TypeError for something else, which must not be a yes."""
    match answer:
        case Verdict():
            return answer
        case True:
            return Verdict(200, "OK", "anonymous")
        case False | None:
            return Verdict(400, "Denied")
        case str():
            return Verdict(200, "OK", answer)
    raise TypeError(f"a callback answers True, False, a user id or a Verdict, not {type(answer)}")


__all__ = ["Request", "Verdict", "verdict_of"]
