"""The captured octets of tests/data/zmtp_mechanisms.json, decoded."""

import json
from pathlib import Path

_DATA = json.loads(
    (Path(__file__).parents[1] / "data" / "zmtp_mechanisms.json").read_text(encoding="ascii")
)

WIRE = {name: bytes.fromhex(octets) for name, octets in _DATA["wire"].items()}


def keys(name: str) -> dict[str, bytes]:
    """The keys of "curve" (libzmq is the client) or "curves" (it is the server)."""
    return {
        key: bytes.fromhex(value)
        for key, value in _DATA[f"{name}_keys"].items()
        if not key.endswith("z85")
    }
