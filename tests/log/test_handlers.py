"""PUBHandler: log records as messages. TopicLogger: loggers with topics."""

from __future__ import annotations

import importlib
import inspect
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.helpers import (
    AGAINST_LIBZMQ,
    LIB,
    differs_from_libzmq,
    subscription_arrives,
    zmq,
)

handlers: Any = importlib.import_module(f"{LIB}.log.handlers")


class Published:
    """A logger and who hears it."""

    def __init__(self, sock: Any) -> None:
        pub = sock("PUB", bind="inproc://log")
        self.sub = sock("SUB", connect="inproc://log")
        self.sub.subscribe(b"")
        subscription_arrives(pub, self.sub)
        self.handler = handlers.PUBHandler(pub)
        self.logger = logging.Logger("tests", logging.DEBUG)
        self.logger.addHandler(self.handler)

    def next(self) -> tuple[str, str]:
        topic, text = self.sub.recv_multipart()
        return topic.decode(), text.decode()


@pytest.fixture
def log(sock: Any) -> Iterator[Published]:
    published = Published(sock)
    yield published
    published.logger.removeHandler(published.handler)


def test_topics(log: Published) -> None:
    log.logger.info("plain %i", 1)
    assert log.next() == ("INFO", "plain 1\n")
    log.handler.root_topic = "app"
    log.logger.info("a.b::text::more %s", "ü")
    assert log.next() == ("app.INFO.a.b", "text::more ü\n")
    log.handler.setRootTopic(b"raw")
    assert log.handler.root_topic == "raw"
    log.logger.info("tøpic::x")
    assert log.next() == ("raw.INFO.tøpic", "x\n")


def test_what_is_logged_may_be_anything(log: Published) -> None:
    log.logger.info(42)
    assert log.next() == ("INFO", "42\n")


def test_the_record_stays_as_it_was(log: Published) -> None:
    record = logging.makeLogRecord({"msg": "topic::text", "levelno": 20, "levelname": "INFO"})
    log.handler.emit(record)
    assert log.next() == ("INFO.topic", "text\n")
    assert record.msg == "topic::text"


def test_formats_by_level(log: Published) -> None:
    for level, text in (
        (logging.DEBUG, "DEBUG test_handlers.py"),
        (logging.WARNING, "WARNING test_handlers.py"),
        (logging.ERROR, "ERROR test_handlers.py"),
        (logging.CRITICAL, "CRITICAL test_handlers.py"),
    ):
        log.logger.log(level, "message")
        topic, received = log.next()
        assert topic == logging.getLevelName(level)
        assert received.startswith(text)
        assert "message" in received
    log.handler.setFormatter(logging.Formatter("all: %(message)s"))
    log.handler.setFormatter(logging.Formatter("one: %(message)s"), logging.INFO)
    log.logger.info("x")
    log.logger.debug("y")
    assert [log.next()[1], log.next()[1]] == ["one: x", "all: y"]


@differs_from_libzmq
def test_levels_of_the_users_own(log: Published) -> None:
    """pyzmq has no formatter for them: an error on stderr, and no message."""
    log.logger.log(25, "x")
    assert log.next() == ("Level 25", "x\n")


def test_what_cannot_be_formatted(
    log: Published, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", True)
    log.logger.info("%i", "no number")
    log.logger.info("next")
    assert log.next() == ("INFO", "next\n")
    assert "Logging error" in capsys.readouterr().err


def test_an_endpoint_instead_of_a_socket(ctx: Any, sock: Any) -> None:
    handler = handlers.PUBHandler("inproc://own", ctx, root_topic="root")
    assert handler.ctx is ctx
    assert handler.socket.type == zmq.PUB
    sub = sock("SUB", connect="inproc://own")
    sub.subscribe(b"root")
    subscription_arrives(handler.socket, sub)
    handler.handle(logging.makeLogRecord({"msg": "x", "levelno": 20, "levelname": "INFO"}))
    assert sub.recv_multipart() == [b"root.INFO", b"x\n"]
    handler.socket.close()
    handler = handlers.PUBHandler("inproc://own")
    assert handler.ctx is not ctx
    handler.ctx.destroy()


LEVELS = ["debug", "info", "warning", "error", "critical", "fatal"]


@differs_from_libzmq
def test_topic_loggers(log: Published) -> None:
    """In pyzmq all methods log with the level of the last one."""
    logger = handlers.TopicLogger("tests", logging.DEBUG)
    logger.addHandler(log.handler)
    log.handler.setFormatter(logging.Formatter("%(filename)s %(message)s"))
    for name in LEVELS:
        getattr(logger, name)("sub", "text %i", 1)
        level = "CRITICAL" if name == "fatal" else name.upper()
        assert log.next() == (f"{level}.sub", "test_handlers.py text 1")
    logger.log(logging.INFO, "sub", "text %i", 2)
    assert log.next() == ("INFO.sub", "test_handlers.py text 2")
    try:
        raise KeyError("what happened")
    except KeyError:
        logger.exception("sub", "it failed")
    topic, text = log.next()
    assert topic == "ERROR.sub"
    assert text.startswith("test_handlers.py it failed\nTraceback")
    assert text.endswith("KeyError: 'what happened'")


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="compares the two")
def test_signatures_are_those_of_pyzmq() -> None:
    theirs = importlib.import_module("zmq.log.handlers")
    assert handlers.TOPIC_DELIM == theirs.TOPIC_DELIM
    names = ["__init__", "setRootTopic", "setFormatter", "format", "emit"]
    for name in names:
        mine, other = (
            [(p.name, p.default) for p in inspect.signature(f).parameters.values()]
            for f in (getattr(handlers.PUBHandler, name), getattr(theirs.PUBHandler, name))
        )
        assert mine == other, name
