"""What people look at. Made of events only: thrown away and built again, it is the same."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from services.notifications.events import (
    CommunicationApprovalTakenBack,
    CommunicationApproved,
    CommunicationRepeated,
    CommunicationSent,
    PostBatchMade,
)
from services.notifications.rules.calendar import CALENDAR, Calendar
from services.notifications.rules.communication import COMMUNICATION, Addressed, Communication
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from services.notifications.rules.post import POST_BATCH, PostBatch
from services.notifications.rules.preferences import PREFERENCES, Preferences
from services.notifications.rules.sending import SENDING, Sending
from services.notifications.rules.task import TASK, Task
from shared.contracts.visits import CounsellorAssignedV1, LeaseEndedV1, LeaseRegisteredV1, RenterInformedOfPolicyV1
from shared.decisions import Recorded
from shared.sealed import Sealed
from shared.views import Asked, Resource, Row, Table, View

BAD_NEWS_OF_K_15 = ("L-05", "L-09")


# Letters


def show_communication(id: str, letter: Communication) -> Mapping[str, Any] | None:
    """A letter with its addressees, and what became of it at each."""
    if letter.lease is None:
        return None
    approved, reached = letter.approved, letter.reached
    return {
        "state": letter.state,
        "lease": letter.lease,
        "kind": letter.kind,
        "about": {"kind": letter.about_kind, "id": letter.about_id},
        "bad_news": letter.bad_news,
        "addressees": [_addressee(one, letter) for one in letter.addressed],
        "text_nl": letter.text_nl,
        "annexes": [
            {
                "language": annex.language,
                "text": annex.text,
                "translator": annex.translator,
                "translation_of": annex.translation_of,
                "untranslated": list(annex.untranslated),
            }
            for annex in letter.annexes
        ],
        "translation_waived_by_renter": list(letter.translation_waived_by),
        "missing": list(letter.missing),
        "warnings": _warnings(letter),
        "template": letter.template,
        "drafted_by": letter.drafter,
        "drafted_on": letter.drafted_on,
        "approved_by": letter.approver,
        "approved_on": approved.approved_on if approved else None,
        "document": letter.document,
        "notice": {"start": approved.notice_start, "end": approved.notice_end, "post_until": approved.post_until}
        if approved is not None and approved.notice_start is not None
        else None,
        "method": letter.method,
        "sent_on": letter.sent_on,
        "tracking": letter.tracking,
        "communicated_on": reached.communicated_on if reached else None,
        "first": letter.first,
        "after": letter.after,
        "again": list(letter.again),
        "replaces": letter.replaces,
    }


def _addressee(one: Addressed, letter: Communication) -> Mapping[str, Any]:
    return {
        "id": one.to.addressee,
        "party": one.to.party,
        "role": one.to.role,
        "copy": one.to.copy,
        "required": one.to.addressee in letter.required,
        "language": one.to.language,
        "name": one.to.name,
        "address": one.to.address,
        "state": one.state,
        "on": one.on,
        "proof": {"kind": one.proof_kind, "reference": one.reference, "trust_level": one.trust_level}
        if one.proof_kind is not None
        else None,
        "document": letter.document_for(one.to.addressee),
    }


def _warnings(letter: Communication) -> list[Mapping[str, Any]]:
    return [{"code": "TRANSLATION_MISSING", "addressee": one.addressee} for one in letter.warns_of_translation()]


COMMUNICATIONS = Resource(
    "communications",
    COMMUNICATION,
    show_communication,
    filters={"lease": "text", "state": "text", "kind": "text", "about": "text", "sent_on": "date"},
    filter_values=lambda _id, letter: {
        "lease": letter.lease,
        "state": letter.state,
        "kind": letter.kind,
        "about": letter.about_id,
        "sent_on": letter.sent_on,
    },
)

LETTER_BYTES = Table(
    name="letter_bytes",
    columns={
        "communication": "text not null",
        "addressee": "text not null",  # blank: the letter to all
        "sealed": "text not null",
        "key": "text not null",
        "digest": "text not null",
        "length": "int not null",
    },
    key=("communication", "addressee"),
)


def keep_bytes(letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """The bytes of each approved letter, sealed; a state that carried them would only be heavy."""
    id = recorded.thing
    match recorded.event:
        case CommunicationApproved(pdf=pdf, copies=copies):
            for addressee, one in (("", pdf), *((copy.addressee, copy.pdf) for copy in copies)):
                sealed = {"sealed": one.sealed, "key": one.key, "digest": one.digest, "length": one.length}
                yield Row(LETTER_BYTES, {"communication": id, "addressee": addressee, **sealed})
        case CommunicationApprovalTakenBack():
            for addressee in ("", *(one.to.addressee for one in letter.addressed)):
                yield Row(LETTER_BYTES, {"communication": id, "addressee": addressee}, gone=True)


async def bytes_of(store: Asked, communication: str, *, addressee: str | None = None, by: Any) -> Sealed | None:
    """Return the sealed bytes of an approved letter; those for one addressee where theirs are apart, else for all."""
    found = await store.rows(
        "select sealed, key, digest, length from letter_bytes where office = $1 and communication = $2"
        " and addressee in ('', $3) order by addressee desc",
        communication,
        addressee or "",
        by=by,
    )
    return Sealed(**dict(found[0])) if found else None


ADDRESSED = Table(
    name="addressed",
    columns={
        "communication": "text not null",
        "addressee": "text not null",
        "lease": "text not null",
        "kind": "text not null",
        "state": "text not null",
        "sent_on": "date",
        "required": "boolean not null",
    },
    key=("communication", "addressee"),
    indexes=(("state", "sent_on"), ("kind", "sent_on")),
)


def keep_addressed(letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each addressee of a letter."""
    for one in letter.addressed:
        yield Row(
            ADDRESSED,
            {
                "communication": recorded.thing,
                "addressee": one.to.addressee,
                "lease": letter.lease,
                "kind": letter.kind,
                "state": one.state,
                "sent_on": letter.sent_on,
                "required": one.to.addressee in letter.required,
            },
        )


