"""Data-sharing protocols over HTTP: what may go to a partner, from when until when."""

from functools import partial
from typing import Annotated
from uuid import uuid4

from pydantic import Field

from services.referrals import views
from services.referrals.api.door import KEEPERS, STAFF, Name, Retire, api
from services.referrals.rules.data_sharing_protocol import (
    DATA_SHARING_PROTOCOL,
    change_protocol,
    list_protocol,
    retire_protocol,
)
from services.referrals.rules.partner import PARTNER
from shared.bodies import new_id
from shared.web import Acted, Body, Caller, Day, Id, Line, Store, may, one


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
        change_protocol, id=protocol, in_force_from=body.from_, in_force_until=body.until, reference=said.reference
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
