"""GSSAPI by the `gssapi` package: security contexts, and their traffic in a relay."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ..constants import Errno
from ..error import ZMQError
from ..transports import TransformError
from ..zmtp import GssapiFailure, GssapiTraffic, ProtocolError

if TYPE_CHECKING:
    from types import ModuleType

T = TypeVar("T")


class GssapiOptions(Protocol):
    """The options read here."""

    gssapi_plaintext: int
    gssapi_principal: str
    gssapi_principal_nametype: int
    gssapi_service_principal: str
    gssapi_service_principal_nametype: int


class SecurityContext:
    """One side of one connection. `make` gives the gssapi.SecurityContext; it may take seconds."""

    def __init__(self, make: Callable[[], Any], *, client: bool) -> None:
        self._make = make
        self._client = client
        self._made: Any = None

    @property
    def complete(self) -> bool:
        """No more tokens are wanted."""
        return self._made is not None and bool(self._made.complete)

    @property
    def peer_name(self) -> bytes:
        """The client's display name."""
        return str(self._made.initiator_name).encode()

    def step(self, token: bytes | None) -> bytes | None:
        """Take a token, give one. Once complete, the context must be as strong as we asked for."""

        def take() -> bytes | None:
            if self._made is None:
                self._made = self._make()
            answer: bytes | None = self._made.step(token)
            return answer

        answer = _guard(take)
        if self.complete:
            flag = load().RequirementFlag
            wanted = flag.confidentiality | flag.integrity
            if self._client:
                wanted |= flag.mutual_authentication
            if self._made.actual_flags & wanted != wanted:
                raise GssapiFailure("the context gives no mutual authentication or encryption")
        return answer

    def wrap(self, plain: bytes) -> bytes:
        """Encrypted."""
        result = _guard(lambda: self._made.wrap(plain, True))
        if not result.encrypted:
            raise GssapiFailure("the context does not encrypt")
        wrapped: bytes = result.message
        return wrapped

    def unwrap(self, token: bytes) -> bytes:
        """Decrypted."""
        result = _guard(lambda: self._made.unwrap(token))
        if not result.encrypted:
            raise GssapiFailure("the peer's message is not encrypted")
        plain: bytes = result.message
        return plain


class GssapiTransform:
    """`GssapiTraffic` as a relay wants it. leftover: what was read behind the handshake."""

    ready = True
    ended = False

    def __init__(self, traffic: GssapiTraffic, leftover: bytes) -> None:
        self._traffic = traffic
        self._leftover = leftover

    def feed_net(self, data: bytes) -> bytes:
        """From the network."""
        leftover, self._leftover = self._leftover, b""
        return _transform(self._traffic.receive, leftover + data)

    def feed_app(self, data: bytes) -> bytes:
        """From the data plane."""
        return _transform(self._traffic.send, data)

    def to_net(self) -> bytes:
        """It has nothing of its own to say."""
        return b""

    def close_app(self) -> bytes:
        """There is no last word."""
        return b""


def client_contexts(options: GssapiOptions) -> Callable[[], SecurityContext]:
    """What makes a client's context. ZMQError: EINVAL, ENOTSUP without the package."""
    gssapi = load()
    if not options.gssapi_service_principal:
        raise _invalid("a GSSAPI client needs GSSAPI_SERVICE_PRINCIPAL")
    service = _name(options.gssapi_service_principal, options.gssapi_service_principal_nametype)
    principal = _principal(options)
    flag = gssapi.RequirementFlag
    flags = flag.mutual_authentication | flag.replay_detection | flag.out_of_sequence_detection
    flags |= flag.confidentiality | flag.integrity

    def make() -> Any:
        creds = principal and gssapi.Credentials(name=principal, usage="initiate")
        return gssapi.SecurityContext(name=service, creds=creds, flags=flags, usage="initiate")

    return lambda: SecurityContext(make, client=True)


def server_contexts(options: GssapiOptions) -> Callable[[], SecurityContext]:
    """What makes a server's context. ZMQError: EINVAL without a key for it, ENOTSUP as above."""
    gssapi = load()
    principal = _principal(options)

    def make() -> Any:
        creds = gssapi.Credentials(name=principal, usage="accept")
        return gssapi.SecurityContext(creds=creds, usage="accept")

    try:
        _guard(make)  # without a key nobody could ever get in: better said now
    except GssapiFailure as error:
        raise _invalid(f"a GSSAPI server needs a key for its principal: {error}") from None
    return lambda: SecurityContext(make, client=False)


def load() -> ModuleType:
    """The package. ZMQError (ENOTSUP) if it is not there."""
    try:
        import gssapi
    except ImportError:
        raise ZMQError(
            Errno.ENOTSUP, "Not supported (GSSAPI needs the package: pip install peromq[gssapi])"
        ) from None
    module: ModuleType = gssapi
    return module


def _principal(options: GssapiOptions) -> Any:
    """Ours; None for the default one."""
    if not options.gssapi_principal:
        return None
    return _name(options.gssapi_principal, options.gssapi_principal_nametype)


def _name(text: str, kind: int) -> Any:
    """A GSSAPI name of one of the ZMQ_GSSAPI_NT_* types."""
    gssapi = load()
    types = (
        gssapi.NameType.hostbased_service,
        gssapi.NameType.user,
        gssapi.NameType.kerberos_principal,
    )
    try:
        return _guard(lambda: gssapi.Name(text.encode(errors="surrogateescape"), types[kind]))
    except GssapiFailure as error:
        raise _invalid(f"{text!r} is no principal: {error}") from None


def _guard(call: Callable[[], T]) -> T:
    """Call GSSAPI. Its errors say why, and nothing secret."""
    failure: type[Exception] = load().exceptions.GSSError
    try:
        return call()
    except failure as error:
        words = "".join(c if c.isprintable() else " " for c in str(error))
        raise GssapiFailure(words) from None


def _transform(call: Callable[[bytes], bytes], data: bytes) -> bytes:
    try:
        return call(data)
    except ProtocolError as error:
        raise TransformError(str(error)) from None


def _invalid(why: str) -> ZMQError:
    return ZMQError(Errno.EINVAL, f"Invalid argument ({why})")