async def undelivered_bad_news(store: Asked, *, since: date, until: date, by: Any) -> tuple[int, int]:
    """K-15: of the L-05 and L-09 sent in the period to who must be reached, how many did not arrive; and all."""
    found = await store.rows(
        "select count(*) filter (where state in ('not_collected', 'returned')) as missed, count(*) as sent"
        " from addressed where office = $1 and kind = any($2) and sent_on between $3 and $4 and required",
        list(BAD_NEWS_OF_K_15),
        since,
        until,
        by=by,
    )
    return found[0]["missed"], found[0]["sent"]


# Policies that renters are told of


GUIDED = Table(name="guided", columns={"lease": "text not null"}, key=("lease",))
POLICY_TOLD = Table(
    name="policy_told",
    columns={"policy": "text not null", "lease": "text not null"},
    key=("policy", "lease"),
)


def keep_policies_told(file: LeaseFile, recorded: Recorded[Any]) -> Iterable[Row]:
    """Each lease that runs, and of which policies its renters were told."""
    lease = recorded.thing
    match recorded.event:
        case LeaseRegisteredV1() | RenterInformedOfPolicyV1() if recorded.office is not None:
            pass  # a version of the office that it came from, whatever it is called
        case LeaseRegisteredV1(policy_version=policy) | RenterInformedOfPolicyV1(policy_version=policy):
            yield Row(POLICY_TOLD, {"policy": policy, "lease": lease})
        case CounsellorAssignedV1() | LeaseEndedV1():
            yield Row(GUIDED, {"lease": lease}, gone=not file.is_guided)


TOLD_TO_ALL = (
    " from tasks where tasks.office = $1 and tasks.kind = 'inform_of_policy' and tasks.state = 'open'"
    " and not exists (select from guided where guided.office = $1 and not exists (select from policy_told"
    " where policy_told.office = $1 and policy_told.policy = tasks.about and policy_told.lease = guided.lease)"
)


async def policies_left_for(store: Asked, lease: str, *, by: Any) -> list[str]:
    """Return the policies of which the renters of at most this lease have still to be told."""
    found = await store.rows(f"select about {TOLD_TO_ALL} and guided.lease <> $2) order by about", lease, by=by)
    return [row["about"] for row in found]


# Terms and appointments


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


@dataclass(frozen=True, kw_only=True)
class Due:
    """Something that a day brings: ``what`` it is, the id of the thing, its lease, and the day it is about."""

    what: Literal["contest_term", "appointment", "reminder", "unheard", "parked", "arrived", "told_to_all"]
    id: str
    lease: str | None
    day: date | None


