"""pyzmq's name for the place of the public classes: `zmq.sugar.socket.Socket` in type hints."""

from . import context as context
from . import poll as poll
from . import socket as socket
from . import stopwatch as stopwatch
from . import tracker as tracker
from . import version as version
