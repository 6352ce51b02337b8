from collections.abc import Sequence

DROPS: tuple[str, ...]

class PgmCarrier:
    news_fd: int
    def __init__(
        self,
        *,
        inner: int,
        out: int,
        nets: Sequence[int],
        groups: Sequence[bytes],
        port: int,
        dport: int,
        sport: int,
        gsi: bytes,
        nla: bytes,
        scope: int,
        headers: bool,
        sqns: int,
        max_tpdu: int,
        overhead: int,
        rate: float,
        max_size: int,
        max_feeds: int,
        seed: int,
    ) -> None: ...
    @property
    def ended(self) -> bool: ...
    @property
    def failing(self) -> int: ...
    @property
    def sends(self) -> bool: ...
    def stats(self) -> dict[str, int]: ...
    def losses(self) -> list[tuple[bytes, int, bytes, int]]: ...
    def move(self, *, out: int, nets: Sequence[int], nla: bytes, scope: int) -> None: ...
    def close(self) -> None: ...
    def after_fork(self) -> None: ...
