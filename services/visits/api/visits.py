"""Visits and reports over HTTP (domain 3.2), and what is due."""

from datetime import date, time
from functools import partial
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import Query, Request
from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from services.visits.api.door import (
    OF_THE_POLICIES,
    Act,
    DatedAct,
    SomeWords,
    Who,
    WhoOrNobody,
    api,
    lease_named,
    policies_known,
    seal_all,
)
from services.visits.events import InterpreterKind, Purpose
from services.visits.rules import visit as rules
from services.visits.rules.finding import FINDING
from services.visits.rules.lease import LEASE
from services.visits.rules.policy import policy_on
from services.visits.rules.visit import VISIT, Visit
from services.visits.views.due import BEFORE_ALL, due_by
from services.visits.views.visits import VISITS
from shared import problems
from shared.bodies import new_id, shown_on
from shared.clock import BRUSSELS, is_shown
from shared.doors import DEFAULT_LIMIT, Cursor, Limit
from shared.problems import Fault, not_found
from shared.reception import reception_of
from shared.web import Acted, Body, Caller, Channel, Day, Id, Line, Store, Time, Words, every, may, one

Minutes = Annotated[int, Field(ge=0, le=1440)]
Need = Literal["money", "health", "work", "children", "paperwork", "loneliness", "language", "other"]


class PlanVisit(DatedAct):
    """A home visit: whom, when, what for."""

    id: Id | None = None
    lease: Id
    date: Day
    slot: Time
    purpose: Purpose
    kind: Literal["home"] = "home"
    counsellor: Who | None = None

    @field_validator("slot")
    @classmethod
    def slot_exists(cls, slot: str, told: ValidationInfo) -> str | None:
        """Refuse a local time that clocks skip when summer time begins."""
        return shown_on(told.data.get("date"), slot)


@api.post("/visits", status_code=201)
async def plan_visit(
    body: PlanVisit, by: Annotated[Caller, may("plan_visit", "counsellor", "coordinator")], store: Store
) -> Acted:
    """Plan a home visit."""
    await lease_named(store, body.lease, by=by)
    decision = partial(
        rules.plan,
        lease_id=body.lease,
        on=body.date,
        slot=body.slot,
        purpose=body.purpose,
        counsellor=body.counsellor,
    )
    return await store.begin(VISIT, body.id, decision, by=by, reads={"lease": one(LEASE, body.lease)})


class AnnounceVisit(Act):
    """How and when the renter was told; whether of the purpose; and when they said yes to a shorter notice."""

    channel: Channel
    announced_on: Day
    purpose_told: bool
    agreed_on: Day | None = None


