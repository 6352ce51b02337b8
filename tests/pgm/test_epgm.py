"""epgm between sockets of this host: what the socket types do with it, how it begins and ends."""

import contextlib
import errno
import gc
import itertools
import logging
import os
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from peromq.utils.monitor import recv_monitor_message
from tests.helpers import Sock, Sockets, wait_until, zmq
from tests.oracle import pgm

PORTS = itertools.count(20_000 + os.getpid() * 37 % 20_000)
FAST = {"rate": 1_000_000, "recovery_ivl": 1000}


@pytest.fixture
def endpoint() -> str:
    return f"epgm://127.0.0.1;239.192.9.9:{next(PORTS)}"


@pytest.fixture
def pair(sock: Sockets, endpoint: str) -> Callable[..., tuple[Sock, Sock]]:
    def make(publisher: str = "PUB", subscriber: str = "SUB", **options: int) -> tuple[Sock, Sock]:
        sub = sock(subscriber, connect=endpoint, **FAST)
        if subscriber == "SUB":
            sub.subscribe(b"")
        return sock(publisher, bind=endpoint, **FAST, **options), sub

    return make


Pair = Callable[..., tuple[Sock, Sock]]


def peers(sock: Sock) -> list[object]:
    record = sock.context._state.control._records[id(sock._state.options)]
    return list(record.peers.values())


def stats(sock: Sock) -> dict[str, int]:
    (peer,) = peers(sock)
    return peer.stats()  # type: ignore[attr-defined,no-any-return]


def test_capabilities() -> None:
    assert zmq.has("pgm")
    assert not zmq.has("norm")


@pytest.mark.parametrize("publisher", ["PUB", "XPUB"])
@pytest.mark.parametrize("subscriber", ["SUB", "XSUB"])
def test_messages_of_all_sizes(pair: Pair, publisher: str, subscriber: str) -> None:
    pub, sub = pair(publisher, subscriber)
    for size in (0, 1, 253, 254, 255, 256, 1426, 5000, 100_000):
        message = [b"topic", bytes(size), b"%d" % size]
        pub.send_multipart(message)
        assert sub.recv_multipart() == message


def test_many_messages_in_order(pair: Pair) -> None:
    pub, sub = pair(sndhwm=0)
    for number in range(5000):
        pub.send(b"%d" % number)
    assert [sub.recv() for _ in range(5000)] == [b"%d" % number for number in range(5000)]


def test_a_subscriber_filters_and_an_xsub_does_not(
    pair: Pair, sock: Sockets, endpoint: str
) -> None:
    pub, everything = pair("PUB", "XSUB")
    some = sock("SUB", connect=endpoint, **FAST)
    some.subscribe(b"b")
    for topic in (b"a", b"b", b"c", b"bb", b"d"):
        pub.send(topic)
    assert [some.recv() for _ in range(2)] == [b"b", b"bb"]
    assert [everything.recv() for _ in range(5)] == [b"a", b"b", b"c", b"bb", b"d"]
    some.unsubscribe(b"b")
    some.subscribe(b"c")
    for topic in (b"b", b"c"):
        pub.send(topic)
    assert some.recv() == b"c"


def test_an_xpub_hears_of_no_subscriptions(pair: Pair, endpoint: str) -> None:
    pub, sub = pair("XPUB")
    pub.send(b"x")
    assert sub.recv() == b"x"
    assert pub.poll(50) == 0
    pub.unbind(endpoint)
    assert pub.poll(50) == 0


def test_xpub_manual_sends_everything_too(pair: Pair) -> None:
    pub, sub = pair("XPUB", xpub_manual=1)
    pub.send(b"x")
    assert sub.recv() == b"x"


def test_heartbeats_find_nobody_dead(pair: Pair) -> None:
    pub, sub = pair("PUB", heartbeat_ivl=10, heartbeat_timeout=20)
    pub.send(b"1")
    assert sub.recv() == b"1"
    assert sub.poll(100) == 0
    pub.send(b"2")
    assert sub.recv() == b"2"


