"""Closing, lingering, and the life of the control thread."""

import contextlib
import errno
import gc
import os
import threading
import weakref

import pytest

from peromq.constants import Errno, Event, ReconnectStop, SocketType
from peromq.control import Control
from peromq.error import ZMQError
from tests.control.fakes import EV_FLUSHED, TIMEOUT, FakeEngine, FakeSocket, Plane
from tests.control.wire import Server, dial, refused
from tests.helpers import wait_until

PUSH, PULL = SocketType.PUSH, SocketType.PULL
LOCAL = "tcp://127.0.0.1:*"


def assert_gone(plane: Plane, sock: FakeSocket) -> None:
    assert sock.released.wait(TIMEOUT)
    assert plane.control.wait_closed(TIMEOUT)
    assert plane.control.pending() == []
    assert not sock.pipes
    assert not plane.control._hub.peers
    assert not plane.control._records


def test_no_thread_before_the_first_endpoint() -> None:
    engine = FakeEngine()
    before = threading.active_count()
    control = Control(engine)
    assert threading.active_count() == before
    assert control.wait_closed(0)
    control.stop()
    control.stop()
    engine.stop()


def test_the_thread_is_a_named_daemon(plane: Plane) -> None:
    plane.control.bind(plane.socket(PULL), LOCAL)
    (thread,) = [one for one in threading.enumerate() if one.name == "peromq/control"]
    assert thread.daemon


def test_after_stop_there_are_no_new_endpoints(plane: Plane) -> None:
    plane.control.stop()
    with pytest.raises(ZMQError) as caught:
        plane.control.bind(plane.socket(PULL), LOCAL)
    assert caught.value.errno == Errno.ETERM


def test_stop_closes_everything_in_any_state(plane: Plane) -> None:
    sock = plane.socket(PULL, reconnect_ivl=1000)
    endpoint = plane.control.bind(sock, LOCAL)
    with contextlib.ExitStack() as stack:
        half_open = stack.enter_context(dial(endpoint))
        sock.wait_for(Event.ACCEPTED)
        _, waiting = stack.enter_context(refused())
        plane.control.connect(sock, waiting)
        sock.wait_for(Event.CONNECT_RETRIED)
        server = stack.enter_context(Server())
        plane.control.connect(sock, server.endpoint)
        shaking = stack.enter_context(server.accept())
        plane.control.stop()
        assert half_open.expect_closed()
        assert shaking.expect_closed()
        assert plane.control.wait_closed(0)


def test_a_socket_without_endpoints_is_released_at_once(plane: Plane) -> None:
    sock = plane.socket(PUSH)
    plane.control.close_socket(sock, -1)
    assert sock.released.is_set()


def test_close_frees_the_address_before_it_returns(plane: Plane) -> None:
    endpoint = LOCAL
    for _ in range(20):
        sock = plane.socket(PULL)
        endpoint = plane.control.bind(sock, endpoint)
        plane.control.close_socket(sock, -1)
    assert_gone(plane, sock)


def test_close_cuts_half_open_connections(plane: Plane) -> None:
    sock = plane.socket(PULL)
    with dial(plane.control.bind(sock, LOCAL)) as peer:
        sock.wait_for(Event.ACCEPTED)
        plane.control.close_socket(sock, -1)
        assert_gone(plane, sock)
        peer.expect_closed()


def test_close_flushes_what_is_queued(plane: Plane) -> None:
    sock = plane.socket(PUSH)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
            sock.queue(b"\x00\x04last")
            plane.control.close_socket(sock, -1)
            assert peer.read(6) == b"\x00\x04last"
            assert_gone(plane, sock)


def test_linger_zero_drops_what_is_queued(plane: Plane) -> None:
    sock = plane.socket(PUSH)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
            sock.queue(b"\x00\x04last")
            plane.control.close_socket(sock, 0)
            assert_gone(plane, sock)
            assert peer.expect_closed() == b""


@pytest.mark.parametrize("linger", [0, -1])
def test_a_cut_connection_is_enough_of_an_end(plane: Plane, linger: int) -> None:
    pusher, puller = plane.socket(PUSH), plane.socket(PULL)
    plane.control.connect(pusher, plane.control.bind(puller, LOCAL))
    for sock in (pusher, puller):
        sock.next_attached()
        sock.looks_late = True
        plane.control.close_socket(sock, linger)
        assert sock.released.wait(TIMEOUT)
    assert plane.control.wait_closed(TIMEOUT)


