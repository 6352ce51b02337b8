"""A logging handler that publishes, and loggers whose messages have topics."""

from __future__ import annotations

import logging
from copy import copy
from typing import Any, Final

import peromq as zmq

TOPIC_DELIM: Final = "::"
"""Between a message's subtopic and its text, in what is logged."""

_WHERE = "%(levelname)s %(filename)s:%(lineno)d - %(message)s"


class PUBHandler(logging.Handler):
    """Publishes log records: a frame with the topic, a frame with the formatted text.

    interface_or_socket: a PUB socket, or an endpoint to bind a new one to. context: for a new
    socket; by default a new one. root_topic: what every topic begins with.

    The topic is the root topic, the name of the level, and the subtopic that the message began
    with, joined by dots: "app.INFO.sub" for `log.info("sub::text")`. Each level has a formatter of
    its own; INFO is the bare message, the others say where it comes from.
    """

    formatters: dict[int, logging.Formatter | None]
    ctx: zmq.Context[Any]
    socket: zmq.Socket[Any]

    def __init__(
        self,
        interface_or_socket: str | zmq.Socket[Any],
        context: zmq.Context[Any] | None = None,
        root_topic: str = "",
    ) -> None:
        super().__init__()
        self.root_topic = root_topic
        self.formatters = {
            logging.DEBUG: logging.Formatter(f"{_WHERE}\n"),
            logging.INFO: logging.Formatter("%(message)s\n"),
            logging.WARNING: logging.Formatter(f"{_WHERE}\n"),
            logging.ERROR: logging.Formatter(f"{_WHERE} - %(exc_info)s\n"),
            logging.CRITICAL: logging.Formatter(f"{_WHERE}\n"),
        }
        if isinstance(interface_or_socket, zmq.Socket):
            self.socket = interface_or_socket
            self.ctx = self.socket.context
        else:
            self.ctx = context or zmq.Context()
            self.socket = self.ctx.socket(zmq.PUB)
            self.socket.bind(interface_or_socket)

    @property
    def root_topic(self) -> str:
        """What every topic begins with; may be set to str or bytes."""
        return self._root_topic

    @root_topic.setter
    def root_topic(self, value: str | bytes) -> None:
        self.setRootTopic(value)

    def setRootTopic(self, root_topic: str | bytes) -> None:
        """Set what every topic begins with. Empty: topics begin with the level."""
        self._root_topic = root_topic.decode() if isinstance(root_topic, bytes) else root_topic

    def setFormatter(self, fmt: logging.Formatter | None, level: int = logging.NOTSET) -> None:
        """Set the formatter of a level, or of all of them."""
        for which in list(self.formatters) if level == logging.NOTSET else [level]:
            self.formatters[which] = fmt

    def format(self, record: logging.LogRecord) -> str:
        """The text of a record, by its level's formatter; levels without one have INFO's."""
        formatter = self.formatters.get(record.levelno, self.formatters.get(logging.INFO))
        return (formatter or logging.Formatter()).format(record)

    def emit(self, record: logging.LogRecord) -> None:
        """Publish a record. What its formatting raises goes to `handleError`."""
        subtopic, delimiter, text = str(record.msg).partition(TOPIC_DELIM)
        if delimiter:
            record = copy(record)  # it is for other handlers, too
            record.msg = text
        else:
            subtopic = ""
        try:
            message = self.format(record).encode()
        except Exception:
            self.handleError(record)
            return
        topic = ".".join(filter(None, (self.root_topic, record.levelname, subtopic)))
        self.socket.send_multipart([topic.encode("utf-8", "replace"), message])


class TopicLogger(logging.Logger):
    """A Logger whose methods take a topic before the message: `log.info("sub", "text %i", 1)`."""

    def log(self, level: int, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log `msg % args` with a level and a topic. kwargs: as for Logger.log."""
        super().log(level, _join(topic, msg), *args, **_from_caller(kwargs))

    def debug(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level DEBUG."""
        super().debug(_join(topic, msg), *args, **_from_caller(kwargs))

    def info(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level INFO."""
        super().info(_join(topic, msg), *args, **_from_caller(kwargs))

    def warning(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level WARNING."""
        super().warning(_join(topic, msg), *args, **_from_caller(kwargs))

    warn = warning  # type: ignore[assignment]

    def error(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level ERROR."""
        super().error(_join(topic, msg), *args, **_from_caller(kwargs))

    def exception(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level ERROR and the exception that is being handled."""
        kwargs.setdefault("exc_info", True)
        super().error(_join(topic, msg), *args, **_from_caller(kwargs))

    def critical(self, topic: str, msg: str, *args: Any, **kwargs: Any) -> None:  # type: ignore[override]
        """Log with the level CRITICAL."""
        super().critical(_join(topic, msg), *args, **_from_caller(kwargs))

    fatal = critical  # type: ignore[assignment]


def _join(topic: str, msg: str) -> str:
    return f"{topic}{TOPIC_DELIM}{msg}"


def _from_caller(kwargs: dict[str, Any]) -> dict[str, Any]:
    """%(filename)s and %(lineno)d are those of our caller."""
    return {**kwargs, "stacklevel": kwargs.get("stacklevel", 1) + 1}
