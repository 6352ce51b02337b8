# ruff: noqa: E501 -- one option a line
"""The one table of options: number, type, default, range, rights, socket types, meaning.

It drives `Options`, `Socket.get` and `set`, attribute access, and the tests. Defaults and ranges are
libzmq 4.3.5's as measured; draft options (from 93 on) are always there.
"""

from typing import Any, Literal, NamedTuple

from .constants import ContextOption, SocketOption, SocketType

Kind = Literal["int", "flag", "int64", "uint64", "bytes", "string", "fd"]
"""int: a C int. flag: a C int of which only zero or not is kept. string: text for the rooms below, but
set and got as bytes. fd: an operating system handle."""

Rights = Literal["rw", "r", "w"]
Feature = Literal["curve", "gssapi", "vmci", "norm", "tls"]

Value = int | bytes | str | tuple[()] | None

INT_MIN, INT_MAX = -(2**31), 2**31 - 1
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

ALL_TYPES = frozenset(SocketType)


class OptionSpec(NamedTuple):
    """One socket or context option."""

    name: str
    number: int
    kind: Kind
    default: Value
    low: int  # of the value; for bytes and strings, of the length in octets
    high: int
    types: frozenset[SocketType]
    doc: str
    needs: Feature | None  # a capability (`zmq.has`) without which the option is refused
    many: bool  # each set adds a value to a tuple
    attribute: str
    is_bytes: bool
    readable: bool
    writable: bool


_LIMITS: dict[Kind, tuple[int, int]] = {
    "int": (INT_MIN, INT_MAX),
    "flag": (INT_MIN, INT_MAX),
    "int64": (INT64_MIN, INT64_MAX),
    "uint64": (INT64_MIN, INT64_MAX),  # pyzmq passes them as int64
    "bytes": (0, INT_MAX),
    "string": (0, INT_MAX),
    "fd": (-1, INT_MAX),
}


def _types(names: str) -> frozenset[SocketType]:
    return frozenset(SocketType[name] for name in names.split())


def _spec(
    name: str,
    number: int,
    kind: Kind,
    default: Value,
    doc: str,
    *,
    low: int | None = None,
    high: int | None = None,
    rights: Rights = "rw",
    types: frozenset[SocketType] = ALL_TYPES,
    needs: Feature | None = None,
    many: bool = False,
) -> OptionSpec:
    lowest, highest = _LIMITS[kind]
    return OptionSpec(
        name=name,
        number=number,
        kind=kind,
        default=default,
        low=lowest if low is None else low,
        high=highest if high is None else high,
        types=types,
        doc=doc,
        needs=needs,
        many=many,
        attribute=name.lower(),
        is_bytes=kind in ("bytes", "string"),
        readable="r" in rights,
        writable="w" in rights,
    )


def _row(option: SocketOption, kind: Kind, default: Value, doc: str, **more: Any) -> OptionSpec:
    return _spec(option.name, int(option), kind, default, doc, **more)


_O = SocketOption
_XPUB = _types("XPUB PUB")
_TOPICS = _types("PUB XPUB SUB XSUB")
_REQ = _types("REQ")
_ROUTER = _types("ROUTER REP")  # libzmq's REP is built on ROUTER and takes its options
_PROBING = _types("ROUTER DEALER REQ REP")

