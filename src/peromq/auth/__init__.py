"""Who may connect: ZAP authentication (RFC 27) and CURVE certificates.

The authenticators: `auth.thread.ThreadAuthenticator`, `auth.asyncio.AsyncioAuthenticator`.
"""

from .base import CURVE_ALLOW_ANY, Authenticator
from .certs import create_certificates, load_certificate, load_certificates
from .request import Request, Verdict

__all__ = [
    "CURVE_ALLOW_ANY",
    "Authenticator",
    "Request",
    "Verdict",
    "create_certificates",
    "load_certificate",
    "load_certificates",
]
