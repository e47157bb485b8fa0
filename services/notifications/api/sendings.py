"""Messages on their way by a carrier, and those that a person must settle."""

from functools import partial
from typing import Annotated

from services.notifications import views
from services.notifications.api.door import READERS, api
from services.notifications.delivery import settled_or_asked, task_to_settle
from services.notifications.events import SettledAs
from services.notifications.rules.sending import SENDING, Sending, settle
from shared.web import Acted, Body, Caller, Store, Words, may


class SettleSending(Body):
    """What holds of a message of which nobody knew whether it left, or that did not leave."""

    outcome: SettledAs
    why: Words | None = None


@api.post("/sendings/{sending}/settle")
async def settle_sending(
    sending: str,
    body: SettleSending,
    by: Annotated[Caller, may("settle_sending", "administration", "coordinator", of=SENDING)],
    store: Store,
) -> Acted:
    """Say that it arrived, let it go again under the same key, or give it up."""
    state: Sending = await store.state(SENDING, sending, by=by)
    lease = state.queued.lease if state.queued else ""
    said = await by.seal("A", lease, why=body.why)
    settled = settled_or_asked(
        partial(settle, outcome=body.outcome, why=said.why, now=by.at), id=sending, today=by.today
    )
    return await store.decide(SENDING, sending, settled, by=by, reads=task_to_settle(sending))


api.collection(views.SENDINGS, readers=READERS)
