"""What is due, and by whom; and leases that wait for their day, for the work that each day brings."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.visits.rules.agreement import AGREEMENT, Agreement
from services.visits.rules.contact import CONTACT, Contact
from services.visits.rules.due import overdue
from services.visits.rules.lease import LEASE, Lease
from services.visits.rules.visit import VISIT, Visit
from shared.decisions import Recorded
from shared.event_sourcing import OfOffice
from shared.views import Asked, Row, Table, View

DUE = Table(
    name="due",
    columns={
        "kind": "text not null",  # first_visit, next_visit, report, commitment, answer
        "about": "text not null",  # the id of the lease, visit, commitment or contact
        "stream": "text not null",  # the id of the lease, visit, agreement or contact
        "lease": "text not null",
        "due_on": "date not null",
        "person": "text",  # whose task it is, where one person's
        "by": "text",  # of a commitment: renter, office or third party
    },
    key=("kind", "stream", "about"),
    indexes=(("due_on",), ("lease",)),
)
PREPARED = Table(
    name="prepared",
    columns={"lease": "text not null", "start": "date not null"},
    key=("lease",),
    indexes=(("start",),),
)
LEAVING = Table(
    name="leaving",
    columns={"lease": "text not null", "to_office": "text not null", "starts_on": "date not null"},
    key=("lease",),
    indexes=(("starts_on",),),
)


def _due(kind: str, about: str, due_on: date | None, *, stream: str, **beside: Any) -> Row:
    """A thing that is due on a day, or (None) no longer."""
    values = {"kind": kind, "about": about, "stream": stream}
    if due_on is None:
        return Row(DUE, values, gone=True)
    whole = {"person": None, "by": None, **beside}
    return Row(DUE, {**values, "due_on": due_on, **whole})


def lease_rows(lease: Lease, recorded: Recorded[Any]) -> Iterable[Row]:
    """The visit that is due, and the start that is awaited."""
    id = recorded.thing
    due, first = lease.next_visit_due, lease.last_visit_on is None
    whose = {"lease": id, "person": lease.counsellor}
    yield _due("first_visit", id, due if first else None, stream=id, **whose)
    yield _due("next_visit", id, None if first else due, stream=id, **whose)
    waits = lease.state == "prepared" and lease.counsellor is not None and lease.registered is not None
    start = {"start": lease.registered.start} if lease.registered else {}
    yield Row(PREPARED, {"lease": id, **start}, gone=not waits)
    change = lease.goes_over
    if change is not None:
        yield Row(LEAVING, {"lease": id, "to_office": change.to_office, "starts_on": change.starts_on})
    elif lease.taken_over:
        yield Row(LEAVING, {"lease": id}, gone=True)


def visit_rows(visit: Visit, recorded: Recorded[Any]) -> Iterable[Row]:
    """The report that is due."""
    id = recorded.thing
    waits = visit.recorded is not None and visit.report is None and not visit.imported
    due = visit.recorded.report_due_on if visit.recorded and waits else None
    yield _due("report", id, due, stream=id, lease=visit.lease, person=visit.counsellor)


def agreement_rows(agreement: Agreement, recorded: Recorded[Any]) -> Iterable[Row]:
    """The commitments that are due while the note runs."""
    id = recorded.thing
    for one in agreement.commitments:
        waits = agreement.state == "running" and agreement.state_of(one.id) == "open"
        yield _due("commitment", one.id, one.due_on if waits else None, stream=id, lease=agreement.lease, by=one.by)


def contact_rows(contact: Contact, recorded: Recorded[Any]) -> Iterable[Row]:
    """The answer or repair that is due."""
    id, told = recorded.thing, contact.logged
    if told is not None and told.answer_due_on is not None:
        due = told.answer_due_on if contact.open else None
        yield _due("answer", id, due, stream=id, lease=told.lease, person=told.owner, by=told.repair_by)


VIEWS = (
    View(of=LEASE, rows=lease_rows, tables=(DUE, PREPARED, LEAVING)),
    View(of=VISIT, rows=visit_rows, tables=(DUE,)),
    View(of=AGREEMENT, rows=agreement_rows, tables=(DUE,)),
    View(of=CONTACT, rows=contact_rows, tables=(DUE,)),
)

DUE_BY = """
select kind, about, stream, lease, due_on, person, "by" from due
where office = $1 and due_on <= $2 and (due_on, kind, about, stream) > ($3, $4, $5, $6)
and ($7::text is null or lease = $7) and ($8::text is null or person = $8)
order by due_on, kind, about, stream limit $9
"""
LATE_VISITS = (
    "select about from due where office = $1 and kind in ('first_visit', 'next_visit') and due_on < $2 order by 1"
)
NOT_NOTED_OVERDUE = """
select d.about from due d join leases l on l.office = d.office and l.id = d.about
where d.office = $1 and l.office = $1 and d.kind in ('first_visit', 'next_visit') and d.due_on < $2
and not l.overdue order by 1
"""
VISITS_DUE = (
    "select kind, due_on, count(*) as number from due where kind in ('first_visit', 'next_visit') group by 1, 2"
)
LATE_COMMITMENTS = (
    "select distinct stream from due where office = $1 and kind = 'commitment' and due_on < $2 order by 1"
)
LEAVING_BY = "select lease, to_office from leaving where office = $1 and starts_on <= $2 order by starts_on, lease"
STARTING = 'select lease from prepared where office = $1 and start <= $2 order by "start", lease'
BEFORE_ALL = (date(1, 1, 1), "", "", "")


async def due_by(
    store: Asked,
    *,
    by: OfOffice,
    until: date,
    today: date,
    lease: str | None,
    person: str | None,
    after: tuple[date, str, str, str],
    limit: int,
) -> list[Mapping[str, Any]]:
    """Return what is due through ``until``, the longest overdue first, as far as ``limit``."""
    found = await store.rows(DUE_BY, until, *after, lease, person, limit, by=by)
    return [{**dict(row), "overdue": overdue(row["due_on"], on=today)} for row in found]


async def late_visits(store: Asked, *, by: OfOffice, today: date) -> list[str]:
    """Return the leases whose next visit was due before ``today``."""
    return [row["about"] for row in await store.rows(LATE_VISITS, today, by=by)]


async def not_noted_overdue(store: Asked, *, by: OfOffice, today: date) -> list[str]:
    """Return the leases whose next visit was due before ``today`` and that the list of leases does not show so yet."""
    return [row["about"] for row in await store.rows(NOT_NOTED_OVERDUE, today, by=by)]


async def late_commitments(store: Asked, *, by: OfOffice, today: date) -> list[str]:
    """Return the notes with an open commitment that was due before ``today``."""
    return [row["stream"] for row in await store.rows(LATE_COMMITMENTS, today, by=by)]


async def leaving(store: Asked, *, by: OfOffice, today: date) -> list[tuple[str, str]]:
    """Return the leases that go over to another office, and to which, whose day has come."""
    return [(row["lease"], row["to_office"]) for row in await store.rows(LEAVING_BY, today, by=by)]


async def starting(store: Asked, *, by: OfOffice, today: date) -> list[str]:
    """Return the prepared leases that have a counsellor and whose start has come."""
    return [row["lease"] for row in await store.rows(STARTING, today, by=by)]
