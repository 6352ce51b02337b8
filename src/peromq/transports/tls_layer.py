"""TLS on one connection, by the standard `ssl` over memory: octets in, octets out."""

from __future__ import annotations

import errno
import os
import ssl

from ..error import ZMQError
from .base import StreamOptions, TransformError, error

_READ_SIZE = 64 * 1024


class TlsTransform:
    """A `Transform`: ciphertext towards the network, plaintext towards the data plane.

    name: the server's, as its certificate must have it (RFC 9525); a client also sends it along
    (SNI, RFC 6066), unless it is an address.
    """

    def __init__(self, context: ssl.SSLContext, *, as_server: bool, name: str = "") -> None:
        self._in = ssl.MemoryBIO()
        self._out = ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._in, self._out, server_side=as_server, server_hostname=name or None
        )
        self.ready = False
        self.ended = False

    def feed_net(self, data: bytes) -> bytes:
        """Decrypt. Raises TransformError for a broken handshake, certificate or record."""
        self._in.write(data)
        try:
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            return self._read()
        except ssl.SSLWantReadError:
            return b""
        except ssl.SSLError as failure:
            raise TransformError(explain(failure)) from None

    def feed_app(self, data: bytes) -> bytes:
        """Encrypt."""
        try:
            self._tls.write(data)
        except ssl.SSLError as failure:
            raise TransformError(explain(failure)) from None
        return self._out.read()

    def to_net(self) -> bytes:
        """Handshake messages, key updates, alerts."""
        return self._out.read()

    def close_app(self) -> bytes:
        """close_notify (RFC 8446, 6.1): the peer can tell the end from a cut connection."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it wants to read the peer's, which we need not wait for
        return self._out.read()

    def _read(self) -> bytes:
        found = []
        try:
            while data := self._tls.read(_READ_SIZE):
                found.append(data)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        return b"".join(found)


def explain(failure: ssl.SSLError) -> str:
    """A reason in words that say which side refused what."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"TLS: the peer's certificate is not accepted: {failure.verify_message}"
    reason = (failure.reason or str(failure)).replace("_", " ").lower()
    if "alert" in reason:
        return f"TLS: the peer refuses us: {reason}"
    if reason in ("wrong version number", "http request", "record layer failure"):
        return f"TLS: what the peer speaks is not TLS ({reason})"
    if reason == "peer did not return a certificate":
        return "TLS: the peer shows no certificate"
    return f"TLS: {reason}"


def load_certificate(context: ssl.SSLContext, options: StreamOptions, endpoint: str) -> None:
    """WSS_CERT_PEM, a chain, and its WSS_KEY_PEM. Raises ZMQError(EINVAL)."""
    pem = f"{options.wss_cert_pem}\n{options.wss_key_pem}\n"
    # `ssl` reads files only; this one is memory, and nobody else's.
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(pem.encode(errors="surrogateescape"))
        context.load_cert_chain(f"/proc/self/fd/{descriptor}", password=_no_password)
    except (ssl.SSLError, ValueError) as failure:
        raise _refused("WSS_CERT_PEM and WSS_KEY_PEM", failure, endpoint) from None
    finally:
        os.close(descriptor)


def load_trust(context: ssl.SSLContext, options: StreamOptions, endpoint: str) -> bool:
    """WSS_TRUST_PEM and WSS_TRUST_SYSTEM; whether either was set. Raises ZMQError(EINVAL)."""
    if options.wss_trust_pem:
        try:
            context.load_verify_locations(cadata=options.wss_trust_pem)
        except (ssl.SSLError, ValueError) as failure:
            raise _refused("WSS_TRUST_PEM", failure, endpoint) from None
    if options.wss_trust_system:
        context.load_default_certs()
    return bool(options.wss_trust_pem or options.wss_trust_system)


def _no_password() -> str:
    """Without it OpenSSL would ask at the terminal."""
    raise ValueError("the key is encrypted: decrypt it first")


def _refused(options: str, failure: Exception, endpoint: str) -> ZMQError:
    why = str(failure)
    if isinstance(failure, ssl.SSLError):
        why = (failure.reason or "not in PEM format").replace("_", " ").lower()
    return error(errno.EINVAL, f"{options}: {why}", endpoint)
