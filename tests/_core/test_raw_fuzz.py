from tests.fuzz import fuzz_raw


def test_fuzz() -> None:
    fuzz_raw.run(200)
