"""A server that strangers bother: what the suites of bad input share."""

from __future__ import annotations

from typing import Any

from tests.helpers import Monitor, check_numbered, last_endpoint, numbered, zmq

FAILURES = (
    "EVENT_HANDSHAKE_FAILED_PROTOCOL",
    "EVENT_HANDSHAKE_FAILED_NO_DETAIL",
    "EVENT_HANDSHAKE_FAILED_AUTH",
    "EVENT_DISCONNECTED",
)


class Server:
    """A bound PULL with one honest client, watched."""

    def __init__(self, pull: Any, push: Any, watch: Monitor) -> None:
        self.pull, self.push, self.watch = pull, push, watch
        self.endpoint = last_endpoint(pull)
        self.number = 0
        self.strangers_are_heard = False

    def goes_on(self) -> None:
        """The honest client is served, and nothing of a stranger's is delivered before."""
        if self.strangers_are_heard:
            self.goes_on_among_others()
            return
        self.push.send(numbered(1, self.number, 100))
        assert check_numbered(self.pull.recv(), 100) == (1, self.number)
        self.number += 1

    def goes_on_among_others(self) -> None:
        """The honest client is served; what strangers' octets happened to mean is skipped.

        ZMTP 1.0 has no signature: most octets are the beginning of some message of it.
        """
        mine = numbered(1, self.number, 100)
        self.push.send(mine)
        while self.pull.recv() != mine:
            pass
        self.number += 1

    def reason(self) -> tuple[int, int]:
        """The event that tells why a connection ended, with its value."""
        event, value, endpoint = self.watch.wait(*(getattr(zmq, name) for name in FAILURES))
        assert endpoint
        return event, value
