"""Policies: versions, ranges, never in the past (domain 6)."""

from datetime import date
from typing import Any

import pytest

from services.evaluations.rules.policy import (
    NOTICE_BY_LAW,
    PARAMETERS,
    POLICIES,
    NoPolicyInForce,
    PolicyOutOfRange,
    PolicyRetroactive,
    adopt,
    drafted,
    first_policy,
    in_force,
    notice_months,
)
from tests.specification import given, recorded, state_of

FOUNDED = date(2025, 1, 1)
TODAY = date(2026, 3, 2)
FIRST = first_policy(in_force_from=FOUNDED)


def second(**chosen: Any) -> Any:
    return drafted(FIRST, version="P-2", in_force_from=TODAY, **chosen)


def test_the_first_policy_has_the_defaults_of_the_domain() -> None:
    assert (FIRST.version, FIRST.founding, FIRST.threshold_n, FIRST.validity_months) == ("P-1", True, 3, 24)
    assert (FIRST.cure_days, FIRST.contest_days, FIRST.contest_suspends) == (30, 30, True)
    assert (FIRST.bad_news_sender, FIRST.cadence_options) == ("coordinator", (1, 2, 3, 4, 6, 12))
    assert FIRST.notice_months == NOTICE_BY_LAW
    assert all(parameter.source for parameter in PARAMETERS.values())


def test_a_new_version_keeps_what_was_left_out() -> None:
    given(POLICIES, FIRST).when(adopt, in_force_from=TODAY, today=TODAY, threshold_n=4).then(second(threshold_n=4))


def test_the_same_policy_twice_is_one_version() -> None:
    given(POLICIES, FIRST, second(threshold_n=4)).when(
        adopt, in_force_from=TODAY, today=TODAY, threshold_n=4
    ).then_nothing_happens()


def test_no_policy_takes_force_in_the_past() -> None:
    given(POLICIES, FIRST).when(adopt, in_force_from=date(2026, 3, 1), today=TODAY, threshold_n=4).then_refused(
        PolicyRetroactive
    )


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("threshold_n", 1),
        ("threshold_n", 6),
        ("validity_months", 5),
        ("validity_months", 37),
        ("cure_days", 13),
        ("cure_days", 91),
        ("contest_days", 13),
        ("contest_days", 61),
        ("first_visit_days", 29),
        ("cadence_options", ()),
        ("cadence_options", (5,)),
        ("cadence_options", (3, 3)),
        ("max_open_commitments", 0),
        ("late_report_working_days", 11),
        ("notice_months", NOTICE_BY_LAW[:1]),
        ("visit_announce_days", 1),
        ("hearing_notice_days", 4),
        ("ocmw_answer_days", 31),
        ("parked_alarm_days", 0),
        ("clock_skew_minutes", 61),
    ],
)
def test_each_parameter_keeps_to_its_range(name: str, wrong: Any) -> None:
    chosen: dict[str, Any] = {name: wrong}
    given(POLICIES, FIRST).when(adopt, in_force_from=TODAY, today=TODAY, **chosen).then_refused(
        PolicyOutOfRange, "POLICY_OUT_OF_RANGE"
    )


@pytest.mark.parametrize("name", ["threshold_n", "validity_months", "cure_days", "contest_days"])
def test_both_ends_of_a_range_are_in_it(name: str) -> None:
    held = PARAMETERS[name].range
    assert held.holds(getattr(held, "least")) and held.holds(getattr(held, "most"))  # noqa: B009


def test_the_version_of_a_day_is_the_last_one_that_took_force_by_then() -> None:
    adopted = state_of(POLICIES, recorded(FIRST, on=FOUNDED), recorded(second(threshold_n=4), on=date(2026, 2, 2)))
    assert in_force(adopted, on=date(2026, 3, 1)).version == "P-1"
    assert in_force(adopted, on=TODAY).version == "P-2"


def test_before_the_founding_no_policy_was_in_force() -> None:
    with pytest.raises(NoPolicyInForce):
        in_force(state_of(POLICIES, FIRST), on=date(2024, 12, 31))


def test_notice_months_are_those_of_the_law() -> None:
    assert (notice_months(FIRST, "shortcoming"), notice_months(FIRST, "property")) == (3, 6)
