"""The bind side: accepting, handshakes of strangers, unbinding."""

import contextlib
import errno
import logging
import os
import socket
import sys
from pathlib import Path

import pytest

from peromq import unpatched
from peromq.constants import Event, SocketType
from peromq.control import crowd as crowd_module
from peromq.control import listener as listener_module
from peromq.control.ration import RECORDS
from peromq.error import ZMQError
from peromq.transports import Listening
from tests.control.fakes import TIMEOUT, FakeSocket, Plane
from tests.control.wire import dial
from tests.raw_zmtp import greeting, ready

PULL = SocketType.PULL


def bind(plane: Plane, sock: FakeSocket, endpoint: str = "tcp://127.0.0.1:*") -> str:
    return plane.control.bind(sock, endpoint)


def test_an_accepted_connection_is_handed_over_after_its_handshake(plane: Plane) -> None:
    sock = plane.socket(SocketType.ROUTER)
    endpoint = bind(plane, sock)
    with dial(endpoint) as peer:
        theirs = peer.handshake(b"DEALER", b"me")
        assert theirs.startswith(b"\x05READY")
        attached = sock.next_attached()
        assert attached.connection is not None
        assert attached.facts == {
            "routing_id": b"me",
            "peer_type": "DEALER",
            "minor": 1,
            "bound": True,
            "thread": -1,
            "codec": None,
            "properties": {
                "Socket-Type": "DEALER",
                "Identity": "me",
                "Peer-Address": "127.0.0.1",
                "__fd": str(attached.connection.fileno()),
            },
        }
        peer.send(b"\x00\x02hi")
        assert attached.connection.recv(4) == b"\x00\x02hi"


def test_octets_behind_the_handshake_are_not_lost(plane: Plane) -> None:
    sock = plane.socket(PULL)
    with dial(bind(plane, sock)) as peer:
        peer.send(greeting() + ready(b"PUSH") + b"\x00\x02hi\x00")
        assert sock.next_attached().leftover == b"\x00\x02hi\x00"


def test_a_handshake_may_come_octet_by_octet(plane: Plane) -> None:
    sock = plane.socket(PULL)
    with dial(bind(plane, sock)) as peer:
        for octet in greeting() + ready(b"PUSH"):
            peer.send(bytes([octet]))
        assert sock.next_attached().facts["peer_type"] == "PUSH"


def test_events_of_a_good_connection(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock, "tcp://*:*")
    assert endpoint.startswith("tcp://0.0.0.0:")
    local = endpoint.replace("0.0.0.0", "127.0.0.1")
    assert sock.wait_for(Event.LISTENING)[1] == endpoint
    with dial(local) as peer:
        descriptor, name = sock.wait_for(Event.ACCEPTED)
        assert name == local  # not the wildcard: as libzmq
        peer.handshake(b"PUSH")
        assert sock.wait_for(Event.HANDSHAKE_SUCCEEDED) == (0, local)
    sock.lose(sock.next_attached().token)
    assert sock.wait_for(Event.DISCONNECTED) == (descriptor, local)
    plane.control.unbind(sock, endpoint)
    assert sock.wait_for(Event.CLOSED)[1] == endpoint
    assert sock.events() == [
        Event.LISTENING,
        Event.ACCEPTED,
        Event.HANDSHAKE_SUCCEEDED,
        Event.DISCONNECTED,
        Event.CLOSED,
    ]


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", Event.PROTOCOL_ERROR_ZMTP_UNSPECIFIED),
        (greeting(mechanism=b"LLUN"), Event.PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH),
        (greeting() + ready(b"REQ"), Event.PROTOCOL_ERROR_ZMTP_INVALID_METADATA),
        (greeting() + b"\x00\x01x", Event.PROTOCOL_ERROR_ZMTP_UNEXPECTED_COMMAND),
    ],
)
def test_a_stranger_that_breaks_the_protocol_is_cut(
    plane: Plane, octets: bytes, code: Event
) -> None:
    sock = plane.socket(PULL)
    with dial(bind(plane, sock)) as peer:
        peer.send(octets)
        assert sock.wait_for(Event.HANDSHAKE_FAILED_PROTOCOL)[0] == code
        sock.wait_for(Event.DISCONNECTED)
        peer.expect_closed()
    assert sock.attached.empty()


def test_a_stranger_that_leaves_early_is_reported(plane: Plane) -> None:
    sock = plane.socket(PULL)
    with dial(bind(plane, sock)) as peer:
        peer.send(greeting()[:20])
    assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] in (errno.EPIPE, errno.ECONNRESET)
    sock.wait_for(Event.DISCONNECTED)