def test_bind_and_connect_are_one(sock: Sockets, endpoint: str) -> None:
    sub, pub = sock("SUB", bind=endpoint, **FAST), sock("PUB", connect=endpoint, **FAST)
    assert pub.last_endpoint == sub.last_endpoint == endpoint.encode()
    sub.subscribe(b"")
    pub.connect(endpoint)  # again: nothing new, as in libzmq
    pub.send(b"once")
    assert sub.recv() == b"once"
    assert sub.poll(30) == 0
    for end in (sub.unbind, pub.disconnect):
        end(endpoint)
        with pytest.raises(zmq.ZMQError) as caught:
            end(endpoint)
        assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize("kind", ["PUSH", "PULL", "REQ", "REP", "DEALER", "ROUTER", "PAIR"])
def test_other_types_do_not_multicast(sock: Sockets, kind: str, endpoint: str) -> None:
    for attempt in (sock(kind).bind, sock(kind).connect):
        with pytest.raises(zmq.ZMQError) as caught:
            attempt(endpoint)
        assert caught.value.errno == zmq.Errno.ENOCOMPATPROTO


@pytest.mark.parametrize(
    ("endpoint", "number", "why"),
    [
        ("epgm://127.0.0.1;239.192.1.1", errno.EINVAL, "port"),
        ("epgm://127.0.0.1;10.0.0.1:7", errno.EINVAL, "multicast"),
        ("epgm://nosuch0;239.192.1.1:7", errno.ENODEV, "nosuch0"),
        ("pgm://nosuch0;239.192.1.1:7", errno.ENODEV, "nosuch0"),
        ("epgm://", errno.EINVAL, "address"),
    ],
)
def test_endpoints_that_cannot_be(sock: Sockets, endpoint: str, number: int, why: str) -> None:
    for kind in ("PUB", "SUB"):
        with pytest.raises(zmq.ZMQError, match=why) as caught:
            sock(kind).connect(endpoint)
        assert caught.value.errno == number


def test_a_socket_that_is_to_be_secure_does_not_multicast(sock: Sockets, endpoint: str) -> None:
    for options in ({"plain_server": 1}, {"plain_username": b"u", "plain_password": b"p"}):
        with pytest.raises(zmq.ZMQError, match="PLAIN") as caught:
            sock("PUB", bind=endpoint, **options)
        assert caught.value.errno == zmq.Errno.ENOTSUP


@pytest.mark.parametrize("size", [1, 87, 65536])
def test_packet_sizes_that_cannot_be(sock: Sockets, endpoint: str, size: int) -> None:
    with pytest.raises(zmq.ZMQError, match="MULTICAST_MAXTPDU") as caught:
        sock("PUB", bind=endpoint, multicast_maxtpdu=size)
    assert caught.value.errno == errno.EINVAL


@pytest.mark.parametrize("size", [88, 500, 9000])
def test_packet_sizes(sock: Sockets, endpoint: str, size: int) -> None:
    sub = sock("SUB", connect=endpoint, **FAST)
    sub.subscribe(b"")
    pub = sock("PUB", bind=endpoint, multicast_maxtpdu=size, **FAST)
    pub.send(bytes(20_000))
    assert sub.recv() == bytes(20_000)
    assert stats(pub)["odata"] >= 20_000 // size


def test_several_groups_and_a_send_group(sock: Sockets) -> None:
    port = next(PORTS)
    sub = sock("SUB", connect=f"epgm://lo;239.192.9.1,239.192.9.2:{port}", **FAST)
    sub.subscribe(b"")
    other = sock("SUB", connect=f"epgm://lo;239.192.9.3:{port}", **FAST)
    other.subscribe(b"")
    # ports of their own: requests for repair go to address and port
    one = sock("PUB", bind=f"epgm://127.0.0.2;239.192.9.1:{port}", **FAST)
    two = sock("PUB", bind=f"epgm://127.0.0.3;239.192.9.1;239.192.9.2:{port}", **FAST)
    one.send(b"one")
    assert sub.recv() == b"one"
    two.send(b"two")
    assert sub.recv() == b"two"
    assert stats(sub)["sources"] == 2
    assert other.poll(30) == 0


def test_close_sends_what_lingers_at_its_rate(sock: Sockets, endpoint: str) -> None:
    sub = sock("SUB", connect=endpoint, rate=2000)
    sub.subscribe(b"")
    pub = sock("PUB", bind=endpoint, rate=2000, sndhwm=0)
    for _ in range(100):
        pub.send(bytes(2000))
    begin = time.monotonic()
    pub.close(linger=5000)
    for _ in range(100):
        sub.recv()
    # 250000 octets a second, and a second's worth at the beginning for nothing
    assert time.monotonic() - begin < 5


