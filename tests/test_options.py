"""The option table and `Options`, against the installed pyzmq."""

import copy
import inspect
import typing
from collections.abc import Iterator

import pytest
import zmq as pyzmq
import zmq.constants

import peromq as zmq
from peromq.option_table import CONTEXT_OPTIONS, LIVE_OPTIONS, SOCKET_OPTIONS, OptionSpec
from peromq.options import CLEARED_BY_NONE, Options, shown

TYPES = list(zmq.SocketType)  # libzmq makes the draft types in every build
# Options the two do not share: libzmq's wheel has no draft API and other optional parts,
# and its getter for keys wants a buffer that pyzmq does not offer.
DRAFT = {"ROUTER_NOTIFY", "IN_BATCH_SIZE", "OUT_BATCH_SIZE", "HELLO_MSG", "DISCONNECT_MSG"} | {
    "HICCUP_MSG",
    "PRIORITY",
    "BUSY_POLL",
    "XSUB_VERBOSE_UNSUBSCRIBE",
}
SHARED = [
    spec
    for spec in SOCKET_OPTIONS.values()
    if spec.needs is None and spec.name not in DRAFT and spec.number < 10000
]
INTS = [-(2**31), -100, -99, -2, -1, 0, 1, 2, 3, 50, 150, 65535, 6553599, 6553600, 2**31 - 1]
TEXTS = [b"", b"x", b"\0", b"x\0", b"\0x", b"a:b", b"X-a:b", b"X-a:", b"X-:b"]
TEXTS += [b"::1", b"127.0.0.0/8", b"1.2.3.4", b"1.2.3.4/33"]
TEXTS += [b"x" * n for n in (15, 16, 17, 32, 255, 256, 1000)] + [
    b"X-" + b"k" * n + b":v" for n in (253, 254)
]

DIFFERENT = {
    "CURVE_PUBLICKEY": "pyzmq cannot read keys, and we can",
    "CURVE_SERVERKEY": "pyzmq cannot read keys, and we can",
    "DISCONNECT_MSG": "draft",
    "EVENTS": "a STREAM without peers and a DISH can send nothing, and libzmq says that they can",
    "FD": "thread-safe types have none in libzmq, ours do",
    "GSSAPI_PLAINTEXT": "not in the wheel",
    "GSSAPI_PRINCIPAL": "not in the wheel",
    "GSSAPI_PRINCIPAL_NAMETYPE": "not in the wheel",
    "GSSAPI_SERVER": "not in the wheel",
    "GSSAPI_SERVICE_PRINCIPAL": "not in the wheel",
    "GSSAPI_SERVICE_PRINCIPAL_NAMETYPE": "not in the wheel",
    "HELLO_MSG": "draft",
    "HICCUP_MSG": "draft",
    "IN_BATCH_SIZE": "draft",
    "OUT_BATCH_SIZE": "draft",
    "PRIORITY": "draft",
    "BUSY_POLL": "draft",
    "ROUTER_NOTIFY": "draft",
    "WSS_CERT_PEM": "not in the wheel",
    "WSS_HOSTNAME": "not in the wheel",
    "WSS_KEY_PEM": "not in the wheel",
    "WSS_TRUST_PEM": "not in the wheel",
    "WSS_TRUST_SYSTEM": "not in the wheel",
    "XSUB_VERBOSE_UNSUBSCRIBE": "draft",
}
"""Where the wheel and we part, and why; every other option is the same to the last errno."""


def ids(spec: OptionSpec) -> str:
    return spec.name


@pytest.fixture
def libzmq() -> Iterator[pyzmq.Context[pyzmq.Socket[bytes]]]:
    with pyzmq.Context(io_threads=0) as context:
        yield context


def outcome(options: typing.Any, number: int, value: object) -> object:
    """What a set does: the value read back, None where it cannot be read, or the errno."""
    try:
        options.set(number, value)
    except (pyzmq.ZMQError, zmq.ZMQError) as failure:
        return f"errno {failure.errno}"
    if isinstance(value, bytes) and len(value) >= 255:
        return None  # pyzmq reads 255 octets at most, libzmq's NUL included
    try:
        return options.get(number)
    except (pyzmq.ZMQError, zmq.ZMQError):
        return None


