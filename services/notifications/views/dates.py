"""Contest terms of evaluations, and appointments for visits."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from shared.decisions import Recorded
from shared.views import Asked, Row, Table, View

CONTEST_TERM = Table(
    name="contest_term",
    columns={"evaluation": "text not null", "lease": "text not null", "until": "date", "running": "boolean not null"},
    key=("evaluation",),
    indexes=(("running", "until"),),
)
APPOINTMENT = Table(
    name="appointment",
    columns={
        "visit": "text not null",
        "lease": "text not null",
        "counsellor": "text not null",
        "visit_on": "date not null",
        "slot": "text not null",
        "open": "boolean not null",
        "announced": "boolean not null",
    },
    key=("visit",),
    indexes=(("visit_on",), ("counsellor", "visit_on"), ("lease", "visit_on")),
)


def keep_dates(file: LeaseFile, recorded: Recorded[Any]) -> Iterable[Row]:
    """The contest term of an evaluation, and the appointment of a visit, that an event of the lease is about."""
    lease = recorded.thing
    evaluation = getattr(recorded.event, "evaluation", None)
    if evaluation is not None and (told := file.evaluations.get(evaluation)) is not None:
        over = told.contested or told.upheld or told.is_gone
        yield Row(
            CONTEST_TERM,
            {
                "evaluation": evaluation,
                "lease": lease,
                "until": told.contest_until,
                "running": told.contest_until is not None and not over,
            },
        )
    for visit in (getattr(recorded.event, "visit", None), getattr(recorded.event, "new_visit", None)):
        if visit is not None and (found := file.visits.get(visit)) is not None:
            yield Row(
                APPOINTMENT,
                {
                    "visit": visit,
                    "lease": lease,
                    "counsellor": found.counsellor,
                    "visit_on": found.visit_on,
                    "slot": found.slot,
                    "open": found.open,
                    "announced": found.announced,
                },
            )


async def appointments_of(
    store: Asked, *, lease: str | None, person: str | None, since: date, by: Any
) -> list[tuple[str, date, str]]:
    """Return visit, day and time of the appointments of a lease or a counsellor from a day on."""
    found = await store.rows(
        "select visit, visit_on, slot from appointment where office = $1 and open and visit_on >= $2"
        " and ($3::text is null or lease = $3) and ($4::text is null or counsellor = $4)"
        " order by visit_on, slot, visit",
        since,
        lease,
        person,
        by=by,
    )
    return [(row["visit"], row["visit_on"], row["slot"]) for row in found]


VIEWS = (View(LEASE_FILE, keep_dates, (CONTEST_TERM, APPOINTMENT)),)
