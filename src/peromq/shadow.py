"""Second handles: `shadow=` takes a handle, or the `underlying` number of one."""


def number_of(shadow: object) -> int:
    """The `underlying` of a handle, or that number itself. ValueError for anything else."""
    number = getattr(shadow, "underlying", shadow)
    if not isinstance(number, int):
        raise ValueError(f"Cannot cast {shadow!r} to int")
    return number
