"""Calendars, and the secrets that open them."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.notifications.rules.calendar import CALENDAR, Calendar
from shared.decisions import Recorded
from shared.views import Asked, Resource, Row, Table, View


def show_calendar(_id: str, calendar: Calendar) -> Mapping[str, Any] | None:
    """A calendar; its address is told once, when it is made."""
    if calendar.made is None:
        return None
    return {
        "state": calendar.state,
        "owner": calendar.made.owner,
        "lease": calendar.made.lease,
        "person": calendar.made.person,
    }


CALENDARS = Resource(
    "calendars",
    CALENDAR,
    show_calendar,
    filters={"lease": "text", "state": "text", "person": "text"},
    filter_values=lambda _id, calendar: {
        "lease": calendar.made.lease,
        "state": calendar.state,
        "person": calendar.made.person,
    },
)
CALENDAR_ADDRESS = Table(
    name="calendar_address",
    columns={"secret": "text not null", "lease": "text", "person": "text"},
    key=("secret",),
)


def keep_address(calendar: Calendar, _recorded: Recorded[Any]) -> Iterable[Row]:
    """The hash of each secret that opens a calendar."""
    if calendar.made is not None:
        row = {"secret": calendar.made.secret, "lease": calendar.made.lease, "person": calendar.made.person}
        yield Row(CALENDAR_ADDRESS, row, gone=calendar.state == "revoked")


async def calendar_with(store: Asked, secret: str, *, by: Any) -> tuple[str | None, str | None] | None:
    """Return whose calendar (lease, person) has this hash of a secret; None where it is unknown or revoked."""
    found = await store.rows(
        "select lease, person from calendar_address where office = $1 and secret = $2", secret, by=by
    )
    return (found[0]["lease"], found[0]["person"]) if found else None


VIEWS = (View(CALENDAR, keep_address, (CALENDAR_ADDRESS,)),)
