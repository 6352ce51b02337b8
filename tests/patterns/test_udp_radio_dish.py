"""RADIO and DISH over udp: against plain sockets, against each other, and what is refused."""

from __future__ import annotations

import errno
import itertools
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    TIMEOUT,
    last_endpoint,
    raises_errno,
    readable,
    wait_until,
    zmq,
)
from tests.patterns.drafts import OCTETS, recv_for

pytestmark = pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheel has no udp")

ANY = "udp://127.0.0.1:*"
IP_RECVTTL = 12  # linux/in.h
_groups = itertools.count(os.getpid() * 64)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 on this host")


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def multicast_group() -> str:
    number = next(_groups)
    return f"239.255.{number // 250 % 250 + 1}.{number % 250 + 1}"


@pytest.fixture
def plain() -> Iterator[socket.socket]:
    """An ordinary socket on the loopback."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(TIMEOUT)
        yield sock


def address_of(plain: socket.socket) -> str:
    return f"udp://127.0.0.1:{plain.getsockname()[1]}"


# -- octets


def test_a_radio_sends_what_libzmq_sends(sock: Any, plain: socket.socket) -> None:
    radio = sock("RADIO", connect=address_of(plain))
    radio.send(b"hello", group="news")
    radio.send(b"x")
    radio.send(b"", group="g")
    radio.send(b"B", group="G" * 200)
    names = ["news_hello", "emptygroup", "emptybody", "group200"]
    assert [plain.recv(9000) for _ in names] == [OCTETS[f"udp_radio_{name}"] for name in names]
    assert radio.datagram_counts() == (0, 0, 4, 0)


def test_a_dish_takes_what_libzmq_sends(sock: Any, plain: socket.socket) -> None:
    dish = sock("DISH", bind=ANY)
    for group in ("news", "", "g", "G" * 200):
        dish.join(group)
    target = ("127.0.0.1", port_of(last_endpoint(dish)))
    for name in ("news_hello", "emptygroup", "emptybody", "group200"):
        plain.sendto(OCTETS[f"udp_radio_{name}"], target)
    assert [recv_for(dish) for _ in range(4)] == [
        ("news", b"hello"),
        ("", b"x"),
        ("g", b""),
        ("G" * 200, b"B"),
    ]


def test_a_dish_filters_for_itself(sock: Any, plain: socket.socket) -> None:
    dish = sock("DISH", bind=ANY)
    dish.join("b")
    target = ("127.0.0.1", port_of(last_endpoint(dish)))
    for group in (b"a", b"bb", b"", b"b"):
        plain.sendto(bytes([len(group)]) + group + b"for " + group, target)
    assert recv_for(dish) == ("b", b"for b")
    dish.leave("b")
    plain.sendto(b"\1bmore", target)
    assert not readable(dish)


def test_hostile_datagrams_are_counted_and_dropped(sock: Any, plain: socket.socket) -> None:
    dish = sock("DISH", bind=ANY)
    dish.join("")
    dish.join("g" * 255)
    target = ("127.0.0.1", port_of(last_endpoint(dish)))
    bad = [b"", b"\1", b"\xff" + b"g" * 254, b"\x80", bytes(8193), bytes(9000), bytes(60000)]
    for octets in bad:
        plain.sendto(octets, target)
    plain.sendto(b"\0last", target)
    assert recv_for(dish) == ("", b"last")
    assert dish.datagram_counts() == (1, len(bad), 0, 0)
    plain.sendto(b"\xff" + b"g" * 255 + b"b", target)
    assert recv_for(dish) == ("g" * 255, b"b")


# -- each other


@pytest.fixture
def pair(sock: Any) -> tuple[Any, Any]:
    dish = sock("DISH", bind=ANY)
    return sock("RADIO", connect=last_endpoint(dish)), dish


def test_the_longest_body(pair: tuple[Any, Any]) -> None:
    radio, dish = pair
    dish.join("four")
    body = os.urandom(8192 - 5)
    radio.send(body, group="four")
    assert recv_for(dish) == ("four", body)
    for copy in (True, False):
        with raises_errno(errno.EMSGSIZE):
            radio.send(body + b"x", group="four", copy=copy)
    with raises_errno(errno.EMSGSIZE):
        radio.send(bytes(1 << 20), group="four")
    radio.send(b"good", group="four")
    assert recv_for(dish) == ("four", b"good")


def test_many_messages_in_order(pair: tuple[Any, Any]) -> None:
    radio, dish = pair
    dish.join("g")
    for start in range(0, 2000, 100):
        for number in range(start, start + 100):
            radio.send(b"%d" % number, group="g")
        assert [dish.recv() for _ in range(100)] == [b"%d" % n for n in range(start, start + 100)]


def test_io_goes_on_while_the_application_does_other_things(
    sock: Any, plain: socket.socket
) -> None:
    """The kernel's buffer does not hold them: the I/O thread reads while nobody calls recv."""
    dish = sock("DISH", bind=ANY, rcvbuf=4096, rcvhwm=1000)
    dish.join("")
    target = ("127.0.0.1", port_of(last_endpoint(dish)))
    for number in range(500):
        plain.sendto(b"\0%d" % number, target)
        wait_until(lambda: dish.datagram_counts()[0] > number)  # noqa: B023
    assert [dish.recv() for _ in range(500)] == [b"%d" % n for n in range(500)]


