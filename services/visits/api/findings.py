"""Findings over HTTP (domain 3.3), and the whole path of a problem."""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import Field

from services.visits.api.door import (
    OF_THE_CHECKLISTS,
    OF_THE_POLICIES,
    Act,
    DatedAct,
    SomeLine,
    SomeWords,
    Who,
    WhoOrNobody,
    api,
    checklists_known,
    lease_named,
    policies_known,
    seal_all,
)
from services.visits.api.path import path_of
from services.visits.events import Attribution, CommitmentBy, Consequence, FindingOutcome, Obstacle
from services.visits.rules import finding as rules
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.contact import CONTACT
from services.visits.rules.finding import FINDING, Finding
from services.visits.rules.lease import LEASE
from services.visits.rules.photo import PHOTO
from services.visits.rules.policy import checklist_on, policy_on
from services.visits.rules.visit import VISIT
from services.visits.views.findings import FINDINGS
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, Words, every, may, one

NO_REACTION = "no_reaction"  # what stands for the renter's words where there were none (domain 3.3)
Item = Annotated[str, Field(pattern=r"^[A-Z]{3}-[0-9]{2}$")]
Evidence = Annotated[tuple[Annotated[str, Field(pattern=r"^[0-9A-Za-z:-]{1,100}$")], ...], Field(max_length=50)]


class Source(Body):
    """Where the fact comes from; a contact is none."""

    kind: Literal["visit", "letter", "third_party", "technical", "contact"]
    visit: Id | None = None
    contact: Id | None = None
    identity: Line | None = None


class EstablishFinding(Act):
    """One fact on one checklist item."""

    id: Id | None = None
    lease: Id
    item: Item
    place: Line | None = None
    what_seen: SomeWords
    occurred_on: Day
    source: Source
    evidence: Evidence = ()
    inventory_element: Annotated[str, Field(pattern=r"^[0-9A-Za-z._/-]{1,100}$")] | None = None


@api.post("/findings", status_code=201)
async def establish_finding(
    body: EstablishFinding,
    by: Annotated[Caller, may("establish_finding", "counsellor", "coordinator", "technical")],
    store: Store,
) -> Acted:
    """Establish a fact on one checklist item."""
    await lease_named(store, body.lease, by=by)
    checklists = await checklists_known(store, by=by)
    # A device whose clock runs ahead is believed as far as today; a person confirms the day (domain 0.3).
    on = min(body.occurred_on, by.today) if by.clock_suspect else body.occurred_on
    sealed = await by.seal("B", body.lease, place=body.place, what_seen=body.what_seen)
    decision = partial(
        rules.establish,
        lease_id=body.lease,
        item=body.item,
        place=sealed.place,
        what_seen=sealed.what_seen,
        on=on,
        source=body.source.kind if body.source.contact is None else "contact",
        visit_id=body.source.visit,
        source_identity=await by.seal_one("G", body.lease, "source_identity", body.source.identity),
        evidence=tuple(body.evidence),
        inventory_element=body.inventory_element,
        date_suspect=by.clock_suspect,
        actor=by.actor,
    )
    reads = {
        "lease": one(LEASE, body.lease),
        "visits": every(VISIT, body.lease),
        "contacts": every(CONTACT, body.lease),
        "photos": every(PHOTO, body.lease),
        "checklists": OF_THE_CHECKLISTS,
    }
    stamped = by.on(on).under(checklist=checklist_on(checklists, on=on).version)
    return await store.begin(FINDING, body.id, decision, by=stamped, reads=reads)


async def _of_one(store: Store, finding: str, by: Caller) -> tuple[Finding, dict[str, Any], Caller]:
    """The finding as it is, what its rules read besides, and the caller under its checklist."""
    await checklists_known(store, by=by)
    known: Finding = await store.state(FINDING, finding, by=by)
    reads = {"findings": every(FINDING, known.lease), "checklists": OF_THE_CHECKLISTS}
    version = known.established.checklist_version if known.established else None
    return known, reads, by.under(checklist=version)


