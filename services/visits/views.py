"""What people look at in visits: leases, visits, findings, notes, contacts, counsellors, and what is due."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import date
from typing import Any, TypeVar, cast, get_args

from services.visits.events import BalanceRecorded, Commitment, ContactPoint, ImportAdvanced, LineOutcome, Party
from services.visits.rules.agreement import AGREEMENT, Agreement
from services.visits.rules.card import CARD, Card
from services.visits.rules.contact import CONTACT, Contact
from services.visits.rules.due import overdue
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
from services.visits.rules.finding import FINDING, Finding
from services.visits.rules.importing import IMPORT, Import
from services.visits.rules.lease import LEASE, Lease
from services.visits.rules.photo import PHOTO, Photo
from services.visits.rules.visit import VISIT, Visit
from shared.decisions import Recorded
from shared.event_sourcing import OfOffice
from shared.reading_rights import Clear, OfSome
from shared.views import Asked, Resource, Row, Table, View

Body = Mapping[str, Any]
F = TypeVar("F")


# --- leases -----------------------------------------------------------------------------------------------------------


def show_lease(_id: str, lease: Lease) -> Body | None:
    """A lease as it is now."""
    known = lease.registered
    if known is None:
        return None
    return {
        "state": lease.state,
        "dwelling": {"reference": known.dwelling_reference, "address": known.dwelling_address},
        "landlord": lease.landlords[-1].name,
        "landlords": [{"name": one.name, "from": one.starts_on} for one in lease.landlords],
        "parties": [_party(party, lease) for party in lease.parties],
        "start": known.start,
        "informed_on": known.informed_on,
        "policy_version": known.policy_version,
        "informed": [{"policy_version": one.policy_version, "on": one.on} for one in lease.informed],
        "inventory_ref": known.inventory_ref,
        "imported": known.imported,
        "counsellor": lease.counsellor,
        "counsellor_from": lease.counsellor_from,
        "first_visit_due": lease.first_visit_due,
        "first_visit_on": lease.first_visit_on,
        "last_visit_on": lease.last_visit_on,
        "cadence_months": lease.cadence_months,
        "next_visit_due": lease.next_visit_due,
        "no_visit_due_because": lease.no_visit_due_because,
        "overdue": lease.overdue,
        "balance": _balance(lease),
        "administrators": [_administrator(one) for one in lease.administrators.values()],
        "standstills": [_standstill(one) for one in lease.standstills.values()],
        "standstill": bool(lease.standstills),
        "administered": bool(lease.administrators),
        "head_lease_ending": lease.head_lease_ends_on,
        "office_changes": [{"to": one.to_office, "from": one.starts_on} for one in lease.offices],
        "came_from": lease.taken_over[-1].from_office if lease.taken_over else None,
        "ended": _ended(lease),
    }


def _party(party: Party, lease: Lease) -> Body:
    return {
        "id": party.id,
        "name": party.name,
        "role": party.role,
        "language": party.language,
        "household": party.household,
        "contacts": [_contact_point(point) for point in party.contacts],
        "left_on": lease.left.get(party.id),
    }


def _contact_point(point: ContactPoint) -> Body:
    return {"kind": point.kind, "value": point.value}


def _balance(lease: Lease) -> Body | None:
    if lease.balance is None:
        return None
    return {
        "on": lease.balance.balance_on,
        "amount_cents": lease.balance.amount_cents,
        "month_rent_cents": lease.balance.month_rent_cents,
        "source": lease.balance.source,
    }


def _administrator(one: Any) -> Body:
    return {
        "id": one.administrator,
        "from": one.appointed_from,
        "scope": one.scope,
        "judgment_ref": one.judgment_ref,
        "name": one.name,
        "party": one.party,
        "contacts": [_contact_point(point) for point in one.contacts],
    }


def _standstill(one: Any) -> Body:
    return {
        "id": one.standstill,
        "from": one.starts_on,
        "kind": one.kind,
        "ref": one.ref,
        "mediator_name": one.mediator_name,
        "mediator_contacts": [_contact_point(point) for point in one.mediator_contacts],
    }


def _ended(lease: Lease) -> Body | None:
    if lease.ended is None:
        return None
    return {
        "mode": lease.ended.mode,
        "ground": lease.ended.ground,
        "secondary_grounds": lease.ended.secondary_grounds,
        "on": lease.ended.ended_on,
        "registration_bar_until": lease.ended.registration_bar_until,
    }


LEASES = Resource(
    collection="leases",
    stream=LEASE,
    show=show_lease,
    filters={
        "lease": "text not null",
        "state": "text not null",
        "counsellor": "text",
        "overdue": "boolean not null",
    },
    filter_values=lambda lease_id, lease: {
        "lease": lease_id,
        "state": lease.state,
        "counsellor": lease.counsellor,
        "overdue": lease.overdue,
    },
    clear={"ended.registration_bar_until": "D"},
)


# --- visits -----------------------------------------------------------------------------------------------------------


def show_visit(_id: str, visit: Visit) -> Body | None:
    """A visit and its report. A draft is not shown here: it belongs to its authors and the coordinator."""
    if visit.visit_on is None:
        return None
    return {
        "state": visit.state,
        "lease": visit.lease,
        "date": visit.visit_on,
        "slot": visit.slot,
        "purpose": visit.purpose,
        "kind": "home",
        "counsellor": visit.counsellor,
        "rescheduled_from": visit.rescheduled_from,
        "rescheduled_to": visit.rescheduled.new_visit if visit.rescheduled else None,
        "reschedule_reason": visit.rescheduled.reason if visit.rescheduled else None,
        "announced": _announced(visit),
        "agreed": visit.agreed,
        "agreed_on": visit.agreed_on,
        "cancelled": _cancelled(visit),
        "occurred_on": visit.day if visit.took_place else None,
        "present": visit.recorded.present if visit.recorded else None,
        "imported": visit.imported,
        "interpreter": _interpreter(visit),
        "not_home": _not_home(visit),
        "access_refused": _access_refused(visit),
        "report": _report(visit),
    }


def _announced(visit: Visit) -> Body | None:
    told = visit.announced
    if told is None:
        return None
    return {
        "channel": told.channel,
        "announced_on": told.announced_on,
        "purpose_told": told.purpose_told,
        "in_time": told.in_time,
    }


def _cancelled(visit: Visit) -> Body | None:
    return {"by": visit.cancelled.cancelled_by, "reason": visit.cancelled.reason} if visit.cancelled else None


def _interpreter(visit: Visit) -> Body | None:
    if visit.recorded is None:
        return None
    return {"kind": visit.recorded.interpreter, "age_over_18": visit.recorded.interpreter_over_18}


def _not_home(visit: Visit) -> Body | None:
    if visit.not_home is None:
        return None
    return {"waited_minutes": visit.not_home.waited_minutes, "card_left": visit.not_home.card_left}


def _access_refused(visit: Visit) -> Body | None:
    told = visit.refused
    return {"by_whom": told.by_whom, "said": told.said, "reason_given": told.reason_given} if told else None


def _report(visit: Visit) -> Body:
    body: dict[str, Any] = {
        "state": visit.report_state,
        "authors": sorted({draft.author for draft in visit.drafts}),
        "due_on": visit.recorded.report_due_on if visit.recorded and not visit.imported else None,
    }
    if visit.report is None:
        return body
    fixed = visit.report
    return {
        **body,
        "fixed_on": fixed.fixed_on,
        "late": fixed.late,
        "goes_well": fixed.goes_well,
        "needs": fixed.needs,
        "can_do": fixed.can_do,
        "needs_support": fixed.needs_support,
        "findings": fixed.findings,
        "observed_by": fixed.observed_by,
        "corrections": [{"what": one.what, "why": one.why, "by": one.author} for one in visit.corrections],
    }


VISITS = Resource(
    collection="visits",
    stream=VISIT,
    show=show_visit,
    filters={
        "lease": "text not null",
        "state": "text not null",
        "counsellor": "text not null",
        "date": "date",
        "report": "text not null",
    },
    filter_values=lambda _id, visit: {
        "lease": visit.lease,
        "state": visit.state,
        "counsellor": visit.counsellor,
        "date": visit.visit_on,
        "report": visit.report_state,
    },
)


# --- findings ---------------------------------------------------------------------------------------------------------


def show_finding(_id: str, finding: Finding) -> Body | None:
    """A finding: what was seen, whose it is, what the renter said, what became of it; serious and lasting apart."""
    seen = finding.established
    if seen is None:
        return None
    lasts = finding.persistence
    return {
        "state": finding.state,
        "lease": seen.lease,
        "item": seen.item,
        "checklist_version": seen.checklist_version,
        "place": seen.place,
        "what_seen": seen.what_seen,
        "occurred_on": finding.seen_on,
        "source": {"kind": seen.source, "visit": seen.visit, "identity": seen.source_identity},
        "evidence": seen.evidence,
        "inventory_element": seen.inventory_element,
        "baseline": "inventory" if seen.inventory_element else "none",
        "established_by": seen.established_by,
        "clock_suspect": finding.date_suspect,
        "date_confirmed": _date_confirmed(finding),
        "attribution": _attribution(finding),
        "reattributions": [{"to": one.to, "from": one.previously, "why": one.why} for one in finding.reattributions],
        "discussed": _discussed(finding),
        "agreed": _agreed(finding),
        "follow_up": _follow_up(finding),
        "repeats": finding.repeats,
        "serious": finding.serious,
        "lasting": lasts.lasting if lasts else False,
        "persistent_days": lasts.persistent_days if lasts else 0,
        "observations": lasts.observations if lasts else 0,
        "mistaken": {"why": finding.mistaken.why} if finding.mistaken else None,
    }


def _date_confirmed(finding: Finding) -> Body | None:
    told = finding.date_confirmed
    return {"occurred_on": told.seen_on, "why": told.why} if told else None


def _attribution(finding: Finding) -> Body | None:
    told = finding.attributed
    if told is None:
        return None
    return {"to": finding.to, "severity": told.severity, "consequence": told.consequence, "why": told.why}


def _discussed(finding: Finding) -> Body | None:
    told = finding.discussed
    if told is None:
        return None
    return {
        "with": told.discussed_with,
        "on": told.discussed_on,
        "renter_said": told.renter_said,
        "no_reaction": told.renter_said is None,
        "invited_on": told.invited_on,
        "renter_plan": told.renter_plan,
        "obstacles": told.obstacles,
        "obstacles_taken_on": [{"what": one.what, "by": one.by} for one in told.obstacles_taken_on],
    }


def _agreed(finding: Finding) -> Body | None:
    told = finding.agreed
    return {"agreement_id": told.agreement, "commitment_id": told.commitment} if told else None


def _follow_up(finding: Finding) -> Body | None:
    told = finding.follow_up
    return {"on": told.seen_on, "outcome": told.outcome, "seen_by": told.seen_by} if told else None


FINDINGS = Resource(
    collection="findings",
    stream=FINDING,
    show=show_finding,
    filters={"lease": "text not null", "state": "text not null", "item": "text not null", "visit": "text"},
    filter_values=lambda _id, finding: {
        "lease": finding.lease,
        "state": finding.state,
        "item": finding.item,
        "visit": finding.visit,
    },
)


# --- agreement notes --------------------------------------------------------------------------------------------------


def show_agreement(_id: str, agreement: Agreement) -> Body | None:
    """A note with its commitments, those of renter, office and third party side by side."""
    known = agreement.drafted
    if known is None:
        return None
    return {
        "state": agreement.state,
        "lease": known.lease,
        "goes_wrong": known.goes_wrong,
        "why_renter_says": known.why_renter_says,
        "goal": known.goal,
        "renter_needs": known.renter_needs,
        "findings": known.findings,
        "revises": known.revises,
        "revised_into": agreement.revised.into if agreement.revised else None,
        "proposed_on": agreement.proposed_on,
        "commitments": [show_commitment(one, agreement) for one in agreement.commitments],
        "accepted": _accepted(agreement),
        "refused": _refused(agreement),
        "settled": [_settled(one) for one in agreement.settled],
        "concluded": _concluded(agreement),
        "lapsed": {"cause": agreement.lapsed.cause, "why": agreement.lapsed.why} if agreement.lapsed else None,
    }


def show_commitment(one: Commitment, agreement: Agreement) -> Body:
    """A commitment and what became of it."""
    return {
        "id": one.id,
        "by": one.by,
        "action": one.action,
        "place": one.place,
        "measure": {"kind": one.measure, "target": one.target},
        "due": one.due_on,
        "needs": one.needs,
        "depends_on": one.depends_on,
        "agreed_by_renter": one.agreed_by_renter,
        "state": agreement.state_of(one.id),
        "disputed": one.id in agreement.disputed,
        "follow_ups": [
            {"on": seen.seen_on, "outcome": seen.outcome, "seen_by": seen.seen_by}
            for seen in agreement.follow_ups
            if seen.commitment == one.id
        ],
    }


def _accepted(agreement: Agreement) -> Body | None:
    told = agreement.accepted
    if told is None:
        return None
    return {
        "on": told.accepted_on,
        "signed": told.signed,
        "read_in_language": told.read_in_language,
        "interpreter": told.interpreter,
        "reservation": {"words": told.reservation, "commitments": told.disputed} if told.reservation else None,
    }


def _refused(agreement: Agreement) -> Body | None:
    return {"on": agreement.refused.refused_on, "reason": agreement.refused.reason} if agreement.refused else None


def _settled(one: Any) -> Body:
    return {
        "on": one.settled_on,
        "commitments": one.commitments,
        "office_said": one.office_said,
        "renter_said": one.renter_said,
    }


def _concluded(agreement: Agreement) -> Body | None:
    told = agreement.concluded
    return {"as": agreement.state, "on": told.concluded_on, "why": told.why} if told else None


def _not_the_offices(commitment: Mapping[str, Any]) -> bool:
    return bool(commitment["by"] != "office")


# The technical service reads what the office promised (domain 11, B): of other commitments no more than that they are
# there, which one of the office's can depend on; and nothing of how the note went.
OF_NOTES: Clear = {
    **dict.fromkeys(("accepted", "refused", "settled", "concluded", "lapsed"), "B"),
    **dict.fromkeys(
        (
            f"commitments.{name}"
            for name in ("measure", "due", "needs", "agreed_by_renter", "state", "disputed", "follow_ups")
        ),
        OfSome("B", _not_the_offices),
    ),
}

AGREEMENTS = Resource(
    collection="agreements",
    stream=AGREEMENT,
    show=show_agreement,
    filters={"lease": "text not null", "state": "text not null"},
    filter_values=lambda _id, agreement: {"lease": agreement.lease, "state": agreement.state},
    clear=OF_NOTES,
)


# --- contacts and counsellors -----------------------------------------------------------------------------------------


def show_contact(_id: str, contact: Contact) -> Body | None:
    """A contact, and whether what was asked was answered."""
    told = contact.logged
    if told is None:
        return None
    return {
        "state": _contact_state(contact),
        "lease": told.lease,
        "kind": told.kind,
        "channel": told.channel,
        "direction": told.direction,
        "on": told.contact_on,
        "gist": told.gist,
        "purpose": told.purpose,
        "group": told.group,
        "owner": told.owner,
        "due": told.answer_due_on,
        "repair_by": told.repair_by,
        "answered": _answered(contact),
    }


def _contact_state(contact: Contact) -> str:
    if contact.answered:
        return "answered"
    return "open" if contact.open else "logged"


def _answered(contact: Contact) -> Body | None:
    told = contact.answered
    return {"on": told.answered_on, "by": told.answered_by, "answer": told.answer} if told else None


CONTACTS = Resource(
    collection="contacts",
    stream=CONTACT,
    show=show_contact,
    filters={"lease": "text not null", "state": "text not null", "kind": "text not null", "owner": "text"},
    filter_values=lambda _id, contact: {
        "lease": contact.logged.lease,
        "state": _contact_state(contact),
        "kind": contact.logged.kind,
        "owner": contact.logged.owner,
    },
)


def show_card(_id: str, card: Card) -> Body | None:
    """A counsellor's card."""
    if card.name is None:
        return None
    return {
        "counsellor": card.counsellor,
        "name": card.name,
        "phone": card.phone,
        "hours": card.hours,
        "channels": card.channels,
        "photo": card.photo,
    }


