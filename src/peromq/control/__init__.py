"""The control plane: everything about connections before and after their traffic.

One thread per context (`control.Control`) listens, connects, shakes hands, waits and tries again;
an established connection is handed to the data plane and comes back only as news of its end. Bottom
up: `loop` and `resolver` run things, `backoff` says when to retry, `session` shakes hands on one
connection, `peer` is one token of the data plane, `accepted`/`listener` and `dialer` are the two
ways to come by a peer, `record` holds what belongs to one socket, `control` is the door.
"""

from .control import Control

__all__ = ["Control"]
