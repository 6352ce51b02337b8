"""Devices: proxies that make their sockets where they run."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
import textwrap
from typing import Any

import pytest

from tests.helpers import AGAINST_LIBZMQ, LIB, TIMEOUT, wait_until, zmq

devices: Any = importlib.import_module(f"{LIB}.devices")

TCP = "tcp://127.0.0.1"


@pytest.fixture
def launch(ctx: Any, sock: Any, background: Any) -> Any:
    """Start a device in the test's context, by which it ends."""

    def start(device: Any) -> Any:
        device.context_factory = lambda: ctx
        for option in ("setsockopt_in", "setsockopt_out", "setsockopt_mon", "setsockopt_ctrl"):
            if hasattr(device, option):
                getattr(device, option)(zmq.LINGER, 0)
        device.start()
        background.threads.append(device.launcher)
        return device

    return start


def test_attributes() -> None:
    device = devices.Device(zmq.FORWARDER, zmq.SUB, zmq.PUB)
    assert (device.device_type, device.in_type, device.out_type) == (
        zmq.FORWARDER,
        zmq.SUB,
        zmq.PUB,
    )
    assert device.daemon is True
    assert device.done is False
    assert devices.Device.context_factory == zmq.Context.instance
    assert devices.ThreadDevice.context_factory == zmq.Context.instance
    assert devices.ProcessDevice.context_factory is zmq.Context


@pytest.mark.parametrize("types", [{}, {"in_type": 1}, {"out_type": 1}])
def test_types_must_be_given(types: dict[str, int]) -> None:
    with pytest.raises(TypeError):
        devices.Device(zmq.QUEUE, **types)


def test_random_ports_are_different() -> None:
    device = devices.ThreadProxy(zmq.PULL, zmq.PUSH, zmq.PUB)
    ports = {
        make(TCP, min_port=30100, max_port=30200)
        for make in (
            device.bind_in_to_random_port,
            device.bind_out_to_random_port,
            device.bind_mon_to_random_port,
        )
    }
    assert len(ports) == 3
    assert ports <= set(range(30100, 30200))


def test_no_random_port_left() -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.bind_in_to_random_port(TCP, min_port=30300, max_port=30301)
    with pytest.raises(zmq.ZMQBindError):
        device.bind_out_to_random_port(TCP, min_port=30300, max_port=30301)


def test_one_socket_as_both_ends(sock: Any, launch: Any) -> None:
    device = devices.ThreadDevice(zmq.QUEUE, zmq.REP, -1)
    port = device.bind_out_to_random_port(TCP)
    launch(device)
    req = sock("REQ", connect=f"{TCP}:{port}")
    req.send(b"hello")
    assert req.recv() == b"hello"


def test_proxy(sock: Any, launch: Any, background: Any) -> None:
    device = devices.ThreadProxy(zmq.PULL, zmq.PUSH, zmq.PUSH)
    source, sink, seen = (
        sock(kind, connect=f"{TCP}:{bind(TCP)}")
        for kind, bind in (
            ("PUSH", device.bind_in_to_random_port),
            ("PULL", device.bind_out_to_random_port),
            ("PULL", device.bind_mon_to_random_port),
        )
    )
    launch(device)
    source.send(b"x")
    assert sink.recv() == seen.recv() == b"x"
    assert device.launcher.daemon
    assert not device.done
    sock.close()
    background.end()
    device.join(timeout=TIMEOUT)
    assert device.done


def test_options_come_before_endpoints(sock: Any, launch: Any) -> None:
    listener = sock("ROUTER", bind="inproc://listener")
    device = devices.ThreadDevice(zmq.QUEUE, zmq.DEALER, zmq.DEALER)
    device.connect_in("inproc://listener")
    device.connect_out("inproc://listener")
    device.setsockopt_in(zmq.ROUTING_ID, b"in")
    device.setsockopt_out(zmq.ROUTING_ID, b"out")
    launch(device)
    wait_until(lambda: len(getattr(device, "_sockets", ())) == 2)
    listener.setsockopt(zmq.ROUTER_MANDATORY, 1)

    def reached(peer: bytes) -> bool:
        try:
            listener.send_multipart([peer, b"x"])
        except zmq.ZMQError:
            return False
        return True

    wait_until(lambda: reached(b"in"))
    assert listener.recv_multipart() == [b"out", b"x"]


