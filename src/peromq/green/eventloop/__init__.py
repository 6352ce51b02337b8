"""pyzmq's places for tornado's loop under gevent."""

from .ioloop import IOLoop

__all__ = ["IOLoop"]
