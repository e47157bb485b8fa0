"""Calendars at secret addresses."""

import secrets
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Annotated, Any, Literal

from fastapi.responses import Response

from services.notifications import views
from services.notifications.api.door import Name, api, sha256_of
from services.notifications.letters import OFFICE
from services.notifications.rules.calendar import CALENDAR, make, revoke
from services.notifications.rules.lease_file import LEASE_FILE
from services.notifications.rules.office import OFFICE_CARD, OfficeCard
from shared.clock import BRUSSELS
from shared.keys import OFFICE as OF_NO_LEASE
from shared.outbox import OFFICE as OFFICE_CODE
from shared.problems import not_found
from shared.refusals import Unknown
from shared.web import Acted, Caller, DatedBody, Id, Store, may


class MakeCalendar(DatedBody):
    """A calendar of a renter (``lease``) or of a counsellor (``person``, by default who asks)."""

    id: Id | None = None
    owner: Literal["renter", "counsellor"] = "counsellor"
    lease: Name | None = None
    person: Name | None = None


@api.post("/calendars", status_code=201)
async def make_calendar(
    body: MakeCalendar,
    by: Annotated[Caller, may("make_calendar", "counsellor", "coordinator", "administration")],
    store: Store,
) -> Acted:
    """Make a calendar at a secret address, which is told here and never again."""
    if body.lease is not None:
        await store.known(LEASE_FILE, body.lease, by=by)
    secret = f"{by.office}~{secrets.token_urlsafe(32)}"
    # Whoever holds it needs no token: the answer that is kept for a repeated request does not hold it in clear.
    said = await by.seal("A", body.lease or OF_NO_LEASE, address=f"/calendars/{secret}.ics")
    renter = body.owner == "renter"
    return await store.begin(
        CALENDAR,
        body.id,
        partial(
            make_for_somebody,
            owner=body.owner,
            secret=sha256_of(secret),
            lease=body.lease if renter else None,
            person=None if renter else body.person or by.actor,
        ),
        by=by,
        shows=lambda decided: {
            **(views.show_calendar(decided.id, decided.state) or {}),
            "address": said.address,
        },
    )


def make_for_somebody(calendar: Any, *, lease: str | None, person: str | None, **facts: Any) -> list[Any]:
    """Make a calendar of a lease or of a person. :raises Unknown: of a renter, and no lease is named."""
    if lease is None and person is None:
        raise Unknown
    return list(make(calendar, lease=lease, person=person, **facts))


@api.post("/calendars/{calendar}/revoke")
async def revoke_calendar(
    calendar: str,
    by: Annotated[Caller, may("revoke_calendar", "counsellor", "coordinator", "administration", of=CALENDAR)],
    store: Store,
) -> Acted:
    """Let the secret address answer nothing any more."""
    return await store.decide(CALENDAR, calendar, partial(revoke, by=by.person), by=by)


@api.without_token("/calendars/{secret}.ics", response_class=Response)
async def calendar_as_ical(secret: str, store: Store) -> Response:
    """The appointments: day, time and office, and no word of any case."""
    office, separated, _ = secret.partition("~")
    if not separated or not OFFICE_CODE.match(office) or len(secret) > 200:
        raise not_found()
    by: Any = SimpleNamespace(office=office)
    owner = await views.calendar_with(store, sha256_of(secret), by=by)
    if owner is None:
        raise not_found()
    card: OfficeCard = await store.state(OFFICE_CARD, OFFICE, by=by)
    lease, person = owner
    found = await views.appointments_of(store, lease=lease, person=person, since=date.min, by=by)
    return Response(_ical(found, card.name or office), media_type="text/calendar; charset=utf-8")


def _ical(appointments: Iterable[tuple[str, date, str]], office: str) -> str:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Huurspoor//nl", "CALSCALE:GREGORIAN"]
    for visit, day, slot in appointments:
        hour, minute = (int(part) for part in slot.split(":"))
        start = datetime.combine(day, time(hour, minute), tzinfo=BRUSSELS).astimezone(UTC)
        lines += [
            "BEGIN:VEVENT",
            f"UID:{visit}@huurspoor",
            f"DTSTAMP:{start:%Y%m%dT%H%M%SZ}",
            f"DTSTART:{start:%Y%m%dT%H%M%SZ}",
            f"DTEND:{start + timedelta(hours=1):%Y%m%dT%H%M%SZ}",
            f"SUMMARY:{_ical_text(f'Afspraak met {office}')}",
            "END:VEVENT",
        ]
    return "\r\n".join([*map(_folded, lines), "END:VCALENDAR", ""])


def _folded(line: str) -> str:
    """Return a line in pieces of at most 75 octets, as RFC 5545 asks; no character is cut in two."""
    pieces, size = [""], 0
    for char in line:
        octets = len(char.encode())
        if size + octets > 75:
            pieces.append("")
            size = 1  # the blank before a further piece
        pieces[-1] += char
        size += octets
    return "\r\n ".join(pieces)


def _ical_text(text: str) -> str:
    for char in "\\;,":
        text = text.replace(char, f"\\{char}")
    return " ".join(text.split())


api.collection(views.CALENDARS, readers=("counsellor", "coordinator", "administration"))