COUNSELLORS = Resource(
    collection="counsellors",
    stream=CARD,
    show=show_card,
    filters={"counsellor": "text not null"},
    filter_values=lambda _id, card: {"counsellor": card.counsellor},
)


# --- photos -----------------------------------------------------------------------------------------------------------


def show_photo(_id: str, photo: Photo) -> Body | None:
    """What is known of a photo; the picture itself is ``/photos/{id}.jpg``."""
    told, gone = photo.added, photo.erased
    if told is None:
        return None
    return {
        "state": "erased" if gone else "kept",
        "lease": told.lease,
        "sha256": told.sha256,
        "size": told.size,
        "kind": told.kind,
        "width": told.width,
        "height": told.height,
        "added_by": photo.added_by,
        "added_on": photo.added_on,
        "erased": {"by": gone.erased_by, "on": photo.erased_on, "reason": gone.why} if gone else None,
    }


PHOTOS = Resource(
    collection="photos",
    stream=PHOTO,
    show=show_photo,
    filters={"lease": "text not null", "state": "text not null"},
    filter_values=lambda _id, photo: {"lease": photo.lease, "state": "erased" if photo.erased else "kept"},
)


PHOTO_BYTES = Table(
    name="photo_bytes",
    columns={
        "photo": "text not null",
        "lease": "text not null",
        "file": "text not null",
        "added_on": "date not null",
        "erased": "boolean not null",
        "lies_in": "text",  # the office under which the bytes lie, where that is another
    },
    key=("photo",),
    indexes=(("added_on",),),
)
PHOTO_USED = Table(name="photo_used", columns={"photo": "text not null"}, key=("photo",))


