"""Fuzz what RADIO's and DGRAM's datagrams and addresses are parsed by.

    python -m tests.fuzz.fuzz_datagram --seconds 60

`fuzz_one` is the target; of its two octets of set-up the first says which parser.
"""

from __future__ import annotations

import ipaddress

from peromq._core._window_udp import address, split
from tests.fuzz import driver
from tests.patterns.drafts import OCTETS

MAX_DATAGRAM = 8192


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError on a bug."""
    setup, octets = data[:1], data[2:]
    if setup and setup[0] % 2:
        judge_address(octets)
    else:
        judge_datagram(octets)


def judge_datagram(octets: bytes) -> None:
    found = split(octets)
    if octets and 1 + octets[0] <= len(octets) <= MAX_DATAGRAM:
        end = 1 + octets[0]
        assert found == (octets[1:end], octets[end:])
    else:
        assert found is None


def judge_address(octets: bytes) -> None:
    found = address(octets)
    if found is None:
        return
    host, _, port = found[:-1].decode("ascii").rpartition(":")
    assert found.endswith(b"\0")
    assert 0 < int(port) < 65536
    ipaddress.ip_address(host.strip("[]"))
    assert address(found) == found  # it reads what it writes


def corpus() -> list[bytes]:
    """Captured datagrams, and addresses of both kinds."""
    datagrams = [octets for name, octets in OCTETS.items() if name.startswith("udp_radio")]
    datagrams += [b"\0", b"\xff" + b"g" * 254, b"\xff" + b"g" * 255, bytes(8192), bytes(8193)]
    texts = [
        OCTETS["udp_dgram_addr_frame"], b"1.2.3.4:5", b"[::1]:5", b"[fe80::1%lo]:5",
        b"[2001:db8::1]:65535", b"255.255.255.255:65536",
    ]  # fmt: skip
    return [b"\0\0" + octets for octets in datagrams] + [b"\1\0" + text for text in texts]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