def test_close_without_linger_is_quick(sock: Sockets, endpoint: str) -> None:
    pub = sock("PUB", bind=endpoint, rate=1, sndhwm=0)
    for _ in range(1000):
        pub.send(bytes(2000))
    pub.close(linger=0)


def test_linger_ends(sock: Sockets, endpoint: str) -> None:
    """At 1 kbit/s nothing gets away in time."""
    pub = sock("PUB", bind=endpoint, rate=1, sndhwm=0)
    for _ in range(1000):
        pub.send(bytes(2000))
    pub.close(linger=100)


def test_beyond_the_high_water_mark_messages_are_dropped(sock: Sockets, endpoint: str) -> None:
    pub = sock("PUB", bind=endpoint, rate=1, sndhwm=10)
    for _ in range(2000):
        pub.send(bytes(2000))
    nodrop = sock("XPUB", bind=endpoint.replace("127.0.0.1", "127.0.0.2"), rate=1, sndhwm=10)
    nodrop.xpub_nodrop = 1

    def fill() -> None:
        for _ in range(2000):
            nodrop.send(bytes(2000), zmq.DONTWAIT)

    with pytest.raises(zmq.Again):
        fill()


def test_a_slow_subscriber_is_waited_for_within_the_window(sock: Sockets, endpoint: str) -> None:
    sub = sock("SUB", connect=endpoint, rate=100_000, recovery_ivl=10_000, rcvhwm=10)
    sub.subscribe(b"")
    pub = sock("PUB", bind=endpoint, rate=100_000, recovery_ivl=10_000, sndhwm=0)
    for number in range(1500):
        pub.send(b"%d" % number + bytes(1000))
    wait_until(lambda: stats(pub)["odata"] > 1000)
    for number in range(1500):
        assert sub.recv().startswith(b"%d" % number)


