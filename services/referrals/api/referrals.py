"""Referrals over HTTP (domain 3.7). What each is about has a key of its own, so that one can be forgotten alone."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Annotated, Any, Literal
from uuid import uuid4

from pydantic import Field

from services.referrals import views
from services.referrals.api.door import GUIDES, Minutes, Name, Who, api
from services.referrals.rules.lease import LEASE
from services.referrals.rules.partner import PARTNER
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
from shared.sealed import Sealed
from shared.web import Acted, Body, Caller, Channel, DatedBody, Day, Id, Line, Store, Words, may, one


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


# A director, who decides on a lease and takes no step of a referral, learns nothing here of what its renters answered;
# a coordinator, who may take one, reads how far it is and not what it is about.
api.collection(views.REFERRALS, readers=(*GUIDES, "dpo"))
api.collection(views.NEEDS, readers=GUIDES)