async def due_on(
    store: Asked,
    *,
    day: date,
    terms_until: date,
    appointments_until: date,
    unheard_since: date,
    parked_since: date,
    by: Any,
) -> list[Due]:
    """Return all that a day brings, in one question: it is asked for every office on every day.

    Contest terms and announced visits that come near; the system's reminders that are drafts still; official letters
    sent long ago, and messages parked long ago, that are nobody's task yet; tasks whose cause went away unseen.
    """
    found = await store.rows(
        "select 'contest_term' as what, evaluation as id, lease, until as day from contest_term"
        " where office = $1 and running and until between $2 and $3"
        " union all select 'appointment', visit, lease, visit_on from appointment"
        " where office = $1 and open and announced and visit_on between $2 and $4"
        " union all select 'reminder', id, lease, null from communications"
        " where office = $1 and kind = 'L-16' and state = 'draft' and body->>'drafted_by' = 'SYS' and not exists"
        " (select from lease_office g where g.office = $1 and g.lease = communications.lease"
        " and g.to_office is not null)"  # of a lease that went to another office the draft is that one's
        " union all select distinct 'unheard', communication, lease, sent_on from addressed"
        " where office = $1 and state = 'sent' and required and sent_on <= $5 and not exists (select from tasks"
        " where tasks.office = $1 and tasks.kind = 'letter_not_delivered' and tasks.about = communication"
        " and tasks.state <> 'closed')"  # closed for another addressee
        " union all select distinct 'parked', waits_for, null, null::date from inbox"
        " where office = $1 and state = 'parked' and waits_for is not null and taken_at < ($6::date + 1)"
        " and not exists (select from tasks where tasks.office = $1 and tasks.kind = 'parked_too_long'"
        " and tasks.about = waits_for and tasks.state = 'open')"
        " union all select 'arrived', about, null, null from tasks where office = $1 and kind = 'parked_too_long'"
        " and state = 'open' and not exists (select from inbox where inbox.office = $1 and inbox.state = 'parked'"
        " and inbox.waits_for = tasks.about)"
        f" union all select 'told_to_all', about, null, null {TOLD_TO_ALL})"
        " order by 1, 4, 2",
        day,
        terms_until,
        appointments_until,
        unheard_since,
        parked_since,
        by=by,
    )
    return [Due(what=row["what"], id=row["id"], lease=row["lease"], day=row["day"]) for row in found]


# Sendings


def show_sending(_id: str, sending: Sending) -> Mapping[str, Any] | None:
    """A message on its way to one addressee by a carrier; never its words, nor where it goes."""
    queued = sending.queued
    if queued is None:
        return None
    return {
        "state": sending.state,
        "lease": queued.lease,
        "communication": queued.communication,
        "addressee": queued.addressee,
        "channel": queued.channel,
        "key": queued.key,
        "attempts": sending.attempt,
        "because": sending.because,
        "again_at": sending.due_at if sending.attempt and sending.state == "queued" else None,
        "reference": sending.reference,
        "settled_by": sending.settled_by,
        "why": sending.why,
    }


SENDINGS = Resource(
    "sendings",
    SENDING,
    show_sending,
    filters={"lease": "text", "state": "text", "communication": "text", "channel": "text"},
    filter_values=lambda _id, sending: {
        "lease": sending.queued.lease,
        "state": sending.state,
        "communication": sending.queued.communication,
        "channel": sending.queued.channel,
    },
)
SENDING_QUEUE = Table(
    name="sending_queue",
    columns={
        "sending": "text not null",
        "channel": "text not null",
        "state": "text not null",
        "due_at": "timestamptz not null",
    },
    key=("sending",),
    indexes=(("due_at",),),
)


def keep_queue(sending: Sending, recorded: Recorded[Any]) -> Iterable[Row]:
    """What waits for its carrier, or is with it."""
    row = {
        "sending": recorded.thing,
        "channel": sending.queued.channel if sending.queued else "",
        "state": sending.state,
        "due_at": sending.due_at,
    }
    yield Row(SENDING_QUEUE, row, gone=sending.state not in ("queued", "sending"))


async def messages_waiting(store: Asked, *, by: Any) -> list[str]:
    """Return the messages that wait for their carrier, or are with it."""
    found = await store.rows("select sending from sending_queue where office = $1 order by sending", by=by)
    return [row["sending"] for row in found]


# Post


def show_batch(_id: str, batch: PostBatch) -> Mapping[str, Any] | None:
    """Registered letters that are printed and posted together, and what the carrier's files told."""
    if batch.made is None:
        return None
    return {
        "state": "answered" if len(batch.outcomes) == len(batch.items) else "open",
        "made_on": batch.made.made_on,
        "items": [
            {
                "reference": item.reference,
                "communication": item.communication,
                "addressee": item.addressee,
                "lease": item.lease,
                "told": reference in batch.outcomes,
            }
            for reference, item in batch.items.items()
        ],
        "files": [
            {
                "sha256": file.file,
                "accepted": list(file.accepted),
                "rejected": [{"reference": one.reference, "code": one.code} for one in file.rejected],
            }
            for file in batch.files
        ],
    }


