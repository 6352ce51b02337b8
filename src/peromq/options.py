"""The options of one socket: typed attributes to read; `set` and `get` by number check and convert.

The attributes are for the rooms below (`sock.options.reconnect_ivl`); they have libzmq's defaults.
A test holds them to `option_table`.
"""

from __future__ import annotations

from collections.abc import Callable, Container

from . import z85
from .constants import Errno, SecurityMechanism, SocketOption, SocketType
from .error import ZMQError
from .option_table import (
    ALL_TYPES,
    INT64_MAX,
    INT64_MIN,
    INT_MAX,
    INT_MIN,
    LIVE_OPTIONS,
    SOCKET_OPTIONS,
    THREAD_SAFE_TYPES,
    ZERO_LINGER_TYPES,
    OptionSpec,
)

_OURS = 10001
"""From here on the numbers are not libzmq's; what has them can be read on every socket type."""

_READ_EVERYWHERE = frozenset({SocketOption.ROUTER_NOTIFY})
"""Options of one type that libzmq's every type gives."""

_SECRET = frozenset(
    {
        SocketOption.CURVE_SECRETKEY,
        SocketOption.PLAIN_PASSWORD,
        SocketOption.SOCKS_PASSWORD,
        SocketOption.WSS_KEY_PEM,
    }
)


def shown(number: int, value: object) -> str:
    """A value for the text of an exception, which may go to a log: not of a secret option."""
    harmless = number not in _SECRET or value is None or isinstance(value, int | float)
    return repr(value) if harmless else f"a {type(value).__name__}"


CLEARED_BY_NONE = frozenset(
    {
        SocketOption.BINDTODEVICE,
        SocketOption.IPC_FILTER_GID,
        SocketOption.IPC_FILTER_PID,
        SocketOption.IPC_FILTER_UID,
        SocketOption.PLAIN_PASSWORD,
        SocketOption.PLAIN_USERNAME,
        SocketOption.SOCKS_PASSWORD,
        SocketOption.SOCKS_PROXY,
        SocketOption.SOCKS_USERNAME,
        SocketOption.TCP_ACCEPT_FILTER,
        SocketOption.ZAP_DOMAIN,
    }
)
"""Options that `set` unsets when it is given None."""


