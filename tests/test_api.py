"""Every public name of pyzmq is ours as well, with the same signature.

ACCEPTED lists the differences, with the reasons. What pyzmq takes, we take: more parameters that
have defaults are no difference.
"""

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("zmq")

MODULES = [
    "zmq",
    "zmq.asyncio",
    "zmq.auth",
    "zmq.auth.asyncio",
    "zmq.auth.certs",
    "zmq.auth.ioloop",
    "zmq.auth.thread",
    "zmq.backend",
    "zmq.constants",
    "zmq.curve_keygen",
    "zmq.decorators",
    "zmq.devices",
    "zmq.devices.basedevice",
    "zmq.devices.monitoredqueue",
    "zmq.devices.monitoredqueuedevice",
    "zmq.devices.proxydevice",
    "zmq.devices.proxysteerabledevice",
    "zmq.error",
    "zmq.eventloop",
    "zmq.eventloop.future",
    "zmq.eventloop.ioloop",
    "zmq.eventloop.zmqstream",
    "zmq.green",
    "zmq.green.core",
    "zmq.green.device",
    "zmq.green.poll",
    "zmq.green.eventloop",
    "zmq.green.eventloop.ioloop",
    "zmq.green.eventloop.zmqstream",
    "zmq.log",
    "zmq.log.handlers",
    "zmq.ssh",
    "zmq.ssh.forward",
    "zmq.ssh.tunnel",
    "zmq.sugar",
    "zmq.sugar.attrsettr",
    "zmq.sugar.context",
    "zmq.sugar.frame",
    "zmq.sugar.poll",
    "zmq.sugar.socket",
    "zmq.sugar.stopwatch",
    "zmq.sugar.tracker",
    "zmq.sugar.version",
    "zmq.utils",
    "zmq.utils.garbage",
    "zmq.utils.interop",
    "zmq.utils.jsonapi",
    "zmq.utils.monitor",
    "zmq.utils.strtypes",
    "zmq.utils.win32",
    "zmq.utils.z85",
]

NEEDS = {"zmq.green": "gevent", "zmq.eventloop": "tornado", "zmq.auth.ioloop": "tornado"}

PLACES = {"sugar.attrsettr": "attributes", "sugar.frame": "backend"}

SPECIAL = {"__init__", "__enter__", "__exit__", "__iter__", "__copy__", "__getitem__"}

ACCEPTED = {
    "Context.__exit__": "called by `with`, with three arguments by place",
    "Socket.__exit__": "called by `with`, with three arguments by place",
    "zmq.backend.Context.__init__": "pyzmq's is (*args, **kwargs), for subclasses",
    "zmq.asyncio.Socket.__init__": "pyzmq's is of its wrapper; both take a context and a type",
    "zmq.asyncio.Socket.get": "pyzmq names the option `key` here, and `option` in zmq.Socket",
    "zmq.eventloop.future.Socket.get": "as zmq.asyncio.Socket.get",
    "zmq.green.Socket.get": "pyzmq names the option `opt` here, and `option` in zmq.Socket",
    "zmq.green.Socket.set": "pyzmq names the option `opt` here, and `option` in zmq.Socket",
    "zmq.green.Socket.send_multipart": "pyzmq's is (*args, **kwargs); ours is zmq.Socket's",
    "Socket.recv_into": "`buf` can only be given by place",
}
"""By full name or by the end of it."""


def counterpart(name: str) -> ModuleType:
    short = name.removeprefix("zmq").removeprefix(".")
    short = PLACES.get(short, short)
    return importlib.import_module(f"peromq.{short}" if short else "peromq")


def public_names(module: ModuleType) -> list[str]:
    """`__all__`, or what the module itself defines."""
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(set(listed))
    return sorted(
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    )


def signature(function: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None  # of builtins, some


def fits(theirs: inspect.Signature, ours: inspect.Signature) -> bool:
    """Whether every call that theirs takes means the same to ours."""
    rest = list(ours.parameters.values())
    kinds = {parameter.kind for parameter in rest}
    for parameter in theirs.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            if parameter.kind not in kinds and not any(p.default is not p.empty for p in rest):
                return False
            continue
        if parameter.kind is parameter.VAR_POSITIONAL:
            continue  # what it hands them on to is compared elsewhere
        if rest and rest[0].kind is parameter.VAR_POSITIONAL:
            continue  # (flags=0, *args, **kwargs) hands on what it gets
        if not rest:
            return False
        same = rest.pop(0)
        by_place = parameter.POSITIONAL_ONLY in (parameter.kind, same.kind)
        if same.name != parameter.name and not by_place:
            return False
        if same.default != parameter.default and repr(same.default) != repr(parameter.default):
            return False
    return all(
        p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in rest
    )


def accepted(where: str) -> bool:
    return any(where == name or where.endswith(f".{name}") for name in ACCEPTED)


def compare(where: str, theirs: Callable[..., Any], ours: Callable[..., Any]) -> Iterator[str]:
    expected, found = signature(theirs), signature(ours)
    if expected is None or found is None or fits(expected, found) or accepted(where):
        return
    yield f"{where}{expected} is here {found}"


def differences(name: str, theirs: ModuleType, ours: ModuleType) -> Iterator[str]:
    for public in public_names(theirs):
        where = f"{name}.{public}"
        if not hasattr(theirs, public):
            continue  # listed, and not there
        if not hasattr(ours, public):
            yield f"{where} is missing"
            continue
        one, other = getattr(theirs, public), getattr(ours, public)
        if not inspect.isclass(one):
            if callable(one):
                yield from compare(where, one, other)
            continue
        for member in dir(one):
            if member.startswith("_") and member not in SPECIAL:
                continue
            if not hasattr(other, member):
                yield f"{where}.{member} is missing"
            elif callable(getattr(one, member)) and not inspect.isclass(getattr(one, member)):
                yield from compare(
                    f"{where}.{member}", getattr(one, member), getattr(other, member)
                )


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", MODULES)
def test_module(name: str) -> None:
    for start, package in NEEDS.items():
        if name.startswith(start):
            pytest.importorskip(package)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            theirs = importlib.import_module(name)
        except ImportError:
            pytest.skip("not in this pyzmq")
        ours = counterpart(name)
        found = list(differences(name, theirs, ours))
    assert not found, "\n" + "\n".join(found)


def test_no_acceptance_is_stale() -> None:
    """Each of them names something of pyzmq's."""
    for name in ACCEPTED:
        module, _, rest = name.rpartition(".")
        module, _, cls = module.rpartition(".")
        for start, package in NEEDS.items():
            if name.startswith(start):
                pytest.importorskip(package)
        owner = getattr(importlib.import_module(module or "zmq"), cls)
        assert hasattr(owner, rest), name


@pytest.mark.parametrize(
    ("theirs", "ours", "fit"),
    [
        ("a, b=1", "a, b=1", True),
        ("a, b=1", "a, b=1, c=2", True),
        ("a, b=1", "a, b=2", False),
        ("a, b=1", "a", False),
        ("a", "a, b", False),
        ("a, b", "b, a", False),
        ("a, /", "x, /", True),
        ("a, b=1, **kw", "a, b=1, c=2", True),
        ("a, b=1, c=2", "a, b=1, *args, **kw", True),
        ("*args, **kw", "a=1, b=2", True),
    ],
)
def test_fits(theirs: str, ours: str, fit: bool) -> None:
    def made(parameters: str) -> inspect.Signature:
        scope: dict[str, Any] = {}
        exec(f"def f({parameters}): pass", scope)
        return inspect.signature(scope["f"])

    assert fits(made(theirs), made(ours)) is fit
