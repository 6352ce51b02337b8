"""Who hears whom: processes of one host, several publishers, and somebody who forges packets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.helpers import AGAINST_LIBZMQ, wait_until
from tests.interop.netns import A, B, Network
from tests.interop.remote import Remote

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(180),
    pytest.mark.no_sanitizer,
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="these are ours"),
]

FLOOD = str(Path(__file__).with_name("multicast_flood.py"))
PORT = "7504"
GROUP = f"239.192.7.4:{PORT}"
ENDPOINT = f"epgm://net0;{GROUP}"


@pytest.mark.parametrize("carrier", ["epgm", "pgm"])
def test_two_processes_of_one_host(carrier: str) -> None:
    """MULTICAST_LOOP, which is on; on a real interface, not the loopback one."""
    endpoint = f"{carrier}://net0;{GROUP}"
    with Network() as network:
        near = Remote(network, "a", "SUB", endpoint)
        far = Remote(network, "b", "SUB", endpoint)
        pub = Remote(network, "a", "PUB", endpoint)
        pub.send(0, 500)
        for sub in (near, far):
            assert sub.numbers(499) == list(range(500))


def test_without_loop_only_others_hear() -> None:
    with Network() as network:
        near = Remote(network, "a", "SUB", ENDPOINT, "rcvtimeo=300")
        far = Remote(network, "b", "SUB", ENDPOINT)
        pub = Remote(network, "a", "PUB", ENDPOINT, "multicast_loop=0")
        pub.send(0, 10)
        assert far.numbers(9) == list(range(10))
        assert near.numbers(9) == []


@pytest.mark.parametrize("carrier", ["epgm", "pgm"])
@pytest.mark.parametrize("group", ["239.192.7.4", "[ff02::74]"])
def test_two_publishers(carrier: str, group: str) -> None:
    """One in each host, of which one has the subscriber, too; each one's order is kept."""
    endpoint = f"{carrier}://net0;{group}:{PORT}"
    with Network() as network:
        sub = Remote(network, "b", "SUB", endpoint)
        one = Remote(network, "a", "PUB", endpoint)
        two = Remote(network, "b", "PUB", endpoint)
        one.send(0, 300)
        two.send(1000, 1300)
        one.send(300, 400)
        seen: list[int] = []
        while len(seen) < 700:
            more = sub.numbers(399 if 399 not in seen else 1299)
            assert more
            seen += more
        assert [number for number in seen if number < 1000] == list(range(400))
        assert [number for number in seen if number >= 1000] == list(range(1000, 1300))


def test_several_groups() -> None:
    with Network() as network:
        both = Remote(network, "b", "SUB", f"epgm://net0;239.192.7.5,239.192.7.6:{PORT}")
        other = Remote(network, "b", "SUB", f"epgm://net0;239.192.7.6:{PORT}", "rcvtimeo=300")
        pub = Remote(network, "a", "PUB", f"epgm://net0;239.192.7.5:{PORT}")
        pub.send(0, 50)
        assert both.numbers(49) == list(range(50))
        assert other.numbers(49) == []


def test_losses_outside_the_window_are_told_and_the_stream_goes_on() -> None:
    """One in ten packets is lost, and 20 ms of window repair few of them."""
    with Network() as network:
        options = ("rate=50000", "recovery_ivl=20")
        sub = Remote(network, "b", "SUB", ENDPOINT, *options)
        pub = Remote(network, "a", "PUB", ENDPOINT, *options)
        pub.send(0, 10)
        assert sub.numbers(9) == list(range(10))
        network.forbid("b", "input", f"udp dport {PORT} numgen random mod 10 < 1")
        pub.tell("fill 10 3000 400")
        value, details = sub.event("PACKETS_LOST")
        assert value > 0
        assert details["Address"] == A
        network.allow("b")
        pub.tell("fill 3000 3300 400")
        got = sub.numbers(3299)
        assert got == sorted(set(got))
        assert 300 < len(got) < 3290  # a busy machine loses some, too


def test_floods_of_forged_packets_cost_time_and_little_memory() -> None:
    """TSIs, windows, requests, options: all that a stranger may say, as fast as he can."""
    with Network() as network:
        sub = Remote(network, "b", "SUB", ENDPOINT, "rate=50000", "recovery_ivl=20000")
        pub = Remote(network, "a", "PUB", ENDPOINT, "rate=50000", "recovery_ivl=20000")
        pub.send(0, 100)
        assert sub.numbers(99) == list(range(100))
        before = [one.usage() for one in (sub, pub)]
        flood = network.start("b", FLOOD, B, "239.192.7.4", PORT, A, "3")
        assert flood.stdout is not None
        assert flood.stdout.readline() == "ready\n"
        for number in range(100, 1100, 100):
            pub.send(number, number + 100)
        assert int(flood.stdout.readline()) > 1000
        pub.send(1100, 1110)
        assert sub.numbers(1109) == list(range(100, 1110))
        after = [one.usage() for one in (sub, pub)]
        for (_, had), (_, has) in zip(before, after, strict=True):
            assert has - had < 200 << 20
        flood.wait(10)
        pub.send(1110, 1111)
        assert sub.numbers(1110) == [1110]
        for one in (sub, pub):  # it is quiet again: nothing is left to be done
            wait_until(lambda one=one: is_quiet(one), 20)


def is_quiet(one: Remote) -> bool:
    before, _ = one.usage()
    one.tell("idle 500")
    return one.usage()[0] - before < 0.1
