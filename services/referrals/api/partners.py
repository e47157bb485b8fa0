"""The partners of an office over HTTP, in the shape of HSDS 3.0."""

from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field

from services.referrals import views
from services.referrals.api.door import KEEPERS, STAFF, Kind, Language, Name, NeedCode, Retire, api
from services.referrals.events import OfferedService, Phone, Place
from services.referrals.rules.partner import PARTNER, change_partner, list_partner, retire_partner
from shared.bodies import new_id
from shared.web import Acted, Body, Caller, Id, Line, Store, Words, may


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
        Place(name=name, country=address.country, **await _sealed(by, id, address, "address_1", "city", "postal_code"))
        for address in location.addresses or [AddressBody()]
    ]


async def _sealed(by: Caller, id: str, body: Body, *fields: str) -> dict[str, Any]:
    return vars(await by.seal("A", id, **{field: getattr(body, field) for field in fields}))


api.collection(views.PARTNERS, readers=STAFF)
