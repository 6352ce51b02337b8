"""CURVE certificates: files with a key pair, in CZMQ's format."""

from __future__ import annotations

import os
import secrets
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

_PUBLIC_MODE = 0o666  # less umask
_SECRET_MODE = 0o600


def create_certificates(
    key_dir: str | os.PathLike[str],
    name: str,
    metadata: Mapping[str, str] | None = None,
    *,
    overwrite: bool = True,
) -> tuple[str, str]:
    """Make a key pair, and write `name.key` (public) and `name.key_secret` (both keys).

    Returns the two paths. Nobody but the owner can read the secret file at any moment (mode 0600
    from its creation on). metadata goes into it as well. Files that are there are replaced, whole;
    with overwrite=False (our addition) they are kept: FileExistsError. Raises OSError, and
    ZMQError (ENOTSUP) without CURVE.
    """
    base = os.path.join(key_dir, name)
    public_file, secret_file = f"{base}.key", f"{base}.key_secret"
    public, secret = (key.decode() for key in zmq.curve_keypair())
    now = datetime.now()
    texts = {
        secret_file: _SECRET_HEAD.format(now=now) + _sections(metadata or {}, public, secret),
        public_file: _PUBLIC_HEAD.format(now=now) + _sections({}, public),
    }
    if overwrite:
        for path, text in texts.items():
            _replace(path, text)
        return public_file, secret_file
    made: list[str] = []
    try:
        for path, text in texts.items():
            _create(path, text, made)
    except BaseException:
        for path in made:  # not half a pair
            os.unlink(path)
        raise
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


def _create(path: str, text: str, made: list[str]) -> None:
    """Write a new file (FileExistsError); `made` has its path from when it exists."""
    secret = path.endswith("_secret")
    mode = _SECRET_MODE if secret else _PUBLIC_MODE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    made.append(path)
    with open(descriptor, "w", encoding="utf-8") as file:
        if secret:
            os.fchmod(descriptor, mode)  # whatever the umask takes from the owner
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def _replace(path: str, text: str) -> None:
    """Put a new file in the place of whatever is there.

    Whoever has the old one open goes on reading the old one; a link there is replaced, not
    followed.
    """
    suffix = "_secret" if path.endswith("_secret") else ""
    made: list[str] = []
    temporary = f"{path}.{secrets.token_hex(8)}{suffix}"
    try:
        _create(temporary, text, made)
        os.replace(temporary, path)
    except BaseException:
        for left in made:
            os.unlink(left)
        raise


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
            keys[name.strip()] = value.strip(b" \t'\"")  # metadata of that name stand before
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
