"""What each local day brings in visits: leases that start, visits that are overdue, commitments whose day passed."""

from functools import partial

from services.visits.rules.agreement import AGREEMENT, note_due
from services.visits.rules.lease import LEASE, note_overdue, start
from services.visits.views import late_commitments, late_visits, starting
from shared.day import Day, Days
from shared.event_sourcing import EventStore

days = Days()


@days.each("leases that start")
async def start_leases(day: Day, store: EventStore) -> None:
    """Let prepared leases run from their start on."""
    for lease in await starting(store, by=day, today=day.date):
        await store.decide(LEASE, lease, partial(start, today=day.date), by=day.about(lease))


@days.each("visits that are overdue")
async def note_overdue_visits(day: Day, store: EventStore) -> None:
    """Note which visits are overdue, once for each due date."""
    for lease in await late_visits(store, by=day, today=day.date):
        await store.decide(LEASE, lease, partial(note_overdue, today=day.date), by=day.about(lease))


@days.each("commitments whose day passed")
async def note_due_commitments(day: Day, store: EventStore) -> None:
    """Make a task of each open commitment whose day passed; nothing else follows from it."""
    for agreement in await late_commitments(store, by=day, today=day.date):
        await store.decide(AGREEMENT, agreement, partial(note_due, today=day.date), by=day.about(agreement))
