"""A multicast endpoint whose interface goes down, loses its address, or is another one then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.helpers import AGAINST_LIBZMQ
from tests.interop.netns import A, B, Network, ip
from tests.interop.remote import Remote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq does not come back from this"),
]

GROUP = "239.192.7.3:7503"


@contextmanager
def hosts(carrier: str = "epgm", where: str = "net0") -> Iterator[tuple[Network, Remote, Remote]]:
    with Network() as network:
        window = "recovery_ivl=60000"  # that of a slow machine
        sub = Remote(network, "b", "SUB", f"{carrier}://{where};{GROUP}", window)
        pub = Remote(network, "a", "PUB", f"{carrier}://{where};{GROUP}", window)
        pub.send(0, 10)
        assert sub.numbers(9) == list(range(10))
        yield network, pub, sub


def link(network: Network, host: str, *words: str) -> None:
    ip("-n", network.name(host), *words)


@pytest.mark.parametrize("carrier", ["epgm", "pgm"])
def test_the_publishers_interface_goes_and_comes(carrier: str) -> None:
    """What was published meanwhile is repaired, for it is still in the window."""
    with hosts(carrier) as (network, pub, sub):
        link(network, "a", "link", "set", "net0", "down")
        pub.hears_of("DISCONNECTED", "CONNECT_RETRIED")
        pub.send(10, 60)
        pub.hears_of("CONNECT_RETRIED")
        link(network, "a", "link", "set", "net0", "up")
        pub.hears_of("CONNECTED")
        pub.send(60, 70)
        assert sub.numbers(69) == list(range(10, 70))


@pytest.mark.parametrize("carrier", ["epgm", "pgm"])
def test_the_subscribers_interface_goes_and_comes(carrier: str) -> None:
    with hosts(carrier) as (network, pub, sub):
        link(network, "b", "link", "set", "net0", "down")
        sub.hears_of("DISCONNECTED", "CONNECT_RETRIED")
        pub.send(10, 60)
        link(network, "b", "link", "set", "net0", "up")
        sub.hears_of("CONNECTED")
        pub.send(60, 70)
        assert sub.numbers(69) == list(range(10, 70))


@pytest.mark.parametrize("host", ["a", "b"])
def test_another_address(host: str) -> None:
    """As DHCP may do it. The publisher says where requests for repair go from now on."""
    with hosts() as (network, pub, sub):
        who, old = (pub, A) if host == "a" else (sub, B)
        link(network, host, "address", "del", f"{old}/24", "dev", "net0")
        who.hears_of("DISCONNECTED", "CONNECT_RETRIED")
        pub.send(10, 20)
        link(network, host, "address", "add", old.replace(".7.", ".7.10") + "/24", "dev", "net0")
        who.hears_of("CONNECTED")
        pub.send(20, 70)
        assert sub.numbers(69) == list(range(10, 70))


def test_the_interface_is_another_one_then() -> None:
    """Removed and put back: the same name, another index."""
    with hosts() as (network, pub, sub):
        link(network, "a", "link", "del", "net0")
        pub.hears_of("DISCONNECTED")
        sub.hears_of("DISCONNECTED")
        pub.send(10, 20)
        network.plug_in()
        pub.hears_of("CONNECTED")
        sub.hears_of("CONNECTED")
        pub.send(20, 30)
        assert sub.numbers(29) == list(range(10, 30))


def test_a_firewall_that_forbids_and_then_allows() -> None:
    """EPERM on sending; the interface itself is well."""
    with hosts() as (network, pub, sub):
        network.forbid("a", "output", "udp dport 7503")
        pub.send(10, 30)
        pub.hears_of("DISCONNECTED", "CONNECT_RETRIED", "CONNECT_RETRIED")
        network.allow("a")
        pub.hears_of("CONNECTED")
        pub.send(30, 40)
        assert sub.numbers(39) == list(range(10, 40))


def test_without_a_reconnect_interval_it_ends() -> None:
    """RECONNECT_IVL of -1, as for dialers."""
    with Network() as network:
        pub = Remote(network, "a", "PUB", f"epgm://net0;{GROUP}", "reconnect_ivl=-1")
        link(network, "a", "link", "set", "net0", "down")
        pub.hears_of("DISCONNECTED")
        pub.send(0, 10)


def test_an_address_given_as_such_is_waited_for() -> None:
    with Network() as network:
        sub = Remote(network, "b", "SUB", f"epgm://{B};{GROUP}")
        pub = Remote(network, "a", "PUB", f"epgm://{A};{GROUP}")
        pub.send(0, 10)
        assert sub.numbers(9) == list(range(10))
        link(network, "a", "address", "del", f"{A}/24", "dev", "net0")
        pub.hears_of("DISCONNECTED", "CONNECT_RETRIED", "CONNECT_RETRIED")
        link(network, "a", "address", "add", f"{A}/24", "dev", "net0")
        pub.hears_of("CONNECTED")
        pub.send(10, 20)
        assert sub.numbers(19) == list(range(10, 20))
