"""How the threads of a context run: the THREAD_… options. For Linux; elsewhere some are ENOTSUP.

All of a context's threads follow them: those that serve connections, and those that make them.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from . import unpatched
from .constants import Errno
from .error import ZMQError, strerror

_UNSET = -1
_NAME_MAX = 15  # octets, TASK_COMM_LEN without the NUL
_NICEST = -20

_T = TypeVar("_T")


class ThreadSettings:
    """The values of the options, as they were when the context's first socket was made."""

    __slots__ = ("cpus", "policy", "prefix", "priority")

    def __init__(
        self,
        policy: int = _UNSET,
        priority: int = _UNSET,
        cpus: frozenset[int] = frozenset(),
        prefix: str = "",
    ) -> None:
        self.policy = policy
        self.priority = priority
        self.cpus = cpus
        self.prefix = prefix

    @property
    def changes_nothing(self) -> bool:
        """All of them are at their defaults."""
        return self.policy == self.priority == _UNSET and not self.cpus and not self.prefix

    def name(self, own: str) -> str:
        """A thread's name for the system (`ps -L`, `top -H`), cut to what that keeps."""
        return (f"{self.prefix}/{own}" if self.prefix else own)[:_NAME_MAX]

    def call(self, function: Callable[[], _T]) -> _T:
        """Call it in a thread that runs so: the threads it starts inherit that.

        Raises ZMQError, EPERM or EINVAL, if the system does not let us, and what `function` raises.
        """
        if self.changes_nothing:
            return function()
        results: list[_T] = []
        failures: list[BaseException] = []

        def run() -> None:
            try:
                self._apply()
                results.append(function())
            except BaseException as failure:
                failures.append(failure)

        thread = unpatched.Thread(run, "peromq/start")
        thread.start()
        thread.join()
        if failures:
            raise failures[0]
        return results[0]

    def begin(self, own: str) -> None:
        """For the calling thread, which is one of the context's. Failures are logged."""
        if self.changes_nothing:
            return
        try:
            self._apply()
            with open(f"/proc/self/task/{threading.get_native_id()}/comm", "w") as name:
                name.write(self.name(own))
        except (OSError, ZMQError) as failure:
            import logging  # not above: `import peromq` shall be quick

            log = logging.getLogger("peromq")
            log.warning("the thread %s does not run as the context's options say: %s", own, failure)

    def _apply(self) -> None:
        try:
            if self.cpus:
                os.sched_setaffinity(0, self.cpus)
            if self.policy != _UNSET or self.priority != _UNSET:
                self._schedule()
        except OSError as failure:
            number = failure.errno or Errno.EINVAL
            raise ZMQError(number, f"{strerror(number)} ({self._described()})") from None
        except AttributeError:
            raise ZMQError(Errno.ENOTSUP, f"Not supported ({self._described()})") from None

    def _schedule(self) -> None:
        """As libzmq: only the real-time policies have priorities; for others one means nice -20."""
        policy = os.sched_getscheduler(0) if self.policy == _UNSET else self.policy
        priority = 0
        if policy in (os.SCHED_FIFO, os.SCHED_RR):
            priority = max(self.priority, os.sched_get_priority_min(policy))
        os.sched_setscheduler(0, policy, os.sched_param(priority))
        if priority == 0 and self.priority > 0:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICEST)

    def _described(self) -> str:
        values = {
            "THREAD_SCHED_POLICY": self.policy if self.policy != _UNSET else None,
            "THREAD_PRIORITY": self.priority if self.priority != _UNSET else None,
            "THREAD_AFFINITY_CPU_ADD": sorted(self.cpus) or None,
        }
        return ", ".join(f"{name}={value}" for name, value in values.items() if value is not None)
