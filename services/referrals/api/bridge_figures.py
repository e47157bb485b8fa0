"""Bridge figures over HTTP: the directory, asking one to come along, and the little they are told."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from pydantic import ValidationInfo, field_validator

from services.referrals import views
from services.referrals.api.door import GUIDES, KEEPERS, STAFF, Languages, Name, Retire, Who, api
from services.referrals.rules.bridge_figure import (
    BRIDGE_FIGURE,
    BRIDGE_REQUEST,
    BridgeRequest,
    change_bridge_figure,
    list_bridge_figure,
    request_bridge_figure,
    retire_bridge_figure,
)
from services.referrals.rules.lease import LEASE
from shared.bodies import new_id, shown_on
from shared.problems import NotYetKnown, not_found
from shared.web import Acted, Body, Caller, DatedBody, Day, Id, Line, Store, Time, may, one


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

    @field_validator("slot")
    @classmethod
    def slot_exists(cls, slot: str | None, told: ValidationInfo) -> str | None:
        """Refuse a local time that clocks skip when summer time begins."""
        return shown_on(told.data.get("appointment_on"), slot)


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
    if body.party is not None and body.party not in lease.parties:
        raise NotYetKnown
    party = lease.parties[body.party] if body.party else next(iter(lease.parties.values()), None)
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
    leases = [request.asked.lease for request in asked if request.asked is not None]
    await store.note_read(by, list(dict.fromkeys(leases)), "bridge-requests/mine")
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
