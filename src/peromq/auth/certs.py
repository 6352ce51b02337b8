"""CURVE certificates: files with a key pair, in CZMQ's format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import peromq as zmq

_PUBLIC_HEAD = """\
#   ****  Generated on {now} by PeroMQ  ****
#   ZeroMQ CURVE Public Certificate
#   Anybody may have it, but whoever gets it should make sure that it is yours.

"""
_SECRET_HEAD = """\
#   ****  Generated on {now} by PeroMQ  ****
#   ZeroMQ CURVE **Secret** Certificate
#   Nobody else may read this file.

"""


def create_certificates(
    key_dir: str | os.PathLike[str], name: str, metadata: Mapping[str, str] | None = None
) -> tuple[str, str]:
    """Make a key pair, and write `name.key` (public) and `name.key_secret` (both keys).

    Returns the two paths. Only the owner may read the secret file (mode 0600). metadata goes into
    it as well. Raises OSError, and ZMQError (ENOTSUP) without CURVE.
    """
    public, secret = (key.decode() for key in zmq.curve_keypair())
    base = os.path.join(key_dir, name)
    public_file, secret_file = f"{base}.key", f"{base}.key_secret"
    now = datetime.now()
    _write(public_file, 0o666, _PUBLIC_HEAD.format(now=now) + _sections({}, public))
    _write(
        secret_file,
        0o600,
        _SECRET_HEAD.format(now=now) + _sections(metadata or {}, public, secret),
    )
    return public_file, secret_file


def _sections(metadata: Mapping[str, str], public: str, secret: str | None = None) -> str:
    lines = ["metadata"]
    lines += [f"    {_text(key)} = {_text(value)}" for key, value in metadata.items()]
    lines += ["curve", f'    public-key = "{public}"']
    if secret is not None:
        lines.append(f'    secret-key = "{secret}"')
    return "\n".join(lines) + "\n"


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _write(path: str, mode: int, text: str) -> None:
    """Write a file that never was readable to more than `mode` (less umask) says."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w", encoding="utf-8") as file:
        if mode == 0o600 and hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)  # it may have been there, with another mode
        file.write(text)


def load_certificate(filename: str | os.PathLike[str]) -> tuple[bytes, bytes | None]:
    """The (public, secret) keys in a certificate file; secret is None in a public one.

    Raises OSError if it cannot be read, ValueError if it holds no public key.
    """
    path = Path(filename)
    if not path.exists():
        raise OSError(f"Invalid certificate file: {filename}")
    keys: dict[bytes, bytes] = {}
    for line in path.read_bytes().splitlines():
        name, equals, value = line.partition(b"=")
        if equals and name.strip() in (b"public-key", b"secret-key"):
            keys.setdefault(name.strip(), value.strip(b" \t'\""))
    if b"public-key" not in keys:
        raise ValueError(f"No public key found in {filename}")
    return keys[b"public-key"], keys.get(b"secret-key")


def load_certificates(directory: str | os.PathLike[str] = ".") -> dict[bytes, bool]:
    """The public keys in all `*.key` files of a directory, as keys of a dict.

    Raises OSError if it is no directory, and what `load_certificate` raises.
    """
    if not os.path.isdir(directory):
        raise OSError(f"Invalid certificate directory: {directory}")
    return {load_certificate(path)[0]: True for path in sorted(Path(directory).glob("*.key"))}


__all__ = ["create_certificates", "load_certificate", "load_certificates"]
