"""Deprecated, as in pyzmq: tornado's own `IOLoop` serves sockets. Use `tornado.ioloop`."""

import warnings

import tornado.ioloop
from tornado.ioloop import IOLoop, PeriodicCallback

ZMQIOLoop = IOLoop


def _warn() -> None:
    warnings.warn(
        "eventloop.ioloop is deprecated: sockets work with tornado's own loop, use tornado.ioloop",
        DeprecationWarning,
        stacklevel=3,
    )


def install() -> None:
    """Deprecated: does nothing, tornado's loop needs nothing."""
    _warn()


def __getattr__(name: str) -> object:
    """Whatever else tornado.ioloop has."""
    return getattr(tornado.ioloop, name)


_warn()

__all__ = ["IOLoop", "PeriodicCallback", "ZMQIOLoop", "install"]
