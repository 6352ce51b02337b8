"""Options as attributes: `socket.sndhwm = 5`, `context.linger = 0`, in any case."""

from __future__ import annotations

import inspect
from errno import EFAULT, EINVAL
from typing import Any, cast

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
    """Turns attribute access into `get` and `set`, unless a class declares the attribute.

    So a misspelt name is an AttributeError and not a new attribute. A subclass that wants
    attributes of its own declares them: `custom: int`.
    """

    def __setattr__(self, key: str, value: Any) -> None:
        if key in self.__dict__ or _is_declared(type(self), key):
            object.__setattr__(self, key, value)
        else:
            name = key.upper()
            self._set_attr_opt(name, self._option_number(name), value)

    def __getattr__(self, key: str) -> Any:
        name = key.upper()
        number = self._option_number(name)
        try:
            return self._get_attr_opt(name, number)
        except ZMQError as error:
            # AttributeError, so that hasattr and mock.Mock(spec=socket) work
            if error.errno in (EINVAL, EFAULT):
                raise AttributeError(f"{key} attribute is write-only") from None
            raise

    def _option_number(self, name: str) -> int:
        try:
            return OPTION_NUMBERS[name]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no such option: {name}") from None

    def _set_attr_opt(self, name: str, option: int, value: Any) -> None:
        self.set(option, value)

    def _get_attr_opt(self, name: str, option: int) -> OptionValue:
        return cast(OptionValue, self.get(option))

    def get(self, option: int) -> Any:
        raise NotImplementedError

    def set(self, option: int, value: Any) -> None:
        raise NotImplementedError


def _is_declared(cls: type, key: str) -> bool:
    return any(key in base.__dict__ or key in inspect.get_annotations(base) for base in cls.__mro__)
