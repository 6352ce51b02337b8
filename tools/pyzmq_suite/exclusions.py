"""The list of tests that are not expected to pass."""

from dataclasses import dataclass
from pathlib import Path

from .runs import Result

RACY = "racy upstream"
"""A reason that begins so allows a test to pass, to fail and to hang."""


@dataclass
class Exclusions:
    """Reasons by test id. An id without `::` is a whole file, which is not run at all."""

    reasons: dict[str, str]

    @classmethod
    def read(cls, path: Path) -> "Exclusions":
        reasons = {}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            test, dash, reason = line.partition(" — ")
            if not dash or not reason.strip() or test.strip() in reasons:
                raise ValueError(f"{path}:{number}: not `test — reason`, or twice: {line}")
            reasons[test.strip()] = reason.strip()
        return cls(reasons)

    def covers_file(self, name: str) -> bool:
        return name in self.reasons

    def racy(self, name: str) -> list[str]:
        """The racy tests of a file."""
        return [
            test
            for test, reason in self.reasons.items()
            if test.startswith(f"{name}::") and reason.startswith(RACY)
        ]

    def complaints(self, results: list[Result], *, complete: bool) -> list[str]:
        """What is not as it should be. `complete`: everything was run, so nothing may be absent."""
        found = []
        for result in results:
            reason = self.reasons.get(result.test)
            if result.outcome == "passed":
                if reason is not None and not reason.startswith(RACY):
                    found.append(f"{result.test}: passed, but is excluded: {reason}")
            elif reason is None:
                found.append(f"{result.test}: {result.outcome}, and is not excluded")
        if complete:
            ran = {result.test for result in results}
            found += [
                f"{test}: excluded, but there is no such test"
                for test in self.reasons
                if "::" in test and test not in ran
            ]
        return found
