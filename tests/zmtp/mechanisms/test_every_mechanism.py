"""What holds of PLAIN, CURVE and GSSAPI alike."""

from collections.abc import Callable

import pytest

from peromq.zmtp import Handshake, ProtocolErrorCode
from tests.zmtp.connection_pair import ConnectionPair, null_handshake
from tests.zmtp.mechanisms import test_curve, test_gssapi, test_plain

every_end = pytest.mark.parametrize(
    "end",
    [
        pytest.param(end, id=f"{module.__name__.rpartition('_')[2]} {end.__name__}")
        for module in (test_plain, test_curve, test_gssapi)
        for end in (module.client, module.server)
    ],
)
MakeEnd = Callable[[], Handshake]


@every_end
def test_no_other_mechanism_is_taken(end: MakeEnd) -> None:
    pair = ConnectionPair(end(), null_handshake("DEALER"))
    pair.run()
    for side in (pair.left, pair.right):
        assert side.error is not None
        assert side.error.code is ProtocolErrorCode.ZMTP_MECHANISM_MISMATCH


@every_end
def test_two_of_a_role(end: MakeEnd) -> None:
    pair = ConnectionPair(end(), end())
    pair.deadlock = True  # two servers wait for ever
    pair.run()
    assert not pair.left.handshake.done
    assert not pair.right.handshake.done
