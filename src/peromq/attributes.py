"""Options as attributes: `socket.sndhwm = 5`, `context.linger = 0`, in any case."""

from __future__ import annotations

from collections.abc import Iterable
from errno import EFAULT, EINVAL
from typing import Any, Self

from .constants import ContextOption, SocketOption
from .error import ZMQError

OptionValue = str | bytes | int

OPTION_NUMBERS: dict[str, int] = {
    name: int(member)
    for options in (ContextOption, SocketOption)
    for name, member in options.__members__.items()
}
"""Every name an option goes by, upper case."""


class AttributeSetter:
    """Assignment to an attribute sets the option of that name, unless a class declares it.

    So a misspelt name is an AttributeError and not a new attribute. A subclass that wants
    attributes of its own declares them: `custom: int`.
    """

    def __setattr__(self, key: str, value: Any) -> None:
        if key in self.__dict__ or _is_declared(type(self), key):
            object.__setattr__(self, key, value)
        else:
            self._set_attr_opt(key.upper(), self._option_number(key), value)

    def _option_number(self, key: str) -> int:
        try:
            return OPTION_NUMBERS[key.upper()]
        except KeyError:
            raise AttributeError(
                f"{type(self).__name__} has no such option: {key.upper()}"
            ) from None

    def _set_attr_opt(self, name: str, option: int, value: Any) -> None:
        self.set(option, value)

    def get(self, option: int) -> Any:
        raise NotImplementedError

    def set(self, option: int, value: Any) -> None:
        raise NotImplementedError


class OptionAttribute:
    """One option as an attribute of a class with `get` and `set`."""

    def __init__(self, option: int) -> None:
        self.option = option

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        # `help(Socket.linger)`. The table is in no hurry to be imported.
        from .option_table import ALL_TYPES, SOCKET_OPTIONS

        spec = SOCKET_OPTIONS.get(self.option)
        if spec is None:
            return "An option of old: SNDHWM and RCVHWM took its place."
        said = [f"Option {spec.name}: {spec.doc}."]
        if spec.types != ALL_TYPES:
            said.append(f"For {', '.join(kind.name for kind in sorted(spec.types))}.")
        if isinstance(spec.default, int) and spec.writable:
            said.append(f"Default: {spec.default}.")
        if not (spec.readable and spec.writable):
            said.append("Read-only." if spec.readable else "Write-only.")
        return " ".join(said)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: AttributeSetter | None, owner: type) -> OptionValue | Self:
        if instance is None:
            return self
        try:
            value: OptionValue = instance.get(self.option)
        except ZMQError as error:
            # AttributeError, so that hasattr and mock.Mock(spec=socket) work
            if error.errno in (EINVAL, EFAULT):
                raise AttributeError(f"{self.name} attribute is write-only") from None
            raise
        return value

    def __set__(self, instance: AttributeSetter, value: Any) -> None:
        instance.set(self.option, value)


def declare_options(cls: type) -> None:
    """Give a class an attribute for every socket option, lower and upper case.

    Not a `__getattr__`: merely having one makes each call of each method dearer by a third.
    """
    declared = {key for base in cls.__mro__ for key in (*base.__dict__, *_annotations(base))}
    for name, option in SocketOption.__members__.items():
        for key in (name.lower(), name):
            if key not in declared:
                attribute = OptionAttribute(int(option))
                attribute.__set_name__(cls, key)
                setattr(cls, key, attribute)


def _is_declared(cls: type, key: str) -> bool:
    return hasattr(cls, key) or any(key in _annotations(base) for base in cls.__mro__)


def _annotations(cls: type) -> Iterable[str]:
    # as inspect.get_annotations, whose module takes 6 ms to import
    return getattr(cls, "__annotations__", ())
