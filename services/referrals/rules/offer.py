"""That help was offered, and when: kept apart from what the help was, so that nothing else can follow it (I-12)."""

from dataclasses import dataclass
from datetime import date

from services.referrals.events import OfferEvent
from shared.decisions import Stream


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One offer of help."""

    lease: str = ""
    offered_on: date | None = None


def evolve(_before: Offer, event: OfferEvent) -> Offer:
    return Offer(lease=event.lease, offered_on=event.offered_on)


OFFER = Stream("offer", initial=Offer(), evolve=evolve, events=OfferEvent)
