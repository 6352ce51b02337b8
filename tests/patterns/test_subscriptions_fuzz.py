from tests.fuzz import fuzz_subscriptions


def test_fuzz() -> None:
    fuzz_subscriptions.run(400)