def default(options: typing.Any, number: int) -> object:
    try:
        return options.get(number)
    except (pyzmq.ZMQError, zmq.ZMQError) as failure:
        return f"errno {failure.errno}"


@pytest.mark.parametrize("spec", [s for s in SHARED if s.number not in LIVE_OPTIONS], ids=ids)
def test_defaults_are_libzmqs(libzmq: pyzmq.Context[typing.Any], spec: OptionSpec) -> None:
    for kind in TYPES:
        with libzmq.socket(kind) as socket:
            assert default(socket, spec.number) == default(Options(kind), spec.number), kind.name


def every_outcome(lib: typing.Any, context: typing.Any, number: int) -> dict[object, object]:
    """What sets and gets do, one after the other, on a socket of each type."""
    found: dict[object, object] = {}
    for kind in TYPES:
        with context.socket(kind) as socket:
            found[kind.name, "default"] = value_of(lib, socket, number)
            for value in [*INTS, *TEXTS]:
                try:
                    socket.setsockopt(number, value)
                    done: object = "ok"
                except lib.ZMQError as failure:
                    done = int(failure.errno)
                except (TypeError, OverflowError) as failure:
                    done = type(failure)
                # pyzmq reads 255 octets at most, libzmq's NUL included
                long = isinstance(value, bytes) and len(value) >= 255
                now = None if long and done == "ok" else value_of(lib, socket, number)
                if long and done == "ok":
                    socket.setsockopt(number, b"X-a:b")
                found[kind.name, value] = (done, now)
    return found


def value_of(lib: typing.Any, socket: typing.Any, number: int) -> object:
    try:
        return "a descriptor" if number == zmq.FD and socket.fd else socket.getsockopt(number)
    except lib.ZMQError as failure:
        return int(failure.errno)
    except RuntimeError as failure:  # FD of thread-safe types
        return type(failure)


@pytest.mark.filterwarnings("ignore")  # pyzmq's about draft types
@pytest.mark.parametrize("tens", range(-1, 13))
def test_every_set_and_get_is_libzmqs(libzmq: pyzmq.Context[typing.Any], tens: int) -> None:
    """Every number, also those that are no option, on every type, with telling values.

    Refused alike with the same errno, or kept alike.
    """
    with zmq.Context(io_threads=0) as ours:
        for number in range(tens * 10, tens * 10 + 10):
            theirs = every_outcome(pyzmq, libzmq, number)
            differences = [
                (case, found, theirs[case])
                for case, found in every_outcome(zmq, ours, number).items()
                if found != theirs[case]
            ]
            spec = SOCKET_OPTIONS.get(number)
            name = spec.name if spec else ""
            there = spec is None or spec.needs is None or zmq.has(spec.needs)  # or refused by both
            assert bool(differences) == (there and name in DIFFERENT), (name, differences[:3])


def test_every_context_option_is_libzmqs() -> None:
    """Every number, with telling values."""

    def outcomes(lib: typing.Any, number: int) -> list[object]:
        found: list[object] = []
        for value in [None, -(2**31), -2, 0, 1, 2, 3, 16, 64, 1023, 65535, 65536, 2**31 - 1]:
            with lib.Context() as context:
                for act in (lambda: context.set(number, value), lambda: context.get(number)):  # noqa: B023
                    try:
                        found.append(act())
                    except lib.ZMQError as failure:
                        found.append(int(failure.errno))
                    except TypeError:
                        found.append(TypeError)
        return found

    for number in [*range(-1, 20), 42, 43, 69, 70, 71]:
        assert outcomes(zmq, number) == outcomes(pyzmq, number), number


@pytest.mark.parametrize("spec", SHARED, ids=ids)
def test_type_errors_are_pyzmqs(libzmq: pyzmq.Context[typing.Any], spec: OptionSpec) -> None:
    def failure(options: typing.Any, value: object) -> tuple[str, str]:
        try:
            options.set(spec.number, value)
        except (TypeError, OverflowError) as error:
            # ours names the option as well
            text = str(error).removesuffix(f" ({spec.name})")
            return type(error).__name__, text if isinstance(error, TypeError) else ""
        except (pyzmq.ZMQError, zmq.ZMQError):
            pass
        return "", ""

    kind = min(spec.types)
    for value in ["text", b"bytes", 1, True, 1.5, None, bytearray(b"x"), 2**40]:
        if value is None and spec.number in CLEARED_BY_NONE:
            continue
        if isinstance(value, bytearray) and shown(spec.number, value) != repr(value):
            continue  # it may be a secret: pyzmq shows it
        with libzmq.socket(kind) as socket:
            assert failure(socket, value) == failure(Options(kind), value)