_ROWS = [
    # Who a socket is
    _row(_O.ROUTING_ID, "bytes", b"", "id announced to ROUTER peers (REQ, DEALER, ROUTER)", low=1, high=255),
    _row(_O.CONNECT_ROUTING_ID, "bytes", b"", "name for the peer of the next connect", low=1, rights="w", types=_types("ROUTER REP STREAM")),
    _row(_O.TYPE, "int", 0, "the socket type", rights="r"),
    _row(_O.THREAD_SAFE, "int", 0, "1 for libzmq's thread-safe (draft) types; all of ours may be shared", rights="r"),
    _row(_O.AFFINITY, "uint64", 0, "bitmap of I/O threads that serve new connections; 0: the least busy"),
    _row(_O.LAST_ENDPOINT, "string", "", "resolved endpoint of the last bind or connect", rights="r"),
    # What is ready
    _row(_O.RCVMORE, "int", 0, "1 while the message being received has more parts", rights="r"),
    _row(_O.FD, "fd", -1, "edge-triggered descriptor: readable means look at EVENTS", rights="r"),
    _row(_O.EVENTS, "int", 0, "POLLIN and POLLOUT as of now", rights="r"),
    _row(_O.TOPICS_COUNT, "int", 0, "number of distinct subscriptions", rights="r", types=_TOPICS),
    # Queues and waiting
    _row(_O.SNDHWM, "int", 1000, "messages queued per peer for sending; 0: no limit", low=0),
    _row(_O.RCVHWM, "int", 1000, "messages queued per peer for receiving; 0: no limit", low=0),
    _row(_O.SNDTIMEO, "int", -1, "ms a send may wait; -1: for ever", low=-1),
    _row(_O.RCVTIMEO, "int", -1, "ms a receive may wait; -1: for ever", low=-1),
    _row(_O.LINGER, "int", -1, "ms to flush after close; -1: for ever, 0: drop", low=-1),
    _row(_O.CONFLATE, "int", 0, "keep only the last message (PULL PUSH SUB PUB DEALER)", low=0, high=1),
    _row(_O.CONFLATE_TOPICS, "int", 0, "keep only the last message of each topic, of RCVHWM topics at most", low=0, high=1, types=_types("SUB XSUB")),
    _row(_O.MAXMSGSIZE, "int64", -1, "larger inbound frames end the connection, in octets; -1: no limit"),
    _row(_O.IMMEDIATE, "int", 0, "1: queue only to completed connections", low=0, high=1),
    _row(_O.IN_BATCH_SIZE, "int", 8192, "octets read from a connection at once", low=1),
    _row(_O.OUT_BATCH_SIZE, "int", 8192, "octets written to a connection at once", low=1),
    _row(_O.SPIN_US, "int", 50, "µs a blocking call may spin before it sleeps; 0: never spin", low=0),
    # Connections
    _row(_O.RECONNECT_IVL, "int", 100, "ms before a reconnect; -1 and 0: never", low=-1),
    _row(_O.RECONNECT_IVL_MAX, "int", 0, "ms up to which the interval doubles; 0: it does not", low=0),
    _row(_O.RECONNECT_STOP, "int", 0, "bits of ReconnectStop: when to give up"),
    _row(_O.CONNECT_TIMEOUT, "int", 0, "ms a connect may take; 0: the system's limit", low=0),
    _row(_O.HALF_OPEN_MAX, "int", 4096, "connections a listener keeps that have not shaken hands", low=1),
    _row(_O.HANDSHAKE_IVL, "int", 30000, "ms a handshake may take; 0: no limit", low=0),
    _row(_O.HEARTBEAT_IVL, "int", 0, "ms between PINGs; 0: none", low=0),
    _row(_O.HEARTBEAT_TTL, "int", 0, "ms after which the peer may give us up, in steps of 100", low=-99, high=6553599),
    _row(_O.HEARTBEAT_TIMEOUT, "int", -1, "ms of silence after a PING that end a connection; -1: HEARTBEAT_IVL", low=0),
    _row(_O.BACKLOG, "int", 100, "length of the listen queue", low=0),
    _row(_O.USE_FD, "int", -1, "adopt this bound, listening descriptor at the next bind", low=-1),
    # Operating system
    _row(_O.SNDBUF, "int", -1, "SO_SNDBUF in octets; -1: the system's", low=-1),
    _row(_O.RCVBUF, "int", -1, "SO_RCVBUF in octets; -1: the system's", low=-1),
    _row(_O.IPV6, "int", 0, "1: IPv6 and IPv4; 0: IPv4 only", low=0, high=1),
    _row(_O.IPV4ONLY, "int", 1, "the inverse of IPV6 (deprecated)", low=0, high=1),
    _row(_O.TCP_KEEPALIVE, "int", -1, "SO_KEEPALIVE; -1: the system's", low=-1, high=1),
    _row(_O.TCP_KEEPALIVE_CNT, "int", -1, "TCP_KEEPCNT; -1: the system's", low=-1),
    _row(_O.TCP_KEEPALIVE_IDLE, "int", -1, "TCP_KEEPIDLE in s; -1: the system's", low=-1),
    _row(_O.TCP_KEEPALIVE_INTVL, "int", -1, "TCP_KEEPINTVL in s; -1: the system's", low=-1),
    _row(_O.TCP_MAXRT, "int", 0, "TCP_USER_TIMEOUT in ms; 0: the system's", low=0),
    _row(_O.TOS, "int", 0, "IP type of service", low=0),
    _row(_O.PRIORITY, "int", 0, "SO_PRIORITY", low=0),
    _row(_O.BUSY_POLL, "int", 0, "SO_BUSY_POLL in µs", low=0),
    _row(_O.BINDTODEVICE, "string", "", "SO_BINDTODEVICE: a network interface", low=1, high=16),
    _row(_O.LOOPBACK_FASTPATH, "flag", 0, "SIO_LOOPBACK_FAST_PATH (Windows)"),
    _row(_O.SOCKS_PROXY, "string", "", "SOCKS5 proxy as host:port", low=1),
    _row(_O.SOCKS_USERNAME, "string", "", "SOCKS5 user; empty: none", high=255),
    _row(_O.SOCKS_PASSWORD, "string", "", "SOCKS5 password; empty: none", high=255),
    _row(_O.TCP_ACCEPT_FILTER, "string", (), "accept from this network only (deprecated)", low=1, rights="w", many=True),
    _row(_O.IPC_FILTER_PID, "int", (), "accept from this process (deprecated)", rights="w", many=True),
    _row(_O.IPC_FILTER_UID, "int", (), "accept from this user (deprecated)", rights="w", many=True),
    _row(_O.IPC_FILTER_GID, "int", (), "accept from this group (deprecated)", rights="w", many=True),
    # Patterns
    _row(_O.SUBSCRIBE, "bytes", b"", "receive messages that begin with this", rights="w", types=_types("SUB XPUB PUB")),
    _row(_O.UNSUBSCRIBE, "bytes", b"", "undo one SUBSCRIBE", rights="w", types=_types("SUB XPUB PUB")),
    _row(_O.INVERT_MATCHING, "flag", 0, "deliver what does not match; on both ends (PUB XPUB SUB)"),
    _row(_O.ONLY_FIRST_SUBSCRIBE, "flag", 0, "only a first frame can be a subscription", low=0, rights="w", types=_types("PUB XPUB XSUB")),
    _row(_O.XPUB_VERBOSE, "flag", 0, "pass up every subscription", low=0, rights="w", types=_XPUB),
    _row(_O.XPUB_VERBOSER, "flag", 0, "pass up every subscription and unsubscription", low=0, rights="w", types=_XPUB),
    _row(_O.XPUB_NODROP, "flag", 0, "at a full queue wait or raise Again instead of dropping", low=0, rights="w", types=_types("XPUB PUB RADIO")),
    _row(_O.XPUB_MANUAL, "flag", 0, "the application decides on subscriptions", low=0, rights="w", types=_XPUB),
    _row(_O.XPUB_MANUAL_LAST_VALUE, "flag", 0, "XPUB_MANUAL, and the next message goes to the last subscriber only", low=0, rights="w", types=_XPUB),
    _row(_O.XPUB_WELCOME_MSG, "bytes", b"", "first message to each new subscriber", rights="w", types=_XPUB),
    _row(_O.XSUB_VERBOSE_UNSUBSCRIBE, "flag", 0, "pass on every unsubscription", rights="w", types=_types("XSUB")),
    _row(_O.REQ_CORRELATE, "flag", 0, "match replies to requests by an id frame", low=0, rights="w", types=_REQ),
    _row(_O.REQ_RELAXED, "flag", 0, "a new request may replace the pending one", low=0, rights="w", types=_REQ),
    _row(_O.ROUTER_MANDATORY, "flag", 0, "raise EHOSTUNREACH or Again instead of dropping", low=0, rights="w", types=_ROUTER),
    _row(_O.ROUTER_HANDOVER, "flag", 0, "the newest peer wins a routing id", low=0, rights="w", types=_ROUTER),
    _row(_O.ROUTER_NOTIFY, "int", 0, "bits of RouterNotify: [id, empty] as peers come and go", low=0, high=3, types=_types("ROUTER")),
    _row(_O.ROUTER_RAW, "flag", 0, "raw TCP on ROUTER (deprecated: use STREAM)", low=0, rights="w", types=_ROUTER),
    _row(_O.PROBE_ROUTER, "flag", 0, "send an empty message to each new peer", low=0, rights="w", types=_PROBING),
    _row(_O.STREAM_NOTIFY, "int", 1, "notices of connections and disconnections", low=0, high=1, rights="w", types=_types("STREAM")),
    _row(_O.HELLO_MSG, "bytes", b"", "sent to each new peer (ROUTER DEALER CLIENT SERVER PEER)", rights="w"),
    _row(_O.DISCONNECT_MSG, "bytes", b"", "delivered here when an accepted peer goes (ROUTER SERVER PEER)", rights="w"),
    _row(_O.HICCUP_MSG, "bytes", b"", "delivered here when a connected peer drops (DEALER CLIENT PEER)", rights="w"),
    # Security
    _row(_O.MECHANISM, "int", 0, "the SecurityMechanism; the last security option set decides", rights="r"),
    _row(_O.ZAP_DOMAIN, "string", "", "ZAP domain; not empty: NULL asks ZAP, too", low=1, high=255),
    _row(_O.ZAP_ENFORCE_DOMAIN, "flag", 0, "hold to RFC 27 about domains and missing handlers"),
    _row(_O.METADATA, "string", (), "`X-key:value`, told to peers in the handshake", low=1, rights="w", many=True),
    _row(_O.PLAIN_SERVER, "int", 0, "1: the PLAIN server", low=0, high=1),
    _row(_O.PLAIN_USERNAME, "string", "", "the PLAIN client's user", low=1, high=255),
    _row(_O.PLAIN_PASSWORD, "string", "", "the PLAIN client's password", low=1, high=255),
    _row(_O.CURVE_SERVER, "int", 0, "1: the CURVE server", low=0, high=1, needs="curve"),
    _row(_O.CURVE_PUBLICKEY, "bytes", b"", "our long-term public key: 32 octets, or 40 of Z85", low=32, high=41, needs="curve"),
    _row(_O.CURVE_SECRETKEY, "bytes", b"", "our long-term secret key: 32 octets, or 40 of Z85", low=32, high=41, rights="w", needs="curve"),
    _row(_O.CURVE_SERVERKEY, "bytes", b"", "the server's public key: 32 octets, or 40 of Z85", low=32, high=41, needs="curve"),
    _row(_O.GSSAPI_SERVER, "int", 0, "1: the GSSAPI server", low=0, high=1, needs="gssapi"),
    _row(_O.GSSAPI_PRINCIPAL, "string", "", "our principal", low=1, high=255, needs="gssapi"),
    _row(_O.GSSAPI_SERVICE_PRINCIPAL, "string", "", "the server's principal", low=1, high=255, needs="gssapi"),
    _row(_O.GSSAPI_PLAINTEXT, "int", 0, "1: authenticate, do not encrypt", low=0, high=1, needs="gssapi"),
    _row(_O.GSSAPI_PRINCIPAL_NAMETYPE, "int", 0, "0 host based, 1 user, 2 krb5", low=0, high=2, needs="gssapi"),
    _row(_O.GSSAPI_SERVICE_PRINCIPAL_NAMETYPE, "int", 0, "0 host based, 1 user, 2 krb5", low=0, high=2, needs="gssapi"),
    _row(_O.WSS_KEY_PEM, "string", "", "TLS private key in PEM, for wss and tls", rights="w", needs="tls"),
    _row(_O.WSS_CERT_PEM, "string", "", "our TLS certificate in PEM, or chain of them", rights="w", needs="tls"),
    _row(_O.WSS_TRUST_PEM, "string", "", "TLS certificates to trust, in PEM", rights="w", needs="tls"),
    _row(_O.WSS_HOSTNAME, "string", "", "name in the server's TLS certificate; empty: the host of the endpoint", rights="w", needs="tls"),
    _row(_O.WSS_TRUST_SYSTEM, "int", 0, "1: trust the system's certificates", low=0, high=1, rights="w", needs="tls"),
    _row(_O.TLS_VERIFY_CLIENT, "int", 0, "1: clients must show a certificate that we trust", low=0, high=1, needs="tls"),
    # Multicast and exotic transports
    _row(_O.RATE, "int", 100, "multicast rate in kbit/s", low=1),
    _row(_O.RECOVERY_IVL, "int", 10000, "multicast recovery window in ms", low=0),
    _row(_O.MULTICAST_HOPS, "int", 1, "multicast time to live", low=1),
    _row(_O.MULTICAST_MAXTPDU, "int", 1500, "multicast packet size in octets", low=1),
    _row(_O.MULTICAST_LOOP, "flag", 1, "receive one's own multicast"),
    _row(_O.VMCI_BUFFER_SIZE, "uint64", 0, "VMCI buffer in octets", needs="vmci"),
    _row(_O.VMCI_BUFFER_MIN_SIZE, "uint64", 0, "least VMCI buffer in octets", needs="vmci"),
    _row(_O.VMCI_BUFFER_MAX_SIZE, "uint64", 0, "largest VMCI buffer in octets", needs="vmci"),
    _row(_O.VMCI_CONNECT_TIMEOUT, "int", -1, "ms a VMCI connect may take", needs="vmci"),
    _row(_O.NORM_MODE, "int", 1, "a NormMode", low=0, high=4, needs="norm"),
    _row(_O.NORM_UNICAST_NACK, "int", 0, "1: NACK by unicast", low=0, high=1, needs="norm"),
    _row(_O.NORM_BUFFER_SIZE, "int", 2048, "NORM buffer in KiB", low=1, needs="norm"),
    _row(_O.NORM_SEGMENT_SIZE, "int", 1400, "NORM segment in octets", low=1, needs="norm"),
    _row(_O.NORM_BLOCK_SIZE, "int", 16, "NORM block in segments", low=1, high=255, needs="norm"),
    _row(_O.NORM_NUM_PARITY, "int", 4, "NORM parity segments", low=0, high=254, needs="norm"),
    _row(_O.NORM_NUM_AUTOPARITY, "int", 0, "NORM parity segments sent unasked", low=0, high=254, needs="norm"),
    _row(_O.NORM_PUSH, "int", 0, "1: NORM stream push mode", low=0, high=1, needs="norm"),
]  # fmt: skip

