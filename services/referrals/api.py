"""Referrals over HTTP: translate, decide, answer."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from functools import partial
from typing import Annotated, Any, Literal
from urllib.parse import urlencode
from uuid import uuid4

from fastapi import Depends, Query
from pydantic import Field

from services.referrals import views
from services.referrals.events import OfferedService, Phone, Place
from services.referrals.rules.bridge_figure import (
    BRIDGE_FIGURE,
    BRIDGE_REQUEST,
    BridgeRequest,
    change_bridge_figure,
    list_bridge_figure,
    request_bridge_figure,
    retire_bridge_figure,
)
from services.referrals.rules.data_sharing_protocol import (
    DATA_SHARING_PROTOCOL,
    change_protocol,
    list_protocol,
    retire_protocol,
)
from services.referrals.rules.interpreter import (
    INTERPRETER,
    change_interpreter,
    list_interpreter,
    retire_interpreter,
)
from services.referrals.rules.lease import LEASE
from services.referrals.rules.ocmw_consultation import OCMW_CONSULTATION, consult_ocmw, record_ocmw_answer
from services.referrals.rules.partner import PARTNER, change_partner, list_partner, retire_partner
from services.referrals.rules.referral import (
    REFERRAL,
    accompany,
    ask_consent,
    break_off_referral,
    call_together,
    confirm_intake,
    finish_referral,
    give_consent,
    give_contact_details,
    propose_referral,
    refuse_consent,
    withdraw_consent,
)
from shared.bodies import new_id
from shared.contracts.referrals import InterpreterKind, OcmwGround
from shared.event_sourcing import EventStore
from shared.keys import Category
from shared.problems import not_found
from shared.sealed import Sealed
from shared.web import (
    Acted,
    Body,
    Caller,
    Channel,
    DatedBody,
    Day,
    Doors,
    Id,
    Line,
    Store,
    Time,
    Words,
    may,
    one,
)

api = Doors("referrals")

GUIDES = ("counsellor", "coordinator")
KEEPERS = ("counsellor", "coordinator", "director", "administration")
STAFF = ("counsellor", "coordinator", "director", "administration", "technical", "auditor", "dpo")

Name = Annotated[Line, Field(min_length=1)]
Who = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]  # the id of a person or party; a name would lie in the clear
Minutes = Annotated[int, Field(ge=0, le=1440)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,20}(-[A-Za-z0-9]{2,8}){0,3}$")]  # "tr", "sr-Latn", "Turks"
Kind = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_ -]{0,39}$")]
NeedCode = Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
Languages = Annotated[tuple[Language, ...], Field(max_length=50)]


@api.knows_counsellors_by
async def counsellor_of(store: EventStore, by: Caller, lease: str) -> str | None:
    """Return who guides a lease: the one person who reads what its referrals are about."""
    counsellor: str | None = (await store.state(LEASE, lease, by=by)).counsellor
    return counsellor


# -- referrals: what each is about is sealed under a key of its own, so that one can be forgotten and not the next ----


class ProposeReferral(DatedBody):
    """Offer a renter the help of a partner."""

    id: Id | None = None
    lease: Name
    need: Name
    partner: Name
    why: Words | None = None


class AskConsent(DatedBody):
    """Tell the renter what would be shared, and ask."""

    explained_in: Line | None = None
    what_is_shared: Annotated[tuple[Line, ...], Field(max_length=50)] | None = None


class RefuseConsent(DatedBody):
    """The renter does not want it."""

    by_party: Who | None = None
    why: Words | None = None


class GiveConsent(Body):
    """The renter agrees; to an empty scope: to the help, and to sharing nothing."""

    on: Day | None = None
    scope: Annotated[tuple[Line, ...], Field(max_length=50)]
    form: Line | None = None
    by_party: Who | None = None


class WithdrawConsent(Body):
    """The renter takes the consent back."""

    on: Day | None = None
    by_party: Who | None = None
    why: Words | None = None


class GiveContactDetails(DatedBody):
    """Details go to the partner (with consent, under a protocol) or to the renter."""

    to: Literal["partner", "renter"] = "partner"
    shared: Annotated[tuple[Line, ...], Field(max_length=50)] = ()


class CallTogether(DatedBody):
    """Counsellor and renter called the partner together."""

    minutes: Minutes | None = None
    spoke_with: Line | None = None


class Accompany(Body):
    """Somebody went along; without ``accompanied_by``: who writes this down."""

    on: Day | None = None
    accompanied_by: Who | None = None
    minutes: Minutes | None = None


class ConfirmIntake(Body):
    """The first real contact at the partner."""

    on: Day | None = None
    confirmed_by: Line | None = None
    received_by: Channel | None = None


class EndReferral(DatedBody):
    """The help has ended."""

    by: Line | None = None
    why: Words | None = None


@api.post("/referrals", status_code=201)
async def propose(
    body: ProposeReferral, by: Annotated[Caller, may("propose_referral", *GUIDES)], store: Store
) -> Acted:
    """Offer the help of a partner; that help was offered, and when, is also recorded apart."""
    await store.known(LEASE, body.lease, by=by)
    referral = new_id(body.id, uuid4())
    said = await by.seal("F", referral, need=body.need, partner=body.partner, why=body.why)
    return await store.begin(
        REFERRAL,
        referral,
        partial(
            propose_referral,
            of_lease=body.lease,
            offer=str(uuid4()),
            to_partner=said.partner,
            need=said.need,
            why=said.why,
            on=by.day,
        ),
        by=by,
        reads={"lease": one(LEASE, body.lease), "partner": one(PARTNER, body.partner)},
    )


@api.post("/referrals/{referral}/ask-consent")
async def ask(
    referral: str, body: AskConsent, by: Annotated[Caller, may("ask_consent", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Ask the renter's consent, having told what would be shared."""
    listed = await _sealed_each(by, referral, "what_is_shared", body.what_is_shared or ())
    said = await by.seal("F", referral, explained_in=body.explained_in)
    decision = partial(ask_consent, what_is_shared=listed, explained_in=said.explained_in, on=by.day)
    return await store.decide(REFERRAL, referral, decision, by=by)