def test_every_option_of_the_enum_is_in_the_table() -> None:
    names = {option.name for option in zmq.SocketOption}

    assert names - {spec.name for spec in SOCKET_OPTIONS.values()} == {"HWM", "BLOCKY"}
    for spec in SOCKET_OPTIONS.values():
        member = zmq.SocketOption[spec.name]
        assert member == spec.number
        assert (member._opt_type.name == "bytes") == spec.is_bytes
        assert (member._opt_type.name == "int64") == (spec.kind in ("int64", "uint64"))


def test_help_says_what_an_option_is() -> None:
    assert inspect.getdoc(zmq.Socket.linger) == (
        "Option LINGER: ms to flush after close; -1: for ever, 0: drop. Default: -1."
    )
    assert "For REQ. Default: 0. Write-only." in str(inspect.getdoc(zmq.Socket.REQ_RELAXED))
    assert str(inspect.getdoc(zmq.Socket.FD)).endswith("Read-only.")
    assert "SNDHWM" in str(inspect.getdoc(zmq.Socket.HWM))


def test_attributes_are_those_of_the_table() -> None:
    """Each option has a declared attribute of the right type, holding its default."""
    declared = typing.get_type_hints(Options)
    options = Options(zmq.DEALER)
    for spec in SOCKET_OPTIONS.values():
        if spec.number in LIVE_OPTIONS:
            assert spec.attribute not in declared
            continue
        kind = declared.pop(spec.attribute)
        if spec.many:
            assert typing.get_origin(kind) is tuple
        else:
            assert kind is {"string": str, "bytes": bytes}.get(spec.kind, int)
        value = getattr(options, spec.attribute)
        assert isinstance(value, tuple if spec.many else kind)
        assert value == spec.default or spec.name == "TYPE"
    assert set(declared) == {"as_server", "_socket_type"}


def test_context_options_are_in_the_table() -> None:
    for option in zmq.ContextOption:
        assert CONTEXT_OPTIONS[option].name == option.name


@pytest.mark.parametrize(
    ("number", "value", "text"),
    [
        (zmq.RCVHWM, -1, r"Invalid argument \(RCVHWM must be at least 0, not -1\)"),
        (zmq.IPV6, 2, r"Invalid argument \(IPV6 must be 0 to 1, not 2\)"),
        (zmq.ROUTING_ID, b"", r"\(ROUTING_ID must have 1 to 255 octets, not 0\)"),
        (zmq.REQ_RELAXED, 1, r"\(REQ_RELAXED is not for DEALER sockets\)"),
        (zmq.TYPE, 1, r"\(TYPE is read-only\)"),
        (zmq.CURVE_SERVER, 1, r"\(CURVE_SERVER needs curve, which is not available\)"),
        (4711, 1, r"\(no socket option 4711\)"),
    ],
)
def test_refusals_name_the_option_and_the_reason(number: int, value: object, text: str) -> None:
    with pytest.raises(zmq.ZMQError, match=text) as caught:
        Options(zmq.DEALER).set(number, value)
    assert caught.value.errno == zmq.EINVAL


def test_the_last_security_option_decides_on_the_mechanism() -> None:
    options = Options(zmq.DEALER, frozenset({"curve"}))
    seen = []
    for number, value in [
        (zmq.PLAIN_USERNAME, b"u"),
        (zmq.PLAIN_SERVER, 1),
        (zmq.CURVE_SERVER, 1),
        (zmq.CURVE_SECRETKEY, b"k" * 32),
        (zmq.PLAIN_PASSWORD, b"p"),
        (zmq.PLAIN_SERVER, 0),
    ]:
        options.set(number, value)
        seen.append((options.mechanism, options.as_server, options.plain_server))

    plain, curve = int(zmq.PLAIN), int(zmq.CURVE)
    assert seen == [
        (plain, False, 0),
        (plain, True, 1),
        (curve, True, 0),
        (curve, True, 0),
        (plain, False, 0),
        (int(zmq.NULL), False, 0),
    ]
    assert (options.plain_username, options.plain_password) == ("u", "p")