SOCKET_OPTIONS: dict[int, OptionSpec] = {spec.number: spec for spec in _ROWS}
"""Socket options by number. HWM (1) and BLOCKY (70) have names in pyzmq but are no socket options."""

LIVE_OPTIONS = frozenset(
    {_O.RCVMORE, _O.FD, _O.EVENTS, _O.TOPICS_COUNT, _O.SUBSCRIBE, _O.UNSUBSCRIBE}
)
"""Asked of, or told to, the data plane; not values that `Options` keeps."""

THREAD_SAFE_TYPES = _types("SERVER CLIENT RADIO DISH GATHER SCATTER PEER CHANNEL")
"""Types that libzmq makes thread-safe, and without multipart messages."""

ZERO_LINGER_TYPES = _types("SUB XSUB DISH")
"""Types whose LINGER is 0 by default: they send subscriptions only."""


def _context_row(
    name: str, number: int, default: int | None, low: int, rights: Rights, doc: str
) -> OptionSpec:
    return _spec(name, number, "int", default, doc, low=low, rights=rights, types=frozenset())


_C = ContextOption
_CONTEXT_ROWS = [
    _context_row("IO_THREADS", _C.IO_THREADS, 1, 0, "rw", "I/O threads; 0 serves inproc only"),
    _context_row("MAX_SOCKETS", _C.MAX_SOCKETS, 1023, 1, "rw", "sockets open at a time"),
    _context_row("SOCKET_LIMIT", _C.SOCKET_LIMIT, 65535, 0, "r", "the largest MAX_SOCKETS"),
    _context_row("THREAD_SCHED_POLICY", _C.THREAD_SCHED_POLICY, -1, 0, "rw", "SCHED_* of the threads"),
    _context_row("MAX_MSGSZ", _C.MAX_MSGSZ, INT_MAX, 0, "rw", "largest message in octets; not enforced"),
    _context_row("MSG_T_SIZE", _C.MSG_T_SIZE, 64, 0, "r", "sizeof(zmq_msg_t) of libzmq"),
    _context_row("THREAD_AFFINITY_CPU_ADD", _C.THREAD_AFFINITY_CPU_ADD, None, 0, "w", "let the threads run on this CPU"),
    _context_row("THREAD_AFFINITY_CPU_REMOVE", _C.THREAD_AFFINITY_CPU_REMOVE, None, 0, "w", "undo the former"),
    _context_row("THREAD_NAME_PREFIX", _C.THREAD_NAME_PREFIX, 0, INT_MIN, "rw", "first part of the threads' names: a number, or text"),
    _context_row("ZERO_COPY_RECV", 10, 1, 0, "rw", "decode messages where they were received"),
    _context_row("IPV6", _O.IPV6, 0, 0, "rw", "IPV6 of new sockets"),
    _context_row("BLOCKY", _O.BLOCKY, 1, 0, "rw", "0: new sockets have LINGER 0"),
]  # fmt: skip

CONTEXT_OPTIONS: dict[int, OptionSpec] = {spec.number: spec for spec in _CONTEXT_ROWS}
"""Context options by number. Setting number 3 sets THREAD_PRIORITY, reading it gives SOCKET_LIMIT."""
