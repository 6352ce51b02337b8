"""The fuzz target of the mechanisms, briefly; and that failures cost no memory."""

import gc
import tracemalloc

import pytest

from tests.fuzz import fuzz_mechanisms


def test_a_few_thousand_inputs() -> None:
    fuzz_mechanisms.run(3000)


def test_the_corpus_gets_through() -> None:
    """A fuzzer that only ever fails early finds nothing."""
    done = 0
    for data in fuzz_mechanisms.corpus()[:-1]:
        if fuzz_mechanisms.VERDICTS[data[1]] != 200:
            continue
        handshake = fuzz_mechanisms.ENDS[data[0]]()
        for octet in data[2:]:
            handshake.receive_data(bytes((octet,)))
            if handshake.next_zap_question() is not None:
                handshake.zap_reply(200, "", "", {})
            handshake.data_to_send()
        done += handshake.done
    assert done == len(fuzz_mechanisms.ENDS)


@pytest.mark.slow
@pytest.mark.parametrize("which", range(len(fuzz_mechanisms.ENDS)))
def test_memory_is_flat_over_failed_handshakes(which: int) -> None:
    """Hundreds of each kind, each failing at a step of its own."""
    wires = [data for data in fuzz_mechanisms.corpus() if data[0] == which]
    inputs = [wire[:cut] + b"\x04\x03bad" for wire in wires for cut in range(66, len(wire), 61)]

    def fail(count: int) -> None:
        for number in range(count):
            fuzz_mechanisms.fuzz_one(inputs[number % len(inputs)])

    fail(100)
    gc.collect()
    tracemalloc.start()
    try:
        fail(100)
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        fail(600)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 16_384