KEY_OPTIONS = [zmq.CURVE_PUBLICKEY, zmq.CURVE_SECRETKEY, zmq.CURVE_SERVERKEY]
KEY, KEY_TEXT = b"k" * 32, b"x" + b"0" * 39  # two that are possible, in either form


@pytest.mark.parametrize("number", KEY_OPTIONS)
def test_keys_are_taken_as_libzmq_takes_them(
    libzmq: pyzmq.Context[typing.Any], number: int
) -> None:
    values = [b"", b"k" * 31, KEY, KEY_TEXT, KEY_TEXT + b"\0", KEY_TEXT + b"x", b"k" * 33]
    values += [b"~" * 40, b"\0" * 40, b"#" * 40, b"#" * 41, b"k" * 41]
    for value in values:
        with libzmq.socket(zmq.DEALER) as socket:
            outcome(socket, number, value)
            state = socket.mechanism, socket.curve_server
        options = Options(zmq.DEALER, frozenset({"curve"}))
        outcome(options, number, value)
        # only a key that was taken selects CURVE; pyzmq cannot read it back
        assert (options.mechanism, options.curve_server) == state, value


def test_keys_are_kept_as_octets_and_the_secret_one_is_not_given() -> None:
    options = Options(zmq.DEALER, frozenset({"curve"}))
    for number in KEY_OPTIONS:
        options.set(number, KEY_TEXT)
    assert options.curve_publickey == options.curve_secretkey == options.curve_serverkey
    assert len(options.curve_secretkey) == 32
    assert options.get(zmq.CURVE_PUBLICKEY) == options.get(zmq.CURVE_SERVERKEY) == KEY_TEXT
    with pytest.raises(zmq.ZMQError, match="CURVE_SECRETKEY is write-only"):
        options.get(zmq.CURVE_SECRETKEY)
    with pytest.raises(zmq.ZMQError, match="must be a key") as caught:
        options.set(zmq.CURVE_SECRETKEY, b"secret" * 6)
    assert "secretsecret" not in str(caught.value)


def test_roles_and_mechanisms_follow_as_in_libzmq(libzmq: pyzmq.Context[typing.Any]) -> None:
    steps = [
        (zmq.PLAIN_SERVER, 1), (zmq.CURVE_PUBLICKEY, KEY), (zmq.CURVE_SERVERKEY, KEY),
        (zmq.CURVE_SERVER, 1), (zmq.CURVE_SECRETKEY, KEY), (zmq.PLAIN_USERNAME, b"u"),
        (zmq.CURVE_SERVER, 1), (zmq.CURVE_SERVER, 0), (zmq.CURVE_SERVER, 2), (zmq.PLAIN_SERVER, 0),
    ]  # fmt: skip
    options = Options(zmq.DEALER, frozenset({"curve"}))
    with libzmq.socket(zmq.DEALER) as socket:
        for number, value in steps:
            for target in (options, socket):
                outcome(target, number, value)
            names = ("mechanism", "plain_server", "curve_server")
            assert [getattr(options, n) for n in names] == [getattr(socket, n) for n in names]


def test_options_that_depend_on_each_other() -> None:
    options = Options(zmq.XPUB)
    options.set(zmq.IPV6, 1)
    assert options.ipv4only == 0
    options.set(zmq.IPV4ONLY, 1)
    assert options.ipv6 == 0
    options.set(zmq.XPUB_VERBOSER, 1)
    options.set(zmq.XPUB_VERBOSE, 1)
    assert options.xpub_verboser == 0


def test_xpub_subscribes_only_in_manual_mode() -> None:
    options = Options(zmq.XPUB)
    with pytest.raises(zmq.ZMQError, match="needs XPUB_MANUAL"):
        options.set(zmq.SUBSCRIBE, b"a")
    options.set(zmq.XPUB_MANUAL, 1)
    options.set(zmq.SUBSCRIBE, b"a")


