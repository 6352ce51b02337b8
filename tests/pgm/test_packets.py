"""PGM packets against what libzmq with OpenPGM sent, and against the naive oracle."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peromq._core._window_pgm import ReceiverWindow, SourceWindow, parse
from tests.oracle import pgm, zmtp

CAPTURED = {
    vector["name"]: bytes.fromhex(vector["hex"])
    for vector in json.loads(
        (Path(__file__).parents[1] / "data" / "pgm.json").read_text(encoding="ascii")
    )["vectors"]
}


@pytest.mark.parametrize("name", CAPTURED)
def test_captured_packets_are_understood(name: str) -> None:
    reason, said = parse(CAPTURED[name])
    seen = pgm.read(CAPTURED[name])
    assert reason == ""
    assert (said["type"], said["sport"], said["dport"]) == (seen.kind, seen.sport, seen.dport)
    assert said["gsi"] == int.from_bytes(seen.gsi, "big")
    assert (said["sqn"], said["trail"], said["lead"]) == (seen.sqn, seen.trail, seen.lead)
    assert said["list"] == len(seen.sqns) - 1
    assert said["fin"] == (name == "spm_fin")
    if seen.kind == pgm.ODATA:
        assert said["data"] == seen.data


def test_a_source_says_what_libzmq_says() -> None:
    """The same octets as in the capture: SPMs at the start, two messages, a heartbeat."""
    source = SourceWindow(now=0)
    start = [octets for octets, _ in source.pull(0)]
    assert start[:2] == [CAPTURED["spm_connect_0"], CAPTURED["spm_connect_1"]]
    assert len(start) == 3
    source.write(zmtp.encode_message([b"hello"]))
    assert source.pull(1) == [(CAPTURED["odata_hello"], None)]
    source.write(zmtp.encode_message([b"a", b"bb"]))
    assert source.pull(2) == [(CAPTURED["odata_multipart"], None)]
    assert source.pull(99_000_000) == []
    assert source.pull(100_000_002) == [(CAPTURED["spm_heartbeat"], None)]
    source.pull(200_000_002)
    source.pull(300_000_002)
    source.finish()
    goodbye = [octets for octets, _ in source.pull(300_000_003)]
    captured = CAPTURED["spm_fin"]
    assert len(goodbye) == 3
    # octet 42 of the capture is memory that OpenPGM did not set
    assert pgm.seal(goodbye[0][:42] + captured[42:43] + goodbye[0][43:]) == captured
    assert source.ended


def test_offsets_are_those_of_libzmq() -> None:
    """3000 octets, "m1", then three parts: offsets 0000, ffff, 009e, 00fc (which is the length)."""
    source = SourceWindow(gsi=0xB7C6D1BC038A, sport=0x6AB3)
    source.pull(0)
    source.write(zmtp.encode_message([b"L" * 3000]), flush=False)
    source.write(zmtp.encode_message([b"m1"]), flush=False)
    source.write(zmtp.encode_message([b"x", b"y" * 1500, b"z"]))
    packets = [octets for octets, _ in source.pull(1)]
    assert [packet[24:26].hex() for packet in packets] == ["0000", "ffff", "009e", "00fc"]
    assert [len(packet) for packet in packets[:3]] == [1452] * 3
    assert packets[3] == CAPTURED["odata_offset_eq_len"]


def test_confirmations_are_those_of_libzmq() -> None:
    source = SourceWindow(sport=0x6AB3)
    source.pull(0)
    for number in range(3):
        source.write(zmtp.encode_message([b"%d" % number]))
    first = source.pull(0)[0][0]
    assert source.feed(pgm.nak([0], sport=0x6AB3), 0) == ""
    assert source.feed(pgm.nak([1, 2, 99], sport=0x6AB3), 0) == ""
    sent = [octets for octets, _ in source.pull(0)]
    assert sent[:2] == [CAPTURED["ncf_single"], CAPTURED["ncf_list"]]
    assert [(pgm.read(p).kind, pgm.read(p).sqn) for p in sent[2:]] == [
        (pgm.RDATA, 0),
        (pgm.RDATA, 1),
        (pgm.RDATA, 2),
    ]
    assert sent[2][24:] == first[24:]


def test_requests_are_those_of_libzmq() -> None:
    """SPMR to an unknown source, then a NAK for two in one packet."""
    ids = {"gsi": bytes([1, 2, 3, 4, 5, 6]), "sport": 0x04D2}
    receiver = ReceiverWindow()
    receiver.feed(pgm.data(101, 101, pgm.apdu(pgm.frames([b"a"])), **ids), 0)
    assert receiver.pull(25_000_000) == [
        (CAPTURED["spmr_ucast"], None),
        (CAPTURED["spmr_ucast"], pgm.SELF),
    ]
    receiver.feed(pgm.spm(0, 101, 101, **ids), 26_000_000)
    receiver.feed(pgm.data(104, 101, pgm.apdu(pgm.frames([b"d"])), **ids), 26_000_000)
    assert receiver.pull(80_000_000) == [(CAPTURED["nak_list"], pgm.SELF)]
    receiver.feed(pgm.data(103, 101, pgm.apdu(pgm.frames([b"c"])), **ids), 81_000_000)
    receiver.pull(290_000_000)  # WAIT_NCF is over
    assert receiver.pull(350_000_000) == [(CAPTURED["nak_single"], pgm.SELF)]


def test_ipv6_addresses() -> None:
    own, group = bytes.fromhex("fe80" + "00" * 13 + "01"), bytes.fromhex("ff02" + "00" * 13 + "05")
    source = SourceWindow(nla=own, group=group, overhead=48)
    spm = pgm.read(source.pull(0)[0][0])
    assert spm.source == own
    source.write(zmtp.encode_message([b"x" * 5000]))
    packets = [octets for octets, _ in source.pull(0)]
    assert len(packets[0]) + 48 + 20 == 1500
    receiver = ReceiverWindow(groups=(group,))
    receiver.feed(pgm.spm(0, 1, 0, own), 0)
    for packet in (packets[0], packets[2]):
        receiver.feed(packet, 0, own)
    receiver.feed(pgm.spm(1, 0, 0, own), 0)
    ((nak, to),) = receiver.pull(60_000_000)
    assert to == own
    assert pgm.read(nak).source == own
    assert pgm.read(nak).group == group
    assert source.feed(nak, 60_000_000) == ""


def spoil(packet: bytes, at: int, octets: bytes) -> bytes:
    return pgm.seal(packet[:at] + octets + packet[at + len(octets) :])


FIN = CAPTURED["spm_fin"]
LIST = CAPTURED["nak_list"]
DATA = CAPTURED["odata_hello"]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (b"", "short"),
        (DATA[:15], "short"),
        (DATA[:-1], "checksum"),
        (pgm.seal(DATA[:-1]), "length"),
        (DATA[:6] + b"\0\0" + DATA[8:], "checksum"),
        (CAPTURED["spm_connect_0"][:6] + b"\0\0" + CAPTURED["spm_connect_0"][8:], ""),
        (pgm.seal(pgm.header(pgm.SPM) + bytes(11)), "short"),
        (pgm.seal(pgm.header(pgm.NAK) + bytes(3)), "short"),
        (pgm.seal(pgm.header(pgm.ODATA) + bytes(7)), "short"),
        (pgm.seal(pgm.header(pgm.POLL) + bytes(30)), "type"),
        (pgm.seal(pgm.header(0x40) + bytes(30)), "type"),
        (spoil(CAPTURED["spm_connect_0"], 28, b"\0\3"), "nla"),
        (spoil(CAPTURED["spm_connect_0"], 28, b"\0\2"), "nla"),
        (spoil(CAPTURED["nak_single"], 28, b"\1\1"), "nla"),
        (spoil(DATA, 5, b"\x80"), "parity"),
        (spoil(CAPTURED["nak_single"], 5, b"\x80"), "parity"),
        (spoil(DATA, 5, b"\1"), "options"),
        (spoil(FIN, 36, b"\1"), "options"),  # not OPT_LENGTH first
        (spoil(FIN, 37, b"\5"), "options"),
        (spoil(FIN, 38, b"\0\x09"), "options"),  # more than there is
        (spoil(FIN, 38, b"\0\4"), "options"),  # no option in it
        (spoil(FIN, 40, b"\x0e"), "options"),  # the last one is not marked
        (spoil(FIN, 41, b"\3"), "options"),  # shorter than its header
        (spoil(FIN, 41, b"\5"), "options"),
        (spoil(LIST, 41, b"\7"), "options"),  # no whole number of sequence numbers
        (pgm.nak(list(range(63))), ""),
        (
            pgm.seal(
                pgm.header(pgm.SPM, options=1)
                + pgm.words(0, 0, 0)
                + pgm.nla(pgm.SELF)
                + pgm.options(*[(0x20, b"\0\0")] * 17)
            ),
            "options",
        ),
        (
            pgm.seal(
                pgm.header(pgm.SPM, options=1)
                + pgm.words(0, 0, 0)
                + pgm.nla(pgm.SELF)
                + pgm.options(*[(0x20, b"\0\0")] * 16)
            ),
            "",
        ),
    ],
)
def test_what_is_wrong_is_named(packet: bytes, reason: str) -> None:
    assert parse(packet)[0] == reason


@given(st.binary(max_size=80), st.sampled_from(sorted(CAPTURED)), st.data())
def test_any_octets_are_taken_or_dropped(octets: bytes, name: str, draw: st.DataObject) -> None:
    packet = CAPTURED[name]
    at = draw.draw(st.integers(0, len(packet)))
    parse(octets)
    parse(pgm.seal(octets.ljust(16, b"\0")))
    parse(pgm.seal(packet[:at].ljust(16, b"\0") + octets))


@given(st.integers(0, 0xFFFFFFFF), st.binary(max_size=1400))
def test_checksums_are_those_of_the_oracle(sqn: int, payload: bytes) -> None:
    good = pgm.data(sqn, sqn, payload)
    assert parse(good)[0] == ""
    assert parse(good[:16] + bytes([good[16] ^ 1]) + good[17:])[0] == "checksum"
