from itertools import product

import pytest

from peromq.zmtp import ProtocolErrorCode
from peromq.zmtp.compatibility import ANNOUNCES_ROUTING_ID, COMPATIBLE
from tests.zmtp.connection_pair import ConnectionPair, null_handshake

# Written the other way round than the table it checks: one line per kind of link.
LINKS = (
    "REQ-REP REQ-ROUTER DEALER-REP DEALER-DEALER DEALER-ROUTER ROUTER-ROUTER "
    "PUB-SUB PUB-XSUB XPUB-SUB XPUB-XSUB PUSH-PULL PAIR-PAIR "
    "CLIENT-SERVER RADIO-DISH SCATTER-GATHER PEER-PEER CHANNEL-CHANNEL DGRAM-DGRAM"
)
ALLOWED = {frozenset(link.split("-")) for link in LINKS.split()}


def test_the_table_is_symmetric() -> None:
    assert all(left in COMPATIBLE[right] for left in COMPATIBLE for right in COMPATIBLE[left])


def test_all_socket_types_that_speak_zmtp_are_known() -> None:
    assert set(COMPATIBLE) == {
        *("PAIR", "PUB", "SUB", "REQ", "REP", "DEALER", "ROUTER", "PULL", "PUSH", "XPUB", "XSUB"),
        *("CLIENT", "SERVER", "RADIO", "DISH", "GATHER", "SCATTER", "DGRAM", "PEER", "CHANNEL"),
    }
    assert set(COMPATIBLE) > ANNOUNCES_ROUTING_ID


@pytest.mark.parametrize(("left", "right"), list(product(COMPATIBLE, repeat=2)))
def test_every_pair(left: str, right: str) -> None:
    pair = ConnectionPair(null_handshake(left), null_handshake(right))
    pair.run()
    if {left, right} in ALLOWED:
        assert pair.left.handshake.peer.socket_type == right
        assert pair.right.handshake.peer.socket_type == left
        return
    for end in (pair.left, pair.right):
        assert end.error is not None
        assert end.error.code is ProtocolErrorCode.ZMTP_INVALID_METADATA
        assert not end.error.retry
