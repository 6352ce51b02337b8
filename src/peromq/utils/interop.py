"""Pointers of other libraries."""

from __future__ import annotations

from typing import Any


def cast_int_addr(n: Any) -> int:
    """An int as it is, a CFFI pointer as its address. ValueError for anything else."""
    if isinstance(n, int):
        return n
    try:
        from cffi import FFI
    except ImportError:
        pass
    else:
        ffi = FFI()
        if isinstance(n, ffi.CData):
            return int(ffi.cast("size_t", n))
    raise ValueError(f"Cannot cast {n!r} to int")
