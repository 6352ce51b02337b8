"""HOST:PORT, and what names of this host stand for."""

import contextlib
import errno
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq.error import ZMQError
from peromq.transports.tcp_address import (
    HostPort,
    interface_addresses,
    local_addresses,
    parse_bind,
    parse_connect,
    remote_addresses,
)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("*:*", ("*", 0)),
        ("*:0", ("*", 0)),
        ("*:65535", ("*", 65535)),
        ("127.0.0.1:5555", ("127.0.0.1", 5555)),
        ("[::1]:5555", ("::1", 5555)),
        ("::1:5555", ("::1", 5555)),
        ("[fe80::1%eth0]:5555", ("fe80::1%eth0", 5555)),
        ("[fe80::1%2]:5555", ("fe80::1%2", 5555)),
        ("eth0:5555", ("eth0", 5555)),
        ("eth0:1:5555", ("eth0:1", 5555)),
        ("eth0.100:*", ("eth0.100", 0)),
        ("localhost:05555", ("localhost", 5555)),
    ],
)
def test_bind_addresses(address: str, expected: tuple[str, int]) -> None:
    assert parse_bind(address, "e") == HostPort(*expected)


@pytest.mark.parametrize(
    "address",
    [
        *("", ":", "*", "*:", ":1", "a b:1", "-a:1", "*:x", "*:-1", "*:65536", "*:1x", "*:１"),
        *(
            "[]:1",
            "[a b]:1",
            "[[::1]]:1",
            "[::1:1",
            "::1]:1",
            "*:9999999999999999",
            "a;b:1",
            "*:+1",
        ),
    ],
)
def test_no_bind_addresses(address: str) -> None:
    with pytest.raises(ZMQError, match="the endpoint") as caught:
        parse_bind(address, "the endpoint")
    assert caught.value.errno in (errno.EINVAL, errno.ENODEV)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("[127.0.0.1]", "127.0.0.1"),
        ("[localhost]", "localhost"),
        ("[::1%lo]", "::1%lo"),
        ("::1%1", "::1%1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
    ],
)
def test_forms_of_a_host(host: str, expected: str) -> None:
    """Brackets may stand around anything; an IPv4 address in IPv6 form is one of IPv4."""
    assert parse_bind(f"{host}:5", "e") == HostPort(expected, 5)
    assert parse_connect(f"{host}:0;{host}:5", "e") == (
        HostPort(expected, 0),
        HostPort(expected, 5),
    )
    assert parse_bind("[*]:*", "e") == HostPort("*", 0)


def test_zones_of_any_address() -> None:
    index = socket.if_nametoindex("lo")
    for zone in ("lo", str(index)):
        where = HostPort(f"::1%{zone}", 5)
        expected = [(socket.AF_INET6, ("::1", 5, 0, index))]
        assert local_addresses(where, ipv6=True) == expected
        assert remote_addresses(where, ipv6=True) == expected


@pytest.mark.parametrize("zone", ["nosuch0", "4294967296", "9" * 100, "a\0", "x" * 100, "١"])
def test_zones_that_are_none(zone: str) -> None:
    for addresses in (local_addresses, remote_addresses):
        with pytest.raises(OSError, match="no such interface") as caught:
            addresses(HostPort(f"::1%{zone}", 5), ipv6=True)
        assert caught.value.errno == errno.ENODEV


@pytest.mark.parametrize(
    ("address", "source", "peer"),
    [
        ("example.com:80", None, ("example.com", 80)),
        ("a_b.c-d:80", None, ("a_b.c-d", 80)),
        ("0.0.0.0:0;[::1]:80", ("0.0.0.0", 0), ("::1", 80)),
        ("*:*;host:80", ("*", 0), ("host", 80)),
        ("eth0:7777;host:80", ("eth0", 7777), ("host", 80)),
    ],
)
def test_connect_addresses(
    address: str, source: tuple[str, int] | None, peer: tuple[str, int]
) -> None:
    expected = HostPort(*source) if source else None
    assert parse_connect(address, "e") == (expected, HostPort(*peer))


@pytest.mark.parametrize(
    "address",
    [
        "*:80",
        "host:0",
        "host:*",
        "host:http",
        ";host:80",
        "*:1;",
        "host:80;",
        "eth0:1:80",
        "a;b:80",
    ],
)
def test_no_connect_addresses(address: str) -> None:
    with pytest.raises(ZMQError):
        parse_connect(address, "the endpoint")


@given(st.text("019aZ:.[]%*;-_/@ \0é１"))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    for parse in (parse_bind, parse_connect):
        with contextlib.suppress(ZMQError):
            parse(text, "e")


def test_an_interface_stands_for_its_addresses() -> None:
    assert "127.0.0.1" in interface_addresses("lo", False)
    assert local_addresses(HostPort("lo", 5), ipv6=False) == [(socket.AF_INET, ("127.0.0.1", 5))]
    assert interface_addresses("no-such-nic", True) == []
    assert interface_addresses("a-name-too-long-for-an-interface", True) == []


def test_ipv6_comes_first_where_both_serve() -> None:
    found = local_addresses(HostPort("lo", 5), ipv6=True)
    families = [family for family, _ in found]
    assert families == sorted(families, reverse=True)  # AF_INET6 is the larger number
    wildcards = local_addresses(HostPort("*", 5), ipv6=True)
    assert [address[0] for _, address in wildcards] == ["::", "0.0.0.0"]


def test_unknown_names_have_no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    def lookup(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    for find in (local_addresses, remote_addresses):
        with pytest.raises(OSError, match="no such name") as caught:
            find(HostPort("nowhere", 1), False)
        assert caught.value.errno == errno.ENODEV


def test_names_without_an_idna_form_have_no_address() -> None:
    with pytest.raises(OSError, match=r"label (empty|too long|.*long)"):
        remote_addresses(HostPort("ä" * 100, 1), False)
