"""The queue against a model: what is committed comes out whole, in order, and nothing else does."""

import threading
from collections import deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peromq._core._window_flow import FlowWindow
from tests._core.wire import pattern

BIG = 16384
SIZES = [0, 1, 5, 200, 255, 256, 446, 447, 448, 1000, BIG - 1, BIG, BIG + 1, 40000]


def put(flow: FlowWindow, *parts: bytes, pinned: bool = False) -> None:
    for i, part in enumerate(parts):
        flow.put(part, i < len(parts) - 1, pinned)
    flow.commit()


def take(flow: FlowWindow) -> list[bytes]:
    """The next message."""
    parts = []
    more = True
    while more:
        seen = flow.peek()
        assert seen is not None
        body, more = seen
        flow.next()
        parts.append(body)
    return parts


ACTIONS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(SIZES), st.booleans(), st.booleans()),
        st.tuples(st.sampled_from(["rollback", "take", "take", "hold", "let go", "credit"])),
    ),
    max_size=60,
)


@given(ACTIONS)
@settings(max_examples=300)
def test_against_a_deque(actions: list[tuple[object, ...]]) -> None:
    flow = FlowWindow()
    model: deque[tuple[bytes, bool]] = deque()  # committed frames
    message: list[tuple[bytes, bool]] = []
    held: list[tuple[object, bytes]] = []
    number = written = nread = 0
    for action, *details in actions:
        if action == "put":
            size, more, pinned = details
            assert isinstance(size, int)
            number += 1
            body = pattern(number, size)
            flow.put(body, more, pinned)
            message.append((body, bool(more)))
            if not more:
                flow.commit()
                model += message
                message.clear()
                written += 1
        elif action == "rollback":
            flow.rollback()
            message.clear()
        elif action == "take":
            assert flow.peek() == (model[0] if model else None)
            assert flow.peek() == (model[0] if model else None)
            if model:
                nread += not model.popleft()[1]
            flow.next()
        elif action == "hold":
            frame = flow.hold()
            assert (frame is None) == (not model)
            if model:
                body, more = model.popleft()
                nread += not more
                held.append((frame, body))
        elif action == "let go" and held:
            held.pop(0)
        elif action == "credit":
            flow.credit()
            assert flow.read == nread
        assert flow.has == bool(model)
        assert (flow.written, flow.produced, flow.nread) == (written, written, nread)
        for frame, body in held:
            assert frame.body == body  # type: ignore[attr-defined]
    while model:
        assert flow.peek() == model.popleft()
        flow.next()
    assert flow.peek() is None


class TestMessages:
    def test_half_a_message_is_not_shown(self) -> None:
        flow = FlowWindow()
        for size in (1, 500, BIG, 3):
            flow.put(b"x" * size, True)
            assert flow.peek() is None
        flow.put(b"end")
        assert flow.peek() is None
        flow.commit()
        assert [len(part) for part in take(flow)] == [1, 500, BIG, 3, 3]

    def test_a_rollback_over_several_chunks(self) -> None:
        flow = FlowWindow()
        put(flow, b"kept")
        for size in (100, 5000, BIG, 100, BIG + 5):
            flow.put(b"x" * size, True)
        flow.rollback()
        put(flow, b"also kept", b"y" * BIG)
        assert take(flow) == [b"kept"]
        assert take(flow) == [b"also kept", b"y" * BIG]
        assert not flow.has

    def test_clear(self) -> None:
        flow = FlowWindow(hwm=3)
        for _ in range(3):
            put(flow, b"x" * BIG, b"y")
        flow.put(b"half", True)
        assert flow.full
        flow.clear()
        assert not flow.full
        assert flow.peek() is None
        put(flow, b"next")
        assert take(flow) == [b"next"]


class TestMemory:
    def test_a_consumer_that_keeps_up_leaves_one_small_chunk(self) -> None:
        flow = FlowWindow(hwm=1000)
        for i in range(10_000):
            put(flow, pattern(i, 100))
            assert take(flow) == [pattern(i, 100)]
            flow.credit()
        assert sum(flow.chunks()) <= 2 * 448

    def test_a_backlog_lies_in_few_chunks_and_goes_again(self) -> None:
        flow = FlowWindow()
        for i in range(50_000):
            put(flow, pattern(i, 100))
        assert len(flow.chunks()) < 60
        assert sum(flow.chunks()) < 2 * 50_000 * 102
        for i in range(50_000):
            assert take(flow) == [pattern(i, 100)]
        assert len(flow.chunks()) <= 2

    def test_a_held_frame_outlives_its_queue(self) -> None:
        flow = FlowWindow()
        put(flow, b"small")
        put(flow, pattern(1, BIG))
        small, large = flow.hold(), flow.hold()
        del flow
        assert (small.body, large.body) == (b"small", pattern(1, BIG))

    def test_pinned_objects_are_let_go_when_consumed(self) -> None:
        import sys

        flow = FlowWindow()
        data = pattern(1, 50_000)
        before = sys.getrefcount(data)
        put(flow, data, data, pinned=True)
        flow.put(data, True, True)
        flow.rollback()
        assert sys.getrefcount(data) > before
        held = flow.hold()
        take(flow)
        put(flow, b"", b"x" * BIG)  # the chunk behind: those before can go
        take(flow)
        flow.release()
        assert sys.getrefcount(data) > before
        assert held.body == data
        del held
        flow.release()
        assert sys.getrefcount(data) == before

    def test_pinned_objects_are_let_go_with_the_queue(self) -> None:
        import sys

        data = pattern(1, 50_000)
        before = sys.getrefcount(data)
        flow = FlowWindow()
        put(flow, data, pinned=True)
        flow.put(data, True, True)
        del flow
        assert sys.getrefcount(data) == before


class TestHighWaterMark:
    def test_no_mark(self) -> None:
        flow = FlowWindow(hwm=0)
        for _ in range(5000):
            put(flow, b"x")
        assert not flow.full

    @pytest.mark.parametrize("hwm", [1, 2, 3, 10, 1000])
    def test_full_at_the_mark_until_credited(self, hwm: int) -> None:
        flow = FlowWindow(hwm)
        for _ in range(hwm):
            assert not flow.full
            put(flow, b"a", b"b")
        assert flow.full
        take(flow)
        assert flow.full
        flow.credit()
        assert not flow.full

    @pytest.mark.parametrize("hwm", [1, 2, 3, 10, 1000])
    def test_a_blocked_producer_is_always_woken_before_the_queue_is_empty(self, hwm: int) -> None:
        flow = FlowWindow(hwm)
        for _ in range(hwm):
            put(flow, b"x")
        flow.blocked = 1
        woken = []
        for left in range(hwm - 1, -1, -1):
            take(flow)
            if (flow.credit_due or left == 0) and flow.credit():
                woken.append(left)
        assert len(woken) == 1
        assert woken[0] >= hwm // 2 - 1
        assert flow.blocked == 0
        assert not flow.credit()


class TestThreads:
    """Both roles at once, without the GIL: what the sanitizers look at."""

    @pytest.mark.parametrize("hwm", [0, 1, 7, 1000])
    @pytest.mark.parametrize("rollbacks", [0, 3])
    def test_producer_and_consumer(self, hwm: int, rollbacks: int) -> None:
        count = 3000 if hwm == 1 else 20_000
        flow = FlowWindow(hwm)
        producer = threading.Thread(target=flow.produce, args=(count, rollbacks))
        producer.start()
        wrong = flow.consume(count)
        producer.join()
        assert wrong == -1
        assert flow.nread == flow.written == count
        assert not flow.has
