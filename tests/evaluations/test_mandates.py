"""Mandates: given, ended, and acts that were done without one (domain 8)."""

from datetime import date
from typing import Any

import pytest

from services.evaluations.events import MandateEnded, MandateGiven, MandateWasEnded
from services.evaluations.rules.mandates import (
    BREACH,
    MANDATES,
    ActsMissing,
    end,
    first_mandate,
    give,
    note_ended_mandate,
)
from shared.decisions import Person
from shared.refusals import DateOrder, ReasonMissing, SelfApproval, Unknown, WrongState
from tests.evaluations.a_lease import KAREL, RITA, WIM, text
from tests.specification import given, state_of

TODAY = date(2026, 3, 2)
BY_RITA = Person(id=RITA, roles=frozenset({"director"}))
FIRST = first_mandate(mandate="m-0", director=RITA, from_=date(2025, 1, 1))
GIVEN = MandateGiven(
    mandate="m-1",
    person=KAREL,
    role="coordinator",
    acts=("decide_evaluation",),
    from_=TODAY,
    until=date(2026, 5, 31),
    given_by=RITA,
)
WHAT: dict[str, Any] = {
    "mandate": "m-1",
    "person": KAREL,
    "role": "coordinator",
    "acts": ("decide_evaluation",),
    "from_": TODAY,
    "until": date(2026, 5, 31),
    "in_name_of": None,
    "by": BY_RITA,
}
END: dict[str, Any] = {"mandate": "m-1", "until": TODAY, "why": text("vertrokken"), "today": TODAY, "by": BY_RITA}


def test_the_director_has_every_act_from_the_founding() -> None:
    assert (FIRST.acts, FIRST.until, FIRST.given_by) == (("*",), None, None)


def test_a_mandate_is_given() -> None:
    given(MANDATES, FIRST).when(give, **WHAT).then(GIVEN)


def test_the_same_mandate_twice_is_one() -> None:
    given(MANDATES, FIRST, GIVEN).when(give, **WHAT).then_nothing_happens()


@pytest.mark.parametrize(
    "otherwise",
    [{"person": WIM}, {"role": "director"}, {"until": None}, {"until": date(2027, 5, 31)}, {"in_name_of": RITA}],
)
def test_an_id_belongs_to_one_mandate(otherwise: dict[str, Any]) -> None:
    given(MANDATES, FIRST, GIVEN).when(give, **{**WHAT, **otherwise}).then_refused(WrongState)


def test_a_mandate_that_ended_since_was_given_all_the_same() -> None:
    over = MandateEnded(mandate="m-1", person=KAREL, until=TODAY, why=text("vertrokken"))
    given(MANDATES, FIRST, GIVEN, over).when(give, **WHAT).then_nothing_happens()


def test_nobody_gives_themself_a_mandate() -> None:
    given(MANDATES, FIRST).when(give, **{**WHAT, "person": RITA}).then_refused(SelfApproval)


def test_a_deputy_gives_none_to_whom_they_stand_in_for() -> None:
    deputy = Person(id=WIM, roles=frozenset({"director"}), in_name_of=KAREL)
    given(MANDATES, FIRST).when(give, **{**WHAT, "by": deputy}).then_refused(SelfApproval)


def test_a_mandate_names_acts() -> None:
    given(MANDATES, FIRST).when(give, **{**WHAT, "acts": ()}).then_refused(ActsMissing)


def test_a_mandate_does_not_end_before_it_begins() -> None:
    given(MANDATES, FIRST).when(give, **{**WHAT, "until": date(2026, 3, 1)}).then_refused(DateOrder)


def test_a_mandate_ends() -> None:
    given(MANDATES, FIRST, GIVEN).when(end, **END).then(
        MandateEnded(mandate="m-1", person=KAREL, until=TODAY, why=text("vertrokken"))
    )


def test_ended_already_is_ended() -> None:
    ended = MandateEnded(mandate="m-1", person=KAREL, until=TODAY, why=text("vertrokken"))
    given(MANDATES, FIRST, GIVEN, ended).when(end, **END).then_nothing_happens()


def test_only_a_mandate_that_was_given_ends() -> None:
    given(MANDATES, FIRST).when(end, **END).then_refused(Unknown)


def test_nobody_ends_their_own_mandate() -> None:
    given(MANDATES, FIRST).when(end, **{**END, "mandate": "m-0"}).then_refused(SelfApproval)


def test_ending_asks_a_reason() -> None:
    given(MANDATES, FIRST, GIVEN).when(end, **{**END, "why": None}).then_refused(ReasonMissing)


def test_a_mandate_is_neither_lengthened_nor_cut_off_in_the_past() -> None:
    given(MANDATES, FIRST, GIVEN).when(end, **{**END, "until": date(2026, 6, 1)}).then_refused(DateOrder)
    given(MANDATES, FIRST, GIVEN).when(end, **{**END, "until": date(2026, 2, 28)}).then_refused(DateOrder)


def act(**changed: Any) -> dict[str, Any]:
    return {
        "mandates": state_of(MANDATES, FIRST, GIVEN),
        "mandate": "m-1",
        "recorded_on": date(2026, 6, 1),
        "occurred_on": date(2026, 5, 30),
        "service": "notifications",
        "event": "e-9",
        "event_type": "CommunicationApproved",
        "about": "communication/c-1",
        "lease": "L1",
        **changed,
    }


NOTED = MandateWasEnded(
    mandate="m-1",
    person=KAREL,
    ended_on=date(2026, 5, 31),
    service="notifications",
    event="e-9",
    event_type="CommunicationApproved",
    about="communication/c-1",
    lease="L1",
)


def test_ec_16_an_act_recorded_after_the_mandate_ended_is_noted_once() -> None:
    given(BREACH).when(note_ended_mandate, **act()).then(NOTED)
    given(BREACH, NOTED).when(note_ended_mandate, **act()).then_nothing_happens()


def test_an_act_under_a_valid_mandate_or_none_is_not_noted() -> None:
    given(BREACH).when(note_ended_mandate, **act(recorded_on=date(2026, 5, 31))).then_nothing_happens()
    given(BREACH).when(note_ended_mandate, **act(mandate=None)).then_nothing_happens()
