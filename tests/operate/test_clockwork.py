"""Local days, and when everybody knows everything."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from operate.clockwork import DayNotDone, Services, days_between, local_time, move, what_is_missing
from operate.platform import begin_clock
from operate.state import SERVICES, State
from shared.clock import SettableClock


def test_a_local_time_is_that_of_brussels() -> None:
    assert local_time("2026-03-01T09:00") == datetime(2026, 3, 1, 8, tzinfo=UTC)
    assert local_time("2026-07-01T09:00:30") == datetime(2026, 7, 1, 7, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-01", "tomorrow", "2026-03-29T02:30", "2026-03-01T09:00Z", "2026-13-01T09:00"),
        *("0001-01-01T00:00", "9999-12-31T23:59"),  # beyond them there is no other zone's time to turn them into
    ],
)
def test_what_is_no_local_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        local_time(text)


def test_a_day_begins_five_minutes_after_midnight() -> None:
    assert days_between(local_time("2026-01-05T08:00"), local_time("2026-01-06T00:04")) == []
    assert days_between(local_time("2026-01-05T08:00"), local_time("2026-01-06T00:05")) == [date(2026, 1, 6)]
    assert days_between(local_time("2026-01-06T00:05"), local_time("2026-01-06T23:00")) == []
    assert days_between(local_time("2026-01-06T00:03"), local_time("2026-01-06T23:00")) == [date(2026, 1, 6)]


def test_every_day_is_done_also_where_summer_time_begins_and_ends() -> None:
    days = days_between(local_time("2026-01-01T08:00"), local_time("2026-12-31T08:00"))
    assert days == [date.fromordinal(date(2026, 1, 2).toordinal() + number) for number in range(364)]


def test_a_clock_is_moved_over_what_failed_and_then_says_what_of_the_last_day(tmp_path: Path) -> None:
    state = State(tmp_path)
    begin_clock(state, at=local_time("2026-01-05T08:00"))
    services = Services({"visits": "http://127.0.0.1:1"}, "", lambda: None)
    days: list[date] = []

    def do_day(day: date, **_: Any) -> dict[str, int]:
        days.append(day)
        services.failed["visits"] = {"leases that start": 9 - day.day} if day < last_day else left
        return {"visits": 1}

    services.do_day, services.settle = do_day, lambda **_: {"visits": 1}  # type: ignore[method-assign]
    last_day, left = date(2026, 1, 7), dict[str, int]()
    move(state, services, to=local_time("2026-01-07T09:00"))
    last_day, left = date(2026, 1, 8), {"leases that start": 2}
    with pytest.raises(DayNotDone, match=r"visits: leases that start \(2\)$"):
        move(state, services, to=local_time("2026-01-08T09:00"))
    assert days == [date(2026, 1, day) for day in (6, 7, 8)]
    assert SettableClock(state.clock).now() >= local_time("2026-01-08T09:00")


def _health(**changes: Any) -> dict[str, Any]:
    told: dict[str, Any] = {
        name: {
            "outbox": {"position": 3, "unpublished": 0, "counts": {"ReferralOffered": 1, "ReferralFinished": 2}},
            "inbox": {
                other: {"seen": 3, "parked": 0, "dead": 0, "counts": {"ReferralOffered": 1}}
                for other in SERVICES
                if other != name
            },
        }
        for name in SERVICES
    }
    told.update(changes)
    return told


def test_nothing_is_missing_when_every_inbox_holds_what_every_outbox_sent() -> None:
    assert what_is_missing(_health()) == []


def test_an_outbox_that_is_not_empty_is_named() -> None:
    told = _health()
    told["visits"]["outbox"]["unpublished"] = 2
    assert what_is_missing(told) == ["visits has 2 not yet published"]


def test_an_inbox_that_is_behind_is_named() -> None:
    told = _health()
    told["referrals"]["inbox"]["visits"]["seen"] = 1
    assert what_is_missing(told) == ["referrals has not taken in 2 of visits"]


def test_evaluations_need_to_know_of_referrals_only_what_they_may() -> None:
    told = _health()
    told["evaluations"]["inbox"]["referrals"]["seen"] = 1
    assert what_is_missing(told) == []
    told["referrals"]["outbox"]["counts"]["ReferralOffered"] = 2
    assert what_is_missing(told) == ["evaluations has not taken in 1 of referrals"]


def test_a_service_that_does_not_answer_is_named() -> None:
    assert what_is_missing(_health(visits=None)) == ["visits does not answer"]
