"""A proxy between any two sockets, ROUTERs included, whose monitor learns the direction."""

from peromq.forward import monitored_queue

__all__ = ["monitored_queue"]
