"""Calls that concern several sockets."""

from peromq._core.handles import SocketCore

def poll_cores(
    items: list[tuple[SocketCore | int, int]], timeout_ms: int
) -> list[tuple[int, int]]: ...
def proxy_cores(frontend: SocketCore, backend: SocketCore, capture: SocketCore | None) -> None: ...