def photo_rows(photo: Photo, recorded: Recorded[Any]) -> Iterable[Row]:
    """Where the bytes of each photo lie, and whether they should."""
    if photo.added is not None:
        where = {"lease": photo.lease, "file": photo.added.file, "added_on": photo.added_on, "lies_in": photo.office}
        yield Row(PHOTO_BYTES, {"photo": recorded.thing, **where, "erased": photo.erased is not None})


def evidence_rows(finding: Finding, _recorded: Recorded[Any]) -> Iterable[Row]:
    """Which photos findings point to."""
    for photo in finding.evidence:
        yield Row(PHOTO_USED, {"photo": photo})


def card_rows(card: Card, _recorded: Recorded[Any]) -> Iterable[Row]:
    """Which photos stand on the card of a counsellor."""
    if card.photo is not None:
        yield Row(PHOTO_USED, {"photo": card.photo})


UNUSED_PHOTOS = """
select b.photo, b.lease from photo_bytes b left join photo_used u on u.office = b.office and u.photo = b.photo
where b.office = $1 and b.added_on < $2 and not b.erased and u.photo is null order by b.added_on, b.photo
"""
BYTES_LEFT = """
select distinct b.photo, b.file, b.lies_in from photo_bytes b
left join photo_file f on f.office = b.office and f.file = b.file
where b.office = $1 and b.erased and (f.file is not null or b.lies_in is not null) order by 1
"""


