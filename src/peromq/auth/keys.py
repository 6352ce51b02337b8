"""The CURVE keys of a directory, as they are now."""

from __future__ import annotations

import os
from typing import Any

from .certs import load_certificate

Signature = tuple[tuple[str, int, int, int], ...]


class KeyDirectory:
    """The public keys in the `*.key` files of a directory, read again whenever it has changed.

    A file that cannot be read is left out, and logged; so a key is gone as soon as its file is, and
    a new one good as soon as its file is whole. An unreadable directory has no keys.
    """

    def __init__(self, path: str | os.PathLike[str], log: Any) -> None:
        self._path = path
        self._log = log
        self._signature: Signature | None = None
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
        if signature != self._signature:
            self._keys = frozenset(self._read(name for name, *_ in signature))
            self._signature = signature
        return self._keys

    def _sign(self) -> Signature:
        found = []
        with os.scandir(self._path) as entries:
            for entry in entries:
                if entry.name.endswith(".key"):
                    status = os.stat(entry.path)
                    facts = (entry.path, status.st_mtime_ns, status.st_size, status.st_ino)
                    found.append(facts)
        return tuple(sorted(found))

    def _read(self, paths: Any) -> list[bytes]:
        keys = []
        for path in paths:
            try:
                keys.append(load_certificate(path)[0])
            except (OSError, ValueError) as error:
                self._log.error("Failed to load CURVE cert: %s", error)
        return keys
