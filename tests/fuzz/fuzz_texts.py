"""Fuzz what is parsed in one piece: ZAP's replies, HTTP upgrades, SOCKS, endpoints and Z85.

    python -m tests.fuzz.fuzz_texts --seconds 60

`fuzz_one` is the target; of its two octets of set-up the first says which parser, the second how
the rest is cut.
"""

from __future__ import annotations

from collections.abc import Callable

from peromq import z85
from peromq.constants import SocketType
from peromq.error import ZMQError
from peromq.options import Options
from peromq.transports import split_endpoint
from peromq.transports.socks import SocksClient
from peromq.transports.ws_opening import MAX_HEAD, ClientOpening, Opening, ServerOpening
from peromq.zmtp import ProtocolError, parse_zap_reply
from tests.fuzz import driver
from tests.oracle.zmtp import encode_metadata

OFFERS = ("ZWS2.0/NULL", "ZWS2.0")
OPTIONS = Options(SocketType.PUSH)
OPTIONS.ipv6 = 1


def fuzz_one(data: bytes) -> None:
    """Feed one input; raises AssertionError, or whatever a parser lets through, on a bug."""
    setup, octets = data[:2].ljust(2, b"\0"), data[2:]
    PARSERS[setup[0] % len(PARSERS)](octets, setup[1] + 1)


def judge_reply(octets: bytes, cut: int) -> None:
    """ZAP: the frames stand behind each other with an octet of size in front."""
    frames = []
    while octets:
        size = octets[0]
        frames.append(octets[1 : 1 + size])
        octets = octets[1 + size :]
    failure: ProtocolError | None = None
    try:
        reply = parse_zap_reply(frames)
    except ProtocolError as error:
        failure = error
    if failure is not None:
        assert str(failure).isprintable()
        assert failure.code.name.startswith("ZAP_")
        return
    assert len(frames) == 7
    assert 0 <= reply.status_code <= 999


def judge_opening(opening: Opening, octets: bytes, cut: int) -> None:
    """HTTP: done or failed, never both, and nothing is kept beyond the bound."""
    for start in range(0, len(octets), cut):
        opening.receive_data(octets[start : start + cut])
        assert opening.kept <= MAX_HEAD
        assert not (opening.done and opening.failure)
        assert len(opening.failure) < 2 * MAX_HEAD
        if opening.done or opening.failure:
            break
    opening.data_to_send()
    assert opening.subprotocol in ("", *OFFERS)


def judge_server(octets: bytes, cut: int) -> None:
    judge_opening(ServerOpening(OFFERS), octets, cut)


def judge_client(octets: bytes, cut: int) -> None:
    judge_opening(ClientOpening(OFFERS, "localhost:1", "/"), octets, cut)


def judge_proxy(octets: bytes, cut: int) -> None:
    """SOCKS: asks for few octets at a time, and for none that are not its own."""
    proxy = SocksClient("example.org", 5555, b"me", b"secret")
    position = 0
    failure = ""
    try:
        while not proxy.done:
            assert 0 < proxy.wanted <= 512
            piece = octets[position : position + min(cut, proxy.wanted)]
            position += len(piece)
            proxy.receive_data(piece)
    except OSError as error:
        failure = str(error)
    assert failure.isprintable()
    assert "secret" not in failure


def judge_endpoint(octets: bytes, cut: int) -> None:
    """No text leads to anything but a ZMQError."""
    number: int | None = 0
    try:
        transport, address = split_endpoint(octets.decode("utf-8", "surrogateescape"))
        transport.target(address, OPTIONS)
    except ZMQError as error:
        number = error.errno
    assert number is not None


def judge_z85(octets: bytes, cut: int) -> None:
    try:
        raw = z85.decode(octets)
    except ValueError:
        return
    assert z85.encode(raw) == octets


PARSERS: tuple[Callable[[bytes, int], None], ...] = (
    judge_reply,
    judge_server,
    judge_client,
    judge_proxy,
    judge_endpoint,
    judge_z85,
)


def corpus() -> list[bytes]:
    """What each of them is for, and what is nearly so."""
    metadata = encode_metadata((b"Rank", b"major"), (b"X-a", b""))
    replies = [
        [b"", b"1.0", b"1", status, b"because", b"alice", metadata]
        for status in (b"200", b"300", b"400", b"500")
    ]
    request = (
        b"GET /path HTTP/1.1\r\nHost: localhost:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ZWS2.0/NULL, ZWS2.0\r\n\r\n"
    )
    answer = (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"Sec-WebSocket-Protocol: ZWS2.0/NULL\r\n\r\n"
    )
    proxies = [
        b"\5\2\1\0" + b"\5\0\0" + tail
        for tail in (b"\1\1\2\3\4\0\5", b"\4" + bytes(18), b"\3\7example\0\5")
    ]
    endpoints = [
        b"tcp://127.0.0.1:5555", b"tcp://[::1]:5555", b"tcp://eth0:0;localhost:1", b"ipc:///run/x",
        b"ipc://@abstract", b"ws://localhost:80/path", b"udp://239.0.0.1:5", b"tipc://{1,2}@0.0.0",
        b"tipc://<1.2.3:4>", b"vsock://2:5", b"tls://localhost:443",
    ]  # fmt: skip
    inputs = [
        [b"".join(bytes((len(frame),)) + frame for frame in reply) for reply in replies],
        [request, request.replace(b"\r\n", b"\n"), b"GET / HTTP/1.0\r\n\r\n"],
        [answer, b"HTTP/1.1 404 Not Found\r\n\r\n"],
        proxies,
        endpoints,
        [b"HelloWorld", z85.encode(bytes(range(32))), b"#####", b"%nSc0"],
    ]
    return [
        bytes((which, cut)) + octets
        for which, known in enumerate(inputs)
        for octets in known
        for cut in (0, 6, 255)
    ]


def run(executions: int) -> None:
    """A fixed number of executions, for the test suite."""
    driver.run(fuzz_one, corpus(), executions)


if __name__ == "__main__":
    driver.main(fuzz_one, corpus())
