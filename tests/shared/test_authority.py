"""Mandates: who may act for the office, on which days (domain 8)."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from shared.authority import MANDATES, Mandate, MandateRegister, mandate_for
from shared.contracts.evaluations import MandateEndedV1, MandateGivenV1
from shared.refusals import MandateEnded, NoMandate
from tests.specification import state_of

MAY_30, MAY_31, JUNE_1, JUNE_2 = date(2026, 5, 30), date(2026, 5, 31), date(2026, 6, 1), date(2026, 6, 2)
LONG_AGO = date(2025, 1, 1)


def a_mandate(**given: Any) -> MandateGivenV1:
    usual: dict[str, Any] = {
        "mandate": "m-1",
        "person": "karel",
        "role": "coordinator",
        "acts": ("decide_evaluation",),
        "from_": LONG_AGO,
        "until": MAY_31,
        "in_name_of": None,
        "given_by": "rita",
    }
    return MandateGivenV1(**{**usual, **given})


def register(*events: MandateGivenV1 | MandateEndedV1) -> MandateRegister:
    state: MandateRegister = state_of(MANDATES, *events)
    return state


def asked(
    of: MandateRegister, *on_days: date, person: str = "karel", act: str = "decide_evaluation", needed: bool = True
) -> Mandate | None:
    return mandate_for(of, person=person, act=act, needed=needed, on_days=on_days)


def test_a_mandate_holds_on_its_first_and_last_day() -> None:
    given = register(a_mandate())
    assert asked(given, LONG_AGO) == asked(given, MAY_31) == given.find("m-1")


@pytest.mark.parametrize("days", [(JUNE_1, JUNE_1), (JUNE_1, MAY_30)])
def test_a_mandate_that_ended_before_either_day_does_not_do(days: tuple[date, date]) -> None:  # EC-16
    for needed in (True, False):
        with pytest.raises(MandateEnded):
            asked(register(a_mandate()), *days, needed=needed)


def test_a_mandate_without_end_goes_on() -> None:
    assert asked(register(a_mandate(until=None)), date(2099, 1, 1)) is not None


def test_who_never_had_a_mandate_may_not_do_what_needs_one() -> None:
    with pytest.raises(NoMandate):
        asked(register(), JUNE_1)
    with pytest.raises(NoMandate):
        asked(register(a_mandate()), MAY_30, act="decide_contest")
    with pytest.raises(NoMandate):
        asked(register(a_mandate()), MAY_30, person="wim")


def test_a_mandate_that_begins_later_is_none_yet() -> None:
    with pytest.raises(NoMandate):
        asked(register(a_mandate(from_=JUNE_2, until=None)), JUNE_1)


def test_what_needs_no_mandate_asks_only_those_who_were_ever_given_one() -> None:
    given = register(a_mandate(acts=("plan_visit",)))
    assert asked(given, JUNE_1, act="plan_visit", needed=False, person="fatma") is None
    assert asked(given, JUNE_1, act="record_visit", needed=False) is None
    assert asked(given, MAY_31, act="plan_visit", needed=False) is not None
    with pytest.raises(MandateEnded):
        asked(given, JUNE_1, act="plan_visit", needed=False)
    with pytest.raises(MandateEnded):
        asked(register(a_mandate(acts=("plan_visit",), from_=JUNE_2)), JUNE_1, act="plan_visit", needed=False)


def test_a_star_covers_every_act() -> None:
    given = register(a_mandate(acts=("*",), until=None))
    assert asked(given, JUNE_1, act="decide_termination") == asked(given, JUNE_1, act="plan_visit", needed=False)


def test_a_mandate_ended_early_holds_until_its_new_last_day() -> None:
    given = register(a_mandate(until=None), MandateEndedV1(mandate="m-1", person="karel", until=MAY_30))
    assert asked(given, MAY_30) == Mandate(
        id="m-1",
        person="karel",
        acts=frozenset({"decide_evaluation"}),
        from_=LONG_AGO,
        until=MAY_30,
        version=2,
    )
    with pytest.raises(MandateEnded):
        asked(given, MAY_31)


def test_one_mandate_must_hold_on_both_days() -> None:
    given = register(a_mandate(until=MAY_30), a_mandate(mandate="m-2", from_=MAY_31, until=None))
    with pytest.raises(MandateEnded):
        asked(given, MAY_30, JUNE_1)
    found = asked(given, MAY_31, JUNE_1)
    assert found is not None
    assert found.id == "m-2"


def test_the_own_mandate_goes_before_the_deputys_and_the_named_act_before_all_acts() -> None:
    deputy = a_mandate(mandate="m-2", in_name_of="rita", until=None)
    own = a_mandate(mandate="m-3", acts=("*",), until=None)
    named = a_mandate(mandate="m-1", until=None)
    only, both, all_three = register(deputy), register(deputy, own), register(deputy, own, named)
    assert [found.id for given in (only, both, all_three) if (found := asked(given, JUNE_1))] == ["m-2", "m-3", "m-1"]


def test_a_deputy_acts_in_the_name_of_another() -> None:
    found = asked(register(a_mandate(in_name_of="rita")), MAY_30)
    assert found is not None
    assert found.in_name_of == "rita"


def test_ending_a_mandate_that_was_not_given_changes_nothing() -> None:
    assert register(MandateEndedV1(mandate="m-9", person="karel", until=MAY_30)) == register()


DAYS = st.integers(0, 40).map(lambda after: LONG_AGO + timedelta(days=after))
MANDATE = st.builds(
    a_mandate,
    mandate=st.uuids().map(str),
    person=st.sampled_from(["karel", "wim"]),
    acts=st.lists(st.sampled_from(["decide_evaluation", "plan_visit", "*"]), min_size=1, max_size=2).map(tuple),
    from_=DAYS,
    until=st.none() | DAYS,
    in_name_of=st.none() | st.just("rita"),
)


@for_all(st.lists(MANDATE, max_size=6, unique_by=lambda one: one.mandate), DAYS, DAYS, st.booleans())
def test_the_answer_is_what_reading_all_mandates_says(
    mandates: list[MandateGivenV1], recorded_on: date, occurred_on: date, needed: bool
) -> None:
    covering = [one for one in mandates if one.person == "karel" and {"*", "decide_evaluation"} & set(one.acts)]
    valid = {
        one.mandate
        for one in covering
        if one.from_ <= min(recorded_on, occurred_on)
        and (one.until is None or max(recorded_on, occurred_on) <= one.until)
    }
    try:
        found = asked(register(*mandates), recorded_on, occurred_on, needed=needed)
    except MandateEnded:
        assert covering
        assert not valid
    except NoMandate:
        assert needed
        assert not valid
    else:
        assert found.id in valid if found else not covering and not needed
