"""libzmq's zmq_timers on a clock that stands still, and random steps for any timers.

Run as a script, under still_clock.c: plays the seeds below a number with libzmq, prints the logs.
"""

from __future__ import annotations

import ctypes
import json
import random
import sys
from collections.abc import Callable
from typing import Any, Protocol

STEPS = ["add", "cancel", "put_off", "execute", "pass_ms"] * 2 + ["unknown", "timeout"]
HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p)


class Failed(Exception):
    def __init__(self, errno: int) -> None:
        self.errno = errno


class LibzmqTimers:
    """As `peromq.Timers`."""

    def __init__(self, lib: ctypes.CDLL) -> None:
        pointer, number, size = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t
        prototypes: dict[str, tuple[Any, list[Any]]] = {
            "new": (pointer, []),
            "destroy": (number, [ctypes.POINTER(pointer)]),
            "add": (number, [pointer, size, HANDLER, pointer]),
            "cancel": (number, [pointer, number]),
            "set_interval": (number, [pointer, number, size]),
            "reset": (number, [pointer, number]),
            "timeout": (ctypes.c_long, [pointer]),
            "execute": (number, [pointer]),
        }
        for name, (result, arguments) in prototypes.items():
            function = getattr(lib, f"zmq_timers_{name}")
            function.restype, function.argtypes = result, arguments
        self.lib = lib
        self.handle = ctypes.c_void_p(lib.zmq_timers_new())
        self.calls: dict[int, Callable[[], object]] = {}
        self.called = 0
        self.raised: BaseException | None = None
        self.on_timer = HANDLER(self._on_timer)

    def _on_timer(self, number: int, _: int | None) -> None:
        self.called += 1
        try:
            self.calls[number]()
        except BaseException as error:  # nothing may go through libzmq
            self.raised = error

    def _check(self, result: int) -> int:
        if self.raised:
            raise self.raised
        if result < 0:
            raise Failed(self.lib.zmq_errno())
        return result

    def add(self, interval: int, handler: Callable[..., object], *args: object) -> int:
        made = self._check(self.lib.zmq_timers_add(self.handle, interval, self.on_timer, None))
        self.calls[made] = lambda: handler(*args)
        return made

    def cancel(self, number: int) -> None:
        self._check(self.lib.zmq_timers_cancel(self.handle, number))

    def set_interval(self, number: int, interval: int) -> None:
        self._check(self.lib.zmq_timers_set_interval(self.handle, number, interval))

    def reset(self, number: int) -> None:
        self._check(self.lib.zmq_timers_reset(self.handle, number))

    def timeout(self) -> int:
        return int(self.lib.zmq_timers_timeout(self.handle))

    def execute(self) -> int:
        self.called = 0
        self._check(self.lib.zmq_timers_execute(self.handle))
        return self.called

    def close(self) -> None:
        self._check(self.lib.zmq_timers_destroy(ctypes.byref(self.handle)))


class Clock(Protocol):
    def pass_ms(self, interval: int) -> None: ...


class StillClock:
    """What libzmq takes for the time, in a process with still_clock.c."""

    def __init__(self) -> None:
        self.set = ctypes.CDLL(None).still_clock_set
        self.set.argtypes = [ctypes.c_longlong]
        self.now = 1_000_000

    def pass_ms(self, interval: int) -> None:
        if interval:
            self.now += interval
            self.set(self.now)


class Player:
    """Random steps, the same with both as long as both do the same; `log` has what they led to.

    Left out is what libzmq's own memory does not survive, or what never ends: surface.md has it,
    and test_timers.py what ours do then. So a handler does not execute nor ask for the timeout,
    makes none due at once, and puts off only what was not called in this execute, itself neither;
    what recurs at once is cancelled by its handler; a cancelled one is not put off.
    """

    def __init__(self, seed: int, timers: Any, clock: Clock) -> None:
        self.choose = random.Random(seed)
        self.timers = timers
        self.clock = clock
        self.live: list[int] = []
        self.cancelled: list[int] = []
        self.once: set[int] = set()
        self.called: set[int] = set()  # in this execute
        self.log: list[list[Any]] = []

    def play(self) -> list[list[Any]]:
        for _ in range(self.choose.randint(5, 60)):
            getattr(self, self.choose.choice(STEPS))()
        return self.log

    def note(self, name: str, *args: object) -> Any:
        """Call that method of the timers."""
        function = getattr(self.timers, name)
        shown = [arg for arg in args if isinstance(arg, int)]
        try:
            result = function(*args)
        except Exception as error:
            result = f"errno {error.errno}" if hasattr(error, "errno") else repr(error)
        self.log.append([name, shown, result])
        return result

    def add(self, shortest: int = 0) -> None:
        once = self.choose.random() < 0.3
        box: list[int] = []
        interval = self.choose.randint(shortest if once else 1, 5)
        box.append(self.note("add", interval, lambda: self.handle(box[0])))
        self.live.append(box[0])
        if once:
            self.once.add(box[0])

    def cancel(self) -> None:
        known = self.live + ([] if self.called else self.cancelled)
        if known:
            self.drop(self.choose.choice(known))

    def drop(self, number: int) -> None:
        self.note("cancel", number)
        if number in self.live:
            self.live.remove(number)
            self.cancelled.append(number)

    def put_off(self, shortest: int = 0) -> None:
        known = [number for number in self.live if number not in self.called]
        if not known:
            return
        number = self.choose.choice(known)
        recurs = number not in self.once
        if self.choose.random() < 0.5 and (recurs or not shortest):  # its interval may be 0
            self.note("reset", number)
        else:
            interval = self.choose.randint(1 if recurs else shortest, 5)
            self.note("set_interval", number, interval)

    def unknown(self) -> None:
        number = self.choose.choice((0, -1, 4711, 2**31 - 1))
        name = self.choose.choice(("cancel", "reset", "set_interval"))
        self.note(name, number, *[3] * (name == "set_interval"))

    def timeout(self) -> None:
        self.note("timeout")

    def execute(self) -> None:
        self.note("execute")
        self.called.clear()

    def pass_ms(self) -> None:
        self.clock.pass_ms(self.choose.randint(0, 6))

    def handle(self, number: int) -> None:
        self.log.append(["called", number])
        self.called.add(number)
        if number in self.once:
            self.drop(number)
            self.note("cancel", number)  # EINVAL now
        for _ in range(self.choose.choice((0, 0, 1, 1, 2, 3))):
            what = self.choose.choice(("add", "cancel", "itself", "put_off", "unknown", "pass_ms"))
            if what == "itself":
                if number in self.live:
                    self.drop(number)
            elif what in ("add", "put_off"):
                getattr(self, what)(1)
            else:
                getattr(self, what)()


def main(path: str, seeds: str) -> None:
    lib = ctypes.CDLL(path, use_errno=True)
    clock = StillClock()
    logs = []
    for seed in range(int(seeds)):
        timers = LibzmqTimers(lib)
        logs.append(Player(seed, timers, clock).play())
        timers.close()
    json.dump(logs, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
