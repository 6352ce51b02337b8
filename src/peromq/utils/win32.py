"""Ctrl-C on Windows."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

_CTRL_C_EVENT = 0


class allow_interrupt:
    """Within the `with` block, call `action` on Ctrl-C, so that it can end a blocking call.

    action: called from another thread; must not raise. On other systems than Windows it is never
    called: there signals interrupt blocking calls.
    """

    def __init__(self, action: Callable[[], Any] | None = None) -> None:
        self.action = action
        self._set_handler: Callable[[bool], None] | None = None
        if os.name == "nt":
            self._set_handler = _console_handler(action)

    def __enter__(self) -> None:
        if self._set_handler is not None:
            self._set_handler(True)

    def __exit__(self, *args: Any) -> None:
        if self._set_handler is not None:
            self._set_handler(False)


def _console_handler(action: Callable[[], Any] | None) -> Callable[[bool], None]:
    """A function that installs (True) or removes (False) a console handler. OSError if it fails."""
    import ctypes

    windows: Any = ctypes  # its Windows half exists on Windows only
    handler_type = windows.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)

    def handle(event: int) -> int:
        if event == _CTRL_C_EVENT and action is not None:
            action()
        return 0  # not handled: Python's own handler comes next

    handler = handler_type(handle)

    def install(wanted: bool) -> None:
        if not windows.windll.kernel32.SetConsoleCtrlHandler(handler, int(wanted)):
            raise windows.WinError()

    return install
