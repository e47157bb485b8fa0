"""What the passing of time brings: silence becomes a task (P08), and what a referral was about is forgotten."""

from functools import partial

from services.referrals.rules.lease import LEASE
from services.referrals.rules.referral import REFERRAL, fall_silent, forget
from services.referrals.views import forgotten, silent_referrals, to_forget
from shared.day import Day, Days
from shared.event_sourcing import EventStore, one
from shared.holds import HOLDS

days = Days()


@days.each("referrals of which nothing was heard", lambda day, store: silent_referrals(store, on=day.date, by=day))
async def note_silence(silent: tuple[str, str], day: Day, store: EventStore) -> None:
    """Note that a referral has been silent for as long as its partner's entry allows."""
    referral, lease = silent
    reads = {"lease": one(LEASE, lease)}
    await store.decide(REFERRAL, referral, partial(fall_silent, today=day.date), by=day.about(referral), reads=reads)


@days.each("referrals whose content is forgotten", lambda day, store: to_forget(store, on=day.date, by=day))
async def forget_content(ended: tuple[str, str], day: Day, store: EventStore) -> None:
    """Let what a referral was about be forgotten, a year after its end (domain 11, F); a hold keeps it."""
    referral, lease = ended
    reads = {"holds": one(HOLDS, lease)}
    await store.decide(REFERRAL, referral, partial(forget, today=day.date), by=day.about(referral), reads=reads)


# Those of earlier days too: a process may have ended, or the keys have been away, between the fact and the key.
@days.each("keys to what is forgotten", lambda day, store: forgotten(store, since=day.since, by=day))
async def destroy_key(referral: str, day: Day, store: EventStore) -> None:
    """Destroy the key to what a referral was about."""
    await store.seals.destroy(day.office, referral, "F")