def test_a_full_queue_drops_and_goes_on(sock: Any, plain: socket.socket) -> None:
    """Ours first, then the kernel's; what came through is in order."""
    dish = sock("DISH", bind=ANY, rcvhwm=10, rcvbuf=4096)
    dish.join("")
    target = ("127.0.0.1", port_of(last_endpoint(dish)))
    for number in range(1000):
        plain.sendto(b"\0%04d" % number, target)
    got = []
    while b"end" not in got:
        plain.sendto(b"\0end", target)
        got.append(dish.recv())
    assert 10 <= len(got) < 900
    assert got == sorted(got)


def test_two_radios_and_two_addresses(sock: Any) -> None:
    dish = sock("DISH", bind=ANY)
    dish.join("g")
    first = last_endpoint(dish)
    dish.bind(ANY)
    radios = [sock("RADIO", connect=endpoint) for endpoint in (first, last_endpoint(dish))]
    for number, radio in enumerate(radios):
        radio.send(b"%d" % number, group="g")
    assert sorted([dish.recv(), dish.recv()]) == [b"0", b"1"]


def test_one_radio_for_udp_and_tcp(sock: Any) -> None:
    """Who is connected gets what he joined, an address everything; too much for one is for none."""
    over_udp = sock("DISH", bind=ANY)
    over_tcp = sock("DISH", bind="tcp://127.0.0.1:*")
    radio = sock("RADIO", connect=last_endpoint(over_udp))
    radio.connect(last_endpoint(over_tcp))
    over_udp.join("g")
    over_tcp.join("g")
    while not readable(over_tcp, 5):
        radio.send(b"x", group="g")
    assert over_udp.recv() == over_tcp.recv() == b"x"
    with raises_errno(errno.EMSGSIZE):
        radio.send(bytes(10_000), group="g")
    radio.disconnect(last_endpoint(over_udp))
    radio.send(bytes(10_000), group="g")
    while (body := over_tcp.recv()) != bytes(10_000):
        assert body == b"x"


def test_sending_to_nobody_is_no_error(sock: Any, plain: socket.socket) -> None:
    endpoint = address_of(plain)
    plain.close()
    radio = sock("RADIO", connect=endpoint)
    for _ in range(100):
        radio.send(b"x", group="g")
    assert radio.poll(0, zmq.POLLOUT)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as late:
        late.bind(("127.0.0.1", port_of(endpoint)))
        late.settimeout(TIMEOUT)
        radio.send(b"heard", group="g")
        while late.recv(100) != b"\1gheard":
            pass


def test_what_is_unsent_lingers(ctx: Any, plain: socket.socket) -> None:
    radio = ctx.socket(zmq.RADIO)
    radio.connect(address_of(plain))
    for number in range(200):
        radio.send(b"%d" % number, group="g")
    radio.close(linger=5000)
    assert [plain.recv(100) for _ in range(200)] == [b"\1g%d" % n for n in range(200)]


PROCESS = """
    import sys
    import peromq as zmq
    endpoint, ready = sys.argv[1:]
    with zmq.Context() as context, context.socket(zmq.RADIO) as radio:
        radio.connect(endpoint)
        sys.stdin.readline()
        for number in range(200):
            radio.send(b"%d" % number, group="count")
        sys.stdin.readline()
"""


