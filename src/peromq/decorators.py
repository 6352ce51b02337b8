"""Contexts and sockets for the time of a call.

@context()
@socket(zmq.PUSH)
def work(ctx, push): ...
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from typing import Any, TypeVar, cast

import peromq as zmq

_F = TypeVar("_F", bound=Callable[..., object])


def context(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give each call a Context, terminated at its end.

    name: the keyword to pass it by, also as the first argument; by default it comes behind the
    positional arguments. All other arguments go to Context. A call that passes `name` itself is a
    TypeError.
    """
    name, args = _take_name(args, kwargs)
    return _decorator(name, lambda call, keywords: zmq.Context(*args, **kwargs))


def socket(*args: Any, **kwargs: Any) -> Callable[[_F], _F]:
    """Give each call a socket, closed at its end.

    name: as for `context`. context_name: the keyword that the call's Context comes by, by default
    "context"; without one, it is the first Context among the positional arguments, or
    `Context.instance()`. All other arguments, the socket type first, go to `Context.socket`.
    """
    name, args = _take_name(args, kwargs)
    context_name = kwargs.pop("context_name", "context")

    def make(call: tuple[Any, ...], keywords: dict[str, Any]) -> AbstractContextManager[Any]:
        for candidate in (keywords.get(context_name), *call):
            if isinstance(candidate, zmq.Context):
                break
        else:
            candidate = zmq.Context.instance()
        return cast("AbstractContextManager[Any]", candidate.socket(*args, **kwargs))

    return _decorator(name, make)


def _take_name(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The keyword to pass the object by ("": none), and the other positional arguments."""
    if isinstance(kwargs.get("name"), str):
        return kwargs.pop("name"), args
    if args and isinstance(args[0], str):
        return args[0], args[1:]
    return "", args


def _decorator(
    name: str, make: Callable[[tuple[Any, ...], dict[str, Any]], AbstractContextManager[Any]]
) -> Callable[[_F], _F]:
    def decorate(function: _F) -> _F:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with make(args, kwargs) as made:
                if not name:
                    return function(*args, made, **kwargs)
                if name in kwargs:
                    raise TypeError(
                        f"{function.__name__}() got multiple values for argument {name!r}"
                    )
                return function(*args, **{**kwargs, name: made})

        return cast(_F, wrapper)

    return decorate


__all__ = ("context", "socket")