async def unused_photos(store: Asked, *, by: OfOffice, before: date) -> list[tuple[str, str]]:
    """Return photo and lease of what came before a day, and nothing ever pointed to."""
    return [(row["photo"], row["lease"]) for row in await store.rows(UNUSED_PHOTOS, before, by=by)]


async def bytes_left(store: Asked, *, by: OfOffice) -> list[tuple[str, str, str | None]]:
    """Return photo, file and the office under which it lies of what was erased and whose bytes are there all the same.

    Whether bytes still lie under another office cannot be seen from here: such a photo is named each time.
    """
    return [(row["photo"], row["file"], row["lies_in"]) for row in await store.rows(BYTES_LEFT, by=by)]


async def photos_of(store: Asked, *, by: OfOffice, lease: str | None) -> list[str]:
    """Return the photos of a lease, or of the whole office, the oldest first."""
    asked = "select id from photos where office = $1 and ($2::text is null or lease = $2) order by made"
    return [row["id"] for row in await store.rows(asked, lease, by=by)]


# --- imports ----------------------------------------------------------------------------------------------------------


def show_import(_id: str, known: Import) -> Body | None:
    """How far an import is. Its lines are a list of their own."""
    if known.started is None:
        return None
    return {
        "state": known.state,
        "dry_run": known.started.rehearsal,
        "file_sha256": known.started.file_sha256,
        "lines": known.started.lines,
        "done": sum(known.counts.values()),
        "counts": {outcome: known.counts.get(outcome, 0) for outcome in get_args(LineOutcome)},
    }


