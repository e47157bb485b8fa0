"""The OCMW over HTTP: asked before a further step, and what it answered."""

from functools import partial
from typing import Annotated

from services.referrals import views
from services.referrals.api.door import GUIDES, Name, api
from services.referrals.rules.lease import LEASE
from services.referrals.rules.ocmw_consultation import OCMW_CONSULTATION, consult_ocmw, record_ocmw_answer
from shared.contracts.referrals import OcmwGround
from shared.web import Acted, Body, Caller, DatedBody, Day, Id, Store, Words, may, one


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
        partial(
            consult_ocmw,
            of_lease=body.lease,
            ground=body.ground,
            on=body.on,
            today=by.today,
            told_renter_on=body.told_renter_on,
        ),
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
