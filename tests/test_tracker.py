"""`MessageTracker`, on pyzmq as well."""

import threading
from types import ModuleType

import pytest

import peromq as zmq


def test_done_when_all_events_are_set(lib: ModuleType) -> None:
    events = [threading.Event() for _ in range(3)]
    inner = lib.MessageTracker(events[0])
    tracker = lib.MessageTracker(inner, *events[1:])
    for event in events:
        assert not tracker.done
        with pytest.raises(lib.NotDone):
            tracker.wait(0)
        event.set()
    assert inner.done
    assert tracker.done
    tracker.wait()
    if lib is zmq:  # pyzmq's clock has run out by then
        tracker.wait(timeout=0)


def test_wait_ends_when_the_event_comes(lib: ModuleType) -> None:
    event = threading.Event()
    timer = threading.Timer(0.01, event.set)
    timer.start()
    lib.MessageTracker(event).wait(10)
    timer.join()


def test_nothing_to_watch_is_done(lib: ModuleType) -> None:
    assert lib.MessageTracker().done
    assert lib._FINISHED_TRACKER.done


def test_frames() -> None:
    frame = zmq.Frame(b"x" * 100_000, track=True, copy=False)
    tracker = zmq.MessageTracker(frame)
    assert tracker.peers == {frame.tracker}
    with pytest.raises(ValueError, match="Not a tracked message"):
        zmq.MessageTracker(zmq.Frame(b"x"))
    with pytest.raises(TypeError):
        zmq.MessageTracker("text")
    assert not tracker.done
    del frame
    tracker.wait(10)


def test_trackers_of_trackers_are_one_wait() -> None:
    event = threading.Event()
    inner = zmq.MessageTracker(event)
    middle = zmq.MessageTracker(inner, inner)
    assert zmq.MessageTracker(middle, event)._all_events() == {event}
