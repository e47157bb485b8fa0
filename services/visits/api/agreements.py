"""Agreement notes over HTTP (domain 3.4)."""

from functools import partial
from typing import Annotated
from uuid import uuid4

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.visits.api.door import (
    OF_THE_POLICIES,
    Act,
    DatedAct,
    Language,
    SomeWords,
    WhoOrNobody,
    api,
    lease_named,
    policies_known,
    seal_all,
)
from services.visits.api.visits import NOBODY_INTERPRETED, Interpreter
from services.visits.events import CommitmentOutcome
from services.visits.rules import agreement as rules
from services.visits.rules.agreement import AGREEMENT, Agreement, Conclusion, Reservation
from services.visits.rules.finding import FINDING
from services.visits.rules.lease import LEASE
from services.visits.rules.policy import policy_on
from services.visits.rules.smart import Wish
from services.visits.views.agreements import AGREEMENTS
from shared.bodies import new_id
from shared.keys import Category
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, Words, every, may, one


class DraftAgreement(DatedAct):
    """What goes wrong, why by the renter's words, the joint goal, what the renter needs."""

    id: Id | None = None
    lease: Id
    goes_wrong: Words | None = None
    why_renter_says: Words | None = None
    goal: Words | None = None
    renter_needs: Words | None = None
    findings: Annotated[tuple[Id, ...], Field(max_length=50)] = ()


@api.post("/agreements", status_code=201)
async def draft_agreement(
    body: DraftAgreement, by: Annotated[Caller, may("draft_agreement", "counsellor", "coordinator")], store: Store
) -> Acted:
    """Write a talk down as the draft of a note."""
    await lease_named(store, body.lease, by=by)
    sealed = await by.seal(
        "B",
        body.lease,
        goes_wrong=body.goes_wrong,
        why_renter_says=body.why_renter_says,
        goal=body.goal,
        renter_needs=body.renter_needs,
    )
    decision = partial(
        rules.draft,
        lease_id=body.lease,
        goes_wrong=sealed.goes_wrong,
        why_renter_says=sealed.why_renter_says,
        goal=sealed.goal,
        renter_needs=sealed.renter_needs,
        findings=tuple(body.findings),
    )
    reads = {"lease": one(LEASE, body.lease), "known_findings": every(FINDING, body.lease)}
    return await store.begin(AGREEMENT, body.id, decision, by=by, reads=reads)


class Measure(Body):
    """How one will see that it was done."""

    kind: Line | None = None
    target: Words | None = None


class CommitmentTold(Body):
    """A commitment as it was written down; the SMART gate names what is missing."""

    id: Id | None = None
    by: Line | None = None
    action: Words | None = None
    place: Line | None = None
    measure: Measure | None = None
    due: Day | None = None
    needs: Annotated[list[Words], Field(max_length=50)] | None = None
    depends_on: Annotated[tuple[Id, ...], Field(max_length=50)] = ()
    agreed_by_renter: bool | None = None


Commitments = Annotated[list[CommitmentTold], Field(min_length=1, max_length=50)]


class WithCommitments(DatedAct):
    """The commitments of a note; each id belongs to one of them."""

    commitments: Commitments

    @model_validator(mode="after")
    def ids_differ(self) -> "WithCommitments":
        """Refuse two commitments of one id."""
        ids = [told.id for told in self.commitments if told.id is not None]
        if len(ids) > len(set(ids)):
            raise PydanticCustomError("other", "two commitments have one id")
        return self


async def _wishes(by: Caller, lease: str, told: list[CommitmentTold]) -> tuple[Wish, ...]:
    return tuple([await _wish(by, lease, one) for one in told])


async def _wish(by: Caller, lease: str, told: CommitmentTold) -> Wish:
    measure = told.measure or Measure()
    # What the office promised itself says nothing of the renter: the technical service must read it, and nothing else.
    category: Category = "A" if told.by == "office" else "B"
    sealed = await by.seal(category, lease, action=told.action, place=told.place, target=measure.target)
    needs = None if told.needs is None else await seal_all(by, category, lease, "needs", told.needs)
    return Wish(
        id=new_id(told.id, uuid4()),
        by=told.by,
        action=sealed.action,
        place=sealed.place,
        measure=measure.kind,
        target=sealed.target,
        due_on=told.due,
        needs=needs,
        depends_on=tuple(told.depends_on),
        agreed_by_renter=told.agreed_by_renter,
    )


