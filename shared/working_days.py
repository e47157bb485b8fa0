"""Belgian working days and terms in days and months (domain 5.1). Standard library only; all on local dates.

Deadlines for an act of the renter and due dates of the office roll to the next working day; measuring periods (cure,
validity, notice, retention) never do: for those use ``add_months`` and plain days.
"""

from calendar import monthrange
from datetime import date, timedelta
from functools import lru_cache

A_DAY = timedelta(days=1)


def easter(year: int) -> date:
    """Return Easter Sunday of a year (the anonymous Gregorian computus, Meeus)."""
    century, in_century = divmod(year, 100)
    golden = year % 19
    leap_centuries, rest = divmod(century, 4)
    moon_drift = (century - (century + 8) // 25 + 1) // 3
    epact = (19 * golden + century - leap_centuries - moon_drift + 15) % 30
    leap_years, after_leap = divmod(in_century, 4)
    to_sunday = (32 + 2 * rest + 2 * leap_years - epact - after_leap) % 7
    late_moon = (golden + 11 * epact + 22 * to_sunday) // 451
    month, day = divmod(epact + to_sunday - 7 * late_moon + 114, 31)
    return date(year, month, day + 1)


@lru_cache(maxsize=512)
def holidays(year: int) -> frozenset[date]:
    """Return the ten Belgian public holidays of a year."""
    sunday = easter(year)
    fixed = ((1, 1), (5, 1), (7, 21), (8, 15), (11, 1), (11, 11), (12, 25))
    movable = (1, 39, 50)  # Easter Monday, Ascension, Whit Monday
    return frozenset(
        {date(year, month, day) for month, day in fixed} | {sunday + timedelta(days=after) for after in movable}
    )


def is_working_day(day: date) -> bool:
    """Whether ``day`` is Monday to Friday and no public holiday."""
    return day.weekday() < 5 and day not in holidays(day.year)


def next_working_day(day: date) -> date:
    """Return ``day`` if it is a working day, else the first working day after it."""
    while not is_working_day(day):
        day += A_DAY
    return day


roll = next_working_day


def add_working_days(day: date, number: int) -> date:
    """Return the ``number``-th working day after ``day``, which itself is not counted.

    :raises ValueError: ``number`` is negative.
    """
    if number < 0:
        raise ValueError("working days are counted forward")
    while number:
        day += A_DAY
        number -= is_working_day(day)
    return day


def add_months(day: date, number: int) -> date:
    """Return the same day ``number`` months on (or back), or the last day of that month when it has no such day."""
    years, month = divmod(day.month - 1 + number, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def add_years(day: date, number: int) -> date:
    """Return the same day ``number`` years on; 29 February becomes the 28th where there is none."""
    return add_months(day, 12 * number)