@api.post("/referrals/{referral}/refuse-consent")
async def refuse(
    referral: str, body: RefuseConsent, by: Annotated[Caller, may("refuse_consent", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Note that the renter does not want the help; this has no effect on anything else."""
    said = await by.seal("F", referral, why=body.why)
    decision = partial(refuse_consent, on=by.day, by_party=body.by_party, why=said.why)
    return await store.decide(REFERRAL, referral, decision, by=by)


@api.post("/referrals/{referral}/give-consent")
async def agree(
    referral: str, body: GiveConsent, by: Annotated[Caller, may("give_consent", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Note that the renter agrees, and to sharing what."""
    scope = await _sealed_each(by, referral, "scope", body.scope)
    said = await by.seal("F", referral, form=body.form)
    decision = partial(give_consent, on=body.on or by.today, scope=scope, form=said.form, by_party=body.by_party)
    return await store.decide(REFERRAL, referral, decision, by=by.on(body.on))


@api.post("/referrals/{referral}/withdraw-consent")
async def withdraw(
    referral: str,
    body: WithdrawConsent,
    by: Annotated[Caller, may("withdraw_consent", *GUIDES, of=REFERRAL)],
    store: Store,
) -> Acted:
    """Note that the renter takes the consent back: nothing is shared from now on."""
    lease = await store.state(LEASE, (await store.state(REFERRAL, referral, by=by)).lease, by=by)
    said = await by.seal("F", referral, why=body.why)
    decision = partial(
        withdraw_consent, on=body.on or by.today, counsellor=lease.counsellor, by_party=body.by_party, why=said.why
    )
    return await store.decide(REFERRAL, referral, decision, by=by.on(body.on))


@api.post("/referrals/{referral}/give-contact-details")
async def give_details(
    referral: str,
    body: GiveContactDetails,
    by: Annotated[Caller, may("give_contact_details", *GUIDES, of=REFERRAL)],
    store: Store,
) -> Acted:
    """Note that contact details were given: the partner's to the renter, or the renter's to the partner."""
    shared = await _sealed_each(by, referral, "shared", body.shared)
    decision = partial(give_contact_details, to=body.to, given_by=by.actor, on=by.day, shared=shared)
    return await store.decide(REFERRAL, referral, decision, by=by, reads=await _partner_of(referral, store, by))


@api.post("/referrals/{referral}/call-together")
async def call(
    referral: str, body: CallTogether, by: Annotated[Caller, may("call_together", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Note that counsellor and renter called the partner together."""
    said = await by.seal("F", referral, spoke_with=body.spoke_with)
    decision = partial(call_together, called_by=by.actor, on=by.day, minutes=body.minutes, spoke_with=said.spoke_with)
    return await store.decide(REFERRAL, referral, decision, by=by, reads=await _partner_of(referral, store, by))


@api.post("/referrals/{referral}/accompany")
async def go_along(
    referral: str,
    body: Accompany,
    by: Annotated[Caller, may("accompany", *GUIDES, "bridge-figure", of=REFERRAL)],
    store: Store,
) -> Acted:
    """Note that somebody went along to the partner."""
    decision = partial(
        accompany, accompanied_by=body.accompanied_by or by.actor, on=body.on or by.today, minutes=body.minutes
    )
    return await store.decide(REFERRAL, referral, decision, by=by.on(body.on))


@api.post("/referrals/{referral}/confirm-intake")
async def intake(
    referral: str, body: ConfirmIntake, by: Annotated[Caller, may("confirm_intake", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Note the first real contact at the partner."""
    said = await by.seal("F", referral, confirmed_by=body.confirmed_by)
    decision = partial(
        confirm_intake, on=body.on or by.today, confirmed_by=said.confirmed_by, received_by=body.received_by
    )
    return await store.decide(REFERRAL, referral, decision, by=by.on(body.on))


@api.post("/referrals/{referral}/finish")
async def finish(
    referral: str, body: EndReferral, by: Annotated[Caller, may("finish_referral", *GUIDES, of=REFERRAL)], store: Store
) -> Acted:
    """Note that the help came to its end as meant."""
    said = await by.seal("F", referral, by=body.by, why=body.why)
    return await store.decide(REFERRAL, referral, partial(finish_referral, on=by.day, by=said.by, why=said.why), by=by)


@api.post("/referrals/{referral}/break-off")
async def break_off(
    referral: str,
    body: EndReferral,
    by: Annotated[Caller, may("break_off_referral", *GUIDES, of=REFERRAL)],
    store: Store,
) -> Acted:
    """Note that renter, partner or office stopped the help before its end."""
    said = await by.seal("F", referral, by=body.by, why=body.why)
    return await store.decide(
        REFERRAL, referral, partial(break_off_referral, on=by.day, by=said.by, why=said.why), by=by
    )


async def _partner_of(referral: str, store: Store, by: Caller) -> Mapping[str, Any]:
    """Let a decision see the partner of a referral; one whose name was erased has no protocol any more."""
    proposed = (await store.state(REFERRAL, referral, by=by)).proposed
    partner = await by.seals.open(by.office, "partner", proposed.partner)
    return {"partner": one(PARTNER, partner or "erased")}


async def _sealed_each(by: Caller, referral: str, field: str, texts: Iterable[str]) -> list[Sealed]:
    sealed = [await by.seal_one("F", referral, field, text) for text in texts]
    return [one for one in sealed if one is not None]


# Nobody who decides on a lease without guiding it learns here what its renters answered to an offer of help.
api.collection(views.REFERRALS, readers=(*GUIDES, "dpo"))
api.collection(views.NEEDS, readers=GUIDES)


# -- the OCMW ---------------------------------------------------------------------------------------------------------


class ConsultOcmw(Body):
    """Ask the OCMW for its view; for arrears of a social lease without consent, and told to the renter."""

    id: Id | None = None
    lease: Name
    on: Day
    ground: OcmwGround
    told_renter_on: Day | None = None


class AnswerOfOcmw(DatedBody):
    """What the OCMW answered, on a day (``on`` or ``occurred_on``; by default today)."""

    on: Day | None = None
    answer: Words | None = None


@api.post("/ocmw-consultations", status_code=201)
async def consult(body: ConsultOcmw, by: Annotated[Caller, may("consult_ocmw", "coordinator")], store: Store) -> Acted:
    """Ask the OCMW for its view before a further step."""
    await store.known(LEASE, body.lease, by=by)
    return await store.begin(
        OCMW_CONSULTATION,
        body.id,
        partial(consult_ocmw, of_lease=body.lease, ground=body.ground, on=body.on, told_renter_on=body.told_renter_on),
        by=by.on(body.on),
        reads={"lease": one(LEASE, body.lease)},
    )


@api.post("/ocmw-consultations/{consultation}/answer")
async def answer(
    consultation: str,
    body: AnswerOfOcmw,
    by: Annotated[Caller, may("record_ocmw_answer", "coordinator", of=OCMW_CONSULTATION)],
    store: Store,
) -> Acted:
    """Note what the OCMW answered."""
    if body.on is not None:
        by = by.on(body.on)
    asked = (await store.state(OCMW_CONSULTATION, consultation, by=by)).consulted
    said = await by.seal("C", asked.lease, answer=body.answer)
    return await store.decide(
        OCMW_CONSULTATION, consultation, partial(record_ocmw_answer, on=by.day, answer=said.answer), by=by
    )


api.collection(views.CONSULTATIONS, readers=(*GUIDES, "director", "administration", "dpo"))


# -- the directory, in the shape of HSDS 3.0 --------------------------------------------------------------------------


class PhoneBody(Body):
    """A telephone number."""

    number: Line
    description: Line | None = None


class AddressBody(Body):
    """An address of a place."""

    address_1: Line | None = None
    city: Line | None = None
    postal_code: Line | None = None
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "BE"


class LocationBody(Body):
    """A place where the partner can be met."""

    name: Line | None = None
    addresses: Annotated[tuple[AddressBody, ...], Field(max_length=10)] = ()


class LanguageBody(Body):
    """A language in which help is given."""

    code: Language


class ServiceBody(Body):
    """Help that the partner offers; ``needs`` are those of a visit's report that it answers."""

    name: Name
    description: Words | None = None
    eligibility_description: Words | None = None
    application_process: Words | None = None
    fees_description: Words | None = None
    languages: Annotated[tuple[LanguageBody, ...], Field(max_length=50)] = ()
    needs: Annotated[tuple[NeedCode, ...], Field(max_length=50)] = ()


class PartnerBody(Body):
    """An entry of the directory, whole. ``phone`` and ``address`` stand for a list of one."""

    name: Name
    kind: Kind = "other"
    phone: Line | None = None
    address: Line | None = None
    description: Words | None = None
    email: Line | None = None
    website: Line | None = None
    phones: Annotated[tuple[PhoneBody, ...], Field(max_length=20)] = ()
    locations: Annotated[tuple[LocationBody, ...], Field(max_length=20)] = ()
    services: Annotated[tuple[ServiceBody, ...], Field(max_length=50)] = ()
    silent_after_days: Annotated[int, Field(ge=1, le=365)] = 14


class ListPartner(PartnerBody):
    """Put a partner into the directory."""

    id: Id | None = None


class Retire(Body):
    """Take an entry out of use, from ``on`` (by default today)."""

    on: Day | None = None
    why: Words | None = None


@api.post("/partners", status_code=201)
async def add_partner(body: ListPartner, by: Annotated[Caller, may("list_partner", *KEEPERS)], store: Store) -> Acted:
    """Put a partner into the directory of the office."""
    partner = new_id(body.id, uuid4())
    return await store.begin(PARTNER, partner, partial(list_partner, **await _entry(by, partner, body)), by=by)


@api.post("/partners/{partner}/change")
async def alter_partner(
    partner: str, body: PartnerBody, by: Annotated[Caller, may("change_partner", *KEEPERS, of=PARTNER)], store: Store
) -> Acted:
    """Let the entry of a partner read like this from now on."""
    return await store.decide(PARTNER, partner, partial(change_partner, **await _entry(by, partner, body)), by=by)


@api.post("/partners/{partner}/retire")
async def remove_partner(
    partner: str, body: Retire, by: Annotated[Caller, may("retire_partner", *KEEPERS, of=PARTNER)], store: Store
) -> Acted:
    """Refer nobody to the partner any more."""
    said = await by.seal("A", partner, why=body.why)
    decision = partial(retire_partner, on=body.on or by.today, why=said.why)
    return await store.decide(PARTNER, partner, decision, by=by.on(body.on))


async def _entry(by: Caller, id: str, body: PartnerBody) -> dict[str, Any]:
    """Seal an entry under its own key."""
    said = await by.seal("A", id, name=body.name, description=body.description, email=body.email, website=body.website)
    phones, locations = body.phones, body.locations
    if body.phone:
        phones = (PhoneBody(number=body.phone), *phones)
    if body.address:
        locations = (LocationBody(addresses=(AddressBody(address_1=body.address),)), *locations)
    return {
        "kind": body.kind,
        **vars(said),
        "phones": tuple([Phone(**await _sealed(by, id, phone, "number", "description")) for phone in phones]),
        "locations": tuple([place for location in locations for place in await _places(by, id, location)]),
        "services": tuple(
            [
                OfferedService(
                    languages=tuple(language.code for language in offered.languages),
                    needs=tuple(offered.needs),
                    **await _sealed(
                        by,
                        id,
                        offered,
                        "name",
                        "description",
                        "eligibility_description",
                        "application_process",
                        "fees_description",
                    ),
                )
                for offered in body.services
            ]
        ),
        "silent_after_days": body.silent_after_days,
    }


async def _places(by: Caller, id: str, location: LocationBody) -> list[Place]:
    name = await by.seal_one("A", id, "name", location.name)
    return [
        Place(
            name=name,
            country=address.country,
            **await _sealed(by, id, address, "address_1", "city", "postal_code"),
        )
        for address in location.addresses or [AddressBody()]
    ]


async def _sealed(by: Caller, id: str, body: Body, *fields: str) -> dict[str, Any]:
    return vars(await by.seal("A", id, **{field: getattr(body, field) for field in fields}))


api.collection(views.PARTNERS, readers=STAFF)


class ProtocolDays(Body):
    """The days on which a protocol is in force, both included."""

    from_: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    reference: Line | None = None


class ListProtocol(ProtocolDays):
    """Note a data-sharing protocol with a partner."""

    id: Id | None = None
    partner: Name


@api.post("/data-sharing-protocols", status_code=201)
async def add_protocol(
    body: ListProtocol, by: Annotated[Caller, may("list_protocol", *KEEPERS)], store: Store
) -> Acted:
    """Note a data-sharing protocol with a partner, which may begin or end on any day."""
    protocol = new_id(body.id, uuid4())
    said = await by.seal("A", protocol, reference=body.reference)
    return await store.begin(
        DATA_SHARING_PROTOCOL,
        protocol,
        partial(
            list_protocol,
            id=protocol,
            with_partner=body.partner,
            in_force_from=body.from_,
            in_force_until=body.until,
            reference=said.reference,
        ),
        by=by,
        reads={"partner": one(PARTNER, body.partner)},
    )


@api.post("/data-sharing-protocols/{protocol}/change")
async def alter_protocol(
    protocol: str,
    body: ProtocolDays,
    by: Annotated[Caller, may("change_protocol", *KEEPERS, of=DATA_SHARING_PROTOCOL)],
    store: Store,
) -> Acted:
    """Let a protocol be in force on other days."""
    said = await by.seal("A", protocol, reference=body.reference)
    decision = partial(
        change_protocol,
        id=protocol,
        in_force_from=body.from_,
        in_force_until=body.until,
        reference=said.reference,
    )
    return await store.decide(DATA_SHARING_PROTOCOL, protocol, decision, by=by)


@api.post("/data-sharing-protocols/{protocol}/retire")
async def remove_protocol(
    protocol: str,
    body: Retire,
    by: Annotated[Caller, may("retire_protocol", *KEEPERS, of=DATA_SHARING_PROTOCOL)],
    store: Store,
) -> Acted:
    """Share nothing under a protocol any more."""
    said = await by.seal("A", protocol, why=body.why)
    decision = partial(retire_protocol, id=protocol, on=body.on or by.today, why=said.why)
    return await store.decide(DATA_SHARING_PROTOCOL, protocol, decision, by=by.on(body.on))


api.collection(views.PROTOCOLS, readers=STAFF)


class BridgeFigureBody(Body):
    """An entry of the directory, whole; ``person`` is the bridge figure's own account."""

    name: Name
    phone: Line | None = None
    languages: Languages = ()
    person: Who | None = None


class ListBridgeFigure(BridgeFigureBody):
    """Put a bridge figure into the directory."""

    id: Id | None = None


class RequestBridgeFigure(DatedBody):
    """Ask a bridge figure to come along; the renter agreed on ``consent_on``, or with ``consent`` alone that day."""

    id: Id | None = None
    lease: Name
    consent: bool = False
    consent_on: Day | None = None
    party: Who | None = None
    appointment_on: Day | None = None
    slot: Time | None = None
    topic: Line | None = None


@api.post("/bridge-figures", status_code=201)
async def add_bridge_figure(
    body: ListBridgeFigure, by: Annotated[Caller, may("list_bridge_figure", *KEEPERS)], store: Store
) -> Acted:
    """Put a bridge figure into the directory of the office."""
    figure = new_id(body.id, uuid4())
    said = await by.seal("A", figure, name=body.name, phone=body.phone)
    decision = partial(
        list_bridge_figure, name=said.name, phone=said.phone, languages=tuple(body.languages), person=body.person
    )
    return await store.begin(BRIDGE_FIGURE, figure, decision, by=by)


@api.post("/bridge-figures/{figure}/change")
async def alter_bridge_figure(
    figure: str,
    body: BridgeFigureBody,
    by: Annotated[Caller, may("change_bridge_figure", *KEEPERS, of=BRIDGE_FIGURE)],
    store: Store,
) -> Acted:
    """Let the entry of a bridge figure read like this from now on."""
    said = await by.seal("A", figure, name=body.name, phone=body.phone)
    decision = partial(
        change_bridge_figure, name=said.name, phone=said.phone, languages=tuple(body.languages), person=body.person
    )
    return await store.decide(BRIDGE_FIGURE, figure, decision, by=by)


@api.post("/bridge-figures/{figure}/retire")
async def remove_bridge_figure(
    figure: str,
    body: Retire,
    by: Annotated[Caller, may("retire_bridge_figure", *KEEPERS, of=BRIDGE_FIGURE)],
    store: Store,
) -> Acted:
    """Ask a bridge figure no more."""
    said = await by.seal("A", figure, why=body.why)
    decision = partial(retire_bridge_figure, on=body.on or by.today, why=said.why)
    return await store.decide(BRIDGE_FIGURE, figure, decision, by=by.on(body.on))


@api.post("/bridge-figures/{figure}/request")
async def ask_bridge_figure(
    figure: str,
    body: RequestBridgeFigure,
    by: Annotated[Caller, may("request_bridge_figure", *GUIDES, of=BRIDGE_FIGURE)],
    store: Store,
) -> Acted:
    """Ask a bridge figure to come along, with the renter's consent; they see name, language, appointment and topic."""
    lease = await store.known(LEASE, body.lease, by=by)
    party = lease.parties.get(body.party) if body.party else next(iter(lease.parties.values()), None)
    name = await by.seals.open(by.office, "name", party.name) if party else None
    said = await by.seal("A", body.lease, name=name, language=party.language if party else None, topic=body.topic)
    request = new_id(body.id, uuid4())
    return await store.decide(
        BRIDGE_FIGURE,
        figure,
        partial(
            request_bridge_figure,
            id=figure,
            request=request,
            of_lease=body.lease,
            consent_on=body.consent_on or (by.day if body.consent else None),
            on=by.day,
            appointment_on=body.appointment_on,
            slot=body.slot,
            name=said.name,
            language=said.language,
            topic=said.topic,
        ),
        by=by,
        reads={"lease": one(LEASE, body.lease), "requested": one(BRIDGE_REQUEST, request)},
    )


@api.get("/bridge-requests/mine")
async def own_requests(
    by: Annotated[Caller, may("read_own_requests", "bridge-figure")], store: Store
) -> Mapping[str, Any]:
    """What a bridge figure is asked: name, contact language, appointment and the topic in one line. Nothing else."""
    asked = [
        await store.state(BRIDGE_REQUEST, request, by=by)
        for request in await views.requests_for(store, by.actor, by=by)
    ]
    return {"items": [await _told_to_bridge_figure(by, request) for request in asked]}


async def _told_to_bridge_figure(by: Caller, request: BridgeRequest) -> Mapping[str, Any]:
    asked = request.asked
    if asked is None:
        raise not_found()
    texts = {"name": asked.name, "language": asked.language, "topic": asked.topic}
    opened = {
        field: await by.seals.open(by.office, field, sealed) if sealed else None for field, sealed in texts.items()
    }
    return {**opened, "appointment_on": asked.appointment_on, "slot": asked.slot}


api.collection(views.BRIDGE_FIGURES, readers=STAFF)
api.collection(views.BRIDGE_REQUESTS, readers=GUIDES)


class InterpreterBody(Body):
    """An entry of the directory, whole."""

    kind: InterpreterKind
    name: Name
    phone: Line | None = None
    languages: Languages = ()
    age_over_18: bool | None = None


class ListInterpreter(InterpreterBody):
    """Put an interpreter into the directory."""

    id: Id | None = None


@api.post("/interpreters", status_code=201)
async def add_interpreter(
    body: ListInterpreter, by: Annotated[Caller, may("list_interpreter", *KEEPERS)], store: Store
) -> Acted:
    """Put an interpreter, always an adult, into the directory of the office."""
    interpreter = new_id(body.id, uuid4())
    decision = partial(list_interpreter, **await _interpreter(by, interpreter, body))
    return await store.begin(INTERPRETER, interpreter, decision, by=by)


@api.post("/interpreters/{interpreter}/change")
async def alter_interpreter(
    interpreter: str,
    body: InterpreterBody,
    by: Annotated[Caller, may("change_interpreter", *KEEPERS, of=INTERPRETER)],
    store: Store,
) -> Acted:
    """Let the entry of an interpreter read like this from now on."""
    decision = partial(change_interpreter, **await _interpreter(by, interpreter, body))
    return await store.decide(INTERPRETER, interpreter, decision, by=by)


@api.post("/interpreters/{interpreter}/retire")
async def remove_interpreter(
    interpreter: str,
    body: Retire,
    by: Annotated[Caller, may("retire_interpreter", *KEEPERS, of=INTERPRETER)],
    store: Store,
) -> Acted:
    """Ask an interpreter no more."""
    said = await by.seal("A", interpreter, why=body.why)
    decision = partial(retire_interpreter, on=body.on or by.today, why=said.why)
    return await store.decide(INTERPRETER, interpreter, decision, by=by.on(body.on))


async def _interpreter(by: Caller, id: str, body: InterpreterBody) -> dict[str, Any]:
    # A friend who helps out is a third party (G): their name is for the coordinator. An agency stands in every guide.
    category: Category = "G" if body.kind == "informal_adult" else "A"
    said = await by.seal(category, id, name=body.name, phone=body.phone)
    return {
        "kind": body.kind,
        "name": said.name,
        "phone": said.phone,
        "languages": tuple(body.languages),
        "age_over_18": body.age_over_18,
    }


api.collection(views.INTERPRETERS, readers=STAFF)


# -- figures ----------------------------------------------------------------------------------------------------------

FEWEST = 5  # a smaller group could be recognised (domain 11, I)
NAMES = {"K-07": "warm share", "K-08": "referral lands"}

Since = Annotated[Day, Query(alias="from")]


@api.get("/kpis")
async def kpis(from_: Since, until: Day, by: Annotated[Caller, may("read_kpis", *STAFF)], store: Store) -> Any:
    """K-07 and K-08 of a period. Each names the list it was counted from; groups under five are not shown."""
    return {
        "from": from_,
        "until": until,
        "kpis": [_figure(kpi, await _counted(kpi, store, from_, until, by), from_, until) for kpi in NAMES],
    }


_MAY_LIST = may("read_kpi_list", *GUIDES)


async def _figure_named(kpi: str, by: Annotated[Caller, _MAY_LIST]) -> str:
    """Return the figure that a path names. It is looked up before the period is: 404 comes before 422."""
    if kpi not in NAMES:
        raise not_found()
    return kpi


@api.get("/kpis/{kpi}/referrals")
async def counted_from(
    kpi: Annotated[str, Depends(_figure_named)],
    from_: Since,
    until: Day,
    by: Annotated[Caller, _MAY_LIST],
    store: Store,
) -> Any:
    """The referrals that a figure was counted from, and which of them it counts."""
    counted = await _counted(kpi, store, from_, until, by)
    return {"items": [{"referral": referral, "counts": counts} for referral, counts in counted]}


async def _counted(kpi: str, store: Store, since: date, until: date, by: Caller) -> Sequence[tuple[str, bool]]:
    if kpi == "K-07":
        return await views.warm_share(store, since=since, until=until, by=by)
    return await views.landed(store, since=since, until=until, today=by.today, by=by)


def _figure(kpi: str, counted: Sequence[tuple[str, bool]], since: date, until: date) -> Mapping[str, Any]:
    whole, part = len(counted), sum(counts for _, counts in counted)
    shown = whole == 0 or whole >= FEWEST
    return {
        "id": kpi,
        "name": NAMES[kpi],
        "numerator": part if shown else None,
        "denominator": whole if shown else None,
        "value": round(part / whole, 4) if shown and whole else None,
        "suppressed": not shown,
        "list": f"/kpis/{kpi}/referrals?{urlencode({'from': since, 'until': until})}",
    }