def test_handshake_ivl_ends_a_silent_stranger(plane: Plane) -> None:
    sock = plane.socket(PULL, handshake_ivl=30)
    with dial(bind(plane, sock)) as peer:
        assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == errno.ETIMEDOUT
        sock.wait_for(Event.DISCONNECTED)
        peer.expect_closed()


def test_silent_strangers_do_not_hold_up_others(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    with contextlib.ExitStack() as silent:
        for _ in range(50):
            silent.enter_context(dial(endpoint))
        peer = silent.enter_context(dial(endpoint))
        peer.handshake(b"PUSH")
        assert sock.next_attached().facts["peer_type"] == "PUSH"


def test_a_stranger_cannot_make_us_keep_much(plane: Plane) -> None:
    sock = plane.socket(PULL)
    with dial(bind(plane, sock)) as peer:
        # A command that announces 2^40 octets.
        peer.send(greeting() + b"\x06" + (2**40).to_bytes(8, "big"))
        sock.wait_for(Event.HANDSHAKE_FAILED_PROTOCOL)
        peer.expect_closed()


def test_a_duplicate_routing_id_stays_open_and_mute_until_it_leaves(plane: Plane) -> None:
    sock = plane.socket(SocketType.ROUTER)
    sock.attach_status = errno.EAGAIN
    with dial(bind(plane, sock)) as peer:
        peer.handshake(b"DEALER", b"same")
        attached = sock.next_attached()
        assert attached.connection is None
        sock.wait_for(Event.HANDSHAKE_SUCCEEDED)
        peer.send(b"\x00\x01x" * 100)
        plane.fence()
        peer.sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            peer.sock.recv(1)
    sock.wait_for(Event.DISCONNECTED)
    plane.fence()
    assert not plane.control._hub.peers


def test_a_socket_closed_meanwhile_cuts_the_newcomer(plane: Plane) -> None:
    sock = plane.socket(PULL)
    sock.attach_status = errno.ENOTSOCK
    with dial(bind(plane, sock)) as peer:
        peer.handshake(b"PUSH")
        peer.expect_closed()


def test_a_data_plane_out_of_descriptors_cuts_the_newcomer(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    plane.may_log_errors = True
    sock = plane.socket(PULL)
    sock.attach_status = errno.EMFILE
    with dial(bind(plane, sock)) as peer:
        peer.handshake(b"PUSH")
        sock.wait_for(Event.DISCONNECTED)
        peer.expect_closed()
    assert "Too many open files" in caplog.text


def test_an_exception_in_one_connection_leaves_the_others_alone(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    plane.may_log_errors = True
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    with dial(endpoint) as good:
        good.handshake(b"PUSH")
        first = sock.next_attached()
        sock.attach_status = None  # type: ignore[assignment]
        real, sock.attach = sock.attach, None  # type: ignore[method-assign, assignment]
        with dial(endpoint) as bad:
            bad.handshake(b"PUSH")
            bad.expect_closed()
        sock.attach, sock.attach_status = real, 0  # type: ignore[method-assign]
        with dial(endpoint) as another:
            another.handshake(b"PUSH")
            assert sock.next_attached().token != first.token
        good.send(b"x")
        assert first.connection is not None
        assert first.connection.recv(1) == b"x"
    assert "TypeError" in caplog.text


def fail_to_accept(monkeypatch: pytest.MonkeyPatch, failures: list[OSError]) -> None:
    """As long as there are failures left."""
    real = unpatched.accept

    def accept(listening: socket.socket, kind: tuple[int, int, int]) -> socket.socket:
        if failures:
            raise failures.pop(0)
        return real(listening, kind)

    monkeypatch.setattr(unpatched, "accept", accept)


def test_exhausted_descriptors_make_the_listener_rest_and_come_back(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener_module, "_REST", 0.01)
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    failures = [OSError(errno.EMFILE, "too many"), OSError(errno.ENFILE, "too many")]
    fail_to_accept(monkeypatch, failures)
    with dial(endpoint) as peer:
        assert sock.wait_for(Event.ACCEPT_FAILED) == (errno.EMFILE, endpoint)
        assert sock.wait_for(Event.ACCEPT_FAILED) == (errno.ENFILE, endpoint)
        peer.handshake(b"PUSH")
        sock.next_attached()


def test_a_listening_socket_that_somebody_shut_down_keeps_nobody_busy(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of USE_FD may be another's as well. It is readable from then on, and accept() fails."""
    monkeypatch.setattr(listener_module, "_REST", 60.0)
    sock = plane.socket(PULL)
    with socket.create_server(("127.0.0.1", 0)) as shared:
        sock.options.use_fd = os.dup(shared.fileno())
        endpoint = bind(plane, sock, f"tcp://127.0.0.1:{shared.getsockname()[1]}")
        shared.shutdown(socket.SHUT_RDWR)
        assert sock.wait_for(Event.ACCEPT_FAILED) == (errno.EINVAL, endpoint)
        bind(plane, plane.socket(PULL))  # two turns of the control thread, at least
        bind(plane, plane.socket(PULL))
    assert sock.events().count(Event.ACCEPT_FAILED) == 1  # the one waited for


def test_the_oldest_half_open_connection_makes_room(plane: Plane) -> None:
    sock = plane.socket(PULL, half_open_max=2)
    endpoint = bind(plane, sock)
    with dial(endpoint) as first, dial(endpoint) as second:
        second.send(greeting())
        assert first.read(10) and second.read(64)  # noqa: PT018
        with dial(endpoint) as third:
            assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == errno.ENOBUFS
            sock.wait_for(Event.DISCONNECTED)
            first.expect_closed()
            third.handshake(b"PUSH")
            second.send(ready(b"PUSH"))
            assert sock.next_attached()
            assert sock.next_attached()
            with dial(endpoint) as fourth:
                fourth.handshake(b"PUSH")  # the others are no strangers any more
                sock.next_attached()
    assert sock.events().count(Event.HANDSHAKE_FAILED_NO_DETAIL) == 1


def test_nobody_is_thrown_out_before_he_had_his_time(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a server is back, all its clients come at once, and have little time for each of them.
    Who waits to be accepted loses nothing."""
    monkeypatch.setattr(crowd_module, "PATIENCE", 60.0)
    monkeypatch.setattr(crowd_module, "RATE", 0.01)
    sock = plane.socket(PULL, half_open_max=2)
    endpoint = bind(plane, sock)
    with contextlib.ExitStack() as stack:
        peers = [stack.enter_context(dial(endpoint)) for _ in range(9)]
        for _ in range(3):
            sock.wait_for(Event.ACCEPTED)
        for peer in peers:
            peer.handshake(b"PUSH")
            sock.next_attached()
    assert Event.HANDSHAKE_FAILED_NO_DETAIL not in sock.events()


def test_who_had_his_time_goes_though_nobody_else_comes(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd_module, "RATE", 20)
    sock = plane.socket(PULL, half_open_max=1)
    endpoint = bind(plane, sock)
    with dial(endpoint) as first, dial(endpoint) as second:
        first.expect_closed()
        second.handshake(b"PUSH")
        sock.next_attached()


def test_connections_that_are_not_served_make_room_too(plane: Plane) -> None:
    sock = plane.socket(SocketType.PAIR, half_open_max=2)
    sock.attach_status = errno.EAGAIN
    endpoint = bind(plane, sock)
    with contextlib.ExitStack() as stack:
        peers = []
        for _ in range(2):
            peers.append(stack.enter_context(dial(endpoint)))
            peers[-1].handshake(b"PAIR")
            sock.wait_for(Event.HANDSHAKE_SUCCEEDED)
        newest = stack.enter_context(dial(endpoint))
        newest.send(greeting())
        sock.wait_for(Event.DISCONNECTED)
        peers[0].expect_closed()
        assert newest.read(64)


def test_unfinished_commands_are_bounded_in_sum(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd_module, "OCTETS_MAX", 50_000)
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    with dial(endpoint) as first, dial(endpoint) as second:
        for peer in (first, second):
            peer.send(greeting() + b"\6" + (60_000).to_bytes(8, "big") + bytes(40_000))
            peer.read(64)
        assert sock.wait_for(Event.HANDSHAKE_FAILED_NO_DETAIL)[0] == errno.ENOBUFS
        assert Event.ACCEPTED not in sock.events()[-2:]
        with dial(endpoint) as third:
            third.handshake(b"PUSH")
            sock.next_attached()


def test_strangers_do_not_fill_the_log(
    plane: Plane, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)

    def fail(times: int) -> int:
        for _ in range(times):
            with dial(endpoint) as peer:
                peer.send(b"GET / HTTP/1.1\r\n\r\n")
                sock.wait_for(Event.HANDSHAKE_FAILED_PROTOCOL)
                sock.wait_for(Event.DISCONNECTED)
        levels = [record.levelno for record in caplog.get_records("call")]
        return levels.count(logging.WARNING)

    assert fail(RECORDS + 15) == RECORDS
    monkeypatch.setattr("peromq.control.ration.SPAN", 0.0)
    assert fail(1) == RECORDS + 2
    assert "15 more failures were not logged" in caplog.text


def test_without_descriptors_the_oldest_stranger_makes_room(
    plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd_module, "PATIENCE", 0.0)
    monkeypatch.setattr(listener_module, "_REST", 60.0)
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    failures: list[OSError] = []
    fail_to_accept(monkeypatch, failures)
    with dial(endpoint) as silent:
        silent.read(10)
        failures.append(OSError(errno.EMFILE, "too many"))
        with dial(endpoint) as peer:
            silent.expect_closed()
            peer.handshake(b"PUSH")
            sock.next_attached()


def test_tcp_accept_filter_keeps_strangers_out(plane: Plane) -> None:
    sock = plane.socket(PULL, tcp_accept_filter=("10.0.0.0/8", "::1/128"))
    with dial(bind(plane, sock)) as peer:
        peer.expect_closed()
        assert sock.wait_for(Event.ACCEPT_FAILED)[0] == errno.EACCES


def test_unbind_frees_the_address_and_cuts_accepted_connections(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    with dial(endpoint) as peer, dial(endpoint) as half_open:
        peer.handshake(b"PUSH")
        sock.next_attached()
        sock.wait_for(Event.ACCEPTED)
        plane.control.unbind(sock, endpoint)
        assert bind(plane, sock, endpoint) == endpoint
        peer.expect_closed()
        half_open.expect_closed()
    with pytest.raises(ZMQError) as caught:
        plane.control.unbind(sock, "tcp://127.0.0.1:1")
    assert caught.value.errno == errno.ENOENT


def test_unbind_flushes_before_it_cuts(plane: Plane) -> None:
    sock = plane.socket(SocketType.PUSH)
    endpoint = bind(plane, sock)
    with dial(endpoint) as peer:
        peer.handshake(b"PULL")
        sock.next_attached()
        sock.queue(b"\x00\x04last")
        plane.control.unbind(sock, endpoint)
        assert peer.read(6) == b"\x00\x04last"
        peer.expect_closed()


def test_a_failed_bind_is_reported_and_raised(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    with pytest.raises(ZMQError, match=endpoint) as caught:
        bind(plane, sock, endpoint)
    assert caught.value.errno == errno.EADDRINUSE
    assert sock.wait_for(Event.BIND_FAILED) == (errno.EADDRINUSE, endpoint)


def test_a_raw_socket_gets_the_connection_at_once(plane: Plane) -> None:
    sock = plane.socket(SocketType.STREAM)
    with dial(bind(plane, sock)) as peer:
        attached = sock.next_attached()
        assert attached.facts["peer_type"] == ""
        assert attached.connection is not None
        peer.send(b"raw")
        assert attached.connection.recv(3) == b"raw"
    assert Event.HANDSHAKE_SUCCEEDED not in sock.events()


def test_affinity_names_the_thread(plane: Plane) -> None:
    sock = plane.socket(PULL, affinity=0b100)
    with dial(bind(plane, sock)) as peer:
        peer.handshake(b"PUSH")
        assert sock.next_attached().facts["thread"] == 2


def test_ipc_peers_are_known_by_their_process(plane: Plane, tmp_path: Path) -> None:
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock, f"ipc://{tmp_path}/s")
    with dial(endpoint) as peer:
        assert sock.wait_for(Event.ACCEPTED)[1] == endpoint
        peer.handshake(b"PUSH")
        address = sock.next_attached().facts["properties"]["Peer-Address"]
    assert address.startswith(":")
    assert address.count(":") == 3


@pytest.mark.parametrize("as_server", [True, False])
def test_a_mechanism_that_is_not_there_is_refused_at_once(
    plane: Plane, monkeypatch: pytest.MonkeyPatch, as_server: bool
) -> None:
    monkeypatch.setitem(sys.modules, "gssapi", None)  # importing it fails
    sock = plane.socket(PULL, mechanism=3)
    sock.options.as_server = as_server
    with pytest.raises(ZMQError, match=r"pip install peromq\[gssapi\]") as caught:
        bind(plane, sock)
    assert caught.value.errno == errno.ENOTSUP


def test_a_slow_reader_of_our_greeting_is_waited_for(plane: Plane) -> None:
    sock = plane.socket(PULL, sndbuf=2048, metadata=(("X-big", b"x" * 200_000),))
    with dial(bind(plane, sock)) as peer:
        peer.send(greeting() + ready(b"PUSH"))
        plane.fence()
        peer.read(64)
        size = int.from_bytes(peer.read(9)[1:], "big")
        assert len(peer.read(size)) > 200_000
        assert sock.attached.get(timeout=TIMEOUT).facts["peer_type"] == "PUSH"


def test_a_failed_close_is_reported(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system may refuse to let go of a path."""

    def fail(self: Listening) -> None:
        self.sock.close()
        raise OSError(errno.EROFS, "read-only")

    monkeypatch.setattr(Listening, "close", fail)
    sock = plane.socket(PULL)
    endpoint = bind(plane, sock)
    plane.control.unbind(sock, endpoint)
    assert sock.wait_for(Event.CLOSE_FAILED) == (errno.EROFS, endpoint)
