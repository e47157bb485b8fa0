"""Leases over HTTP (domain 3.1)."""

from functools import partial
from typing import Annotated
from uuid import uuid4

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from services.visits.api.door import (
    OF_THE_POLICIES,
    Act,
    DatedAct,
    SomeLine,
    Who,
    api,
    policies_known,
)
from services.visits.api.parties import PartyTold, party_told
from services.visits.events import (
    EndingGround,
    EndingMode,
)
from services.visits.rules import ending, handover
from services.visits.rules import lease as rules
from services.visits.rules.agreement import AGREEMENT
from services.visits.rules.contact import CONTACT
from services.visits.rules.lease import LEASE
from services.visits.rules.policy import OFFICE, POLICIES, policy_on
from services.visits.rules.termination import TERMINATIONS
from services.visits.rules.visit import VISIT
from services.visits.views.leases import LEASES
from shared.authority import MANDATES
from shared.bodies import new_id
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, Words, every, may, one

OF_THE_MANDATES = one(MANDATES, OFFICE)
Cents = Annotated[int, Field(ge=-100_000_000_00, le=100_000_000_00)]
OfficeCode = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{1,30}$")]


class Dwelling(Body):
    """Where the renter lives."""

    reference: SomeLine
    address: SomeLine


class RegisterLease(DatedAct):
    """A lease, and the policy its renters were given."""

    id: Id | None = None
    dwelling: Dwelling
    landlord: SomeLine
    parties: Annotated[list[PartyTold], Field(max_length=30)] | None = None
    start: Day
    informed_on: Day | None = None
    inventory_ref: Line | None = None
    policy_version: Annotated[Line, Field(min_length=1, max_length=40)] | None = None

    @model_validator(mode="after")
    def ids_differ(self) -> "RegisterLease":
        """Refuse two parties of one id."""
        ids = [told.id for told in self.parties or () if told.id is not None]
        if len(ids) > len(set(ids)):
            raise PydanticCustomError("other", "two parties have one id")
        return self


@api.post("/leases", status_code=201)
async def register_lease(
    body: RegisterLease, by: Annotated[Caller, may("register_lease", "administration", "coordinator")], store: Store
) -> Acted:
    """Register a lease."""
    policies = await policies_known(store, by=by)
    id = new_id(body.id, uuid4())
    parties = tuple([await party_told(by, told) for told in body.parties or ()])
    sealed = await by.seal(
        "A",
        id,
        dwelling_reference=body.dwelling.reference,
        dwelling_address=body.dwelling.address,
        landlord=body.landlord,
        inventory_ref=body.inventory_ref,
    )
    decision = partial(
        rules.register,
        parties=parties,
        dwelling_reference=sealed.dwelling_reference,
        dwelling_address=sealed.dwelling_address,
        landlord=sealed.landlord,
        start=body.start,
        informed_on=body.informed_on,
        policy_version=body.policy_version,
        inventory_ref=sealed.inventory_ref,
        today=by.today,
    )
    stamped = by.under(policy=body.policy_version or policy_on(policies, on=body.start).version)
    return await store.begin(LEASE, id, decision, by=stamped, reads={"policies": OF_THE_POLICIES})


class AssignCounsellor(DatedAct):
    """Who guides the lease."""

    counsellor: Who
    from_: Annotated[Day | None, Field(alias="from")] = None