IMPORTS = Resource(
    collection="imports",
    stream=IMPORT,
    show=show_import,
    filters={"state": "text not null"},
    filter_values=lambda _id, known: {"state": known.state},
)
IMPORT_LINES = Table(
    name="import_line",
    columns={
        "of_import": "text not null",
        "line": "bigint not null",
        "kind": "text not null",
        "outcome": "text not null",
        "recorded": "text not null",  # short names of events, blanks between
        "reason": "text",
        "columns": "text not null",
        "lease": "text",
    },
    key=("of_import", "line"),
)
LINES_OF = """
select line, kind, outcome, recorded, reason, columns, lease from import_line
where office = $1 and of_import = $2 and line > $3 and ($4::text is null or outcome = $4) order by line limit $5
"""


def import_rows(_known: Import, recorded: Recorded[Any]) -> Iterable[Row]:
    """What became of each line."""
    if isinstance(recorded.event, ImportAdvanced):
        for one in recorded.event.done:
            names = {"recorded": " ".join(one.recorded), "columns": " ".join(one.columns)}
            told = {"kind": one.kind, "outcome": one.outcome, "reason": one.reason, "lease": one.lease}
            yield Row(IMPORT_LINES, {"of_import": recorded.thing, "line": one.line, **told, **names})


async def lines_done(store: Asked, *, by: OfOffice, of: str) -> frozenset[int]:
    """Return which lines of an import have their outcome."""
    asked = "select line from import_line where office = $1 and of_import = $2"
    return frozenset(row["line"] for row in await store.rows(asked, of, by=by))


