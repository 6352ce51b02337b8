"""What is measured: one file per scenario, each with `cases(settings)`."""

from bench.case import Cases
from bench.scenarios import pushpull, reqrep

SCENARIOS: dict[str, Cases] = {
    "pushpull": pushpull.cases,
    "batch": pushpull.batch_cases,
    "reqrep": reqrep.cases,
}
