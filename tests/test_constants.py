"""Names and numbers, against the installed pyzmq."""

import enum

import pytest
import zmq as pyzmq
import zmq.constants

import peromq
from peromq import constants

ENUMS = [
    name
    for name in pyzmq.constants.__all__
    if isinstance(getattr(pyzmq.constants, name), enum.EnumMeta)
    and getattr(pyzmq.constants, name).__module__ == "zmq.constants"
]
EVENTS = {
    "DETAILS",
    "SUBSCRIPTION_ACTIVE",
    "MESSAGES_DROPPED",
    "SEND_HWM_REACHED",
    "RECEIVE_HWM_REACHED",
    "PACKETS_LOST",
    "ALL_PEROMQ",
}
OURS = (
    {f"EVENT_{name}" for name in EVENTS}
    | {"CONFLATE_TOPICS", "HALF_OPEN_MAX", "SPIN_US", "TLS_VERIFY_CLIENT"}
    | {f"TLS_{name}" for name in ("KEY_PEM", "CERT_PEM", "TRUST_PEM", "HOSTNAME", "TRUST_SYSTEM")}
)


def test_there_are_enums_to_compare() -> None:
    assert len(ENUMS) == 13


@pytest.mark.parametrize("name", ENUMS)
def test_enum_has_the_same_members(name: str) -> None:
    theirs, ours = getattr(pyzmq.constants, name), getattr(constants, name)
    members = {key: (int(member), member.name) for key, member in theirs.__members__.items()}

    assert members == {
        key: (int(member), member.name)
        for key, member in ours.__members__.items()
        if key not in OURS | EVENTS
    }
    assert theirs.__mro__[1].__name__ == ours.__mro__[1].__name__


def test_module_level_names_are_the_same() -> None:
    assert set(constants.__all__) == set(pyzmq.constants.__all__) | OURS


def test_module_level_names_are_the_members() -> None:
    for name in constants.__all__:
        ours = getattr(constants, name)
        assert getattr(peromq, name) is ours
        if isinstance(ours, int) and name not in OURS:
            theirs = getattr(pyzmq.constants, name)
            assert (type(ours).__name__, ours) == (type(theirs).__name__, theirs)


def test_option_types_are_the_same() -> None:
    for option in pyzmq.SocketOption:
        assert constants.SocketOption(option)._opt_type.name == option._opt_type.name


def test_aliases_are_one_member() -> None:
    assert peromq.IDENTITY is peromq.ROUTING_ID
    assert peromq.NOBLOCK is peromq.DONTWAIT
    assert peromq.XREQ is peromq.DEALER


def test_event_reprs_have_their_names() -> None:
    for event in constants.Event:
        assert event.name is not None
        assert event.name in repr(event)


def test_package_has_all_of_pyzmqs_names() -> None:
    assert set(pyzmq.__all__) <= set(peromq.__all__)
    assert all(hasattr(peromq, name) for name in peromq.__all__)


def test_all_has_no_duplicates() -> None:
    assert len(peromq.__all__) == len(set(peromq.__all__))