@api.post("/leases/{lease}/assign-counsellor")
async def assign_counsellor(
    lease: str,
    body: AssignCounsellor,
    by: Annotated[Caller, may("assign_counsellor", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Give a prepared lease its counsellor; it runs from its start on."""
    decision = partial(rules.assign_counsellor, counsellor=body.counsellor, from_=body.from_ or by.day, today=by.today)
    return await store.decide(LEASE, lease, decision, by=by, reads={"mandates": OF_THE_MANDATES})


class ChangeCounsellor(DatedAct):
    """Who guides the lease from now on, and why."""

    counsellor: Who
    from_: Annotated[Day | None, Field(alias="from")] = None
    reason: Words | None = None


@api.post("/leases/{lease}/change-counsellor")
async def change_counsellor(
    lease: str,
    body: ChangeCounsellor,
    by: Annotated[Caller, may("change_counsellor", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Give the lease another counsellor; open visits move along."""
    reason = await by.seal_one("A", lease, "reason", body.reason)
    decision = partial(
        handover.change_counsellor,
        counsellor=body.counsellor,
        from_=body.from_ or by.day,
        reason=reason,
        today=by.today,
    )
    reads = {"mandates": OF_THE_MANDATES, "visits": every(VISIT, lease)}
    return await store.decide(LEASE, lease, decision, by=by, reads=reads)


class InformOfPolicy(Act):
    """Which policy version the renters were given, when, with what proof."""

    policy_version: Annotated[Line, Field(min_length=1, max_length=40)]
    delivered_on: Day | None = None
    proof: Line | None = None


@api.post("/leases/{lease}/inform-of-policy")
async def inform_of_policy(
    lease: str,
    body: InformOfPolicy,
    by: Annotated[Caller, may("inform_of_policy", "administration", "counsellor", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Note that the renters were given a later policy version."""
    await policies_known(store, by=by)
    proof = await by.seal_one("A", lease, "proof", body.proof)
    decision = partial(
        rules.inform_of_policy, policy_version=body.policy_version, delivered_on=body.delivered_on, proof=proof
    )
    stamped = by.on(body.delivered_on).under(policy=body.policy_version)
    return await store.decide(LEASE, lease, decision, by=stamped, reads={"policies": OF_THE_POLICIES})


class ChangeLandlord(DatedAct):
    """Who lets from when."""

    to: SomeLine
    from_: Annotated[Day, Field(alias="from")]


@api.post("/leases/{lease}/change-landlord")
async def change_landlord(
    lease: str, body: ChangeLandlord, by: Annotated[Caller, may("change_landlord", "director", of=LEASE)], store: Store
) -> Acted:
    """Note that another legal entity is landlord."""
    to = await by.seal_one("A", lease, "landlord", body.to)
    return await store.decide(LEASE, lease, partial(rules.change_landlord, to=to, from_=body.from_), by=by)


class ChangeOffice(DatedAct):
    """Which office is competent from when."""

    to: OfficeCode
    from_: Annotated[Day, Field(alias="from")]


@api.post("/leases/{lease}/change-office")
async def change_office(
    lease: str, body: ChangeOffice, by: Annotated[Caller, may("change_office", "director", of=LEASE)], store: Store
) -> Acted:
    """Note that another office is competent; when the day has come the lease goes over to it at once."""
    decision = partial(handover.change_office, to=body.to, from_=body.from_, own=by.office, id=lease, today=by.today)
    there = one(POLICIES, OFFICE, office=body.to)
    return await store.decide(LEASE, lease, decision, by=by, reads={"there": there})


class ReportHeadLeaseEnd(DatedAct):
    """When the head lease ends; that may lie ahead."""

    on: Day


@api.post("/leases/{lease}/report-head-lease-end")
async def report_head_lease_end(
    lease: str,
    body: ReportHeadLeaseEnd,
    by: Annotated[Caller, may("report_head_lease_end", "coordinator", "director", of=LEASE)],
    store: Store,
) -> Acted:
    """Mark that the owner ends the head lease; nothing against the renter follows from it."""
    return await store.decide(LEASE, lease, partial(rules.report_head_lease_end, on=body.on), by=by)


class RecordBalance(Act):
    """What was owed on a day, and a month's rent then."""

    on: Day
    amount_cents: Cents
    month_rent_cents: Annotated[int, Field(ge=0, le=100_000_000_00)]
    source: Line | None = None


@api.post("/leases/{lease}/record-balance")
async def record_balance(
    lease: str,
    body: RecordBalance,
    by: Annotated[Caller, may("record_balance", "administration", of=LEASE)],
    store: Store,
) -> Acted:
    """Note what was owed on a day."""
    source = await by.seal_one("A", lease, "source", body.source)
    decision = partial(
        rules.record_balance,
        on=body.on,
        amount_cents=body.amount_cents,
        month_rent_cents=body.month_rent_cents,
        source=source,
    )
    return await store.decide(LEASE, lease, decision, by=by.on(body.on))


class SetCadence(DatedAct):
    """A visit every so many months, and why."""

    months: Annotated[int, Field(ge=1, le=120)]
    reason: Words | None = None


@api.post("/leases/{lease}/set-cadence")
async def set_cadence(
    lease: str,
    body: SetCadence,
    by: Annotated[Caller, may("set_cadence", "counsellor", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Choose how often to visit, after the first visit."""
    policies = await policies_known(store, by=by)
    reason = await by.seal_one("B", lease, "reason", body.reason)
    decision = partial(rules.set_cadence, months=body.months, reason=reason, on=by.day, today=by.today, by=by.person)
    stamped = by.under(policy=policy_on(policies, on=by.day).version)
    return await store.decide(LEASE, lease, decision, by=stamped, reads={"policies": OF_THE_POLICIES})


class EndLease(Act):
    """How the lease ended, why, and when."""

    mode: EndingMode | None = None
    ground: EndingGround | None = None
    secondary_grounds: Annotated[tuple[EndingGround, ...], Field(max_length=15)] = ()
    on: Day
    judgment_says_neglect: bool = False


@api.post("/leases/{lease}/end")
async def end_lease(
    lease: str,
    body: EndLease,
    by: Annotated[Caller, may("end_lease", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """End the lease; open notes lapse."""
    decision = partial(
        ending.end,
        mode=body.mode,
        ground=body.ground,
        secondary_grounds=tuple(body.secondary_grounds),
        on=body.on,
        judgment_says_neglect=body.judgment_says_neglect,
    )
    return await store.decide(LEASE, lease, decision, by=by.on(body.on), reads={"agreements": every(AGREEMENT, lease)})


class CloseFile(DatedAct):
    """The inventory at the end."""

    out_inventory_ref: Line | None = None


@api.post("/leases/{lease}/close")
async def close_file(
    lease: str, body: CloseFile, by: Annotated[Caller, may("close_file", "coordinator", of=LEASE)], store: Store
) -> Acted:
    """Close the file of a lease that ended."""
    out_inventory_ref = await by.seal_one("A", lease, "out_inventory_ref", body.out_inventory_ref)
    decision = partial(ending.close, out_inventory_ref=out_inventory_ref)
    reads = {"terminations": one(TERMINATIONS, lease), "contacts": every(CONTACT, lease)}
    return await store.decide(LEASE, lease, decision, by=by, reads=reads)


api.collection(LEASES, readers=("counsellor", "coordinator", "director", "administration", "technical", "dpo"))
