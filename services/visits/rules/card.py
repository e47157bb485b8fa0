"""The counsellor's card: the face, and the ways to reach it, that every renter gets (seed P10)."""

from dataclasses import dataclass, replace
from typing import assert_never

from services.visits.events import CardEvent, Channel, CounsellorCardChanged, CounsellorCardMade
from shared.decisions import Stream
from shared.refusals import WrongState
from shared.sealed import Sealed


@dataclass(frozen=True, kw_only=True)
class Card:
    """What renters get to know of a counsellor. The photo is the counsellor's own choice."""

    counsellor: str = ""
    name: Sealed | None = None
    phone: Sealed | None = None
    hours: Sealed | None = None
    channels: tuple[Channel, ...] = ()
    photo: str | None = None


def make_card(
    card: Card,
    *,
    counsellor: str,
    name: Sealed,
    phone: Sealed | None,
    hours: Sealed | None,
    channels: tuple[Channel, ...],
    photo: str | None,
) -> list[CardEvent]:
    """Make the card of a counsellor."""
    if card.name is not None:
        raise WrongState
    return [
        CounsellorCardMade(counsellor=counsellor, name=name, phone=phone, hours=hours, channels=channels, photo=photo)
    ]


def change_card(
    card: Card,
    *,
    name: Sealed,
    phone: Sealed | None,
    hours: Sealed | None,
    channels: tuple[Channel, ...],
    photo: str | None,
) -> list[CardEvent]:
    """Let the card read like this from now on."""
    if card.name is None:
        raise WrongState
    return [CounsellorCardChanged(name=name, phone=phone, hours=hours, channels=channels, photo=photo)]


def evolve(card: Card, event: CardEvent) -> Card:
    match event:
        case CounsellorCardMade():
            return Card(
                counsellor=event.counsellor,
                name=event.name,
                phone=event.phone,
                hours=event.hours,
                channels=event.channels,
                photo=event.photo,
            )
        case CounsellorCardChanged():
            return replace(
                card,
                name=event.name,
                phone=event.phone,
                hours=event.hours,
                channels=event.channels,
                photo=event.photo,
            )
        case _:
            assert_never(event)


CARD = Stream("card", initial=Card(), evolve=evolve, events=CardEvent)
