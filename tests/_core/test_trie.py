"""The subscription index against models a reader can check at a glance."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from time import process_time_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq._core._window_trie import TopicsWindow, TrieWindow

FIRST, NEW, LAST, REMOVED = 2, 1, 2, 1

# Few letters, so that topics share prefixes; long ones, so that they take several nodes.
TOPIC = st.lists(
    st.sampled_from([b"a", b"b", b"\x00", b"\xff", b"a" * 254, b"b" * 256, b"ab" * 300]), max_size=6
).map(b"".join)
SUBSCRIBER = st.integers(1, 9)


def prefixes(data: bytes) -> Iterator[bytes]:
    return (data[:n] for n in range(len(data) + 1))


class TestTrie:
    def test_an_empty_index_matches_nothing(self) -> None:
        trie = TrieWindow()
        assert trie.match(b"") == []
        assert trie.match(b"anything") == []
        assert len(trie) == 0

    def test_the_empty_topic_matches_everything(self) -> None:
        trie = TrieWindow()
        assert trie.add(1, b"") == FIRST
        assert trie.match(b"") == [1]
        assert trie.match(b"anything") == [1]

    def test_a_topic_matches_as_prefix_only(self) -> None:
        trie = TrieWindow()
        trie.add(1, b"abc")
        assert trie.match(b"abc") == trie.match(b"abcd") == [1]
        assert trie.match(b"ab") == trie.match(b"abd") == trie.match(b"xabc") == []

    def test_subscriptions_are_a_set_per_subscriber(self) -> None:
        trie = TrieWindow()
        assert trie.add(1, b"a") == FIRST
        assert trie.add(1, b"a") == 0
        assert trie.add(2, b"a") == NEW
        assert trie.remove(1, b"a") == REMOVED
        assert trie.remove(1, b"a") == 0
        assert trie.remove(2, b"a") == LAST

    def test_removing_what_is_only_part_of_a_topic_is_nothing(self) -> None:
        trie = TrieWindow()
        trie.add(1, b"abc")
        assert trie.remove(1, b"ab") == trie.remove(1, b"abcd") == trie.remove(1, b"") == 0
        assert trie.match(b"abc") == [1]

    def test_each_matching_prefix_reports_its_subscriber(self) -> None:
        trie = TrieWindow()
        trie.add(1, b"")
        trie.add(1, b"ab")
        trie.add(2, b"abc")
        assert sorted(trie.match(b"abc")) == [1, 1, 2]

    def test_a_leaving_subscriber_takes_only_its_own_topics(self) -> None:
        trie = TrieWindow()
        trie.add(1, b"")
        trie.add(1, b"shared")
        trie.add(2, b"shared")
        trie.add(1, b"mine")
        assert sorted(trie.remove_subscriber(1)) == [b"", b"mine"]
        assert trie.remove_subscriber(1) == []
        assert trie.match(b"shared") == [2]
        assert trie.subscribers == 1

    def test_many_subscribers_of_one_topic(self) -> None:
        trie = TrieWindow()
        everyone = range(1, 2001)
        for subscriber in everyone:
            trie.add(subscriber, b"news")
        assert sorted(trie.match(b"newspaper")) == list(everyone)
        for subscriber in everyone:
            assert trie.remove_subscriber(subscriber) == ([b"news"] if subscriber == 2000 else [])
        assert trie.nodes == trie.subscribers == 0

    def test_every_octet_branches(self) -> None:
        trie = TrieWindow()
        for octet in range(256):
            trie.add(octet + 1, bytes([octet, 7]))
        assert all(trie.match(bytes([octet, 7, 1])) == [octet + 1] for octet in range(256))
        for octet in range(256):
            assert trie.remove(octet + 1, bytes([octet, 7])) == LAST
        assert trie.nodes == 0

    def test_lengths_around_the_label_limit(self) -> None:
        """Topics that end just before, at and just behind the borders of nodes."""
        sizes = [254, 255, 256, 509, 510, 511]
        topics = [b"z" * size for size in sizes]
        trie = TrieWindow()
        assert [trie.add(1, topic) for topic in topics] == [FIRST] * len(sizes)
        assert [len(trie.match(topic)) for topic in topics] == [1, 2, 3, 4, 5, 6]
        assert [trie.remove(1, topic) for topic in topics] == [LAST] * len(sizes)
        assert trie.nodes == 0

    def test_a_removed_branch_leaves_no_node_behind(self) -> None:
        trie = TrieWindow()
        trie.add(1, b"weather.paris")
        assert trie.nodes == 1
        trie.add(1, b"weather.rome")
        trie.add(1, b"weather")
        assert trie.nodes == 4  # weather, the dot, paris, rome
        trie.remove(1, b"weather")
        assert trie.nodes == 3
        trie.remove(1, b"weather.rome")
        assert trie.nodes == 1

    @given(st.lists(st.tuples(st.sampled_from("+-x"), SUBSCRIBER, TOPIC)), st.lists(TOPIC))
    def test_like_a_dictionary_of_sets(
        self, operations: list[tuple[str, int, bytes]], messages: list[bytes]
    ) -> None:
        trie = TrieWindow()
        model: dict[bytes, set[int]] = {}
        for operation, subscriber, topic in operations:
            held = model.get(topic, set())
            if operation == "+":
                expected = 0 if subscriber in held else NEW if held else FIRST
                assert trie.add(subscriber, topic) == expected
                model.setdefault(topic, set()).add(subscriber)
            elif operation == "-":
                expected = 0 if subscriber not in held else REMOVED if len(held) > 1 else LAST
                assert trie.remove(subscriber, topic) == expected
                held.discard(subscriber)
            else:
                for others in model.values():
                    others.discard(subscriber)
                gone = [topic for topic, left in model.items() if not left]
                assert sorted(trie.remove_subscriber(subscriber)) == sorted(gone)
            model = {topic: left for topic, left in model.items() if left}
            assert len(trie) == len(model)
            assert trie.subscribers == len(set().union(*model.values()))

        for message in messages + list(model):
            expected_subscribers = Counter(
                subscriber for prefix in prefixes(message) for subscriber in model.get(prefix, ())
            )
            assert Counter(trie.match(message)) == expected_subscribers

        for subscriber in range(1, 10):
            trie.remove_subscriber(subscriber)
        assert len(trie) == trie.nodes == trie.subscribers == 0


class TestTopics:
    def test_counts_per_topic(self) -> None:
        topics = TopicsWindow()
        assert topics.remove(b"a") == -1
        assert topics.add(b"a") == 1
        assert topics.add(b"a") == 0
        assert topics.remove(b"a") == 0
        assert topics.remove(b"a") == 1
        assert topics.remove(b"a") == -1

    def test_visits_in_lexicographic_order(self) -> None:
        topics = TopicsWindow()
        some = [b"b", b"", b"ab", b"\xff", b"a", b"aa", b"\x00", b"b" * 999, b"abc"]
        for topic in some:
            topics.add(topic)
        assert topics.each() == sorted(some)

    @given(st.lists(st.tuples(st.booleans(), TOPIC)), st.lists(TOPIC))
    def test_like_a_counter(
        self, operations: list[tuple[bool, bytes]], messages: list[bytes]
    ) -> None:
        topics = TopicsWindow()
        model: Counter[bytes] = Counter()
        for adding, topic in operations:
            if adding:
                assert topics.add(topic) == (model[topic] == 0)
                model[topic] += 1
            elif model[topic]:
                assert topics.remove(topic) == (model[topic] == 1)
                model[topic] -= 1
            else:
                assert topics.remove(topic) == -1
            model = +model
            assert len(topics) == len(model)
        assert topics.each() == sorted(model)
        for message in messages + list(model):
            assert topics.match(message) == any(prefix in model for prefix in prefixes(message))

        for topic in model.elements():
            topics.remove(topic)
        assert len(topics) == topics.nodes == 0


class TestHostilePeers:
    def test_a_topic_of_ten_megabytes(self) -> None:
        """Neither adding, matching, removing nor freeing recurses (libzmq: CVE-2021-20236)."""
        topic = b"x" * 10_000_000
        trie, topics = TrieWindow(), TopicsWindow()
        assert trie.add(1, topic) == FIRST
        assert trie.match(topic + b"y") == [1]
        assert trie.match(topic[:-1]) == []
        assert trie.remove_subscriber(1) == [topic]
        assert trie.nodes == 0
        assert topics.add(topic) == 1
        assert topics.match(topic)
        assert topics.each() == [topic]
        trie.add(1, topic)  # and let both be freed as they are

    def test_a_tree_of_ten_thousand_levels(self) -> None:
        """Every prefix of a topic, the longest first: a node per octet."""
        topic = b"x" * 10_000
        trie = TrieWindow()
        for n in range(len(topic), 0, -1):
            trie.add(1, topic[:n])
        assert trie.nodes == len(topic)
        assert len(trie.match(topic)) == len(topic)
        for n in range(1, len(topic)):
            trie.remove(1, topic[:n])
        assert trie.nodes < 2 * len(topic) / 255 + 2
        assert trie.match(topic) == [1]

    def test_toggling_a_prefix_of_a_long_topic_does_not_copy_it(self) -> None:
        """Copying ten megabytes ten thousand times would take half a minute."""
        trie = TrieWindow()
        trie.add(1, b"x" * 10_000_000)
        nodes = trie.nodes
        for _ in range(10_000):
            trie.add(2, b"x")
            trie.remove(2, b"x")
        assert trie.nodes == nodes

    @pytest.mark.slow
    def test_leaving_costs_what_one_has_not_what_others_have(self) -> None:
        trie = TrieWindow()
        trie.add_many(1, os.urandom(30 * 300_000), 30)
        start = process_time_ns()
        for subscriber in range(2, 1002):
            trie.add(subscriber, b"mine")
            trie.remove_subscriber(subscriber)
        assert process_time_ns() - start < 1_000_000_000  # a walk of the tree takes 10 ms and more


# In a process of its own: what this one has freed before would hide what the index takes.
MILLION = """
import os
from time import process_time_ns
from peromq._core._window_trie import TrieWindow

def resident():
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

topics = os.urandom(30_000_000)
trie = TrieWindow()
before = resident()
trie.add_many(1, topics, 30)
used = resident() - before
assert len(trie) == 1_000_000
start = process_time_ns()
found = trie.match_many(topics, 30)
took = process_time_ns() - start
assert found == 1_000_000
start = process_time_ns()
assert trie.count_gone(1) == 1_000_000
print(used, took // 1_000_000, (process_time_ns() - start) // 1_000_000)
assert trie.nodes == 0
"""


@pytest.mark.slow
@pytest.mark.no_sanitizer
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_a_million_random_subscriptions() -> None:
    run = subprocess.run(
        [sys.executable, "-c", MILLION], capture_output=True, text=True, timeout=50, check=True
    )
    used, match, removal = map(int, run.stdout.split())
    print(f"\n1,000,000 topics: {used / 1e6:.0f} MB, match {match} ns, removal {removal} ns each")
    assert used <= 150_000_000
    assert match <= 2_000
