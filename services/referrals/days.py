"""What the passing of time brings: silence becomes a task (P08), and what a referral was about is forgotten."""

from datetime import timedelta
from functools import partial

from services.referrals.rules.lease import LEASE
from services.referrals.rules.referral import REFERRAL, fall_silent, forget
from services.referrals.views import forgotten, silent_referrals, to_forget
from shared.day import Day, Days
from shared.event_sourcing import EventStore, one
from shared.holds import HOLDS

days = Days()


@days.each("referrals of which nothing was heard")
async def note_silences(day: Day, store: EventStore) -> None:
    """Note each referral that has been silent for as long as its partner's entry allows."""
    for referral, lease in await silent_referrals(store, on=day.date, by=day):
        await store.decide(
            REFERRAL,
            referral,
            partial(fall_silent, today=day.date),
            by=day.about(referral),
            reads={"lease": one(LEASE, lease)},
        )


@days.each("referrals whose content is forgotten")
async def forget_contents(day: Day, store: EventStore) -> None:
    """Destroy the key to what a referral was about, a year after its end (domain 11, F); a hold keeps it."""
    for referral, lease in await to_forget(store, on=day.date, by=day):
        reads = {"holds": one(HOLDS, lease)}
        gone = partial(forget, today=day.date)
        await store.decide(REFERRAL, referral, gone, by=day.about(referral), reads=reads)
    # Those of the day before too: a process may have ended between the fact and the key.
    for referral in await forgotten(store, since=day.date - timedelta(days=1), by=day):
        await store.seals.destroy(day.office, referral, "F")
