"""The client's side of SOCKS5, octet by octet (RFC 1928, RFC 1929)."""

import contextlib
import errno

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports import TRANSPORTS
from peromq.transports.socks import SocksClient

TCP = TRANSPORTS["tcp"]
BOUND = b"\x05\x00\x00\x01\x0a\x00\x00\x01\x04\x38"


def answer(client: SocksClient, data: bytes) -> None:
    """In pieces of what it wants, which must use up all of it."""
    while data:
        assert client.wanted
        piece, data = data[: client.wanted], data[client.wanted :]
        client.receive_data(piece)


@pytest.mark.parametrize(
    ("host", "encoded"),
    [
        ("192.0.2.7", b"\x01\xc0\x00\x02\x07"),
        ("2001:db8::7", b"\x04" + bytes.fromhex("20010db8000000000000000000000007")),
        ("fe80::1%eth0", b"\x04" + bytes.fromhex("fe800000000000000000000000000001")),
        ("example.com", b"\x03\x0bexample.com"),
        ("bücher.example", b"\x03\x15xn--bcher-kva.example"),
    ],
)
def test_a_request_by_address_or_name(host: str, encoded: bytes) -> None:
    client = SocksClient(host, 5555)
    assert client.data_to_send() == b"\x05\x01\x00"
    answer(client, b"\x05\x00")
    assert client.data_to_send() == b"\x05\x01\x00" + encoded + b"\x15\xb3"
    answer(client, BOUND)
    assert client.done
    assert client.data_to_send() == b""


@pytest.mark.parametrize("password", [b"", b"secret"])
def test_a_login(password: bytes) -> None:
    client = SocksClient("192.0.2.7", 80, b"user", password)
    assert client.data_to_send() == b"\x05\x01\x02"
    answer(client, b"\x05\x02")
    assert client.data_to_send() == b"\x01\x04user" + bytes((len(password),)) + password
    answer(client, b"\x01\x00")
    assert client.data_to_send() == b"\x05\x01\x00\x01\xc0\x00\x02\x07\x00\x50"
    answer(client, BOUND)
    assert client.done


def test_a_proxy_may_want_no_login() -> None:
    client = SocksClient("192.0.2.7", 80, b"user", b"secret")
    client.data_to_send()
    answer(client, b"\x05\x00")
    assert b"secret" not in client.data_to_send()


@pytest.mark.parametrize(
    "reply",
    [
        BOUND,
        b"\x05\x00\x00\x03\x00\x00\x50",
        b"\x05\x00\x00\x03\x04name\x00\x50",
        b"\x05\x00\x00\x03\xff" + b"n" * 255 + b"\x00\x50",
        b"\x05\x00\x00\x04" + b"\x11" * 16 + b"\x00\x50",
    ],
)
def test_nothing_behind_the_reply_is_read(reply: bytes) -> None:
    """Whatever form the proxy's address has; also when it comes octet by octet."""
    for step in (1, 300):
        client = SocksClient("192.0.2.7", 80)
        client.data_to_send()
        stream = b"\x05\x00" + reply + b"the peer's"
        while not client.done:
            size = min(client.wanted, step)
            client.receive_data(stream[:size])
            stream = stream[size:]
        assert client.wanted == 0
        assert stream == b"the peer's"


