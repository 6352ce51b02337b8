"""Exceptions and their texts, against the installed pyzmq."""

import copy
import importlib.util
import pickle
import threading

import pytest
import zmq as pyzmq
import zmq.error

import peromq as zmq
from peromq import error

NUMBERS = [0, *range(1, 134), 99999, *(int(number) for number in pyzmq.Errno)]
CLASSES = pyzmq.error.__all__


def test_texts_are_libzmqs() -> None:
    for number in NUMBERS:
        assert zmq.strerror(number) == pyzmq.strerror(number)


@pytest.mark.parametrize("name", CLASSES)
def test_class_has_the_same_bases(name: str) -> None:
    theirs, ours = getattr(pyzmq.error, name), getattr(error, name)

    assert [c.__name__ for c in theirs.__mro__] == [c.__name__ for c in ours.__mro__]
    assert getattr(zmq, name) is ours


@pytest.mark.parametrize("number", [None, pyzmq.EINVAL, pyzmq.EFSM, 0, 2])
@pytest.mark.parametrize("text", [None, "some text"])
def test_zmqerror_is_the_same(number: int | None, text: str | None) -> None:
    if number is None and text is None:
        return  # the last error, which the two do not share
    theirs, ours = pyzmq.ZMQError(number, text), zmq.ZMQError(number, text)

    assert str(theirs) == str(ours)
    assert repr(theirs) == repr(ours)
    assert theirs.strerror == ours.strerror
    assert number is None or theirs.errno == ours.errno


def test_a_text_in_place_of_a_number() -> None:
    failure = zmq.ZMQError("broken")

    assert failure.errno is None
    assert str(failure) == "broken"


@pytest.mark.parametrize("name", ["Again", "ContextTerminated"])
def test_precise_errors_ignore_their_arguments(name: str) -> None:
    theirs, ours = getattr(pyzmq, name)(5, "x"), getattr(zmq, name)(5, "x")

    assert (theirs.errno, str(theirs), repr(theirs)) == (ours.errno, str(ours), repr(ours))


def test_zmqerror_is_no_oserror() -> None:
    assert not issubclass(zmq.ZMQError, OSError)
    assert issubclass(zmq.InterruptedSystemCall, InterruptedError)


def test_errors_copy_and_pickle() -> None:
    for failure in (zmq.ZMQError(zmq.EINVAL, "why"), zmq.Again(), zmq.ContextTerminated()):
        for twin in (copy.copy(failure), pickle.loads(pickle.dumps(failure))):
            assert type(twin) is type(failure)
            assert (twin.errno, str(twin)) == (failure.errno, str(failure))


def test_zmq_errno_is_the_last_of_this_thread() -> None:
    zmq.ZMQError(zmq.EFSM)
    seen = []
    thread = threading.Thread(target=lambda: seen.append(zmq.zmq_errno()))
    thread.start()
    thread.join()

    assert zmq.zmq_errno() == zmq.EFSM
    assert seen == [0]
    assert zmq.ZMQError().errno == zmq.EFSM


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (zmq.EAGAIN, zmq.Again),
        (zmq.ETERM, zmq.ContextTerminated),
        (4, zmq.InterruptedSystemCall),
        (zmq.EINVAL, zmq.ZMQError),
    ],
)
def test_check_rc_raises_the_most_precise_error(number: int, expected: type[Exception]) -> None:
    with pytest.raises(expected) as caught:
        error._check_rc(-1, number)

    assert type(caught.value) is expected
    error._check_rc(0, number)


def test_check_version() -> None:
    error._check_version((4, 3))
    with pytest.raises(zmq.ZMQVersionError, match=r"Nothing requires libzmq >= 9.1, have 4\.3\.5"):
        error._check_version((9, 1), "Nothing")


def test_versions() -> None:
    assert zmq.zmq_version_info() == (4, 3, 5)
    assert zmq.zmq_version() == "4.3.5"
    assert zmq.pyzmq_version_info() >= (27, 3, 0)
    assert zmq.pyzmq_version() == ".".join(map(str, zmq.pyzmq_version_info()))


def test_has() -> None:
    assert zmq.has("ipc")
    assert zmq.has("plain")
    assert zmq.has("curve") is bool(importlib.util.find_spec("nacl"))
    assert zmq.has("draft")
    assert zmq.DRAFT_API  # RADIO, CLIENT and the others need no switch
    assert not zmq.has("made up")
    with pytest.raises(TypeError):
        zmq.has(b"ipc")  # type: ignore[arg-type]


def test_curve_keys() -> None:
    with pytest.raises(ValueError, match="40 byte"):
        zmq.curve_public(b"short")
    pytest.importorskip("nacl")
    public, secret = zmq.curve_keypair()
    assert zmq.curve_public(secret) == public
