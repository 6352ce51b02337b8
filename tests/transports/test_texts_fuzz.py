"""What is parsed in one piece, thrown damaged inputs at."""

from tests.fuzz import fuzz_texts


def test_a_few_thousand_inputs() -> None:
    fuzz_texts.run(6000)