@pytest.mark.parametrize(
    ("answers", "number", "text"),
    [
        ([b""], errno.ECONNRESET, "it hung up"),
        ([b"\x05\x00", b""], errno.ECONNRESET, "it hung up"),
        ([b"\x04\x00"], errno.EPROTO, "it speaks version 4, not 5"),
        ([b"HT"], errno.EPROTO, "it speaks version 72"),
        ([b"\x05\xff"], errno.EACCES, "it wants a login"),
        ([b"\x05\x02"], errno.EACCES, "it chose method 2"),
        ([b"\x05\x01"], errno.EACCES, "it chose method 1"),
        ([b"\x05\x00", b"\x04\x00\x00\x01\x00"], errno.EPROTO, "version 4"),
        ([b"\x05\x00", b"\x05\x00\x00\x02\x00"], errno.EPROTO, "address type 2"),
        ([b"\x05\x00", b"\x05\x01\x00\x01\x00"], errno.EIO, "general failure"),
        ([b"\x05\x00", b"\x05\x02\x00\x01\x00"], errno.EACCES, "not allowed"),
        ([b"\x05\x00", b"\x05\x03\x00\x01\x00"], errno.ENETUNREACH, "network unreachable"),
        ([b"\x05\x00", b"\x05\x04\x00\x01\x00"], errno.EHOSTUNREACH, "host unreachable"),
        ([b"\x05\x00", b"\x05\x05\x00\x01\x00"], errno.ECONNREFUSED, "connection refused"),
        ([b"\x05\x00", b"\x05\x06\x00\x01\x00"], errno.ETIMEDOUT, "TTL expired"),
        ([b"\x05\x00", b"\x05\x07\x00\x01\x00"], errno.EOPNOTSUPP, "command not supported"),
        ([b"\x05\x00", b"\x05\x08\x00\x01\x00"], errno.EAFNOSUPPORT, "address type not"),
        ([b"\x05\x00", b"\x05\x63\x00\x01\x00"], errno.EIO, "reply 99"),
    ],
)
def test_refusals(answers: list[bytes], number: int, text: str) -> None:
    client = SocksClient("192.0.2.7", 80)
    *accepted, refused = answers
    for octets in accepted:
        client.receive_data(octets)
    with pytest.raises(OSError, match=text) as caught:
        client.receive_data(refused)
    assert caught.value.errno == number
    assert "SOCKS proxy" in str(caught.value)


@pytest.mark.parametrize("octets", [b"\x01\x01", b"\x01\xff", b"\x05\x00"])
def test_a_refused_login_is_not_in_the_text(octets: bytes) -> None:
    client = SocksClient("192.0.2.7", 80, b"user", b"secret")
    client.receive_data(b"\x05\x02")
    with pytest.raises(OSError, match="SOCKS proxy") as caught:
        client.receive_data(octets)
    assert "secret" not in str(caught.value)


@given(st.lists(st.binary(min_size=1, max_size=300), max_size=20), st.booleans())
def test_whatever_a_proxy_says(pieces: list[bytes], login: bool) -> None:
    """It ends, or is refused, or goes on asking for a little."""
    client = SocksClient("example.com", 80, b"user" if login else b"", b"secret")
    with contextlib.suppress(OSError):
        for piece in pieces:
            client.data_to_send()
            if client.done:
                break
            assert 0 < client.wanted <= 258
            client.receive_data(piece[: client.wanted])


# -- the option


@pytest.mark.parametrize(
    "proxy", ["localhost", "localhost:", ":1080", "a b:1080", "h:0", "h:65536"]
)
def test_a_bad_proxy_is_refused_at_connect(options: Options, proxy: str) -> None:
    options.socks_proxy = proxy
    with pytest.raises(ZMQError, match="SOCKS_PROXY") as caught:
        TCP.target("127.0.0.1:80", options)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("host", ["x" * 256, "ü" * 200 + ".example"])
def test_names_that_no_proxy_can_be_asked_for(options: Options, host: str) -> None:
    options.socks_proxy = "127.0.0.1:1080"
    with pytest.raises(ZMQError, match="SOCKS") as caught:
        TCP.target(f"{host}:80", options)
    assert caught.value.errno == errno.EINVAL


def test_only_the_proxy_is_resolved_here(options: Options) -> None:
    options.socks_proxy = "127.0.0.1:1080"
    target = TCP.target("no-such-host.example:80", options)
    assert not target.may_block
    assert [route.remote for route in target.routes()] == [("127.0.0.1", 1080)]
    options.socks_proxy = "proxy.example:1080"
    assert TCP.target("127.0.0.1:80", options).may_block


def test_an_address_of_the_other_family_is_the_proxys_business(options: Options) -> None:
    options.socks_proxy = "127.0.0.1:1080"
    assert TCP.target("[2001:db8::7]:80", options).preamble is not None


def test_the_way_to_the_proxy_may_have_a_source(options: Options) -> None:
    options.socks_proxy = "127.0.0.2:0;127.0.0.1:1080"
    assert [route.local for route in TCP.target("h:80", options).routes()] == [("127.0.0.2", 0)]
    target = TCP.target("127.0.0.3:0;h:80", options)
    assert [route.local for route in target.routes()] == [("127.0.0.3", 0)]
