"""What the passing of time brings: silence becomes a task (P08)."""

from functools import partial

from services.referrals.rules.lease import LEASE
from services.referrals.rules.referral import REFERRAL, fall_silent
from services.referrals.views import silent_referrals
from shared.day import Day, Days
from shared.event_sourcing import EventStore, one

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
