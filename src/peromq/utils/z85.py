"""Z85 (RFC 32): 4 octets as 5 printable characters. The text form of CURVE keys."""

from ..z85 import Z85CHARS as Z85CHARS
from ..z85 import Z85MAP as Z85MAP
from ..z85 import decode as decode
from ..z85 import encode as encode
