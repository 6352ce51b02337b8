"""Ten records in a minute, and a count of the others."""

from peromq.control.ration import RECORDS, SPAN, Ration


def test_what_is_let_through() -> None:
    now = 0.0
    ration = Ration(lambda: now)
    assert [ration.admit() for _ in range(RECORDS)] == [0] * RECORDS
    assert [ration.admit() for _ in range(7)] == [None] * 7
    now = SPAN - 0.1
    assert ration.admit() is None
    now = SPAN
    assert ration.admit() == 8
    assert ration.admit() == 0
