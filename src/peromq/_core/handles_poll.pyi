"""Calls that concern several sockets."""

from peromq._core.handles import SocketCore

def poll_cores(
    items: list[tuple[SocketCore | int, int]], timeout_ms: int, blocked: list[int] | None = None
) -> list[tuple[int, int]]: ...

class Proxy:
    def __init__(
        self,
        frontend: SocketCore,
        backend: SocketCore,
        capture: SocketCore | None = None,
        control: SocketCore | None = None,
        prefixes: tuple[bytes, bytes] | None = None,
        interruptible: bool = False,
    ) -> None: ...
    def run(self) -> None: ...
    def counts(self) -> tuple[int, ...]: ...
