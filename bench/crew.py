"""The processes of one measurement: started, talked to with deadlines, always reaped."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bench.contestants import ROOT, Contestant, find

ACCOUNT = 1.0
"""Seconds to wait for the status of a worker that seems to have ended."""
PATIENCE = 45.0
"""Seconds to wait for a worker's line."""
GRACE = 5.0
"""Seconds a worker has to end by itself once its stdin is closed."""


class Unfit(Exception):
    """This contestant cannot run this measurement; the text says why."""


class Failed(Exception):
    """A worker died, hung or talked nonsense; `detail` is all it wrote to stderr."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.detail = detail


class Worker:
    """One process and the lines it says."""

    def __init__(self, name: str, argv: Sequence[str]) -> None:
        self._name = name
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by reap)
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._buffer = b""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def go(self) -> None:
        """Send the word that most workers know."""
        self.tell("go")

    def tell(self, word: str) -> None:
        """Send a line."""
        assert self._process.stdin
        try:
            self._process.stdin.write(word.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._failure("is gone") from None

    def expect(self, key: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The next line, which has `key`."""
        line = self._line(time.monotonic() + patience)
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            raise self._failure(f"said {line!r}") from None
        if "skip" in fields:
            raise Unfit(fields["skip"])
        if key not in fields:
            raise self._failure(f"said {line!r} instead of {key}")
        return fields

    def spoke(self, patience: float) -> bool:
        """Whether it says something within that time."""
        assert self._process.stdout
        waiting = [self._process.stdout]
        return b"\n" in self._buffer or bool(select.select(waiting, [], [], patience)[0])

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise self._failure("said nothing in time")
            data = os.read(descriptor, 1 << 16)
            if not data:
                raise self._failure("ended early")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def _failure(self, what: str) -> Failed:
        """What happened, with the worker's last words. One that hangs is made to say where."""
        try:
            self._process.wait(ACCOUNT)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)  # faulthandler prints every thread's stack
            self._process.wait()
            what += ", aborted"
        else:
            what += f" with status {self._process.returncode}"
        self._errors.seek(0)
        detail = self._errors.read().decode(errors="replace").strip()
        last = detail.splitlines()[-1] if self._process.returncode > 0 and detail else ""
        return Failed(": ".join(filter(None, (self._name + " " + what, last))), detail)

    def dismiss(self) -> None:
        """Let it end."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self._process.kill()
        self._process.wait()

    def reap(self, grace: float) -> bool:
        """Wait, then kill. False when it had to be killed."""
        assert self._process.stdout
        try:
            self._process.wait(grace)
            willing = True
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            willing = False
        self._process.stdout.close()
        self._errors.close()
        return willing


class Crew:
    """A context manager: all workers of one measurement, and a directory for their endpoints."""

    def __init__(self, contestant: Contestant, grace: float = GRACE) -> None:
        self.contestant = contestant
        self.killed = 0
        self._grace = grace
        self._workers: list[Worker] = []
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")

    def start(self, worker: str, **options: str | int | float) -> Worker:
        """A worker of this contestant, with these command-line options."""
        return self._start(self.contestant, worker, options)

    def start_module(self, module: str, *arguments: str) -> Worker:
        """A program of ours that is no worker of the registry."""
        started = Worker(module, [sys.executable, "-m", module, *arguments])
        self._workers.append(started)
        return started

    def start_raw(self, worker: str, **options: str | int | float) -> Worker:
        """A worker that knows no library: the same one for every contestant."""
        return self._start(find("raw"), worker, options)

    def start_under(
        self, prefix: Sequence[str], worker: str, **options: str | int | float
    ) -> Worker:
        """A worker of this contestant, run by another program."""
        return self._start(self.contestant, worker, options, prefix)

    def _start(
        self,
        contestant: Contestant,
        worker: str,
        options: dict[str, str | int | float],
        prefix: Sequence[str] = (),
    ) -> Worker:
        argv = [*prefix, *contestant.command(worker)]
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        started = Worker(f"{contestant.name} {worker}", argv)
        self._workers.append(started)
        return started

    def endpoint(self, transport: str, name: str = "a") -> str:
        """Something to bind to."""
        if transport == "ipc":
            return f"ipc://{Path(self._directory.name) / name}"
        return "tcp://127.0.0.1:*"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for worker in self._workers:
            worker.dismiss()
        deadline = time.monotonic() + (self._grace if error is None else 0.5)
        for worker in self._workers:
            if not worker.reap(max(0.1, deadline - time.monotonic())):
                self.killed += 1
        self._directory.cleanup()
