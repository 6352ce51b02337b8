"""What pgm and epgm endpoints say, and which interface they mean."""

import errno
import ipaddress
import socket

import pytest

from peromq.error import ZMQError
from peromq.transports.pgm_address import MulticastAddress, find_interface, parse


def ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(text)


@pytest.mark.parametrize(
    ("text", "interface", "groups", "send", "port"),
    [
        ("eth0;239.192.1.1:5555", "eth0", ["239.192.1.1"], "239.192.1.1", 5555),
        ("10.0.0.1;239.192.1.1:1", "10.0.0.1", ["239.192.1.1"], "239.192.1.1", 1),
        (";239.192.1.1:65535", "", ["239.192.1.1"], "239.192.1.1", 65535),
        ("239.192.1.1:5555", "", ["239.192.1.1"], "239.192.1.1", 5555),
        ("eth0:5555", "eth0", ["239.192.0.1"], "239.192.0.1", 5555),
        ("eth0;:5555", "eth0", ["239.192.0.1"], "239.192.0.1", 5555),
        ("e;224.1.1.1,224.1.1.2:5", "e", ["224.1.1.1", "224.1.1.2"], "224.1.1.1", 5),
        ("e;224.1.1.1,224.1.1.2;224.1.1.3:5", "e", ["224.1.1.1", "224.1.1.2"], "224.1.1.3", 5),
        (";[ff02::1]:7500", "", ["ff02::1"], "ff02::1", 7500),
        (";ff02::1:7500", "", ["ff02::1"], "ff02::1", 7500),
        ("[fe80::1];[ff02::1%eth0]:7500", "fe80::1", ["ff02::1"], "ff02::1", 7500),
        ("[ff05::7]:7500", "", ["ff05::7"], "ff05::7", 7500),
    ],
)
def test_what_is_understood(
    text: str, interface: str, groups: list[str], send: str, port: int
) -> None:
    expected = MulticastAddress(interface, tuple(map(ip, groups)), ip(send), port)
    assert parse(text, "epgm://" + text) == expected
    six = ":" in send
    assert expected.family == (socket.AF_INET6 if six else socket.AF_INET)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("eth0;239.192.1.1", "port|interface;group"),
        ("eth0", "interface;group:port"),
        ("eth0;239.192.1.1:", "port"),
        ("eth0;239.192.1.1:0", "port"),
        ("eth0;239.192.1.1:65536", "port"),
        ("eth0;239.192.1.1:-1", "port"),
        ("eth0;239.192.1.1:x", "port"),
        ("eth0;239.192.1.1:*", "port"),
        ("eth0;10.0.0.1:5555", "no multicast address"),
        ("eth0;name.example:5555", "no multicast address"),
        ("eth0;239.192.1.1,:5555", None),
        ("eth0;239.192.1.1;ff02::1:5555", "IPv4 and IPv6"),
        ("eth0;a;b;c:5555", "send-group"),
        ("eth0;" + ",".join(f"239.0.0.{i}" for i in range(1, 18)) + ":5", "16 groups"),
        ("e" * 255 + ":5", "characters"),
    ],
)
def test_what_is_not(text: str, why: str | None) -> None:
    if why is None:
        assert parse(text, "epgm://" + text).groups[1] == ip("239.192.0.1")
        return
    with pytest.raises(ZMQError, match=why) as caught:
        parse(text, "epgm://" + text)
    assert caught.value.errno == errno.EINVAL
    assert text in str(caught.value)


def found(text: str) -> tuple[str, str]:
    interface = find_interface(parse(text, text), text)
    return str(interface.address), socket.if_indextoname(interface.index)


def test_interfaces_by_name_and_address() -> None:
    assert found("lo;239.192.1.1:5") == ("127.0.0.1", "lo")
    assert found("127.0.0.1;239.192.1.1:5") == ("127.0.0.1", "lo")
    interface = find_interface(parse("127.0.0.9;239.192.1.1:5", ""), "")
    assert (str(interface.address), interface.index) == ("127.0.0.9", 0)


@pytest.mark.parametrize(
    ("text", "number", "why"),
    [
        ("nosuch0;239.192.1.1:5", errno.ENODEV, "there are: .*lo"),
        ("192.0.2.77;239.192.1.1:5", errno.ENODEV, "no address of this host"),
        ("127.0.0.1;[ff02::1]:5", errno.EINVAL, "families"),
        ("2001:db8::77;[ff02::1]:5", errno.ENODEV, "no address of this host"),
    ],
)
def test_interfaces_that_are_not_there(text: str, number: int, why: str) -> None:
    with pytest.raises(ZMQError, match=why) as caught:
        find_interface(parse(text, text), text)
    assert caught.value.errno == number
