"""Contacts outside home visits, and the counsellors' cards, over HTTP."""

from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from pydantic import Field, model_validator
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from services.visits.api.door import Act, DatedAct, SomeLine, Who, api, lease_named
from services.visits.events import ContactChannel, ContactKind, Direction, Purpose, RepairBy
from services.visits.rules.card import CARD, Card, change_card, make_card
from services.visits.rules.contact import CONTACT, Contact, OfLease, answer, log_contact
from services.visits.rules.lease import Lease
from services.visits.rules.refusals import NotPermitted
from services.visits.views.contacts import CONTACTS
from services.visits.views.counsellors import COUNSELLORS
from shared.bodies import new_id
from shared.web import OFFICE, Acted, Caller, Channel, Day, Id, Line, Store, Words, may

_NONE: JsonDict = {"type": "null"}
_ONE_LEASE: JsonDict = {"type": "string"}
_SEVERAL: JsonDict = {"type": "array", "uniqueItems": True}
_ONE_OR_SEVERAL: JsonDict = {
    "oneOf": [
        {"required": ["lease"], "properties": {"lease": _ONE_LEASE, "leases": _NONE}},
        {"required": ["leases"], "properties": {"lease": _NONE, "leases": _SEVERAL}},
    ]
}


class LogContact(DatedAct, json_schema_extra=_ONE_OR_SEVERAL):
    """With whom, by which channel, about what. Several leases: a group moment."""

    id: Id | None = None
    lease: Id | None = None
    leases: Annotated[list[Id], Field(min_length=1, max_length=100)] | None = None
    kind: ContactKind
    channel: ContactChannel
    direction: Direction = "incoming"
    gist: Words | None = None
    purpose: Purpose = "individual"
    owner: Who | None = None
    due: Day | None = None
    repair_by: RepairBy | None = None

    @model_validator(mode="after")
    def names_leases_once(self) -> "LogContact":
        """Ask for one lease, or for several different ones."""
        if (self.lease is None) == (self.leases is None):
            raise PydanticCustomError("other", "either one lease or several")
        if self.leases and len(set(self.leases)) < len(self.leases):
            raise PydanticCustomError("other", "each lease once")
        return self


@api.post("/contacts", status_code=201)
async def log_a_contact(
    body: LogContact,
    by: Annotated[Caller, may("log_contact", "counsellor", "coordinator", "administration", "technical")],
    store: Store,
) -> Acted:
    """Log a contact; what was asked or reported is a task for somebody."""
    first = new_id(body.id, uuid4())
    of: list[OfLease] = []
    for lease in body.leases or [body.lease or ""]:
        known: Lease = await lease_named(store, lease, by=by)
        gist = await by.seal_one("B", lease, "gist", body.gist)
        of.append(OfLease(lease_id=lease, lease=known, contact=str(uuid4()) if of else first, gist=gist))
    decision = partial(
        log_contact,
        of=of,
        kind=body.kind,
        channel=body.channel,
        direction=body.direction,
        on=by.day,
        purpose=body.purpose,
        group=first if len(of) > 1 else None,
        owner=body.owner,
        answer_due_on=body.due,
        repair_by=body.repair_by,
        logged_by=by.actor,
    )
    return await store.begin(CONTACT, first, decision, by=by)


class AnswerContact(Act):
    """When it was answered or repaired, and what was said."""

    on: Day | None = None
    answer: Words | None = None


@api.post("/contacts/{contact}/answer")
async def answer_contact(
    contact: str,
    body: AnswerContact,
    by: Annotated[
        Caller, may("answer_contact", "counsellor", "coordinator", "administration", "technical", of=CONTACT)
    ],
    store: Store,
) -> Acted:
    """Note that what was asked was answered, or what was reported repaired."""
    by = by.on(body.on)
    known: Contact = await store.state(CONTACT, contact, by=by)
    words = await by.seal_one("B", known.logged.lease if known.logged else "", "answer", body.answer)
    return await store.decide(CONTACT, contact, partial(answer, on=by.day, by=by.actor, answer=words), by=by)


class CardTold(DatedAct):
    """The face and the ways to reach it."""

    name: SomeLine
    phone: Line | None = None
    hours: Line | None = None
    channels: Annotated[tuple[Channel, ...], Field(max_length=11)] = ()
    photo: Id | None = None


class MakeCard(CardTold):
    """Whose card it is."""

    id: Id | None = None
    counsellor: Who


def _own_card(by: Caller, counsellor: str) -> None:
    if "counsellor" in by.roles and not by.roles & {"coordinator", "administration"} and by.actor != counsellor:
        raise NotPermitted


@api.post("/counsellors", status_code=201)
async def make_counsellor_card(
    body: MakeCard,
    by: Annotated[Caller, may("make_counsellor_card", "counsellor", "coordinator", "administration")],
    store: Store,
) -> Acted:
    """Make the card of a counsellor."""
    _own_card(by, body.counsellor)
    decision = partial(make_card, counsellor=body.counsellor, **await _says(by, body))
    return await store.begin(CARD, body.id, decision, by=by)


@api.post("/counsellors/{card}/change")
async def change_counsellor_card(
    card: str,
    body: CardTold,
    by: Annotated[Caller, may("change_counsellor_card", "counsellor", "coordinator", "administration", of=CARD)],
    store: Store,
) -> Acted:
    """Let the card read like this from now on."""
    known: Card = await store.state(CARD, card, by=by)
    _own_card(by, known.counsellor)
    return await store.decide(CARD, card, partial(change_card, **await _says(by, body)), by=by)


async def _says(by: Caller, body: CardTold) -> dict[str, Any]:
    sealed = await by.seal("A", OFFICE, name=body.name, phone=body.phone, hours=body.hours)
    return {**vars(sealed), "channels": tuple(body.channels), "photo": body.photo}


api.collection(CONTACTS, readers=("counsellor", "coordinator", "director"))
api.collection(
    COUNSELLORS,
    readers=("counsellor", "coordinator", "director", "administration", "technical", "bridge-figure", "dpo"),
)
