"""`ZMQStream` for green sockets: the same, they look like plain ones to it."""

from ...eventloop.zmqstream import ZMQStream

__all__ = ["ZMQStream"]