def test_monitored_queue(sock: Any, launch: Any) -> None:
    device = devices.ThreadMonitoredQueue(zmq.PAIR, zmq.PAIR, zmq.PUSH, b"to", b"fro")
    alice, bob, seen = (sock(kind, bind="tcp://127.0.0.1:*") for kind in ("PAIR", "PAIR", "PULL"))
    for connect, peer in (
        (device.connect_in, alice),
        (device.connect_out, bob),
        (device.connect_mon, seen),
    ):
        connect(peer.getsockopt(zmq.LAST_ENDPOINT).decode())
    launch(device)
    alice.send(b"x")
    assert bob.recv() == b"x"
    assert seen.recv_multipart() == [b"to", b"x"]
    bob.send(b"y")
    assert seen.recv_multipart() == [b"fro", b"y"]


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="libzmq 4.3.5 has no proxy_steerable")
def test_steerable_proxy(sock: Any, launch: Any) -> None:
    device = devices.ThreadProxySteerable(zmq.PULL, zmq.PUSH, zmq.PUB, zmq.PAIR)
    source = sock("PUSH", connect=f"{TCP}:{device.bind_in_to_random_port(TCP)}")
    sink = sock("PULL", connect=f"{TCP}:{device.bind_out_to_random_port(TCP)}")
    control = sock("PAIR", connect=f"{TCP}:{device.bind_ctrl_to_random_port(TCP)}")
    launch(device)
    source.send(b"x")
    assert sink.recv() == b"x"
    control.send(b"TERMINATE")
    device.join(timeout=TIMEOUT)
    assert device.done


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="pyzmq's error comes from socket(None)")
def test_a_control_type_must_be_given(ctx: Any) -> None:
    device = devices.ProxySteerable(zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: ctx
    with pytest.raises(TypeError, match="ctrl_type"):
        device.start()
    assert device.done


def test_errors_are_not_silent(ctx: Any) -> None:
    device = devices.Device(zmq.QUEUE, zmq.PULL, zmq.PUSH)
    device.context_factory = lambda: ctx
    device.bind_in("tcp://")
    with pytest.raises(zmq.ZMQError):
        device.start()
    assert device.done
    device.join()


PROCESS = """
    import {lib} as zmq
    from {lib}.devices import ProcessProxy
    if __name__ == "__main__":
        device = ProcessProxy(zmq.PULL, zmq.PUSH)
        front = device.bind_in_to_random_port("tcp://127.0.0.1")
        back = device.bind_out_to_random_port("tcp://127.0.0.1")
        device.start()
        with zmq.Context() as context:
            with context.socket(zmq.PUSH) as push, context.socket(zmq.PULL) as pull:
                push.connect(f"tcp://127.0.0.1:{{front}}")
                pull.connect(f"tcp://127.0.0.1:{{back}}")
                push.send(b"through another process")
                print(pull.recv().decode())
        device.launcher.terminate()
        device.join(timeout=10)
        print(device.launcher.is_alive())
"""


@pytest.mark.no_sanitizer
def test_a_process_of_its_own() -> None:
    """In a script: multiprocessing keeps descriptors for the process that uses it."""
    script = textwrap.dedent(PROCESS.format(lib=LIB))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout.splitlines() == ["through another process", "False"], done.stderr


@pytest.mark.skipif(AGAINST_LIBZMQ, reason="compares the two")
def test_signatures_are_those_of_pyzmq() -> None:
    theirs = importlib.import_module("zmq.devices")
    for name in theirs.__all__:
        assert name in devices.__all__
        mine, other = getattr(devices, name), getattr(theirs, name)
        if not inspect.isclass(other):
            continue
        assert parameters(mine) == parameters(other)
        for method in (n for n in dir(other) if not n.startswith("_")):
            assert hasattr(mine, method), f"{name}.{method}"


def parameters(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults."""
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, p.default) for p in found]
