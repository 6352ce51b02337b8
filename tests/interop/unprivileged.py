"""Opens a pgm endpoint without CAP_NET_RAW: prints the errno, and whether the text names a cure."""

import os

import peromq
import peromq.control.control  # now: the standard library may be where only root reads

os.setgid(65534)
os.setuid(65534)
context = peromq.Context()
sock = context.socket(peromq.PUB)
try:
    sock.bind("pgm://net0;239.192.7.1:7500")
except peromq.ZMQError as failure:
    print(failure.errno, "CAP_NET_RAW" in str(failure), "epgm://" in str(failure), flush=True)
sock.close()
context.term()
