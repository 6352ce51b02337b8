"""`peromq keygen NAME`: a CURVE key pair, in certificate files."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

import peromq as zmq

from ..auth.certs import create_certificates, load_certificate


def add_parser(commands: Any) -> argparse.ArgumentParser:
    """The parser of this command, among the `commands` of another."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "keygen",
        help="make a CURVE key pair, in certificate files",
        description="Make a CURVE key pair. NAME.key has the public key: give it to those who are "
        "to know you. NAME.key_secret has both, is readable to you alone, and never leaves here. "
        "Prints the paths and the public key, and never the secret one.",
    )
    parser.add_argument(
        "name", metavar="NAME", type=_name, help="of the files, without their endings"
    )
    parser.add_argument(
        "-d", "--directory", default=".", help="where they go; made (mode 0700) if it is not there"
    )
    parser.add_argument(
        "-m",
        "--metadata",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        type=_pair,
        help="a line for the secret file; may be repeated",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files that are there, with their keys",
    )
    return parser


def keygen(options: argparse.Namespace) -> int:
    """Make and write the keys. Returns the exit code: 1 if it failed, and says why."""
    try:
        os.makedirs(options.directory, mode=0o700, exist_ok=True)
        public_file, secret_file = create_certificates(
            options.directory,
            options.name,
            dict(options.metadata),
            overwrite=options.overwrite,
        )
        public, _ = load_certificate(public_file)
    except FileExistsError as error:
        return _complain(f"{error.filename} exists; it is kept (--overwrite replaces it)")
    except (OSError, ValueError, zmq.ZMQError) as error:
        return _complain(str(error))
    print(f"{public_file}\n{secret_file}\npublic key: {public.decode()}")
    return 0


def _complain(why: str) -> int:
    print(f"peromq keygen: {why}", file=sys.stderr)
    return 1


def _name(text: str) -> str:
    if os.path.basename(text) != text or text in ("", ".", ".."):
        raise argparse.ArgumentTypeError("not the name of a file")
    return text


def _pair(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or "\n" in text:
        raise argparse.ArgumentTypeError("wanted KEY=VALUE on one line")
    return key.strip(), value.strip()