@pytest.mark.parametrize("hops", [1, 9, 255])
def test_hops_and_marks(sock: Sockets, endpoint: str, hops: int) -> None:
    """Data go as far as MULTICAST_HOPS says, marked for expedited forwarding (OpenPGM)."""
    port = int(endpoint.rpartition(":")[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        plain.bind(("239.192.9.9", port))
        membership = socket.inet_aton("239.192.9.9") + socket.inet_aton("127.0.0.1")
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
        plain.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
        plain.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        plain.settimeout(5)
        sock("PUB", bind=endpoint, multicast_hops=hops)  # begins with SPMs
        datagram, marks, _, _ = plain.recvmsg(2000, 200)
    assert pgm.read(datagram).kind == pgm.SPM
    found = {kind: octets[0] for _, kind, octets in marks}
    assert found == {socket.IP_TTL: hops, socket.IP_TOS: 0xB8}


@pytest.fixture
def forger() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        yield sock


def test_losses_are_told_once_and_the_stream_goes_on(
    sock: Sockets, endpoint: str, forger: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    sub = sock("SUB")
    feed = sub.get_monitor_socket(zmq.EVENT_ALL_PEROMQ, version=2)
    sub.connect(endpoint)
    sub.subscribe(b"")
    port = int(endpoint.rpartition(":")[2])
    where = ("239.192.9.9", port)

    def data(sqn: int, trail: int) -> bytes:
        return pgm.data(sqn, trail, pgm.apdu(pgm.frames([b"%d" % sqn])), dport=port)

    forger.sendto(pgm.spm(0, 0, -1, dport=port), where)
    forger.sendto(data(0, 0), where)
    assert sub.recv() == b"0"
    with caplog.at_level(logging.WARNING, "peromq"):
        forger.sendto(data(5, 5), where)  # nobody has 1 to 4 any more
        assert sub.recv() == b"5"
        wait_until(lambda: caplog.records)
    assert len(caplog.records) == 1
    assert "4 packets" in caplog.text
    (peer,) = sub.statistics().peers
    assert peer.multicast is not None
    assert (peer.multicast["losses"], peer.multicast["lost"]) == (1, 4)
    assert feed.poll(10_000)
    event = recv_monitor_message(feed)
    assert (event["event"], event["value"]) == (zmq.EVENT_PACKETS_LOST, 4)
    assert event["details"]["TSI"] == f"{pgm.GSI.hex()}.{pgm.SPORT}"
    assert event["details"]["Address"] == "127.0.0.1"
    assert not feed.poll(20)
    feed.close()


def test_losses_of_several_sources_are_told_by_source(
    sock: Sockets, endpoint: str, forger: socket.socket
) -> None:
    """At once for the first; of the others within a second, each with all that it has lost."""
    sub = sock("SUB")
    feed = sub.get_monitor_socket(zmq.EVENT_PACKETS_LOST | zmq.EVENT_DETAILS, version=2)
    sub.connect(endpoint)
    sub.subscribe(b"")
    port = int(endpoint.rpartition(":")[2])
    sources = {100: 1, 101: 20, 102: 300}
    for step in (0, 1):
        for sport, lost in sources.items():
            sqn = (lost + 1) * step
            body = pgm.apdu(pgm.frames([b"%d" % sport]))
            forger.sendto(pgm.data(sqn, sqn, body, dport=port, sport=sport), ("239.192.9.9", port))
            assert sub.recv() == b"%d" % sport
    told = {}
    while len(told) < 3:
        assert feed.poll(10_000)
        event = recv_monitor_message(feed)
        told[int(event["details"]["TSI"].partition(".")[2])] = int(event["value"])
    assert told == sources
    feed.close()


@pytest.mark.parametrize("ends", ["PUB", "SUB"])
def test_a_carrier_that_ends_is_replaced(pair: Pair, ends: str) -> None:
    """As for want of memory; nobody has to notice but the monitor."""
    pub, sub = pair()
    pub.send(b"1")
    assert sub.recv() == b"1"
    victim = pub if ends == "PUB" else sub
    feed = victim.get_monitor_socket()
    (peer,) = peers(victim)
    with socket.socket(fileno=os.dup(peer._descriptor)) as same:  # type: ignore[attr-defined]
        same.shutdown(socket.SHUT_RDWR)
    seen = []
    while zmq.Event.CONNECTED not in seen:
        assert feed.poll(10_000)
        seen.append(recv_monitor_message(feed)["event"])
    assert seen == [zmq.Event.DISCONNECTED, zmq.Event.CONNECT_RETRIED, zmq.Event.CONNECTED]
    feed.close()
    pub.send(b"2")
    assert sub.recv() == b"2"


def test_rubbish_is_dropped_and_counted(pair: Pair, endpoint: str, forger: socket.socket) -> None:
    pub, sub = pair()
    port = int(endpoint.rpartition(":")[2])
    for where in (("239.192.9.9", port), ("127.0.0.1", port)):
        for datagram in (b"", b"rubbish", bytes(9000), pgm.spm(0, 0, 0, dport=port)[:-1]):
            forger.sendto(datagram, where)
        forger.sendto(pgm.nak([1], sport=1), where)
    pub.send(b"x")
    assert sub.recv() == b"x"
    wait_until(lambda: stats(sub)["drop_short"] >= 2)
    assert stats(sub)["drop_checksum"] >= 1
    assert stats(pub)["drop_session"] >= 1


def test_a_context_ends_with_its_endpoints_open(sock: Sockets, endpoint: str) -> None:
    for kind in ("PUB", "SUB"):
        sock(kind, bind=endpoint)


def test_sockets_and_endpoints_come_and_go(sock: Sockets, endpoint: str) -> None:
    for _ in range(10):
        sub = sock("SUB", connect=endpoint, **FAST)
        sub.subscribe(b"")
        pub = sock("PUB", bind=endpoint, **FAST)
        pub.send(b"x")
        assert sub.recv() == b"x"
        pub.unbind(endpoint)
        pub.close()
        sub.close()


def test_a_publisher_speaks_tcp_as_well(pair: Pair, sock: Sockets) -> None:
    pub, sub = pair("XPUB")
    pub.bind("tcp://127.0.0.1:*")
    near = sock("SUB", connect=pub.last_endpoint.decode())
    near.subscribe(b"a")
    assert pub.recv() == b"\1a"
    for message in (b"a1", b"b1"):
        pub.send(message)
    assert near.recv() == b"a1"
    assert [sub.recv(), sub.recv()] == [b"a1", b"b1"]


@pytest.mark.no_sanitizer
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_leaves_the_parents_endpoints_alone(pair: Pair) -> None:
    pub, sub = pair()
    pub.send(b"1")
    assert sub.recv() == b"1"
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            pub.close()
            sub.close()
            gc.collect()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    pub.send(b"2")
    assert sub.recv() == b"2"
