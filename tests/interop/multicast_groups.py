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


def wait_joined(endpoint: str) -> None:
    """libzmq joins in its I/O thread, after `connect` has returned."""
    groups = re.fullmatch(r".*;(.*):\d+", endpoint)
    assert groups is not None
    wanted = {in_proc(group) for group in groups[1].split(",")}
    wait_until(lambda: wanted <= set(" ".join(Path(at).read_text() for at in LISTS).split()))
