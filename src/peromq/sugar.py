"""pyzmq's name for the place of the public classes: `zmq.sugar.socket.Socket` in type hints."""

import sys

from . import attributes, backend
from . import context as context
from . import poll as poll
from . import socket as socket
from . import stopwatch as stopwatch
from . import tracker as tracker
from . import version as version

attrsettr = attributes
frame = backend

# So that `import peromq.sugar.socket` works, too, this looks like a package.
__path__: list[str] = []
for _name in ("attrsettr", "context", "frame", "poll", "socket", "stopwatch", "tracker", "version"):
    sys.modules[f"{__name__}.{_name}"] = globals()[_name]
