"""Who is party to a lease, who administers for them, and what bars steps against arrears, over HTTP (domain 3.1)."""

from functools import partial
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from services.visits.api.door import Act, ContactPointTold, DatedAct, Language, SomeLine, api, contact_points
from services.visits.events import AdministratorScope, Household, Party, Role, StandstillKind
from services.visits.rules import lease as rules
from services.visits.rules.lease import LEASE
from shared.bodies import new_id
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, Words, may


class PartyTold(Body):
    """Somebody who rents, or lives there."""

    id: Id | None = None
    name: SomeLine
    role: Role
    language: Language = "nl"
    household: Household | None = None
    contacts: Annotated[tuple[ContactPointTold, ...], Field(max_length=20)] = ()


async def party_told(by: Caller, told: PartyTold) -> Party:
    """Seal who somebody is, and how to reach them, under a key of their own."""
    id = new_id(told.id, uuid4())
    name = await by.seal_one("A", id, "name", told.name)
    contacts = await contact_points(by, id, told.contacts)
    return Party(id=id, name=name, role=told.role, language=told.language, household=told.household, contacts=contacts)


class AddParty(Act):
    """Who joins, from when."""

    party: PartyTold
    date: Day | None = None
    reason: Words | None = None


@api.post("/leases/{lease}/add-party")
async def add_party(
    lease: str,
    body: AddParty,
    by: Annotated[Caller, may("add_party", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Let somebody join the lease or the household."""
    by = by.on(body.date)
    party = await party_told(by, body.party)
    reason = await by.seal_one("A", lease, "reason", body.reason)
    return await store.decide(LEASE, lease, partial(rules.add_party, party=party, on=by.day, reason=reason), by=by)


class PartyLeaves(Act):
    """Who leaves, when and why."""

    party: Id
    date: Day | None = None
    reason: Words | None = None


@api.post("/leases/{lease}/party-leaves")
async def party_leaves(
    lease: str,
    body: PartyLeaves,
    by: Annotated[Caller, may("party_leaves", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Let a party leave the lease; the last one does not."""
    by = by.on(body.date)
    reason = await by.seal_one("A", lease, "reason", body.reason)
    decision = partial(rules.party_leaves, party=body.party, on=by.day, reason=reason)
    return await store.decide(LEASE, lease, decision, by=by)


class AppointAdministrator(DatedAct):
    """Whom a judge appointed, for what, from when."""

    id: Id | None = None
    from_: Annotated[Day, Field(alias="from")]
    scope: AdministratorScope
    judgment_ref: Line | None = None
    name: Line | None = None
    party: Id | None = None
    contacts: Annotated[tuple[ContactPointTold, ...], Field(max_length=20)] = ()


@api.post("/leases/{lease}/appoint-administrator")
async def appoint_administrator(
    lease: str,
    body: AppointAdministrator,
    by: Annotated[Caller, may("appoint_administrator", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Note that a judge appointed an administrator."""
    id = new_id(body.id, uuid4())
    sealed = await by.seal("A", lease, judgment_ref=body.judgment_ref, name=body.name)
    decision = partial(
        rules.appoint_administrator,
        administrator=id,
        from_=body.from_,
        scope=body.scope,
        judgment_ref=sealed.judgment_ref,
        name=sealed.name,
        party=body.party,
        contacts=await contact_points(by, lease, body.contacts),
    )
    return await store.decide(LEASE, lease, decision, by=by)


class EndAdministration(Act):
    """Which administration ended (the only one, if not said), and its last day."""

    administrator: Id | None = None
    on: Day | None = None


@api.post("/leases/{lease}/end-administration")
async def end_administration(
    lease: str,
    body: EndAdministration,
    by: Annotated[Caller, may("end_administration", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """End an administration."""
    by = by.on(body.on)
    decision = partial(rules.end_administration, administrator=body.administrator, on=by.day)
    return await store.decide(LEASE, lease, decision, by=by)


class StartStandstill(DatedAct):
    """What blocks steps against arrears, from when; and the debt mediator, where there is one."""

    id: Id | None = None
    from_: Annotated[Day, Field(alias="from")]
    kind: StandstillKind
    ref: Line | None = None
    mediator_name: Line | None = None
    mediator_contacts: Annotated[tuple[ContactPointTold, ...], Field(max_length=20)] = ()


@api.post("/leases/{lease}/start-standstill")
async def start_standstill(
    lease: str,
    body: StartStandstill,
    by: Annotated[Caller, may("start_standstill", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """Note that steps against arrears are blocked."""
    id = new_id(body.id, uuid4())
    sealed = await by.seal("A", lease, ref=body.ref, mediator_name=body.mediator_name)
    decision = partial(
        rules.start_standstill,
        standstill=id,
        from_=body.from_,
        kind=body.kind,
        ref=sealed.ref,
        mediator_name=sealed.mediator_name,
        mediator_contacts=await contact_points(by, lease, body.mediator_contacts),
    )
    return await store.decide(LEASE, lease, decision, by=by)


class EndStandstill(Act):
    """Which standstill ended (the only one, if not said), and its last day."""

    standstill: Id | None = None
    on: Day | None = None


@api.post("/leases/{lease}/end-standstill")
async def end_standstill(
    lease: str,
    body: EndStandstill,
    by: Annotated[Caller, may("end_standstill", "administration", "coordinator", of=LEASE)],
    store: Store,
) -> Acted:
    """End a standstill."""
    by = by.on(body.on)
    decision = partial(rules.end_standstill, standstill=body.standstill, on=by.day)
    return await store.decide(LEASE, lease, decision, by=by)
