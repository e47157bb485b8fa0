"""What the passing of time brings, also on days on which nobody was there (domain 4.3)."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from types import SimpleNamespace
from typing import Any

import pytest

from services.evaluations import days, views
from services.evaluations.events import EvaluationExpired, ReviewDue, TerminationNotPursued, ThresholdReached
from services.evaluations.rules.termination import TERMINATION
from services.evaluations.views import lease_files
from shared.day import Day
from tests.evaluations.a_lease import LEASE, RITA, ALease, text

FRIDAY, SATURDAY, SUNDAY, MONDAY = (date(2026, 6, day) for day in (5, 6, 7, 8))


class AStore:
    """A store that holds one lease, and keeps what is decided about it."""

    def __init__(self, lease: ALease) -> None:
        self.lease = lease
        self.decided: list[Any] = []
        self.writer = SimpleNamespace(ready=asyncio.Event())
        self.writer.ready.set()

    async def decide(self, _stream: Any, _id: str, decision: Any, **_: Any) -> None:
        """Decide, with the whole file in view."""
        file = self.lease.file
        read = {
            "policies": file.policies,
            "checklists": file.checklists,
            "case": file.case,
            "evaluations": file.evaluations,
            "terminations": file.terminations,
        }
        self.decided += [one.event for one in decision(file.crossing, **read)]


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Take the count of a lease on a day, and return what came of it."""

    async def count(lease: ALease, day: Day) -> list[Any]:
        async def files(*_: Any, **__: Any) -> AsyncIterator[Any]:
            yield lease.file

        store: Any = AStore(lease)
        monkeypatch.setattr(views, "files_that_time_can_change", files)
        assert [why async for why in days.days.works["count of today"].done(day, store)] == []
        return list(store.decided)

    return count


async def test_a_day_that_is_caught_up_does_not_undo_what_came_in_since(counted: Any) -> None:
    lease = ALease().evaluation("E1", date(2026, 1, 12), communicated=date(2026, 1, 20))
    lease.evaluation("E2", date(2026, 3, 10), communicated=date(2026, 3, 18)).evaluation("E3", date(2026, 5, 5))
    # On Monday morning a letter handed over at the desk comes in before the days of the weekend are caught up.
    follows = lease.follow(lambda it: it.communicate("E3", MONDAY), today=MONDAY)
    assert ThresholdReached in [type(event) for event in follows]
    assert await counted(lease, Day(office="kn", date=SATURDAY, late=True)) == []
    assert await counted(lease, Day(office="kn", date=SUNDAY, late=True, nothing_left=FRIDAY)) == []
    assert await counted(lease, Day(office="kn", date=MONDAY, nothing_left=FRIDAY)) == []


async def test_the_last_of_the_days_that_are_caught_up_finds_what_any_of_them_brought(counted: Any) -> None:
    lease = ALease(start=date(2024, 1, 2))
    lease.evaluation("E1", date(2024, 6, 1), communicated=date(2024, 6, 6))  # expires on that Saturday
    lease.evaluation("E2", date(2024, 6, 20), communicated=date(2024, 6, 30))  # merged into E1 till then
    lease.evaluation("E3", date(2025, 1, 10), communicated=date(2025, 1, 15))
    lease.follow(lambda it: it.evaluation("E4", date(2025, 6, 10), communicated=date(2025, 6, 15)), today=FRIDAY)
    review = lease.file.open_review
    assert review is not None
    going_on = TerminationNotPursued(reasons=text("een kans"), measures=(), by=RITA)
    lease.record(TERMINATION, review, going_on, on=FRIDAY)
    due = ReviewDue(lease=LEASE, evaluation="E2", count=3, threshold=3)
    assert await counted(lease, Day(office="kn", date=SATURDAY)) == [EvaluationExpired(), due]
    assert await counted(lease, Day(office="kn", date=SATURDAY, late=True)) == []
    assert await counted(lease, Day(office="kn", date=MONDAY, nothing_left=FRIDAY)) == [EvaluationExpired(), due]


async def test_a_lease_that_cannot_be_read_keeps_no_other_one_uncounted(monkeypatch: pytest.MonkeyPatch) -> None:
    lease = ALease(start=date(2024, 1, 2)).evaluation("E1", date(2024, 6, 1), communicated=date(2024, 6, 8))

    async def leases(*_: Any, **__: Any) -> list[str]:
        return ["another", LEASE]

    async def files(_store: Any, some: list[str], **_: Any) -> list[Any]:
        if "another" in some:
            raise ValueError("cannot be read")
        return [lease.file for _ in some]

    monkeypatch.setattr(lease_files, "leases_that_time_can_change", leases)
    monkeypatch.setattr(lease_files, "files_of", files)
    store: Any = AStore(lease)
    failed = days.days.works["count of today"].done(Day(office="kn", date=MONDAY), store)
    assert [type(why) async for why in failed] == [ValueError]
    assert [type(event) for event in store.decided] == [EvaluationExpired]
