"""Which socket types may talk to each other (RFC 28 to 31; drafts 41, 48, 49, 51, 52).

Both ends check. Names are those of the Socket-Type property and are compared case-sensitively.
STREAM is missing because it does not speak ZMTP.
"""

from collections.abc import Mapping

COMPATIBLE: Mapping[str, frozenset[str]] = {
    "REQ": frozenset({"REP", "ROUTER"}),
    "REP": frozenset({"REQ", "DEALER"}),
    "DEALER": frozenset({"REP", "DEALER", "ROUTER"}),
    "ROUTER": frozenset({"REQ", "DEALER", "ROUTER"}),
    "PUB": frozenset({"SUB", "XSUB"}),
    "XPUB": frozenset({"SUB", "XSUB"}),
    "SUB": frozenset({"PUB", "XPUB"}),
    "XSUB": frozenset({"PUB", "XPUB"}),
    "PUSH": frozenset({"PULL"}),
    "PULL": frozenset({"PUSH"}),
    "PAIR": frozenset({"PAIR"}),
    "CLIENT": frozenset({"SERVER"}),
    "SERVER": frozenset({"CLIENT"}),
    "RADIO": frozenset({"DISH"}),
    "DISH": frozenset({"RADIO"}),
    "SCATTER": frozenset({"GATHER"}),
    "GATHER": frozenset({"SCATTER"}),
    "PEER": frozenset({"PEER"}),
    "CHANNEL": frozenset({"CHANNEL"}),
    "DGRAM": frozenset({"DGRAM"}),
}

ANNOUNCES_ROUTING_ID = frozenset({"REQ", "DEALER", "ROUTER"})
"""Types whose metadata carries the Identity property, even when it is empty."""