@api.post("/agreements/{agreement}/propose")
async def propose_agreement(
    agreement: str,
    body: WithCommitments,
    by: Annotated[Caller, may("propose_agreement", "counsellor", "coordinator", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Put the note to the renter, with SMART commitments."""
    policies = await policies_known(store, by=by)
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    wishes = await _wishes(by, known.lease, body.commitments)
    decision = partial(rules.propose, id=agreement, commitments=wishes, on=by.day)
    reads = {
        "lease": one(LEASE, known.lease),
        "agreements": every(AGREEMENT, known.lease),
        "policies": OF_THE_POLICIES,
    }
    stamped = by.under(policy=policy_on(policies, on=by.day).version)
    return await store.decide(AGREEMENT, agreement, decision, by=stamped, reads=reads)


class ReservationTold(Body):
    """What the renter signed under, verbatim, and the commitments it is about; none named: all of them."""

    words: SomeWords
    commitments: Annotated[tuple[Id, ...], Field(max_length=50)] = ()


class AcceptAgreement(Act):
    """When the renter accepted, how it was read, and under what reservation."""

    on: Day
    signed: bool
    reservation: ReservationTold | Words | None = None
    read_in_language: Language
    interpreter: Interpreter = NOBODY_INTERPRETED
    by_party: Id | None = None


@api.post("/agreements/{agreement}/accept")
async def accept_agreement(
    agreement: str,
    body: AcceptAgreement,
    by: Annotated[Caller, may("accept_agreement", "counsellor", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Note that the renter accepted; the note runs."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    told = body.reservation
    said, about = (told.words, tuple(told.commitments)) if isinstance(told, ReservationTold) else (told, ())
    words = await by.seal_one("B", known.lease, "reservation", said)  # blank words reserve nothing
    reservation = Reservation(words=words, commitments=about) if words else None
    decision = partial(
        rules.accept,
        on=body.on,
        signed=body.signed,
        reservation=reservation,
        read_in_language=body.read_in_language,
        interpreter=body.interpreter.kind,
        interpreter_over_18=body.interpreter.age_over_18,
        by_party=body.by_party,
    )
    return await store.decide(
        AGREEMENT, agreement, decision, by=by.on(body.on), reads={"lease": one(LEASE, known.lease)}
    )


class RefuseAgreement(Act):
    """When the renter did not accept, and the reason, if one was given."""

    on: Day
    reason: Words | None = None


@api.post("/agreements/{agreement}/refuse")
async def refuse_agreement(
    agreement: str,
    body: RefuseAgreement,
    by: Annotated[Caller, may("refuse_agreement", "counsellor", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Note that the renter does not accept; it never counts."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    reason = await by.seal_one("B", known.lease, "reason", body.reason)
    return await store.decide(AGREEMENT, agreement, partial(rules.refuse, on=body.on, reason=reason), by=by.on(body.on))


class FollowUpCommitment(Act):
    """Which commitment, when somebody went to see, what became of it, and who saw."""

    commitment: Id
    on: Day
    outcome: CommitmentOutcome
    seen_by: WhoOrNobody | None = None


@api.post("/agreements/{agreement}/follow-up")
async def follow_up_commitment(
    agreement: str,
    body: FollowUpCommitment,
    by: Annotated[Caller, may("follow_up_commitment", "counsellor", "coordinator", "technical", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Note what somebody saw became of a commitment."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    decision = partial(
        rules.follow_up,
        commitment=body.commitment,
        on=body.on,
        outcome=body.outcome,
        seen_by=body.seen_by or None,
        roles=by.roles,
    )
    reads = {"agreements": every(AGREEMENT, known.lease)}
    return await store.decide(AGREEMENT, agreement, decision, by=by.on(body.on), reads=reads)


class ReviseAgreement(WithCommitments):
    """Other commitments, and why."""

    why: Words | None = None
    new_agreement: Id | None = None


@api.post("/agreements/{agreement}/revise")
async def revise_agreement(
    agreement: str,
    body: ReviseAgreement,
    by: Annotated[Caller, may("revise_agreement", "counsellor", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Put another note in its place; its open commitments are dropped."""
    policies = await policies_known(store, by=by)
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    into = new_id(body.new_agreement, uuid4())
    decision = partial(
        rules.revise,
        id=agreement,
        into=into,
        commitments=await _wishes(by, known.lease, body.commitments),
        why=await by.seal_one("B", known.lease, "why", body.why),
        on=by.day,
    )
    reads = {
        "agreements": every(AGREEMENT, known.lease),
        "already": one(AGREEMENT, into),
        "policies": OF_THE_POLICIES,
    }
    stamped = by.under(policy=policy_on(policies, on=by.day).version)
    return await store.decide(AGREEMENT, agreement, decision, by=stamped, reads=reads)


class ConcludeAgreement(Act):
    """What became of the note as a whole, when, and why."""

    as_: Annotated[Conclusion, Field(alias="as")]
    on: Day
    why: Words | None = None


@api.post("/agreements/{agreement}/conclude")
async def conclude_agreement(
    agreement: str,
    body: ConcludeAgreement,
    by: Annotated[Caller, may("conclude_agreement", "counsellor", "coordinator", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Say what became of the note as a whole."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    decision = partial(rules.conclude, as_=body.as_, on=body.on, why=why)
    reads = {"agreements": every(AGREEMENT, known.lease)}
    return await store.decide(AGREEMENT, agreement, decision, by=by.on(body.on), reads=reads)


class SettleReservation(Act):
    """When the reservation was talked over, what both sides said, and which commitments are settled."""

    on: Day
    office_said: SomeWords
    renter_said: SomeWords
    commitments: Annotated[list[Id], Field(min_length=1, max_length=50)]


@api.post("/agreements/{agreement}/settle-reservation")
async def settle_reservation(
    agreement: str,
    body: SettleReservation,
    by: Annotated[Caller, may("settle_reservation", "counsellor", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Note the new talk, both sides, after which commitments are no longer disputed."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    sealed = await by.seal("B", known.lease, office_said=body.office_said, renter_said=body.renter_said)
    decision = partial(
        rules.settle_reservation,
        on=body.on,
        office_said=sealed.office_said,
        renter_said=sealed.renter_said,
        commitments=tuple(body.commitments),
    )
    return await store.decide(AGREEMENT, agreement, decision, by=by.on(body.on))


class LapseAgreement(DatedAct):
    """Why the note lapses."""

    why: Words | None = None


@api.post("/agreements/{agreement}/lapse")
async def lapse_agreement(
    agreement: str,
    body: LapseAgreement,
    by: Annotated[Caller, may("lapse_agreement", "counsellor", of=AGREEMENT)],
    store: Store,
) -> Acted:
    """Let the note lapse, without consequence for anyone."""
    known: Agreement = await store.state(AGREEMENT, agreement, by=by)
    why = await by.seal_one("B", known.lease, "why", body.why)
    return await store.decide(AGREEMENT, agreement, partial(rules.lapse, why=why), by=by)


api.collection(AGREEMENTS, readers=("counsellor", "coordinator", "director", "technical"))