POST_BATCHES = Resource(
    "post-batches",
    POST_BATCH,
    show_batch,
    filters={"made_on": "date"},
    filter_values=lambda _id, batch: {"made_on": batch.made.made_on},
)
POSTED = Table(name="posted", columns={"communication": "text not null"}, key=("communication",))


def keep_posted(_batch: PostBatch, recorded: Recorded[Any]) -> Iterable[Row]:
    """Which letters are in a batch."""
    if isinstance(recorded.event, PostBatchMade):
        for communication in dict.fromkeys(item.communication for item in recorded.event.items):
            yield Row(POSTED, {"communication": communication})


def keep_posted_elsewhere(_letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """Which letters were sent by the office that a lease comes from: those are its own to print."""
    if recorded.office is not None and isinstance(recorded.event, CommunicationSent | CommunicationRepeated):
        yield Row(POSTED, {"communication": recorded.thing})


async def leases_gone(store: Asked, leases: Sequence[str], *, by: Any) -> frozenset[str]:
    """Return which of these leases have gone to another office."""
    found = await store.rows(
        "select lease from lease_office where office = $1 and lease = any ($2) and to_office is not null",
        list(leases),
        by=by,
    )
    return frozenset(row["lease"] for row in found)


async def letters_to_post(store: Asked, *, most: int, by: Any) -> list[str]:
    """Return the letters that this office sent registered on paper and that are in no batch yet, the oldest first."""
    found = await store.rows(
        "select id from communications c where office = $1 and state = 'sent'"
        " and body->>'method' = 'registered_paper' and not exists"
        " (select from posted p where p.office = $1 and p.communication = c.id) order by made limit $2",
        most,
        by=by,
    )
    return [row["id"] for row in found]


# Preferences


def show_preferences(_id: str, preferences: Preferences) -> Mapping[str, Any] | None:
    """How a renter wants to be reached: what was said, with its days; the last that has begun holds."""
    if not preferences.stated:
        return None
    return {
        "lease": preferences.stated[-1].lease,
        "party": preferences.stated[-1].party,
        "stated": [
            {"from": one.from_, "channels": list(one.channels), "language": one.language} for one in preferences.stated
        ],
    }


CONTACT_PREFERENCES = Resource(
    "contact-preferences",
    PREFERENCES,
    show_preferences,
    filters={"lease": "text"},
    filter_values=lambda _id, preferences: {"lease": preferences.stated[-1].lease},
)


# Tasks


def show_task(_id: str, task: Task) -> Mapping[str, Any] | None:
    """Something to do: what, by whom, by when."""
    if task.opened is None:
        return None
    return {
        "state": task.state,
        "kind": task.opened.kind,
        "lease": task.opened.lease,
        "about": {"kind": task.opened.about_kind, "id": task.opened.about_id},
        "owner_role": task.opened.owner_role,
        "owner": task.owner,
        "due_on": task.opened.due_on,
        "done_by": task.done_by,
        "because": task.because,
    }


TASKS = Resource(
    "tasks",
    TASK,
    show_task,
    filters={
        "lease": "text",
        "state": "text",
        "kind": "text",
        "about": "text",
        "owner": "text",
        "owner_role": "text",
        "due_on": "date",
    },
    filter_values=lambda _id, task: {
        "lease": task.opened.lease,
        "state": task.state,
        "kind": task.opened.kind,
        "about": task.opened.about_id,
        "owner": task.owner,
        "owner_role": task.opened.owner_role,
        "due_on": task.opened.due_on,
    },
)


# Calendars


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


RESOURCES: tuple[Resource, ...] = (COMMUNICATIONS, SENDINGS, POST_BATCHES, CONTACT_PREFERENCES, TASKS, CALENDARS)
VIEWS: tuple[View, ...] = (
    View(COMMUNICATION, keep_bytes, (LETTER_BYTES,), stays=True),
    View(COMMUNICATION, keep_addressed, (ADDRESSED,)),
    View(COMMUNICATION, keep_posted_elsewhere, (POSTED,)),
    View(LEASE_FILE, keep_dates, (CONTEST_TERM, APPOINTMENT)),
    View(LEASE_FILE, keep_policies_told, (GUIDED, POLICY_TOLD)),
    View(CALENDAR, keep_address, (CALENDAR_ADDRESS,)),
    View(POST_BATCH, keep_posted, (POSTED,)),
    View(SENDING, keep_queue, (SENDING_QUEUE,)),
)