class AttributeFinding(DatedAct):
    """Whose it is, how grave, what came of it, and why."""

    to: Attribution
    severity: Annotated[int, Field(ge=1, le=4)]
    consequence: Consequence | None = None
    why: Words | None = None


@api.post("/findings/{finding}/attribute")
async def attribute_finding(
    finding: str,
    body: AttributeFinding,
    by: Annotated[Caller, may("attribute_finding", "counsellor", "coordinator", "technical", of=FINDING)],
    store: Store,
) -> Acted:
    """Say whose the finding is, how grave, and why."""
    known, reads, stamped = await _of_one(store, finding, by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    decision = partial(
        rules.attribute,
        id=finding,
        to=body.to,
        severity=body.severity,
        consequence=body.consequence,
        why=why,
        roles=by.roles,
    )
    return await store.decide(FINDING, finding, decision, by=stamped, reads=reads)


class ReattributeFinding(DatedAct):
    """Whose it is after all, and why."""

    to: Attribution
    why: Words | None = None


@api.post("/findings/{finding}/reattribute")
async def reattribute_finding(
    finding: str,
    body: ReattributeFinding,
    by: Annotated[Caller, may("reattribute_finding", "coordinator", of=FINDING)],
    store: Store,
) -> Acted:
    """Attribute it to another, whatever its state."""
    known, reads, stamped = await _of_one(store, finding, by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    decision = partial(rules.reattribute, id=finding, to=body.to, why=why)
    return await store.decide(FINDING, finding, decision, by=stamped, reads=reads)


class ObstacleTold(Body):
    """Something that stands in the way, and who takes it on."""

    what: SomeLine
    by: CommitmentBy


class DiscussFinding(Act):
    """With whom it was talked over, when; what the renter said, plans, and sees in the way.

    ``obstacles`` is what was said, in words ("none named" is an answer), or each with who takes it on.
    """

    with_: Annotated[list[Who] | Who, Field(alias="with")]
    on: Day
    renter_said: Words | None = None
    renter_plan: Words | None = None
    obstacles: Words | Annotated[list[ObstacleTold], Field(max_length=20)] | None = None
    no_reaction: bool = False
    invited_on: Day | None = None


@api.post("/findings/{finding}/discuss")
async def discuss_finding(
    finding: str,
    body: DiscussFinding,
    by: Annotated[Caller, may("discuss_finding", "counsellor", of=FINDING)],
    store: Store,
) -> Acted:
    """Talk it over with the renter, and write down the renter's own view."""
    policies = await policies_known(store, by=by)
    known: Finding = await store.state(FINDING, finding, by=by)
    silent = (body.renter_said or "").strip() == NO_REACTION
    named, in_words = (body.obstacles, None) if isinstance(body.obstacles, list) else ([], body.obstacles)
    sealed = await by.seal(
        "B",
        known.lease,
        renter_said=None if silent else body.renter_said,
        renter_plan=body.renter_plan,
        obstacles=in_words or "; ".join(one.what for one in named),
    )
    whats = await seal_all(by, "B", known.lease, "what", [one.what for one in named])
    decision = partial(
        rules.discuss,
        discussed_with=(body.with_,) if isinstance(body.with_, str) else tuple(body.with_),
        on=body.on,
        renter_said=sealed.renter_said,
        renter_plan=sealed.renter_plan,
        obstacles=sealed.obstacles,
        obstacles_taken_on=tuple(Obstacle(what=what, by=one.by) for what, one in zip(whats, named, strict=True)),
        no_reaction=silent or body.no_reaction,
        invited_on=body.invited_on,
    )
    stamped = by.on(body.on).under(policy=policy_on(policies, on=body.on).version)
    return await store.decide(FINDING, finding, decision, by=stamped, reads={"policies": OF_THE_POLICIES})


class AgreeOnFinding(DatedAct):
    """The note and the commitment that are about it."""

    agreement_id: Id
    commitment_id: Id


@api.post("/findings/{finding}/agree")
async def agree_on_finding(
    finding: str,
    body: AgreeOnFinding,
    by: Annotated[Caller, may("agree_on_finding", "counsellor", of=FINDING)],
    store: Store,
) -> Acted:
    """Tie it to a commitment of an accepted note."""
    known: Finding = await store.state(FINDING, finding, by=by)
    decision = partial(rules.agree_on, agreement_id=body.agreement_id, commitment_id=body.commitment_id)
    reads = {"agreements": every(AGREEMENT, known.lease)}
    return await store.decide(FINDING, finding, decision, by=by, reads=reads)


class FollowUpFinding(Act):
    """When somebody went to see, what became of it, and who saw."""

    on: Day
    outcome: FindingOutcome
    seen_by: WhoOrNobody | None = None


@api.post("/findings/{finding}/follow-up")
async def follow_up_finding(
    finding: str,
    body: FollowUpFinding,
    by: Annotated[Caller, may("follow_up_finding", "counsellor", "technical", of=FINDING)],
    store: Store,
) -> Acted:
    """Note what somebody saw became of it."""
    _, reads, stamped = await _of_one(store, finding, by)
    decision = partial(rules.follow_up, id=finding, on=body.on, outcome=body.outcome, seen_by=body.seen_by or None)
    return await store.decide(FINDING, finding, decision, by=stamped.on(body.on), reads=reads)


class LinkRepeat(DatedAct):
    """The earlier finding that it repeats."""

    earlier_finding: Id


@api.post("/findings/{finding}/link-repeat")
async def link_repeat(
    finding: str,
    body: LinkRepeat,
    by: Annotated[Caller, may("link_repeat", "counsellor", of=FINDING)],
    store: Store,
) -> Acted:
    """Say that it repeats an earlier finding."""
    _, reads, stamped = await _of_one(store, finding, by)
    decision = partial(rules.link_repeat, id=finding, earlier_finding=body.earlier_finding)
    return await store.decide(FINDING, finding, decision, by=stamped, reads=reads)


class MarkMistaken(DatedAct):
    """Why it was a mistake."""

    why: Words | None = None


@api.post("/findings/{finding}/mark-mistaken")
async def mark_mistaken(
    finding: str,
    body: MarkMistaken,
    by: Annotated[Caller, may("mark_mistaken", "counsellor", "coordinator", of=FINDING)],
    store: Store,
) -> Acted:
    """Say that it was a mistake, for good."""
    known, reads, stamped = await _of_one(store, finding, by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    decision = partial(rules.mark_mistaken, id=finding, why=why)
    return await store.decide(FINDING, finding, decision, by=stamped, reads=reads)


class ConfirmDate(Act):
    """On which day it was, and how one knows."""

    occurred_on: Day
    why: Words | None = None


@api.post("/findings/{finding}/confirm-date")
async def confirm_date(
    finding: str,
    body: ConfirmDate,
    by: Annotated[Caller, may("confirm_date", "counsellor", "coordinator", of=FINDING)],
    store: Store,
) -> Acted:
    """Say on which day it was, where the device's clock was wrong."""
    known, reads, stamped = await _of_one(store, finding, by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    decision = partial(rules.confirm_date, id=finding, seen_on=body.occurred_on, why=why, today=by.today)
    reads = {**reads, "visits": every(VISIT, known.lease)}
    return await store.decide(FINDING, finding, decision, by=stamped, reads=reads)


@api.get("/findings/{finding}/path")
async def read_path(
    finding: str,
    by: Annotated[Caller, may("read_path", "counsellor", "coordinator", "director", "auditor", of=FINDING)],
    store: Store,
) -> dict[str, Any]:
    """The whole path of a problem: finding, plan, obstacles, steps and whose they are, follow-ups, what is open."""
    known: Finding = await store.state(FINDING, finding, by=by)
    return path_of(
        finding,
        findings=await store.every(FINDING, known.lease, by=by),
        visits=await store.every(VISIT, known.lease, by=by),
        agreements=await store.every(AGREEMENT, known.lease, by=by),
    )


api.collection(FINDINGS, readers=("counsellor", "coordinator", "director", "technical"))
