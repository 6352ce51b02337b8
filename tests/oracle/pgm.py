"""PGM packets (RFC 3208), naive on purpose: the judge of the fast parser; it also forges datagrams.

Shares no code with the package.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

SPM, POLL, POLR, ODATA, RDATA, NAK, NNAK, NCF, SPMR = 0, 1, 2, 4, 5, 8, 9, 10, 12
GSI = bytes.fromhex("b7c6d1bc038a")
SPORT, DPORT = 0x4260, 0xB1F3
SELF, GROUP = bytes([127, 0, 0, 1]), bytes([239, 192, 1, 1])


class Packet(NamedTuple):
    kind: int
    sport: int
    dport: int
    gsi: bytes
    options: int
    sqn: int
    trail: int
    lead: int
    source: bytes
    group: bytes
    sqns: list[int]
    data: bytes


def checksum(packet: bytes) -> int:
    """What belongs into the field, which counts as zero."""
    octets = packet[:6] + b"\0\0" + packet[8:]
    if len(octets) % 2:
        octets += b"\0"
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF) or 0xFFFF


def seal(packet: bytes) -> bytes:
    return packet[:6] + checksum(packet).to_bytes(2, "big") + packet[8:]


def header(
    kind: int,
    *,
    upstream: bool = False,
    options: int = 0,
    tsdu: int = 0,
    sport: int = SPORT,
    dport: int = DPORT,
    gsi: bytes = GSI,
) -> bytes:
    """`upstream`: from a receiver to the source, with the ports the other way round."""
    ports = (dport, sport) if upstream else (sport, dport)
    return (
        b"".join(port.to_bytes(2, "big") for port in ports)
        + bytes([kind, options])
        + b"\0\0"
        + gsi
        + tsdu.to_bytes(2, "big")
    )


def nla(address: bytes) -> bytes:
    return bytes([0, 1 if len(address) == 4 else 2, 0, 0]) + address


def options(*values: tuple[int, bytes]) -> bytes:
    """(type, what follows type and length) of each."""
    encoded = b""
    for i, (kind, value) in enumerate(values):
        last = 0x80 if i == len(values) - 1 else 0
        encoded += bytes([kind | last, 2 + len(value)]) + value
    return bytes([0, 4]) + (4 + len(encoded)).to_bytes(2, "big") + encoded


def words(*numbers: int) -> bytes:
    return b"".join((number & 0xFFFFFFFF).to_bytes(4, "big") for number in numbers)


def spm(
    sqn: int, trail: int, lead: int, address: bytes = SELF, fin: bool = False, **ids: object
) -> bytes:
    body = words(sqn, trail, lead) + nla(address)
    if fin:
        body += options((0x0E, b"\0\0"))
    return seal(header(SPM, options=int(fin), **ids) + body)  # type: ignore[arg-type]


def data(sqn: int, trail: int, payload: bytes, kind: int = ODATA, **ids: object) -> bytes:
    body = words(sqn, trail) + payload
    return seal(header(kind, tsdu=len(payload), **ids) + body)  # type: ignore[arg-type]


def nak(
    sqns: Sequence[int],
    kind: int = NAK,
    address: bytes = SELF,
    group: bytes = GROUP,
    **ids: object,
) -> bytes:
    """Also NCF, which goes downstream."""
    body = words(sqns[0]) + nla(address) + nla(group)
    if len(sqns) > 1:
        body += options((2, b"\0\0" + words(*sqns[1:])))
    flags = 3 if len(sqns) > 1 else 0
    up = kind == NAK
    return seal(header(kind, upstream=up, options=flags, **ids) + body)  # type: ignore[arg-type]


def spmr(**ids: object) -> bytes:
    return seal(header(SPMR, upstream=True, **ids))  # type: ignore[arg-type]


def frames(*messages: Sequence[bytes]) -> bytes:
    """Messages as a ZMTP 1 stream."""
    stream = b""
    for parts in messages:
        for i, part in enumerate(parts):
            size = len(part) + 1
            stream += bytes([size]) if size < 255 else b"\xff" + size.to_bytes(8, "big")
            stream += bytes([i < len(parts) - 1]) + part
    return stream


def apdu(stream: bytes, offset: int = 0) -> bytes:
    return offset.to_bytes(2, "big") + stream


def read(packet: bytes) -> Packet:
    """A well-formed packet; ValueError for a wrong checksum."""
    if int.from_bytes(packet[6:8], "big") != checksum(packet):
        raise ValueError("checksum")
    kind, flags = packet[4], packet[5]
    number = lambda at: int.from_bytes(packet[at : at + 4], "big")  # noqa: E731
    sqn = trail = lead = 0
    addresses = [b"", b""]
    at = 16
    if kind != SPMR:
        sqn, at = number(16), 20
    if kind in (SPM, ODATA, RDATA):
        trail, at = number(20), 24
    if kind == SPM:
        lead, at = number(24), 28
    for i in range({SPM: 1, NAK: 2, NCF: 2, NNAK: 2}.get(kind, 0)):
        size = 4 if packet[at + 1] == 1 else 16
        addresses[i] = packet[at + 4 : at + 4 + size]
        at += 4 + size
    sqns = [sqn]
    if flags & 1:
        total = int.from_bytes(packet[at + 2 : at + 4], "big")
        inside = packet[at + 4 : at + total]
        while inside:
            if inside[0] & 0x7F == 2:
                sqns += [int.from_bytes(inside[i : i + 4], "big") for i in range(4, inside[1], 4)]
            inside = inside[inside[1] :]
        at += total
    return Packet(
        kind,
        int.from_bytes(packet[:2], "big"),
        int.from_bytes(packet[2:4], "big"),
        packet[8:14],
        flags,
        sqn,
        trail,
        lead,
        *addresses,
        sqns,
        packet[at:],
    )