def test_a_peer_never_reached_gets_its_messages_within_linger(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=5)
    with refused() as (port, endpoint):
        plane.control.connect(sock, endpoint)
        sock.queue(b"\x00\x04last")
        plane.control.close_socket(sock, -1)
        assert plane.control.pending() == [f"PUSH {endpoint}: unsent messages, as long as it takes"]
        assert not plane.control.wait_closed(0.02)
        sock.wait_for(Event.CONNECT_RETRIED)
    with Server(port) as server, server.accept() as peer:
        peer.handshake(b"PULL")
        assert peer.read(6) == b"\x00\x04last"
        assert_gone(plane, sock)


def test_linger_ends_the_wait_for_a_peer_never_reached(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=5)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.queue(b"\x00\x04last")
        plane.control.close_socket(sock, 30)
        assert_gone(plane, sock)


def test_with_nothing_queued_a_peer_never_reached_is_forgotten_at_once(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=1_000_000)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.wait_for(Event.CONNECT_RETRIED)
        plane.control.close_socket(sock, -1)
        assert_gone(plane, sock)


def test_a_connection_lost_while_lingering_is_made_again(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=5)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            token = sock.next_attached().token
            sock.lose(token)
            sock.queue(b"\x00\x04last")
        plane.control.close_socket(sock, -1)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            assert peer.read(6) == b"\x00\x04last"
        assert_gone(plane, sock)


def test_closing_again_with_a_shorter_linger_shortens_it(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=5)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.queue(b"\x00\x04last")
        plane.control.close_socket(sock, -1)
        assert not plane.control.wait_closed(0)
        plane.control.close_socket(sock, 0)
        assert_gone(plane, sock)


def test_disconnect_flushes_and_leaves_the_socket_open(plane: Plane) -> None:
    sock = plane.socket(PUSH, linger=-1)
    with Server() as server:
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()
            sock.queue(b"\x00\x04last")
            plane.control.disconnect(sock, server.endpoint)
            assert peer.read(6) == b"\x00\x04last"
            assert peer.expect_closed() == b""
            assert plane.control.wait_closed(TIMEOUT)
        assert not sock.released.is_set()
        assert Event.DISCONNECTED not in sock.events()  # our own doing: as in libzmq
        plane.control.connect(sock, server.endpoint)
        with server.accept() as peer:
            peer.handshake(b"PULL")
            sock.next_attached()


def test_disconnect_right_after_connect(plane: Plane) -> None:
    sock = plane.socket(PUSH)
    with Server() as server:
        for _ in range(50):
            plane.control.connect(sock, server.endpoint)
            plane.control.disconnect(sock, server.endpoint)
    assert plane.control.wait_closed(TIMEOUT)
    assert not sock.pipes


def test_reconnect_stop_after_disconnect(plane: Plane) -> None:
    stop = ReconnectStop.AFTER_DISCONNECT
    sock = plane.socket(PUSH, reconnect_ivl=5, reconnect_stop=stop, linger=-1)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.queue(b"\x00\x04last")
        plane.control.disconnect(sock, endpoint)
        assert plane.control.wait_closed(TIMEOUT)
        assert not sock.pipes


def test_unknown_endpoints_cannot_be_dropped(plane: Plane) -> None:
    sock = plane.socket(PULL)
    for _ in range(2):
        with pytest.raises(ZMQError, match=r"tcp://127\.0\.0\.1:1") as caught:
            plane.control.disconnect(sock, "tcp://127.0.0.1:1")
        assert caught.value.errno == errno.ENOENT
        plane.control.bind(sock, "tcp://127.0.0.1:*")