def test_draft_options_that_every_type_takes() -> None:
    """As in a libzmq with drafts, which the wheel is not: kept by all, of use to some."""
    for kind in TYPES:
        options = Options(kind)
        for number in (zmq.HELLO_MSG, zmq.DISCONNECT_MSG, zmq.HICCUP_MSG):
            options.set(number, b"text")
        assert options.get(zmq.ROUTER_NOTIFY) == 0
    with pytest.raises(zmq.ZMQError):
        Options(zmq.PUSH).set(zmq.ROUTER_NOTIFY, 1)
    Options(zmq.XSUB).set(zmq.XSUB_VERBOSE_UNSUBSCRIBE, -1)


def test_some_options_collect_values() -> None:
    options = Options(zmq.DEALER)
    options.set(zmq.METADATA, b"X-name:\xffvalue")
    options.set(zmq.METADATA, b"X-other:a:b")
    options.set(zmq.IPC_FILTER_UID, 7)

    assert options.metadata == (("X-name", b"\xffvalue"), ("X-other", b"a:b"))
    assert options.ipc_filter_uid == (7,)


def test_strings_survive_whatever_octets_they_have() -> None:
    options = Options(zmq.DEALER)
    options.set(zmq.PLAIN_USERNAME, b"\xff\xfe")

    assert options.get(zmq.PLAIN_USERNAME) == b"\xff\xfe"


def test_none_unsets_what_a_null_pointer_unsets_in_libzmq() -> None:
    values: dict[int, object] = {
        zmq.BINDTODEVICE: b"lo", zmq.IPC_FILTER_GID: 1, zmq.IPC_FILTER_PID: 1,
        zmq.IPC_FILTER_UID: 1, zmq.PLAIN_PASSWORD: b"p", zmq.PLAIN_USERNAME: b"u",
        zmq.SOCKS_PASSWORD: b"p", zmq.SOCKS_PROXY: b"h:1", zmq.SOCKS_USERNAME: b"u",
        zmq.TCP_ACCEPT_FILTER: b"127.0.0.1", zmq.ZAP_DOMAIN: b"d",
    }  # fmt: skip
    assert values.keys() == CLEARED_BY_NONE
    for number, value in values.items():
        options = Options(zmq.DEALER)
        before = values_of(options)
        options.set(number, value)
        assert values_of(options) != before
        options.set(number, None)
        assert values_of(options) == before


def test_a_copy_goes_its_own_way() -> None:
    options = Options(zmq.DEALER)
    options.set(zmq.SNDHWM, 5)
    copied = copy.copy(options)
    assert values_of(copied) == values_of(options)
    options.set(zmq.SNDHWM, 6)
    copied.set(zmq.RCVHWM, 7)
    assert (copied.sndhwm, options.sndhwm) == (5, 6)
    assert (copied.rcvhwm, options.rcvhwm) == (7, 1000)
    assert Options(zmq.DEALER).sndhwm == 1000
    with pytest.raises(zmq.ZMQError):
        copied.set(zmq.SUBSCRIBE, b"")  # it knows whose it is


def values_of(options: Options) -> dict[str, object]:
    return {name: getattr(options, name) for name in typing.get_type_hints(Options)}


def test_a_filter_for_ipv6_needs_the_option() -> None:
    options = Options(zmq.DEALER)
    with pytest.raises(zmq.ZMQError, match="needs the option IPV6"):
        options.set(zmq.TCP_ACCEPT_FILTER, b"::1")
    options.set(zmq.IPV6, 1)
    options.set(zmq.TCP_ACCEPT_FILTER, b"::1")
    assert options.tcp_accept_filter == ("::1",)


def test_what_is_kept_for_programs_that_ask() -> None:
    """Batches adapt by themselves here; the values are checked and kept."""
    options = Options(zmq.DEALER)
    for number in (zmq.IN_BATCH_SIZE, zmq.OUT_BATCH_SIZE):
        assert options.get(number) == 8192
        options.set(number, 65536)
        assert options.get(number) == 65536
        with pytest.raises(zmq.ZMQError, match="at least 1, not 0"):
            options.set(number, 0)
