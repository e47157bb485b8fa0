"""What the passing of time brings: contest terms end, validity ends, policies take force. Nothing of it judges."""

from collections.abc import AsyncIterator
from datetime import datetime
from functools import partial
from uuid import uuid4

from services.evaluations import views
from services.evaluations.rules.crossing import STANDING
from services.evaluations.rules.evaluation import EVALUATION, become_final
from services.evaluations.rules.lease_file import Act, LeaseFile, pass_the_day, what_follows
from shared.clock import BRUSSELS
from shared.day import DAY_BEGINS, Day, Days
from shared.event_sourcing import EventStore

days = Days()


@days.each("contest terms that ended", lambda day, store: views.contest_terms_over(store, on=day.date, by=day))
async def end_contest_term(over: tuple[str, str], day: Day, store: EventStore) -> None:
    """Make an evaluation final whose contest term has ended."""
    evaluation, _lease = over
    await store.decide(EVALUATION, evaluation, partial(become_final, today=day.date), by=day)


async def _files_to_count(day: Day, store: EventStore) -> AsyncIterator[LeaseFile | str]:
    """Yield what is counted on a day: nothing on one gone by.

    Days that are caught up are counted with the last of them: on a day before it, a letter that has reached the renter
    since would not count yet, and the threshold that it met would look as if it were met no longer.
    """
    if not day.late:
        async for file in views.files_that_time_can_change(store, since=day.since, on=day.date, by=day):
            yield file


@days.each("count of today", _files_to_count)
async def take_the_count(known: LeaseFile | str, day: Day, store: EventStore) -> None:
    """Take the count of a lease in which time alone can change something; for today, never for a day gone by."""
    file = await views.as_file(known, store, by=day)
    at = datetime.combine(day.date, DAY_BEGINS, tzinfo=BRUSSELS)
    act = Act(on=day.date, today=day.date, at=at, actor="SYS", new_review=str(uuid4()))
    if what_follows(file, file, act, since=day.since):  # on most days nothing does, in most leases
        reads = {name: read for name, read in views.whole_file(file.lease).items() if name != "crossing"}
        decision = partial(pass_the_day, act=act, since=day.since, lease=file.lease)
        await store.decide(STANDING, file.lease, decision, by=day, reads=reads)