async def lines_of(
    store: Asked, *, by: OfOffice, of: str, after: int, outcome: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return what became of the lines of an import, in the order of the file, as far as ``limit``."""
    found = await store.rows(LINES_OF, of, after, outcome, limit, by=by)
    split = ("recorded", "columns")
    return [{**dict(row), **{name: row[name].split() for name in split}} for row in found]


RESOURCES = (LEASES, VISITS, FINDINGS, AGREEMENTS, CONTACTS, COUNSELLORS, PHOTOS, IMPORTS)


# --- what is due ------------------------------------------------------------------------------------------------------

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


DUE_VIEWS = (
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
) -> list[Body]:
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


# --- figures ----------------------------------------------------------------------------------------------------------

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
    *DUE_VIEWS,
    View(of=LEASE, rows=lease_facts, tables=(LEASE_FACTS, DUE_FACTS, BALANCE_FACTS)),
    View(of=VISIT, rows=visit_facts, tables=(VISIT_FACTS,)),
    View(of=AGREEMENT, rows=agreement_facts, tables=(NOTE_FACTS, DUTY_FACTS)),
    View(of=CONTACT, rows=contact_facts, tables=(DUTY_FACTS,)),
    View(of=IMPORT, rows=import_rows, tables=(IMPORT_LINES,)),
    View(of=PHOTO, rows=photo_rows, tables=(PHOTO_BYTES,)),
    View(of=FINDING, rows=evidence_rows, tables=(PHOTO_USED,)),
    View(of=CARD, rows=card_rows, tables=(PHOTO_USED,)),
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