class Options:
    """Every option of one socket, checked. Not the live ones: RCVMORE, FD, EVENTS, SUBSCRIBE, …"""

    routing_id: bytes
    connect_routing_id: bytes
    type: int
    thread_safe: int
    affinity: int
    last_endpoint: str
    sndhwm: int
    rcvhwm: int
    sndtimeo: int
    rcvtimeo: int
    linger: int
    conflate: int
    maxmsgsize: int
    immediate: int
    in_batch_size: int
    out_batch_size: int
    spin_us: int
    reconnect_ivl: int
    reconnect_ivl_max: int
    reconnect_stop: int
    connect_timeout: int
    half_open_max: int
    conflate_topics: int
    handshake_ivl: int
    heartbeat_ivl: int
    heartbeat_ttl: int
    heartbeat_timeout: int
    backlog: int
    use_fd: int
    sndbuf: int
    rcvbuf: int
    ipv6: int
    ipv4only: int
    tcp_keepalive: int
    tcp_keepalive_cnt: int
    tcp_keepalive_idle: int
    tcp_keepalive_intvl: int
    tcp_maxrt: int
    tos: int
    priority: int
    busy_poll: int
    bindtodevice: str
    loopback_fastpath: int
    socks_proxy: str
    socks_username: str
    socks_password: str
    tcp_accept_filter: tuple[str, ...]
    ipc_filter_pid: tuple[int, ...]
    ipc_filter_uid: tuple[int, ...]
    ipc_filter_gid: tuple[int, ...]
    invert_matching: int
    only_first_subscribe: int
    xpub_verbose: int
    xpub_verboser: int
    xpub_nodrop: int
    xpub_manual: int
    xpub_manual_last_value: int
    xpub_welcome_msg: bytes
    xsub_verbose_unsubscribe: int
    req_correlate: int
    req_relaxed: int
    router_mandatory: int
    router_handover: int
    router_notify: int
    router_raw: int
    probe_router: int
    stream_notify: int
    hello_msg: bytes
    disconnect_msg: bytes
    hiccup_msg: bytes
    mechanism: int
    zap_domain: str
    zap_enforce_domain: int
    metadata: tuple[tuple[str, bytes], ...]
    plain_server: int
    plain_username: str
    plain_password: str
    curve_server: int
    curve_publickey: bytes
    curve_secretkey: bytes
    curve_serverkey: bytes
    gssapi_server: int
    gssapi_principal: str
    gssapi_service_principal: str
    gssapi_plaintext: int
    gssapi_principal_nametype: int
    gssapi_service_principal_nametype: int
    wss_key_pem: str
    wss_cert_pem: str
    wss_trust_pem: str
    wss_hostname: str
    wss_trust_system: int
    tls_verify_client: int
    rate: int
    recovery_ivl: int
    multicast_hops: int
    multicast_maxtpdu: int
    multicast_loop: int
    vmci_buffer_size: int
    vmci_buffer_min_size: int
    vmci_buffer_max_size: int
    vmci_connect_timeout: int
    norm_mode: int
    norm_unicast_nack: int
    norm_buffer_size: int
    norm_segment_size: int
    norm_block_size: int
    norm_num_parity: int
    norm_num_autoparity: int
    norm_push: int

    as_server: bool = False  # the role that goes with `mechanism`
    _socket_type: SocketType

    def __init__(self, socket_type: SocketType, capabilities: Container[str] = frozenset()) -> None:
        """Defaults for a socket type.

        capabilities: what `zmq.has` answers yes to; options that need more are refused.
        """
        self.type = int(socket_type)
        self.thread_safe = int(socket_type in THREAD_SAFE_TYPES)
        if socket_type in ZERO_LINGER_TYPES:
            self.linger = 0
        self._socket_type = socket_type
        self._capabilities = capabilities

    def __copy__(self) -> Options:
        """As they are now. Each connect takes a copy: `copy.copy` alone is ten times slower."""
        copy = Options.__new__(Options)
        copy.__dict__.update(self.__dict__)
        return copy

    def check(self, number: int, value: object) -> int | bytes:
        """The value `set` would take, as the table wants it.

        TypeError for another type, OverflowError for an int that C could not hold, and ZMQError
        with EINVAL for everything libzmq refuses: unknown, read-only or foreign options, values
        out of range.
        """
        if isinstance(value, str):
            raise TypeError("unicode not allowed, use setsockopt_string")
        spec = SOCKET_OPTIONS.get(number)
        if spec is None:
            raise _check_width(f"option {number}", value) or _unknown(number)
        if spec.is_bytes:
            return self._check_octets(spec, value)
        if isinstance(value, int) and spec.low <= value <= spec.high:
            self._require(spec, writable=True)
            return int(value)
        wrong = _check_width(spec.name, value, wide=spec.kind in ("int64", "uint64"))
        if wrong is None:
            self._require(spec, writable=True)
        raise wrong or _invalid(spec, f"must be {_range_text(spec)}, not {value}")

    def _check_octets(self, spec: OptionSpec, value: object) -> bytes:
        if not isinstance(value, bytes):
            raise TypeError(f"expected bytes, got: {shown(spec.number, value)} ({spec.name})")
        self._require(spec, writable=True)
        if not spec.low <= len(value) <= spec.high:
            raise _invalid(spec, f"must have {_range_text(spec)} octets, not {len(value)}")
        check = _TEXT_CHECKS.get(spec.number)
        if check is not None:
            value = check(spec, value)
        if spec.number == SocketOption.TCP_ACCEPT_FILTER and b":" in value and not self.ipv6:
            raise _invalid(spec, "of IPv6 needs the option IPV6")
        return value

    def set(self, number: int, value: object) -> int | bytes:
        """Check and keep a value; returns it as kept. Errors as `check`.

        None unsets an option of `CLEARED_BY_NONE`, as a null pointer does in libzmq.
        """
        plain = _PLAIN.get(number)
        if plain is not None and type(value) is int and plain.low <= value <= plain.high:
            self.__dict__[plain.attribute] = value
            return value
        if value is None and number in CLEARED_BY_NONE:
            return self._clear(SOCKET_OPTIONS[number])
        checked = self.check(number, value)
        spec = SOCKET_OPTIONS[number]
        if number in _CONCERN_OTHERS:
            checked = self._concern_others(number, checked)
        if spec.kind == "flag":
            checked = int(bool(checked))
        if spec.many:
            setattr(self, spec.attribute, (*getattr(self, spec.attribute), _kept(spec, checked)))
        elif number not in LIVE_OPTIONS:
            self.__dict__[spec.attribute] = _kept(spec, checked)
        if number in _CHOICES:
            self._choose_mechanism(number, checked)
        return checked

    def _concern_others(self, number: int, value: int | bytes) -> int | bytes:
        """What setting it does to other options; returns the value to keep."""
        match number:
            case SocketOption.HEARTBEAT_TTL if isinstance(value, int):
                return max(value // 100, 0) * 100  # the wire has steps of 100 ms
            case SocketOption.IPV4ONLY:
                self.ipv6 = int(not value)
            case SocketOption.IPV6:
                self.ipv4only = int(not value)
            case SocketOption.XPUB_VERBOSE:
                self.xpub_verboser = 0
            case SocketOption.XPUB_MANUAL_LAST_VALUE:
                self.xpub_manual = int(bool(value))
        return value

    def _clear(self, spec: OptionSpec) -> bytes:
        self.__dict__.pop(spec.attribute, None)
        if spec.number in (SocketOption.PLAIN_USERNAME, SocketOption.PLAIN_PASSWORD):
            self._secure(SecurityMechanism.NULL, False)
        return b""

    def get(self, number: int) -> int | bytes:
        """The value of a readable option; ZMQError with EINVAL for any other.

        Public keys are given in Z85, where pyzmq has
        EINVAL; a secret one is not given.
        """
        spec = self.require_readable(number)
        if number in _CURVE_KEYS:
            return z85.encode(getattr(self, spec.attribute))
        value: int | bytes | str = getattr(self, spec.attribute)
        if isinstance(value, str):
            return value.encode(errors="surrogateescape")
        return value

    def require_readable(self, number: int) -> OptionSpec:
        """The table's row of an option that `get` gives; ZMQError with EINVAL for any other."""
        spec = SOCKET_OPTIONS.get(number)
        if spec is None:
            raise _unknown(number)
        self._require(spec, writable=False)
        return spec

    def _require(self, spec: OptionSpec, *, writable: bool) -> None:
        """The option must have the right, be for this socket type, and its feature be there."""
        if writable and not spec.writable:
            raise _invalid(spec, "is read-only")
        if not writable and not spec.readable:
            raise _invalid(spec, "is write-only")
        if spec.needs is not None and spec.needs not in self._capabilities:
            raise _invalid(spec, f"needs {spec.needs}, which is not available")
        if self._socket_type not in spec.types and (
            writable or (spec.number < _OURS and spec.number not in _READ_EVERYWHERE)
        ):
            raise _invalid(spec, f"is not for {self._socket_type.name} sockets")
        if (
            spec.number in _SUBSCRIBING
            and self._socket_type is not SocketType.SUB
            and not self.xpub_manual
        ):
            raise _invalid(spec, f"on {self._socket_type.name} sockets needs XPUB_MANUAL")

    def _choose_mechanism(self, number: int, value: int | bytes) -> None:
        """The last security option set decides on mechanism and role (libzmq)."""
        mechanism, role = _CHOICES[number]
        as_server = self.as_server if role is None else role and bool(value)
        if role and not value and mechanism != SecurityMechanism.GSSAPI:
            mechanism = SecurityMechanism.NULL
        self._secure(mechanism, as_server)

    def _secure(self, mechanism: SecurityMechanism, as_server: bool) -> None:
        if mechanism == self.mechanism and as_server == self.as_server:
            return
        self.mechanism = int(mechanism)
        self.as_server = as_server
        self.plain_server = self.curve_server = self.gssapi_server = 0
        if as_server:
            setattr(self, f"{mechanism.name.lower()}_server", 1)


for _spec in SOCKET_OPTIONS.values():
    if _spec.number not in LIVE_OPTIONS:
        setattr(Options, _spec.attribute, _spec.default)  # an instance has what differs


def _kept(spec: OptionSpec, value: int | bytes) -> int | bytes | str | tuple[str, bytes]:
    """A checked value as the attribute has it."""
    if isinstance(value, int):
        return value
    if spec.many and spec.number == SocketOption.METADATA:
        key, _, text = value.partition(b":")
        return key.decode("latin-1"), text
    return value.decode(errors="surrogateescape") if spec.kind == "string" else value


def _unknown(number: int) -> ZMQError:
    return ZMQError(Errno.EINVAL, f"Invalid argument (no socket option {number})")


def _invalid(spec: OptionSpec, why: str) -> ZMQError:
    return ZMQError(Errno.EINVAL, f"Invalid argument ({spec.name} {why})")


def _range_text(spec: OptionSpec) -> str:
    if spec.high == INT_MAX:
        return f"at least {spec.low}"
    if spec.low == INT_MIN:
        return f"at most {spec.high}"
    return f"{spec.low} to {spec.high}"


def _check_width(name: str, value: object, wide: bool = False) -> Exception | None:
    """TypeError or OverflowError for what is no int of C."""
    if not isinstance(value, int):
        return TypeError(f"expected int, got: {value!r} ({name})")
    if not (INT64_MIN if wide else INT_MIN) <= value <= (INT64_MAX if wide else INT_MAX):
        return OverflowError(f"{name}: {value} does not fit a C {'int64' if wide else 'int'}")
    return None


def _check_network(spec: OptionSpec, value: bytes) -> bytes:
    """An IPv4 or IPv6 network in CIDR notation, or an address."""
    try:
        import ipaddress  # not above: `import peromq` shall be quick

        ipaddress.ip_network(value.decode(), strict=False)
    except ValueError as error:
        raise _invalid(spec, f"must be an IP network: {error}") from None
    return value


_SUBSCRIBING = frozenset({SocketOption.SUBSCRIBE, SocketOption.UNSUBSCRIBE})
_CURVE_KEYS = frozenset(
    {SocketOption.CURVE_PUBLICKEY, SocketOption.CURVE_SECRETKEY, SocketOption.CURVE_SERVERKEY}
)
_CONCERN_OTHERS = frozenset(
    {
        SocketOption.HEARTBEAT_TTL,
        SocketOption.IPV4ONLY,
        SocketOption.IPV6,
        SocketOption.XPUB_VERBOSE,
        SocketOption.XPUB_MANUAL_LAST_VALUE,
    }
)
_CHOICES: dict[int, tuple[SecurityMechanism, bool | None]] = {
    SocketOption.PLAIN_SERVER: (SecurityMechanism.PLAIN, True),
    SocketOption.PLAIN_USERNAME: (SecurityMechanism.PLAIN, False),
    SocketOption.PLAIN_PASSWORD: (SecurityMechanism.PLAIN, False),
    SocketOption.CURVE_SERVER: (SecurityMechanism.CURVE, True),
    SocketOption.CURVE_PUBLICKEY: (SecurityMechanism.CURVE, None),
    SocketOption.CURVE_SECRETKEY: (SecurityMechanism.CURVE, None),
    SocketOption.CURVE_SERVERKEY: (SecurityMechanism.CURVE, False),
    SocketOption.GSSAPI_SERVER: (SecurityMechanism.GSSAPI, True),
    SocketOption.GSSAPI_PRINCIPAL: (SecurityMechanism.GSSAPI, None),
    SocketOption.GSSAPI_SERVICE_PRINCIPAL: (SecurityMechanism.GSSAPI, False),
}
"""Who sets one of these chooses a mechanism, and a role: True if the value says that it is the
server, False: the client, None: as it was."""


_PLAIN = {
    number: spec
    for number, spec in SOCKET_OPTIONS.items()
    if spec.kind == "int"
    and spec.writable
    and spec.types == ALL_TYPES
    and not (spec.needs or spec.many)
    and number not in _CONCERN_OTHERS | _CHOICES.keys() | LIVE_OPTIONS
}
"""Numbers that every socket takes, as they are, and that concern nothing else: most of those that
programs set, and set for each socket."""


def _curve_key(spec: OptionSpec, value: bytes) -> bytes:
    """The 32 octets of a key given as such or in Z85. The value is in no error's text."""
    if len(value) == 32:
        return value
    try:
        key = z85.decode(value.removesuffix(b"\0") if len(value) == 41 else value)
    except ValueError:
        key = b""
    if len(key) != 32:
        raise _invalid(spec, "must be a key of 32 octets, or 40 characters of Z85")
    return key


def _check_metadata(spec: OptionSpec, value: bytes) -> bytes:
    """`X-key:value`, both not empty, the key at most 255 octets."""
    key, _, text = value.partition(b":")
    if not (key.startswith(b"X-") and 2 < len(key) <= 255 and text):
        raise _invalid(spec, "must look like X-key:value")
    return value


_TEXT_CHECKS: dict[int, Callable[[OptionSpec, bytes], bytes]] = {
    SocketOption.CURVE_PUBLICKEY: _curve_key,
    SocketOption.CURVE_SECRETKEY: _curve_key,
    SocketOption.CURVE_SERVERKEY: _curve_key,
    SocketOption.TCP_ACCEPT_FILTER: _check_network,
    SocketOption.METADATA: _check_metadata,
}
"""What makes the value to keep of the one given, or refuses it."""
