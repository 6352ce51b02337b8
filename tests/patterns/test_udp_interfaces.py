"""Multicast over an interface that has it, in a network namespace of the test's own.

The loopback interface brings back everything, MULTICAST_LOOP or not, and has no IPv6 multicast.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from tests.helpers import AGAINST_LIBZMQ

pytestmark = [
    pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq's wheel has no udp"),
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a network namespace"),
    pytest.mark.skipif(shutil.which("ip") is None, reason="not installed: ip"),
    pytest.mark.no_sanitizer,
]

SETUP = """
    import ctypes
    import subprocess
    import sys

    NEW_NETWORK = 0x40000000
    if ctypes.CDLL(None).unshare(NEW_NETWORK):
        print("no namespaces")
        sys.exit()
    for command in (
        "link set lo up",
        "link add net0 type veth peer name net1",
        "link set net1 up",
        "link set net0 up multicast on",
        "address add 10.1.1.1/24 dev net0",
        "address add fd00:1::1/64 dev net0 nodad",
    ):
        if subprocess.run(["ip", *command.split()], capture_output=True).returncode:
            print("no veth interface")
            sys.exit()

    import peromq as zmq

    def socket(kind, **options):
        made = context.socket(kind)
        for name, value in {"linger": 0, "rcvtimeo": 5000, "ipv6": 1, **options}.items():
            made.set(getattr(zmq, name.upper()), value)
        return made

    def pair(endpoint, **options):
        dish = socket(zmq.DISH)
        dish.bind(endpoint)
        dish.join("g")
        radio = socket(zmq.RADIO, **options)
        radio.connect(dish.last_endpoint.decode())
        return radio, dish

    context = zmq.Context()
"""


def run_in_namespace(program: str) -> str:
    code = textwrap.dedent(SETUP) + textwrap.dedent(program) + "\ncontext.destroy(linger=0)\n"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    if done.stdout.startswith("no "):
        pytest.skip(done.stdout.strip())
    return done.stdout


def test_an_interface() -> None:
    program = """
    for endpoint in (
        "udp://net0;239.1.2.3:*",
        "udp://10.1.1.1;239.1.2.3:*",
        "udp://net0;[ff02::1234]:*",
        "udp://[ff02::1234%net0]:*",
        "udp://net0:*",
    ):
        radio, dish = pair(endpoint)
        radio.send(endpoint.encode(), group="g")
        print(dish.recv().decode() == endpoint)
        radio.close()
        dish.close()
    """
    assert run_in_namespace(program) == "True\n" * 5


def test_without_loop_nobody_here_hears() -> None:
    program = """
    for endpoint in ("udp://net0;239.1.2.3:*", "udp://net0;[ff02::1234]:*"):
        mute, dish = pair(endpoint, multicast_loop=0)
        mute.send(b"not heard", group="g")
        while mute.datagram_counts()[2] < 1:
            pass
        radio = socket(zmq.RADIO)
        radio.connect(dish.last_endpoint.decode())
        radio.send(b"heard", group="g")
        print(dish.recv().decode())
        for made in (mute, dish, radio):
            made.close()
    """
    assert run_in_namespace(program) == "heard\n" * 2


def test_bindtodevice() -> None:
    program = """
    hears = socket(zmq.DISH, bindtodevice=b"lo", ipv6=0)
    hears.bind("udp://*:*")
    port = int(hears.last_endpoint.rpartition(b":")[2])
    deaf = socket(zmq.DISH, bindtodevice=b"net1", ipv6=0)
    deaf.bind(f"udp://*:{port}")
    hears.join("g")
    deaf.join("g")
    radio = socket(zmq.RADIO)
    radio.connect(f"udp://127.0.0.1:{port}")
    radio.send(b"hello", group="g")
    print(hears.recv().decode(), deaf.poll(50))
    """
    assert run_in_namespace(program) == "hello 0\n"
