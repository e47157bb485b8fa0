"""Holds: while one is open nothing of its lease is erased (domain 11)."""

from collections.abc import Iterable
from typing import Annotated, Any
from uuid import uuid4

from services.evaluations.api.door import SomeLine, api, case_known
from services.evaluations.rules.hold import HOLD, Hold, lift_hold, place_hold
from services.evaluations.views import HOLDS
from shared.web import Acted, Caller, DatedBody, Id, Store, Words, may

KEEPERS = ("dpo", "director")


class PlaceHold(DatedBody):
    """Why nothing of a lease may be erased."""

    id: Id | None = None
    lease: SomeLine
    why: Words | None = None


class LiftHold(DatedBody):
    """Why it is over."""

    why: Words | None = None


@api.post("/holds", status_code=201)
async def place(body: PlaceHold, by: Annotated[Caller, may("place_hold", "dpo")], store: Store) -> Acted:
    """Place a hold on a lease."""
    await case_known(store, body.lease, by=by)
    why = await by.seal_one("A", body.lease, "why", body.why)

    def decision(hold: Hold) -> Iterable[Any]:
        return place_hold(hold, lease=body.lease, why=why, by=by.person)

    return await store.begin(HOLD, body.id or str(uuid4()), decision, by=by)


@api.post("/holds/{hold}/lift")
async def lift(
    hold: str, body: LiftHold, by: Annotated[Caller, may("lift_hold", "dpo", of=HOLD)], store: Store
) -> Acted:
    """Lift a hold."""
    placed = (await store.state(HOLD, hold, by=by)).placed
    why = await by.seal_one("A", placed.lease, "why", body.why)

    def decision(state: Hold) -> Iterable[Any]:
        return lift_hold(state, why=why, by=by.person)

    return await store.decide(HOLD, hold, decision, by=by)


api.collection(HOLDS, readers=KEEPERS)
