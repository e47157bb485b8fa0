"""Calendars at secret addresses: appointments for a renter or a counsellor (contract 3)."""

from dataclasses import dataclass, replace
from typing import Literal, assert_never

from services.notifications.events import CalendarEvent, CalendarMade, CalendarRevoked
from shared.decisions import Person, Stream
from shared.refusals import WrongState


@dataclass(frozen=True, kw_only=True)
class Calendar:
    """One calendar."""

    made: CalendarMade | None = None
    state: Literal["open", "revoked"] = "open"


def make(
    calendar: Calendar, *, owner: Literal["renter", "counsellor"], secret: str, lease: str | None, person: str | None
) -> list[CalendarEvent]:
    """Make a calendar that can be read by whoever knows its secret.

    :param secret: SHA-256 of the secret; the secret itself is told once and kept nowhere.
    :raises WrongState: there is one with this id.
    """
    if calendar.made is not None:
        raise WrongState
    return [CalendarMade(owner=owner, secret=secret, lease=lease, person=person)]


def revoke(calendar: Calendar, *, by: Person) -> list[CalendarEvent]:
    """Let the address answer nothing any more."""
    return [] if calendar.state == "revoked" else [CalendarRevoked(by=by.id)]


def evolve(calendar: Calendar, event: CalendarEvent) -> Calendar:
    match event:
        case CalendarMade():
            return Calendar(made=event)
        case CalendarRevoked():
            return replace(calendar, state="revoked")
        case _:
            assert_never(event)


CALENDAR = Stream("calendar", initial=Calendar(), evolve=evolve, events=CalendarEvent)