@api.post("/visits/{visit}/announce")
async def announce_visit(
    visit: str,
    body: AnnounceVisit,
    by: Annotated[Caller, may("announce_visit", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Tell the renter of the visit, in time."""
    policies = await policies_known(store, by=by)
    known: Visit = await store.state(VISIT, visit, by=by)
    decision = partial(
        rules.announce,
        channel=body.channel,
        on=body.announced_on,
        purpose_told=body.purpose_told,
        agreed_on=body.agreed_on,
        today=by.today,
    )
    stamped = by.on(body.announced_on).under(policy=policy_on(policies, on=body.announced_on).version)
    reads = {"lease": one(LEASE, known.lease), "policies": OF_THE_POLICIES}
    return await store.decide(VISIT, visit, decision, by=stamped, reads=reads)


class RenterAgrees(Act):
    """When and how the renter agreed to the appointment."""

    agreed_on: Day
    channel: Channel


@api.post("/visits/{visit}/agree")
async def renter_agrees(
    visit: str,
    body: RenterAgrees,
    by: Annotated[Caller, may("renter_agrees", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Note that the renter agreed to the appointment."""
    decision = partial(rules.renter_agrees, on=body.agreed_on, channel=body.channel)
    return await store.decide(VISIT, visit, decision, by=by.on(body.agreed_on))


class RescheduleVisit(DatedAct):
    """The new day, who asked for it, and why."""

    new_date: Day
    new_slot: Time | None = None
    asked_by: Who
    reason: Words | None = None
    new_visit: Id | None = None


@api.post("/visits/{visit}/reschedule")
async def reschedule_visit(
    visit: str,
    body: RescheduleVisit,
    by: Annotated[Caller, may("reschedule_visit", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Put another visit in its place; never a refusal, never a miss."""
    known: Visit = await store.state(VISIT, visit, by=by)
    reason = await by.seal_one("B", known.lease, "reason", body.reason)
    if not is_shown(body.new_date, time.fromisoformat(body.new_slot or known.slot)):
        raise problems.invalid(Fault("local_time", pointer="/new_slot" if body.new_slot else "/new_date"))
    new_visit = new_id(body.new_visit, uuid4())
    decision = partial(
        rules.reschedule,
        id=visit,
        new_visit=new_visit,
        new_on=body.new_date,
        new_slot=body.new_slot,
        asked_by=body.asked_by,
        reason=reason,
    )
    reads = {"lease": one(LEASE, known.lease), "already": one(VISIT, new_visit)}
    return await store.decide(VISIT, visit, decision, by=by, reads=reads)


class CancelVisit(DatedAct):
    """Who cancels, and why."""

    by: Who | None = None
    reason: Words | None = None


@api.post("/visits/{visit}/cancel")
async def cancel_visit(
    visit: str,
    body: CancelVisit,
    by: Annotated[Caller, may("cancel_visit", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Cancel a visit that is still to come."""
    known: Visit = await store.state(VISIT, visit, by=by)
    reason = await by.seal_one("B", known.lease, "reason", body.reason)
    return await store.decide(VISIT, visit, partial(rules.cancel, by=body.by or by.actor, reason=reason), by=by)


class Interpreter(Body):
    """Who interpreted; a child never does."""

    kind: InterpreterKind
    age_over_18: bool | None = None


NOBODY_INTERPRETED = Interpreter(kind="none")


class RecordVisit(DatedAct):
    """When it was, who was there, that the renter let them in, and who interpreted."""

    present: Annotated[list[Who], Field(max_length=50)]
    permission: bool | None = None
    interpreter: Interpreter = NOBODY_INTERPRETED


@api.post("/visits/{visit}/record")
async def record_visit(
    visit: str,
    body: RecordVisit,
    by: Annotated[Caller, may("record_visit", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Record a visit that was carried out."""
    policies = await policies_known(store, by=by)
    known: Visit = await store.state(VISIT, visit, by=by)
    decision = partial(
        rules.record,
        id=visit,
        on=by.day,
        present=tuple(body.present),
        permission=body.permission is True,
        interpreter=body.interpreter.kind,
        interpreter_over_18=body.interpreter.age_over_18,
        actor=by.actor,
        today=by.today,
    )
    reads = {"lease": one(LEASE, known.lease), "policies": OF_THE_POLICIES}
    stamped = by.under(policy=policy_on(policies, on=by.day).version)
    return await store.decide(VISIT, visit, decision, by=stamped, reads=reads)


class NotHome(DatedAct):
    """How long was waited, and whether a card was left."""

    waited_minutes: Minutes
    card_left: bool


@api.post("/visits/{visit}/not-home")
async def record_not_home(
    visit: str,
    body: NotHome,
    by: Annotated[Caller, may("record_not_home", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Record that nobody opened."""
    now = by.at.astimezone(BRUSSELS).time() if by.day == by.today else None
    decision = partial(
        rules.record_not_home, on=by.day, now=now, waited_minutes=body.waited_minutes, card_left=body.card_left
    )
    return await store.decide(VISIT, visit, decision, by=by)


class RefusedAccess(DatedAct):
    """Who refused, what they said, and the reason they gave."""

    by_whom: Who
    said: Words | None = None
    reason_given: Words | None = None


@api.post("/visits/{visit}/access-refused")
async def record_access_refused(
    visit: str,
    body: RefusedAccess,
    by: Annotated[Caller, may("record_access_refused", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Record that a party to the lease refused access."""
    known: Visit = await store.state(VISIT, visit, by=by)
    sealed = await by.seal("B", known.lease, said=body.said, reason_given=body.reason_given)
    decision = partial(
        rules.record_access_refused,
        on=by.day,
        by_whom=body.by_whom,
        said=sealed.said,
        reason_given=sealed.reason_given,
    )
    return await store.decide(VISIT, visit, decision, by=by, reads={"lease": one(LEASE, known.lease)})


def _distinct(needs: tuple[Need, ...]) -> tuple[Need, ...]:
    return tuple(dict.fromkeys(needs))


Needs = Annotated[tuple[Need, ...], Field(max_length=20), AfterValidator(_distinct)]
Texts = Annotated[tuple[Words, ...], Field(max_length=50)]


class DraftReport(DatedAct):
    """The report as far as it is written; what goes well is asked first."""

    goes_well: Words | None = None
    needs: Needs = ()
    can_do: Texts = ()
    needs_support: Texts = ()


async def _sealed(report: DraftReport, *, lease: str, by: Caller) -> dict[str, Any]:
    """Seal what a report says, by the names of its parts."""
    return {
        "goes_well": await by.seal_one("B", lease, "goes_well", report.goes_well),
        "needs": await seal_all(by, "B", lease, "needs", report.needs),
        "can_do": await seal_all(by, "B", lease, "can_do", report.can_do),
        "needs_support": await seal_all(by, "B", lease, "needs_support", report.needs_support),
    }


@api.post("/visits/{visit}/draft-report")
async def draft_report(
    visit: str,
    body: DraftReport,
    by: Annotated[Caller, may("draft_report", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Write at the report; every draft is kept."""
    known: Visit = await store.state(VISIT, visit, by=by)
    report = await _sealed(body, lease=known.lease, by=by)
    return await store.decide(VISIT, visit, partial(rules.draft_report, author=by.actor, **report), by=by)


@api.get("/visits/{visit}/drafts")
async def read_drafts(
    visit: str, by: Annotated[Caller, may("read_drafts", "counsellor", "coordinator", of=VISIT)], store: Store
) -> dict[str, object]:
    """All drafts of a report, for its authors and the coordinator; to others they do not exist."""
    known: Visit = await store.state(VISIT, visit, by=by)
    authors = {draft.author for draft in known.drafts}
    if "coordinator" not in by.roles and by.actor not in authors:
        raise not_found()
    return {
        "lease": known.lease,
        "items": [
            {
                "author": draft.author,
                "goes_well": draft.goes_well,
                "needs": draft.needs,
                "can_do": draft.can_do,
                "needs_support": draft.needs_support,
            }
            for draft in known.drafts
        ],
    }


class FixReport(DraftReport):
    """The report as it shall stand."""

    findings: Annotated[list[Id], Field(max_length=100)] | None = None
    observed_by: WhoOrNobody | None = None


@api.post("/visits/{visit}/fix-report")
async def fix_report(
    visit: str,
    body: FixReport,
    by: Annotated[Caller, may("fix_report", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Let the report stand; afterwards it is only corrected."""
    policies = await policies_known(store, by=by)
    known: Visit = await store.state(VISIT, visit, by=by)
    decision = partial(
        rules.fix_report,
        id=visit,
        **await _sealed(body, lease=known.lease, by=by),
        findings=None if body.findings is None else tuple(body.findings),
        observed_by=body.observed_by or None,
        author=by.actor,
        today=by.today,
    )
    reads = {"known_findings": every(FINDING, known.lease), "policies": OF_THE_POLICIES}
    stamped = by.under(policy=policy_on(policies, on=known.day or by.day).version)
    return await store.decide(VISIT, visit, decision, by=stamped, reads=reads)


class CorrectReport(DatedAct):
    """What is corrected, and why."""

    what: SomeWords
    why: Words | None = None


@api.post("/visits/{visit}/correct-report")
async def correct_report(
    visit: str,
    body: CorrectReport,
    by: Annotated[Caller, may("correct_report", "counsellor", "coordinator", of=VISIT)],
    store: Store,
) -> Acted:
    """Put a correction beside a report that stands."""
    known: Visit = await store.state(VISIT, visit, by=by)
    sealed = await by.seal("B", known.lease, what=body.what, why=body.why)
    decision = partial(rules.correct_report, what=sealed.what, why=sealed.why, author=by.actor)
    return await store.decide(VISIT, visit, decision, by=by)


@api.get("/visits/due")
async def read_due(
    request: Request,
    by: Annotated[Caller, may("read_due", "counsellor", "coordinator", "director", "administration", "auditor")],
    store: Store,
    until: Annotated[Day | None, Query(alias="by")] = None,
    lease: Annotated[Id | None, Query()] = None,
    counsellor: Annotated[Line | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> dict[str, object]:
    """What is due through a day (today, if not said) and what is overdue: visits, reports, commitments, answers."""
    cursors = reception_of(request).cursors
    until = until or by.today
    shape = ["due", by.office, until.isoformat(), lease or "", counsellor or ""]
    after = BEFORE_ALL
    if cursor is not None:
        day, *rest = cursors.read(cursor, shape)
        after = (date.fromisoformat(day), *rest)
    found = await due_by(
        store, by=by, until=until, today=by.today, lease=lease, person=counsellor, after=after, limit=limit + 1
    )
    page, more = found[:limit], None
    if len(found) > limit:
        last = page[-1]
        more = cursors.make([last["due_on"].isoformat(), last["kind"], last["about"], last["stream"]], shape)
    return {"by": until, "items": page, "next": more}


api.collection(VISITS, readers=("counsellor", "coordinator", "director"))
