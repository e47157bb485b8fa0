"""Belgian working days against literal dates and against an independent calendar (domain 5.1)."""

from datetime import date, timedelta

import holidays as calendar
import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from shared.working_days import (
    add_months,
    add_working_days,
    add_years,
    easter,
    holidays,
    is_working_day,
    next_working_day,
    roll,
)

DAYS = st.dates(date(2000, 1, 1), date(2090, 12, 31))


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2026, "1/1 6/4 1/5 14/5 25/5 21/7 15/8 1/11 11/11 25/12"),
        (2027, "1/1 29/3 1/5 6/5 17/5 21/7 15/8 1/11 11/11 25/12"),
        (2028, "1/1 17/4 1/5 25/5 5/6 21/7 15/8 1/11 11/11 25/12"),
    ],
)
def test_the_holidays_are_those_of_the_list(year: int, days: str) -> None:
    listed = (day.split("/") for day in days.split())
    assert holidays(year) == {date(year, int(month), int(day)) for day, month in listed}


@pytest.mark.parametrize("year", range(2020, 2041))
def test_the_holidays_are_those_of_an_independent_calendar(year: int) -> None:
    sundays = {day for day in calendar.country_holidays("BE", years=year) if day == easter(year)}
    sundays |= {easter(year) + timedelta(days=49)}  # Easter and Whit Sunday are no working days in any case
    assert holidays(year) == set(calendar.country_holidays("BE", years=year)) - sundays


@pytest.mark.parametrize(
    ("day", "works"),
    [
        (date(2026, 4, 30), True),
        (date(2026, 5, 1), False),  # Labour Day, a Friday
        (date(2026, 5, 2), False),  # Saturday
        (date(2026, 5, 3), False),  # Sunday
        (date(2026, 5, 4), True),
        (date(2026, 4, 6), False),  # Easter Monday
    ],
)
def test_a_working_day_is_monday_to_friday_and_no_holiday(day: date, works: bool) -> None:
    assert is_working_day(day) is works


@pytest.mark.parametrize(
    ("term_ends", "rolls_to"),
    [
        (date(2026, 4, 10) + timedelta(days=21), date(2026, 5, 4)),  # GV-09
        (date(2026, 3, 1) + timedelta(days=21), date(2026, 3, 23)),  # GV-10
        (date(2026, 3, 18) + timedelta(days=30), date(2026, 4, 17)),  # GV-11
        (date(2026, 4, 1) + timedelta(days=30), date(2026, 5, 4)),
        (add_months(date(2026, 1, 31), 1), date(2026, 3, 2)),  # GV-13
    ],
)
def test_a_term_rolls_to_the_next_working_day(term_ends: date, rolls_to: date) -> None:
    assert roll(term_ends) == next_working_day(term_ends) == rolls_to


def test_working_days_leave_the_first_day_out() -> None:
    assert add_working_days(date(2026, 4, 3), 5) == date(2026, 4, 13)  # GV-12: Easter Monday skipped
    assert add_working_days(date(2026, 3, 15), 3) == date(2026, 3, 18)  # GV-01
    assert add_working_days(date(2026, 3, 27), 3) == date(2026, 4, 1)  # GV-02
    assert add_working_days(date(2026, 4, 30), 3) == date(2026, 5, 6)  # GV-03
    assert add_working_days(date(2023, 4, 29), 3) == date(2023, 5, 4)  # GV-05
    assert add_working_days(date(2026, 5, 2), 0) == date(2026, 5, 2)


def test_working_days_are_not_counted_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        add_working_days(date(2026, 5, 4), -1)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2028, 1, 31), 1, date(2028, 2, 29)),
        (date(2026, 4, 20), 1, date(2026, 5, 20)),
        (date(2026, 12, 1), 3, date(2027, 3, 1)),
        (date(2024, 3, 18), 24, date(2026, 3, 18)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 1, 15), -1, date(2025, 12, 15)),
    ],
)
def test_months_keep_the_day_or_take_the_last_one(day: date, months: int, later: date) -> None:
    assert add_months(day, months) == later


def test_years_turn_a_leap_day_into_the_28th() -> None:
    assert add_years(date(2028, 2, 29), 3) == date(2031, 2, 28)
    assert add_years(date(2026, 6, 30), 10) == date(2036, 6, 30)


@for_all(DAYS)
def test_rolling_lands_on_a_working_day_and_passes_none(day: date) -> None:
    rolled = next_working_day(day)
    assert is_working_day(rolled)
    assert not any(is_working_day(day + timedelta(days=n)) for n in range((rolled - day).days))
    assert next_working_day(rolled) == rolled


@for_all(DAYS, st.integers(0, 60), st.integers(0, 60))
def test_working_days_add_up(day: date, some: int, more: int) -> None:
    assert add_working_days(add_working_days(day, some), more) == add_working_days(day, some + more)


@for_all(DAYS, st.integers(-400, 400))
def test_months_land_in_the_month_asked_for(day: date, months: int) -> None:
    later = add_months(day, months)
    assert (later.year * 12 + later.month) - (day.year * 12 + day.month) == months
    assert later.day <= day.day