def test_pending_names_what_is_not_closed(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = plane.control.bind(sock, LOCAL)
    assert plane.control.pending() == [f"PULL {endpoint}: not closed"]
    assert not plane.control.wait_closed(0)


def test_a_closed_socket_gets_no_new_endpoints(plane: Plane) -> None:
    sock = plane.socket(PUSH, reconnect_ivl=5)
    with refused() as (_, endpoint):
        plane.control.connect(sock, endpoint)
        sock.queue(b"\x00\x04last")
        plane.control.close_socket(sock, -1)
        for attempt in (plane.control.bind, plane.control.connect):
            with pytest.raises(ZMQError) as caught:
                attempt(sock, "tcp://127.0.0.1:1" if attempt == plane.control.connect else LOCAL)
            assert caught.value.errno == Errno.ENOTSOCK


def test_an_open_socket_is_not_kept_alive(plane: Plane) -> None:
    sock = FakeSocket(plane.engine, PULL)
    endpoint = plane.control.bind(sock, LOCAL)
    plane.fence()
    reference = weakref.ref(sock)
    options = sock.options
    del sock
    gc.collect()
    assert reference() is None
    with dial(endpoint) as peer:  # nobody is there any more to take the connection
        peer.handshake(b"PUSH")
        peer.expect_closed()
    del options


def test_a_closed_socket_is_freed_without_the_collector(plane: Plane) -> None:
    """What ends with the socket, its monitor, must not wait for garbage collection."""
    gc.collect()
    gc.disable()
    try:
        with refused() as (_, endpoint), Server() as server:
            sock = FakeSocket(plane.engine, PUSH, reconnect_ivl=5)
            reference = weakref.ref(sock)
            bound = plane.control.bind(sock, LOCAL)
            plane.control.connect(sock, endpoint)
            plane.control.connect(sock, server.endpoint)
            with server.accept() as peer, dial(bound) as another, dial(bound) as rude:
                peer.handshake(b"PULL")
                another.handshake(b"PULL")
                rude.send(b"rude")
                sock.wait_for(Event.HANDSHAKE_FAILED_PROTOCOL)
                for _ in range(2):
                    sock.next_attached()
                sock.wait_for(Event.CONNECT_RETRIED)
                plane.control.close_socket(sock, -1)
                assert sock.released.wait(TIMEOUT)
                del sock
                plane.fence()
                wait_until(lambda: reference() is None)
    finally:
        gc.enable()


def test_late_news_about_unknown_tokens_are_ignored(plane: Plane) -> None:
    plane.control.bind(plane.socket(PULL), LOCAL)
    plane.engine.post(EV_FLUSHED, 12345)
    plane.fence()


def test_a_monitor_that_raises_disturbs_nobody(
    plane: Plane, caplog: pytest.LogCaptureFixture
) -> None:
    plane.may_log_errors = True
    sock = plane.socket(PULL)
    endpoint = plane.control.bind(sock, LOCAL)
    sock.emit = None  # type: ignore[method-assign, assignment]
    with dial(endpoint) as peer:
        peer.handshake(b"PUSH")
        sock.next_attached()
    assert "monitor event" in caplog.text


@pytest.mark.no_sanitizer
def test_in_a_forked_child_nothing_hangs(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = plane.control.bind(sock, LOCAL)
    child = os.fork()
    if not child:
        status = 1
        try:
            plane.control.close_socket(sock, -1)
            assert plane.control.wait_closed(None)
            plane.control.stop()
            with pytest.raises(ZMQError):
                plane.control.bind(sock, LOCAL)
            with pytest.raises(ZMQError):
                plane.control.unbind(sock, endpoint)
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with dial(endpoint) as peer:  # the parent is not disturbed
        peer.handshake(b"PUSH")
        sock.next_attached()


def test_many_peers_come_and_go(plane: Plane) -> None:
    sock = plane.socket(PULL)
    endpoint = plane.control.bind(sock, LOCAL)
    for _ in range(200):
        with dial(endpoint) as peer:
            peer.handshake(b"PUSH")
            sock.lose(sock.next_attached().token)
    plane.control.close_socket(sock, -1)
    assert_gone(plane, sock)


def test_callers_from_many_threads(plane: Plane) -> None:
    sock = plane.socket(SocketType.DEALER)
    failures: list[BaseException] = []

    def churn() -> None:
        try:
            for _ in range(20):
                endpoint = plane.control.bind(sock, LOCAL)
                plane.control.connect(sock, endpoint)
                plane.control.disconnect(sock, endpoint)
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
    assert not failures
    plane.control.close_socket(sock, 0)
    assert_gone(plane, sock)
