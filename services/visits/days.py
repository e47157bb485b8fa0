"""What each local day brings in visits: leases that start, what is overdue or due, photos that nobody used."""

from functools import partial

from services.visits import photo_files
from services.visits.rules.agreement import AGREEMENT, note_due
from services.visits.rules.finding import FINDING
from services.visits.rules.handover import go_over
from services.visits.rules.lease import LEASE, note_overdue, start
from services.visits.rules.photo import PHOTO, UNUSED_DAYS, let_go, unused_before
from services.visits.rules.policy import OFFICE, POLICIES
from services.visits.views import bytes_left, late_commitments, late_visits, leaving, starting, unused_photos
from shared.day import Day, Days
from shared.event_sourcing import EventStore, every, one
from shared.holds import HOLDS

days = Days()


@days.each("leases that go over to another office")
async def hand_leases_over(day: Day, store: EventStore) -> None:
    """Let each lease go over whose day has come; before all else, since the rest of the day's work is the other's."""
    for lease, to in await leaving(store, by=day, today=day.date):
        there = one(POLICIES, OFFICE, office=to)
        going = partial(go_over, id=lease, own=day.office, today=day.date)
        await store.decide(LEASE, lease, going, by=day, reads={"there": there})


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


@days.each("photos that nobody used")
async def let_unused_photos_go(day: Day, store: EventStore) -> None:
    """Erase the photos that nothing pointed to for so long (domain 11, E); a hold keeps them."""
    said = f"Niemand gebruikte deze foto binnen {UNUSED_DAYS} dagen."
    for photo, lease in await unused_photos(store, by=day, before=unused_before(day.date)):
        why = await store.seals.seal(day.office, lease, "A", "why", said)
        assert why is not None
        reads = {"findings": every(FINDING, lease), "holds": one(HOLDS, lease)}
        gone = partial(let_go, id=photo, today=day.date, why=why)
        await store.decide(PHOTO, photo, gone, by=day.about(photo), reads=reads)
    for photo, file, office in await bytes_left(store, by=day):  # also where a process was cut off in an erasure
        await photo_files.forget(store, by=day, photo=photo, file=file, office=office)
