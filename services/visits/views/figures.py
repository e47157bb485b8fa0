"""The figures of the office (domain 12), and what they are counted from: leases, visits, notes, duties, balances."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, TypeVar, cast

from services.visits.events import BalanceRecorded
from services.visits.rules.agreement import AGREEMENT, Agreement
from services.visits.rules.contact import CONTACT, Contact
from services.visits.rules.figures import (
    BalanceFacts,
    DueFacts,
    DutyFacts,
    Figure,
    LeaseFacts,
    NoteFacts,
    Period,
    VisitFacts,
    arrears,
    cadence_kept,
    first_visit_in_time,
    moved_on,
    notes_concluded_well,
    own_duties,
    own_strength,
    presence,
    report_in_time,
)
from services.visits.rules.lease import LEASE, Lease
from services.visits.rules.visit import VISIT, Visit
from shared.decisions import Recorded
from shared.event_sourcing import OfOffice
from shared.views import Asked, Row, Table, View

F = TypeVar("F")

LEASE_FACTS = Table(
    name="lease_facts",
    columns={
        "lease": "text not null",
        "started_on": "date",
        "ended_on": "date",
        "ended_ground": "text",
        "first_visit_due": "date not null",
        "first_visit_on": "date",
    },
    key=("lease",),
)
VISIT_FACTS = Table(
    name="visit_facts",
    columns={
        "visit": "text not null",
        "lease": "text not null",
        "visited_on": "date not null",
        "report_due_on": "date",  # none for a visit that was taken over: its report is not ours
        "fixed_on": "date",
    },
    key=("visit",),
)
DUE_FACTS = Table(
    name="due_facts",
    columns={"lease": "text not null", "which": "text not null", "due_on": "date not null", "met_on": "date"},
    key=("lease", "which"),
)
NOTE_FACTS = Table(
    name="note_facts",
    columns={"agreement": "text not null", "state": "text not null", "ended_on": "date"},
    key=("agreement",),
)
DUTY_FACTS = Table(
    name="duty_facts",
    columns={
        "stream": "text not null",
        "about": "text not null",
        "by": "text not null",
        "since": "date not null",
        "due_on": "date not null",
        "seen_on": "date",
        "kept": "boolean not null",
        "repair": "boolean not null",
    },
    key=("stream", "about"),
)
BALANCE_FACTS = Table(
    name="balance_facts",
    columns={
        "lease": "text not null",
        "balance_on": "date not null",
        "amount_cents": "bigint not null",
        "month_rent_cents": "bigint not null",
    },
    key=("lease", "balance_on"),
)


def lease_facts(lease: Lease, recorded: Recorded[Any]) -> Iterable[Row]:
    """What figures ask of a lease."""
    id, known = recorded.thing, lease.registered
    if known is None:
        return
    yield Row(
        LEASE_FACTS,
        {
            "lease": id,
            "started_on": None if lease.state == "prepared" else known.start,
            "ended_on": lease.ended.ended_on if lease.ended else None,
            "ended_ground": lease.ended.ground if lease.ended else None,
            "first_visit_due": known.first_visit_due,
            "first_visit_on": lease.first_visit_on,
        },
    )
    for due_on, met_on in lease.fallen_due:
        yield Row(DUE_FACTS, {"lease": id, "which": due_on.isoformat(), "due_on": due_on, "met_on": met_on})
    pending = {"lease": id, "which": "pending"}
    waits = lease.runs and lease.next_due_on is not None
    yield Row(DUE_FACTS, {**pending, "due_on": lease.next_due_on, "met_on": None} if waits else pending, gone=not waits)
    if isinstance(recorded.event, BalanceRecorded):
        yield Row(
            BALANCE_FACTS,
            {
                "lease": id,
                "balance_on": recorded.event.balance_on,
                "amount_cents": recorded.event.amount_cents,
                "month_rent_cents": recorded.event.month_rent_cents,
            },
        )


def visit_facts(visit: Visit, recorded: Recorded[Any]) -> Iterable[Row]:
    """What figures ask of a visit."""
    if visit.recorded is not None:
        yield Row(
            VISIT_FACTS,
            {
                "visit": recorded.thing,
                "lease": visit.lease,
                "visited_on": visit.recorded.visited_on,
                "report_due_on": None if visit.imported else visit.recorded.report_due_on,
                "fixed_on": visit.report.fixed_on if visit.report else None,
            },
        )


def agreement_facts(agreement: Agreement, recorded: Recorded[Any]) -> Iterable[Row]:
    """What figures ask of a note and its commitments."""
    id = recorded.thing
    ended = {"refused", "revised", "kept", "partly", "broken", "lapsed"}
    if agreement.state in ended:
        yield Row(NOTE_FACTS, {"agreement": id, "state": agreement.state, "ended_on": recorded.occurred_on})
    if agreement.accepted is None:
        return
    for one in agreement.commitments:
        seen, state = agreement.latest.get(one.id), agreement.state_of(one.id)
        whose = {"stream": id, "about": one.id, "by": one.by, "since": agreement.accepted.accepted_on}
        duty = {**whose, "due_on": one.due_on, "repair": False}
        followed = {"seen_on": seen.seen_on if seen else None, "kept": state == "kept"}
        yield Row(DUTY_FACTS, {**duty, **followed}, gone=state == "dropped")


def contact_facts(contact: Contact, recorded: Recorded[Any]) -> Iterable[Row]:
    """What figures ask of a repair."""
    told, id = contact.logged, recorded.thing
    if told is not None and told.repair_by is not None and told.answer_due_on is not None:
        answered = contact.answered
        whose = {"stream": id, "about": id, "by": told.repair_by, "since": told.contact_on}
        duty = {**whose, "due_on": told.answer_due_on, "repair": True}
        done = {"seen_on": answered.answered_on if answered else None, "kept": answered is not None}
        yield Row(DUTY_FACTS, {**duty, **done})


VIEWS = (
    View(of=LEASE, rows=lease_facts, tables=(LEASE_FACTS, DUE_FACTS, BALANCE_FACTS)),
    View(of=VISIT, rows=visit_facts, tables=(VISIT_FACTS,)),
    View(of=AGREEMENT, rows=agreement_facts, tables=(NOTE_FACTS, DUTY_FACTS)),
    View(of=CONTACT, rows=contact_facts, tables=(DUTY_FACTS,)),
)


async def _facts(store: Asked, table: Table, kind: type[F], *, by: OfOffice) -> list[F]:
    names = [field.name for field in fields(cast(Any, kind))]
    columns = ", ".join(f'"{name}"' for name in names)
    key = ", ".join(f'"{name}"' for name in table.key)
    found = await store.rows(f'select {columns} from "{table.name}" where office = $1 order by {key}', by=by)
    return [kind(**dict(row)) for row in found]


async def figures(store: Asked, *, by: OfOffice, period: Period) -> list[Figure]:
    """Return the figures of the office over a period."""
    leases = await _facts(store, LEASE_FACTS, LeaseFacts, by=by)
    visits = await _facts(store, VISIT_FACTS, VisitFacts, by=by)
    duties = await _facts(store, DUTY_FACTS, DutyFacts, by=by)
    return [
        first_visit_in_time(leases, period),
        report_in_time(visits, period),
        presence(leases, visits, period),
        cadence_kept(await _facts(store, DUE_FACTS, DueFacts, by=by), period),
        notes_concluded_well(await _facts(store, NOTE_FACTS, NoteFacts, by=by), period),
        own_strength(duties, period),
        arrears(leases, await _facts(store, BALANCE_FACTS, BalanceFacts, by=by), period),
        moved_on(leases, period),
        own_duties(duties, period),
    ]
