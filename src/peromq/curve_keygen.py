"""Make a CURVE key pair: a public and a secret key, in Z85.

Prints them as text, or with --json as a JSON object. With --secret, the public key is that of an
existing secret key.
"""

from __future__ import annotations

import argparse
import json

from .curve import curve_keypair, curve_public
from .error import ZMQError


def _main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python3 -m peromq.curve_keygen",
        description=__doc__,
        epilog="Or: python3 -m zmq.curve_keygen",
    )
    parser.add_argument("--json", action="store_true", help="print the keys as a JSON object")
    parser.add_argument("--secret", help="a secret key, to find its public key")
    options = parser.parse_args(arguments)
    try:
        if options.secret:
            public, secret = curve_public(options.secret).decode(), options.secret
        else:
            public, secret = (key.decode() for key in curve_keypair())
    except (ValueError, ZMQError) as error:
        parser.error(str(error))
    if options.json:
        print(json.dumps({"public": public, "secret": secret}, indent=1, sort_keys=True))
    else:
        print(f"== CURVE PUBLIC KEY ==\n{public}\n\n== CURVE SECRET KEY ==\n{secret}")


if __name__ == "__main__":
    _main()
