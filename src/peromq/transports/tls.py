"""tls:// endpoints: tcp's, with ZMTP inside TLS 1.3. PeroMQ's own; libzmq has no such transport.

Certificates come by the options that libzmq has for wss; TLS_… are other names.
"""

from __future__ import annotations

import errno

from .base import Listening, MakeTransform, StreamOptions, error
from .tcp import TcpTarget, TcpTransport
from .tcp_address import parse_connect


class TlsTransport(TcpTransport):
    """The server shows its certificate, the client checks it and its name.

    To bind: WSS_CERT_PEM and WSS_KEY_PEM, and with TLS_VERIFY_CLIENT whom to trust. To connect:
    whom to trust, by WSS_TRUST_PEM or WSS_TRUST_SYSTEM; WSS_HOSTNAME if the certificate has another
    name than the endpoint.
    """

    scheme = "tls"
    oldest = "1.3"
    """The oldest version of TLS to speak."""

    def listen(self, address: str, options: StreamOptions) -> Listening:
        """As tcp. Raises ZMQError(EINVAL) for what is missing or wrong of the certificates."""
        transform = server_transform(options, f"{self.scheme}://{address}", self.oldest)
        listening = super().listen(address, options)
        listening.transform = transform
        return listening

    def target(self, address: str, options: StreamOptions) -> TcpTarget:
        """As tcp. Raises ZMQError(EINVAL) for what is missing or wrong of the certificates."""
        target = super().target(address, options)
        endpoint = f"{self.scheme}://{address}"
        _, peer = parse_connect(self.tcp_part(address), endpoint)
        target.transform = client_transform(options, peer.host, endpoint, self.oldest)
        return target


def server_transform(options: StreamOptions, endpoint: str, oldest: str) -> MakeTransform:
    """Makes TLS's side of each connection accepted; `oldest`: the oldest version to speak.

    Raises ZMQError(EINVAL).
    """
    import ssl  # not above: most programs need none of it

    from .tls_layer import TlsTransform, load_certificate, load_trust

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion["TLSv" + oldest.replace(".", "_")]
    # Nobody resumes sessions here; and tickets that come behind a client's close would reset it.
    context.num_tickets = 0
    context.options |= ssl.OP_NO_TICKET
    if not options.wss_cert_pem or not options.wss_key_pem:
        missing = "WSS_KEY_PEM" if options.wss_cert_pem else "WSS_CERT_PEM"
        raise error(errno.EINVAL, f"to bind, set {missing}: the server needs both", endpoint)
    load_certificate(context, options, endpoint)
    if options.tls_verify_client:
        if not load_trust(context, options, endpoint):
            raise error(
                errno.EINVAL,
                "TLS_VERIFY_CLIENT needs the authorities to trust, set WSS_TRUST_PEM "
                "or WSS_TRUST_SYSTEM",
                endpoint,
            )
        context.verify_mode = ssl.CERT_REQUIRED
    return lambda: TlsTransform(context, as_server=True)


def client_transform(
    options: StreamOptions, host: str, endpoint: str, oldest: str
) -> MakeTransform:
    """Makes TLS's side of each connection to `host`; `oldest`: the oldest version to speak.

    Raises ZMQError(EINVAL).
    """
    import ssl

    from .tls_layer import TlsTransform, load_certificate, load_trust

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the chain and the name
    context.minimum_version = ssl.TLSVersion["TLSv" + oldest.replace(".", "_")]
    if not load_trust(context, options, endpoint):
        raise error(
            errno.EINVAL,
            "to connect, say whom to trust: set WSS_TRUST_PEM or WSS_TRUST_SYSTEM",
            endpoint,
        )
    if options.wss_cert_pem or options.wss_key_pem:
        load_certificate(context, options, endpoint)
    name = options.wss_hostname or host.partition("%")[0]
    return lambda: TlsTransform(context, as_server=False, name=name)
