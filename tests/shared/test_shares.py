"""Of a group in which somebody could be recognised no number is shown, nor one that follows from it (domain 11, I)."""

import pytest

from shared.shares import shown


@pytest.mark.parametrize("whole", [1, 4])
def test_of_a_small_group_nothing_is_shown_but_that_it_is_not(whole: int) -> None:
    assert shown(1, whole) == {"numerator": None, "denominator": None, "value": None, "suppressed": True}


def test_of_five_and_more_the_part_is_shown() -> None:
    assert shown(2, 5) == {"numerator": 2, "denominator": 5, "value": 0.4, "suppressed": False}
    assert shown(1, 7)["value"] == 0.1429


def test_that_there_was_nobody_says_nothing_of_anybody() -> None:
    assert shown(0, 0) == {"numerator": 0, "denominator": 0, "value": None, "suppressed": False}
