"""A socket in another network namespace, told what to do. See multicast_shell.py."""

from __future__ import annotations

import json
from pathlib import Path

from tests.interop.netns import Network

SHELL = str(Path(__file__).with_name("multicast_shell.py"))


class Remote:
    """A socket in one of the hosts."""

    def __init__(self, network: Network, host: str, role: str, endpoint: str, *options: str):
        words = [word for option in options for word in ("--option", option)]
        self.process = network.start(host, SHELL, role, endpoint, *words)
        assert self.said() == "ready"

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def tell(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.said()

    def send(self, first: int, last: int) -> None:
        assert self.tell(f"send {first} {last}") == "sent"

    def numbers(self, last: int) -> list[int]:
        found: list[int] = json.loads(self.tell(f"recv {last}"))
        return found

    def usage(self) -> tuple[float, int]:
        """Processor time so far, in seconds, and the most memory it ever had, in octets."""
        seconds, octets = json.loads(self.tell("usage"))
        return seconds, octets

    def event(self, name: str) -> tuple[int, dict[str, str]]:
        """Waits for it: its value and details."""
        answer = self.tell(f"event {name}")
        assert answer != "none", name
        value, details = json.loads(answer)
        return value, details

    def hears_of(self, *events: str) -> None:
        for event in events:
            self.event(event)
