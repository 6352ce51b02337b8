"""Whether the kernel of this host has joined the groups of a pgm or epgm endpoint."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from tests.helpers import wait_until

LISTS = ("/proc/net/igmp", "/proc/net/igmp6")


def in_proc(group: str) -> str:
    """A group as the kernel's lists write it: v4 as a little-endian number, v6 as its octets."""
    packed = ipaddress.ip_address(group.strip("[]")).packed
    return packed[::-1].hex().upper() if len(packed) == 4 else packed.hex()


class Joining:
    """Made before `connect`, it tells when that socket has joined; others may have before."""

    def __init__(self, endpoint: str) -> None:
        groups = re.fullmatch(r".*;(.*):\d+", endpoint)
        assert groups is not None
        self.groups = [in_proc(group) for group in groups[1].split(",")]
        self.before = self.users()

    def users(self) -> list[int]:
        """How many sockets have joined each group."""
        text = " ".join(Path(at).read_text() for at in LISTS)
        return [
            sum(int(users) for users in re.findall(rf"\b{group}\s+(\d+)", text))
            for group in self.groups
        ]

    def wait(self) -> None:
        """libzmq joins in its I/O thread, after `connect` has returned."""
        wait_until(
            lambda: all(now > then for now, then in zip(self.users(), self.before, strict=True))
        )