def test_two_processes(sock: Any) -> None:
    dish = sock("DISH", bind=ANY)
    dish.join("count")
    program = textwrap.dedent(PROCESS)
    command = [sys.executable, "-c", program, last_endpoint(dish), "x"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
        assert [dish.recv() for _ in range(200)] == [b"%d" % number for number in range(200)]
        process.stdin.close()
        assert process.wait(TIMEOUT) == 0


# -- multicast, on the loopback interface


@pytest.fixture
def group() -> str:
    return f"udp://lo;{multicast_group()}"


def test_multicast_reaches_all_who_are_bound(sock: Any, group: str) -> None:
    first = sock("DISH", bind=f"{group}:*")
    endpoint = last_endpoint(first)
    dishes = [first, sock("DISH", bind=endpoint)]
    radio = sock("RADIO", connect=endpoint)
    for dish in dishes:
        dish.join("g")
    radio.send(b"to all", group="g")
    assert [recv_for(dish) for dish in dishes] == [("g", b"to all")] * 2


def test_an_interface_by_address(sock: Any) -> None:
    dish = sock("DISH", bind=f"udp://127.0.0.1;{multicast_group()}:*")
    dish.join("")
    assert last_endpoint(dish).startswith("udp://127.0.0.1;239.255.")
    sock("RADIO", connect=last_endpoint(dish)).send(b"x")
    assert dish.recv() == b"x"


def test_any_interface_is_the_one_of_the_routes(sock: Any) -> None:
    """zmq_udp(7): "the wild-card *, meaning all available interfaces"."""
    found = []
    for interface in ("", "*;"):  # where no route leads to the group, it is an error of both
        try:
            sock("DISH").bind(f"udp://{interface}{multicast_group()}:*")
            found.append(0)
        except zmq.ZMQError as failure:
            found.append(failure.errno)
    assert found[0] == found[1]


def test_another_group_on_the_same_port_is_not_heard(sock: Any, group: str) -> None:
    dish = sock("DISH", bind=f"{group}:*")
    dish.join("")
    port = port_of(last_endpoint(dish))
    other = f"udp://lo;{multicast_group()}:{port}"
    listener = sock("DISH", bind=other)
    listener.join("")
    sock("RADIO", connect=other).send(b"other")
    assert listener.recv() == b"other"
    assert not readable(dish)


def test_multicast_from_and_to_plain_sockets(sock: Any, group: str) -> None:
    dish = sock("DISH", bind=f"{group}:*")
    dish.join("")
    endpoint = last_endpoint(dish)
    address = (endpoint.partition(";")[2].partition(":")[0], port_of(endpoint))
    loopback = socket.inet_aton("127.0.0.1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, loopback)
        plain.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        plain.bind(address)
        member = socket.inet_aton(address[0]) + loopback
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        plain.settimeout(TIMEOUT)
        plain.sendto(b"\0from plain", address)
        assert dish.recv() == plain.recv(100)[1:] == b"from plain"
        for hops in (1, 7):
            radio = sock("RADIO", multicast_hops=hops)
            radio.connect(endpoint)
            radio.send(b"x", group="")
            data, ancillary, _, _ = plain.recvmsg(100, 100)
            assert (data, int.from_bytes(ancillary[0][2], sys.byteorder)) == (b"\0x", hops)


# -- IPv6


@needs_ipv6
def test_ipv6(sock: Any) -> None:
    dish = sock("DISH", ipv6=1)
    dish.bind("udp://[::1]:*")
    dish.join("six")
    radio = sock("RADIO", ipv6=1)
    radio.connect(last_endpoint(dish))
    radio.send(b"hello", group="six")
    assert recv_for(dish) == ("six", b"hello")


@needs_ipv6
def test_both_families_at_once(sock: Any) -> None:
    dish = sock("DISH", ipv6=1)
    dish.bind("udp://*:*")
    dish.join("")
    port = port_of(last_endpoint(dish))
    sock("RADIO", connect=f"udp://127.0.0.1:{port}").send(b"4")
    assert dish.recv() == b"4"
    radio = sock("RADIO", ipv6=1)
    radio.connect(f"udp://[::1]:{port}")
    radio.send(b"6")
    assert dish.recv() == b"6"


# -- endpoints


def test_names_and_wildcards(sock: Any) -> None:
    dish = sock("DISH", bind="udp://*:*")
    dish.join("")
    port = port_of(last_endpoint(dish))
    sock("RADIO", connect=f"udp://localhost:{port}").send(b"by name")
    assert dish.recv() == b"by name"
    named = sock("DISH", bind="udp://lo:*")
    assert last_endpoint(named).startswith("udp://127.0.0.1:")


def test_unbind_frees_the_port(sock: Any, plain: socket.socket) -> None:
    dish = sock("DISH", bind=ANY)
    endpoint = last_endpoint(dish)
    with raises_errno(errno.EADDRINUSE):
        sock("DISH").bind(endpoint)
    for _ in range(20):
        dish.unbind(endpoint)
        dish.bind(endpoint)
    with raises_errno(errno.ENOENT):
        dish.unbind("udp://127.0.0.1:1")
    dish.join("")
    plain.sendto(b"\0still", ("127.0.0.1", port_of(endpoint)))
    assert dish.recv() == b"still"
    dish.close()
    sock("DISH", bind=endpoint)


def test_disconnect(sock: Any, plain: socket.socket) -> None:
    radio = sock("RADIO", connect=address_of(plain))
    radio.send(b"1")
    assert plain.recv(10) == b"\x001"
    radio.disconnect(address_of(plain))
    with raises_errno(errno.ENOENT):
        radio.disconnect(address_of(plain))
    radio.send(b"2")
    radio.connect(address_of(plain))
    radio.send(b"3")
    assert plain.recv(10) == b"\x003"


@pytest.mark.parametrize("kind", ["PUB", "SUB", "PUSH", "DEALER", "CLIENT"])
def test_other_types_have_no_udp(sock: Any, kind: str) -> None:
    one = sock(kind)
    for verb in (one.bind, one.connect):
        with raises_errno(zmq.ENOCOMPATPROTO):
            verb("udp://127.0.0.1:5555")


def test_directions(sock: Any) -> None:
    with raises_errno(zmq.ENOCOMPATPROTO):
        sock("RADIO").bind(ANY)
    with raises_errno(zmq.ENOCOMPATPROTO):
        sock("DISH").connect("udp://127.0.0.1:5555")
    with raises_errno(zmq.ENOCOMPATPROTO):
        sock("DGRAM").connect("udp://127.0.0.1:5555")
    for verb in ("bind", "connect"):
        with raises_errno(zmq.ENOCOMPATPROTO):
            getattr(sock("DGRAM"), verb)("tcp://127.0.0.1:5555")


@pytest.mark.parametrize(
    ("endpoint", "number"),
    [
        ("udp://", errno.EINVAL),
        ("udp://127.0.0.1", errno.EINVAL),
        ("udp://127.0.0.1:", errno.EINVAL),
        ("udp://127.0.0.1:65536", errno.EINVAL),
        ("udp://127.0.0.1:x", errno.EINVAL),
        ("udp://lo;127.0.0.1:5555", errno.EINVAL),
        ("udp://;127.0.0.1:5555", errno.EINVAL),
        ("udp://nosuch0;239.0.0.1:5555", errno.ENODEV),
        ("udp://127.0.0.1;239.0.0.1", errno.EINVAL),
        ("udp://[::1]:5555", errno.ENODEV),
        ("udp://lo;[ff02::1]:5555", errno.ENODEV),
    ],
)
def test_bad_endpoints(sock: Any, endpoint: str, number: int) -> None:
    for verb in (sock("DISH").bind, sock("RADIO").connect):
        with raises_errno(number) as caught:
            verb(endpoint)
        assert endpoint in str(caught.value)


@pytest.mark.parametrize("endpoint", ["udp://:5555", "udp://a b:5555"])
def test_hosts_that_are_none(sock: Any, endpoint: str) -> None:
    with raises_errno(errno.ENODEV):
        sock("DISH").bind(endpoint)
    with raises_errno(errno.EINVAL):
        sock("RADIO").connect(endpoint)


def test_a_radio_needs_a_port(sock: Any) -> None:
    for port in ("0", "*"):
        with raises_errno(errno.EINVAL):
            sock("RADIO").connect(f"udp://127.0.0.1:{port}")


def test_security_is_not_silently_left_out(sock: Any) -> None:
    for kind, verb in (("DISH", "bind"), ("RADIO", "connect")):
        one = sock(kind)
        one.setsockopt(zmq.PLAIN_USERNAME, b"u")
        with raises_errno(zmq.ENOTSUP):
            getattr(one, verb)("udp://127.0.0.1:5555")


def test_options_of_the_descriptor(sock: Any) -> None:
    with raises_errno(errno.ENODEV):
        dish = sock("DISH", bindtodevice=b"nosuch0")
        dish.bind(ANY)
    lo = sock("DISH", bindtodevice=b"lo", rcvbuf=20000, sndbuf=20000)
    lo.bind(ANY)
    lo.join("")
    sock("RADIO", connect=last_endpoint(lo)).send(b"x")
    assert lo.recv() == b"x"
