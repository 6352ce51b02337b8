"""Sockets in tornado: `zmqstream.ZMQStream` calls back, `future` has sockets to await."""

from tornado.ioloop import IOLoop

__all__ = ["IOLoop"]
