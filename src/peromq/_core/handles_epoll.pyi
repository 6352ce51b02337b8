"""The control thread's epoll, which keeps the GIL as long as it does not sleep."""

class Epoll:
    """Level-triggered interest in descriptors. `wake` is for any thread, all else for one.

    Raises OSError.
    """

    def register(self, descriptor: int, events: int) -> None: ...
    def modify(self, descriptor: int, events: int) -> None: ...
    def unregister(self, descriptor: int) -> None: ...
    def wake(self) -> None:
        """`poll` returns soon, if it sleeps, or the next time."""

    def poll(self, milliseconds: int) -> list[int]:
        """Which are ready, 64 at the most; -1: wait for one. A signal may end it earlier."""

    def close(self) -> None:
        """Idempotent."""
