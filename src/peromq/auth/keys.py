"""The CURVE keys of a directory, as they are now."""

from __future__ import annotations

import os
import time
from typing import Any

from .certs import load_certificate

Signature = tuple[tuple[str, int, int, int], ...]

_GONE = (0, 0, 0)
_TICK = 1_000_000_000
"""Nanoseconds within which a file may be written twice and look the same: clocks are coarse."""


def _facts(path: str) -> tuple[int, int, int]:
    """What changes with a file's contents. One that just went, or a link to nowhere, has none."""
    try:
        status = os.stat(path)
    except OSError:
        return _GONE
    return status.st_mtime_ns, status.st_size, status.st_ino


class KeyDirectory:
    """The public keys in the `*.key` files of a directory, read again whenever it has changed.

    A file that cannot be read is left out, and logged; so a key is gone as soon as its file is, and
    a new one good as soon as its file is whole. An unreadable directory has no keys.
    """

    def __init__(self, path: str | os.PathLike[str], log: Any) -> None:
        self._path = path
        self._log = log
        self._signature: Signature | None = None
        self._fresh = False  # written to so recently that a change may not show
        self._keys: frozenset[bytes] = frozenset()

    def __contains__(self, key: object) -> bool:
        return key in self.keys()

    def keys(self) -> frozenset[bytes]:
        """All of them, in Z85. Looks at the directory, and reads it if it is not the same."""
        try:
            signature = self._sign()
        except OSError as error:
            if self._signature != ():
                self._log.error("Failed to load CURVE certs from %s: %s", self._path, error)
            self._signature, self._keys = (), frozenset()
            return self._keys
        changed = signature != self._signature
        if changed or self._fresh:
            newest = max((mtime for _, mtime, *_ in signature), default=0)
            self._fresh = newest > time.time_ns() - _TICK
            self._keys = frozenset(self._read([path for path, *_ in signature], tell=changed))
            self._signature = signature
        return self._keys

    def _sign(self) -> Signature:
        with os.scandir(self._path) as entries:
            paths = sorted(entry.path for entry in entries if entry.name.endswith(".key"))
        return tuple((path, *_facts(path)) for path in paths)

    def _read(self, paths: list[str], tell: bool) -> list[bytes]:
        keys = []
        for path in paths:
            try:
                if not os.path.isfile(path):  # opening a named pipe would wait for its other end
                    raise OSError(f"Invalid certificate file: {path}")
                keys.append(load_certificate(path)[0])
            except (OSError, ValueError) as error:
                if tell:
                    self._log.error("Failed to load CURVE cert: %s", error)
        return keys
