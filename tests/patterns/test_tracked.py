"""Small messages that are tracked: with `copy_threshold = 0` the tracker follows them, too."""

from tests.helpers import Endpoints, Sock, Sockets, each_transport, last_endpoint, zmq

WAIT = 10  # seconds


def tracking_push(sock: Sockets, endpoint: str) -> Sock:
    """A PUSH whose trackers follow every message."""
    push = sock("PUSH", connect=endpoint)
    push.copy_threshold = 0
    return push


def test_not_done_before_there_is_a_peer(sock: Sockets, endpoints: Endpoints) -> None:
    endpoint = endpoints.fixed("tcp")
    push = tracking_push(sock, endpoint)
    one = push.send(b"one", copy=False, track=True)
    two = push.send_multipart([b"two", b"parts"], copy=False, track=True)
    plain = push.send(b"plain")
    assert plain is None
    assert not one.done
    assert not two.done
    pull = sock("PULL", bind=endpoint)
    assert [pull.recv_multipart() for _ in range(3)] == [[b"one"], [b"two", b"parts"], [b"plain"]]
    one.wait(WAIT)
    two.wait(WAIT)


def test_the_threshold_still_holds(sock: Sockets, endpoints: Endpoints) -> None:
    push = tracking_push(sock, endpoints.fixed("tcp"))
    push.copy_threshold = 100
    assert push.send(b"x" * 99, copy=False, track=True).done
    assert not push.send(b"x" * 100, copy=False, track=True).done


@each_transport
def test_mixed_with_others(sock: Sockets, endpoints: Endpoints, transport: str) -> None:
    """Tracked or not, small or large, whole or in parts: all arrive, in order; all get done."""
    pull = sock("PULL", bind=endpoints.any(transport))
    push = tracking_push(sock, last_endpoint(pull))
    sizes = [0, 1, 30, 255, 256, 8000, 16383, 16384, 70_000]
    trackers, sent = [], []
    for round_ in range(6):
        for size in sizes:
            parts = [bytes([round_, part]) * (size // 2) for part in range(1 + round_ % 3)]
            sent.append(parts)
            tracker = push.send_multipart(parts, copy=round_ % 2 == 0, track=round_ % 2 == 1)
            if tracker is not None:
                trackers.append(tracker)
    assert [pull.recv_multipart() for _ in sent] == sent
    push.send(b"last")
    assert pull.recv() == b"last"
    for tracker in trackers:
        tracker.wait(WAIT)


def test_high_water_mark_counts_them(sock: Sockets, endpoints: Endpoints) -> None:
    push = sock("PUSH", sndhwm=10)
    push.connect(endpoints.fixed("tcp"))
    push.copy_threshold = 0
    sent = 0
    while sent < 100:
        try:
            push.send(b"x", zmq.DONTWAIT, copy=False, track=True)
        except zmq.Again:
            break
        sent += 1
    assert sent == 10


def test_close_lets_go_of_them(sock: Sockets, endpoints: Endpoints) -> None:
    push = tracking_push(sock, endpoints.fixed("tcp"))
    trackers = [push.send(b"x", copy=False, track=True) for _ in range(5)]
    assert not any(tracker.done for tracker in trackers)
    push.close(linger=0)
    for tracker in trackers:
        tracker.wait(WAIT)
