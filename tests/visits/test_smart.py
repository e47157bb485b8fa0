"""The SMART gate: one error at most per letter, per commitment, in the order S, M, A, R, T (domain 3.4)."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from services.visits.rules.smart import NotSmart, Wish, smart
from shared.refusals import Unknown
from tests.visits.examples import CLEANS, DUE, PROPOSED_ON, text

WISH = Wish(
    id="c1",
    by="renter",
    action=CLEANS.action,
    place=CLEANS.place,
    measure="seen_at_visit",
    target=CLEANS.target,
    due_on=DUE,
    needs=(),
    agreed_by_renter=True,
)


def _letters(*wishes: Wish, running: dict[str, date] | None = None) -> list[tuple[str, str | None]]:
    try:
        smart(wishes, proposed_on=PROPOSED_ON, running=running or {})
    except NotSmart as refusal:
        return [(named.code, named.pointer) for named in refusal.named]
    return []


def test_a_smart_commitment_passes() -> None:
    assert smart((WISH,), proposed_on=PROPOSED_ON, running={}) == (CLEANS,)


@pytest.mark.parametrize(
    ("missing", "letter"),
    [
        ({"by": None}, "S"),
        ({"by": "buurman"}, "S"),
        ({"action": None}, "S"),
        ({"action": text("poetsen")}, "S"),
        ({"action": text("123456789")}, "S"),
        ({"place": None}, "S"),
        ({"measure": None}, "M"),
        ({"measure": "feeling"}, "M"),
        ({"target": None}, "M"),
        ({"agreed_by_renter": None}, "A"),
        ({"agreed_by_renter": False}, "A"),
        ({"needs": None}, "R"),
        ({"due_on": None}, "T"),
        ({"due_on": PROPOSED_ON}, "T"),
        ({"due_on": PROPOSED_ON + timedelta(days=184)}, "T"),
    ],
)
def test_each_letter_fails_on_its_own(missing: dict[str, Any], letter: str) -> None:
    assert [code for code, _ in _letters(replace(WISH, **missing))] == [letter]


@pytest.mark.parametrize(
    "enough",
    [
        {"action": text("1234567890")},
        {"due_on": PROPOSED_ON + timedelta(days=1)},
        {"due_on": PROPOSED_ON + timedelta(days=183)},
        {"by": "office", "agreed_by_renter": None},
    ],
)
def test_just_enough_is_enough(enough: dict[str, Any]) -> None:
    assert _letters(replace(WISH, **enough)) == []


def test_an_empty_wish_misses_every_letter_once_in_order() -> None:
    nothing = Wish(id="c1", by="renter")
    assert [code for code, _ in _letters(nothing)] == ["S", "M", "A", "R", "T"]


def test_each_commitment_is_named_by_its_place() -> None:
    assert _letters(WISH, replace(WISH, id="c2", place=None)) == [("S", "/commitments/1/place")]


def test_nothing_waits_for_what_comes_later() -> None:
    waiting = replace(WISH, id="c2", depends_on=("c1",), due_on=DUE - timedelta(days=1))
    assert [code for code, _ in _letters(WISH, waiting)] == ["R"]
    assert _letters(WISH, replace(waiting, due_on=DUE)) == []


def test_a_commitment_may_wait_for_one_of_a_running_note() -> None:
    waiting = replace(WISH, depends_on=("earlier",))
    assert _letters(waiting, running={"earlier": DUE}) == []
    assert [code for code, _ in _letters(waiting, running={"earlier": DUE + timedelta(days=1)})] == ["R"]


def test_nothing_waits_for_a_commitment_that_does_not_exist() -> None:
    with pytest.raises(Unknown):
        smart((replace(WISH, depends_on=("nowhere",)),), proposed_on=PROPOSED_ON, running={})
