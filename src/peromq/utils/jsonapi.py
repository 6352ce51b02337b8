"""JSON as UTF-8 bytes."""

from __future__ import annotations

import json
from typing import Any

jsonmod = json
"""The JSON library in use; always the standard one."""


def dumps(o: object, **kwargs: Any) -> bytes:
    """An object as JSON. `kwargs` go to json.dumps."""
    return json.dumps(o, **kwargs).encode()


def loads(s: bytes | str, **kwargs: Any) -> Any:
    """The object that JSON stands for. `kwargs` go to json.loads."""
    return json.loads(s.decode() if isinstance(s, bytes) else s, **kwargs)


__all__ = ["dumps", "loads"]
