"""Second handles: `shadow=` takes a handle, or the `underlying` number of one.

The numbers are our own and stand for nothing in memory. Contexts and sockets share them, so that
one is never taken for the other.
"""

import itertools

numbers = itertools.count(1)
"""Of contexts and sockets, as they are made."""


def number_of(shadow: object) -> int:
    """The `underlying` of a handle, or that number itself. ValueError for anything else."""
    number = getattr(shadow, "underlying", shadow)
    if not isinstance(number, int):
        raise ValueError(f"Cannot cast {shadow!r} to int")
    return number


def no_such(kind: str, number: int) -> str:
    """Why a number cannot be shadowed."""
    return (
        f"there is no open PeroMQ {kind} with the number {number:#x}; pointers of libzmq, "
        "from pyzmq or another binding, cannot be shadowed: there is no libzmq here"
    )
