"""The metric, the list of what is due and the lease list agree on what is overdue, on every day."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
from hypothesis import given, settings
from hypothesis import strategies as st

from services.visits.gauges import KINDS, OVERDUE, count_overdue, look
from services.visits.rules.due import overdue
from services.visits.rules.lease import note_overdue
from services.visits.views.due import lease_rows
from shared.decisions import Recorded
from tests.visits.conftest import Visits
from tests.visits.examples import FIRST_DUE, RUNNING, lease
from tests.visits.test_doors import a_lease

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@given(st.integers(min_value=-40, max_value=400))
@settings(max_examples=60, deadline=None)
def test_metric_list_and_reminder_agree_on_every_day(days: int) -> None:
    today, running = FIRST_DUE + timedelta(days=days), lease()
    recorded: Any = Recorded(
        event=RUNNING[-1], id="e", stream="lease/L1", version=4, occurred_on=today,
        recorded_at=NOON, taken_in_at=NOON, actor="SYS",
    )  # fmt: skip
    listed = [row.values for row in lease_rows(running, recorded) if row.values.get("due_on") is not None]
    counted = count_overdue([(one["kind"], one["due_on"], 1) for one in listed], on=today)
    late = overdue(running.next_visit_due, on=today)
    assert sum(counted.values()) == sum(overdue(one["due_on"], on=today) for one in listed) == late
    assert bool(note_overdue(running, today=today)) == late


async def test_the_gauge_counts_the_overdue_visits_of_all_offices(visits: Visits) -> None:
    visits.at("2025-11-10T09:00")
    await a_lease(visits)
    connection: Any = await asyncpg.connect(visits.database.all_offices)
    try:
        before = await _looked(visits, connection, "2025-12-01T09:00")
        after = await _looked(visits, connection, "2025-12-02T09:00")
    finally:
        await connection.close()
    assert after["first_visit"] > before["first_visit"]
    due = (await visits.seen("/visits/due"))["items"]
    assert [one["overdue"] for one in due] == [True]
    await visits.day(date(2025, 12, 2))
    assert (await visits.seen("/leases"))["items"][0]["overdue"]


async def _looked(visits: Visits, connection: Any, moment: str) -> dict[str, float]:
    visits.at(moment)
    await look(visits.clock, connection)
    return {kind: OVERDUE.labels(kind)._value.get() for kind in KINDS}
