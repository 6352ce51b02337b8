"""The processes of one measurement: started, talked to with deadlines, always reaped."""

import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from bench.contestants import ROOT, Contestant

PATIENCE = 60.0
"""Seconds to wait for a worker's line."""
GRACE = 5.0
"""Seconds a worker has to end by itself once its stdin is closed."""


class Unfit(Exception):
    """This contestant cannot run this measurement; the text says why."""


class Failed(Exception):
    """A worker died, hung or talked nonsense."""


class Worker:
    """One process and the lines it says."""

    def __init__(self, argv: Sequence[str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            argv,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        self._name = " ".join(argv[-12:])
        self._buffer = b""

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def go(self) -> None:
        """Send the one word there is."""
        assert self._process.stdin
        try:
            self._process.stdin.write(b"go\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"{self._name} is gone: {self._why()}") from None

    def expect(self, key: str, patience: float = PATIENCE) -> dict[str, Any]:
        """The next line, which has `key`."""
        line = self._line(time.monotonic() + patience)
        try:
            fields: dict[str, Any] = json.loads(line)
        except ValueError:
            raise Failed(f"{self._name} said {line!r}") from None
        if "skip" in fields:
            raise Unfit(fields["skip"])
        if key not in fields:
            raise Failed(f"{self._name} said {line!r} instead of {key}")
        return fields

    def _line(self, deadline: float) -> bytes:
        assert self._process.stdout
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._buffer:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                raise Failed(f"{self._name} said nothing in time: {self._why()}")
            data = os.read(descriptor, 1 << 16)
            if not data:
                raise Failed(f"{self._name} ended early: {self._why()}")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return line

    def _why(self) -> str:
        self._errors.seek(0)
        said = self._errors.read().decode(errors="replace").strip()
        return said[-800:] or f"exit status {self._process.poll()}"

    def dismiss(self) -> None:
        """Let it end."""
        assert self._process.stdin
        try:
            self._process.stdin.close()
        except BrokenPipeError:
            pass

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

    def __init__(self, contestant: Contestant) -> None:
        self.contestant = contestant
        self.stubborn = 0
        self._workers: list[Worker] = []
        self._directory = tempfile.TemporaryDirectory(prefix="bench-")

    def start(self, worker: str, **options: str | int | float) -> Worker:
        """A worker of this contestant, with these command-line options."""
        argv = self.contestant.command(worker)
        for name, value in options.items():
            argv += ["--" + name.replace("_", "-"), str(value)]
        started = Worker(argv)
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
        deadline = time.monotonic() + (GRACE if error is None else 0.5)
        for worker in self._workers:
            if not worker.reap(max(0.1, deadline - time.monotonic())):
                self.stubborn += 1
        self._directory.cleanup()
