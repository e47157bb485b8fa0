"""What each local day brings in visits: leases that start, what is overdue or due, photos that nobody used."""

from functools import partial

from services.visits import photo_files
from services.visits.rules.agreement import AGREEMENT, note_due
from services.visits.rules.finding import FINDING
from services.visits.rules.handover import go_over
from services.visits.rules.lease import LEASE, note_overdue, start
from services.visits.rules.photo import PHOTO, UNUSED_DAYS, let_go, unused_before
from services.visits.rules.policy import OFFICE, POLICIES
from services.visits.views.due import late_commitments, late_visits, leaving, starting
from services.visits.views.photos import bytes_left, unused_photos
from shared.day import Day, Days
from shared.event_sourcing import EventStore, every, one
from shared.holds import HOLDS

days = Days()


@days.each("leases that go over to another office", lambda day, store: leaving(store, by=day, today=day.date))
async def hand_lease_over(going: tuple[str, str], day: Day, store: EventStore) -> None:
    """Let a lease go over whose day has come; before all else, since the rest of the day's work is the other's."""
    lease, to = going
    there = one(POLICIES, OFFICE, office=to)
    goes = partial(go_over, id=lease, own=day.office, today=day.date)
    await store.decide(LEASE, lease, goes, by=day, reads={"there": there})


@days.each("leases that start", lambda day, store: starting(store, by=day, today=day.date))
async def start_lease(lease: str, day: Day, store: EventStore) -> None:
    """Let a prepared lease run from its start on."""
    await store.decide(LEASE, lease, partial(start, today=day.date), by=day.about(lease))


@days.each("visits that are overdue", lambda day, store: late_visits(store, by=day, today=day.date))
async def note_overdue_visit(lease: str, day: Day, store: EventStore) -> None:
    """Note that a visit is overdue, once for each due date."""
    await store.decide(LEASE, lease, partial(note_overdue, today=day.date), by=day.about(lease))


@days.each("commitments whose day passed", lambda day, store: late_commitments(store, by=day, today=day.date))
async def note_due_commitments(agreement: str, day: Day, store: EventStore) -> None:
    """Make a task of each open commitment of a note whose day passed; nothing else follows from it."""
    await store.decide(AGREEMENT, agreement, partial(note_due, today=day.date), by=day.about(agreement))


@days.each("photos that nobody used", lambda day, store: unused_photos(store, by=day, before=unused_before(day.date)))
async def let_unused_photo_go(unused: tuple[str, str], day: Day, store: EventStore) -> None:
    """Erase a photo that nothing pointed to for so long (domain 11, E); a hold keeps it."""
    photo, lease = unused
    said = f"Niemand gebruikte deze foto binnen {UNUSED_DAYS} dagen."
    why = await store.seals.seal(day.office, lease, "A", "why", said)
    assert why is not None
    reads = {"findings": every(FINDING, lease), "holds": one(HOLDS, lease)}
    gone = partial(let_go, id=photo, today=day.date, why=why)
    await store.decide(PHOTO, photo, gone, by=day.about(photo), reads=reads)


@days.each("bytes of photos that were erased", lambda day, store: bytes_left(store, by=day))
async def forget_bytes(left: tuple[str, str, str | None], day: Day, store: EventStore) -> None:
    """Forget the bytes of a photo that was erased, also where a process was cut off in an erasure."""
    photo, file, office = left
    await photo_files.forget(store, by=day, photo=photo, file=file, office=office)
