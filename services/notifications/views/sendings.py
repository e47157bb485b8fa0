"""Messages on their way to one addressee by a carrier."""

from collections.abc import Iterable, Mapping
from typing import Any

from services.notifications.rules.sending import SENDING, Sending
from shared.decisions import Recorded
from shared.views import Asked, Resource, Row, Table, View


def show_sending(_id: str, sending: Sending) -> Mapping[str, Any] | None:
    """A message on its way to one addressee by a carrier; never its words, nor where it goes."""
    queued = sending.queued
    if queued is None:
        return None
    return {
        "state": sending.state,
        "lease": queued.lease,
        "communication": queued.communication,
        "addressee": queued.addressee,
        "channel": queued.channel,
        "key": queued.key,
        "attempts": sending.attempt,
        "because": sending.because,
        "again_at": sending.due_at if sending.attempt and sending.state == "queued" else None,
        "reference": sending.reference,
        "settled_by": sending.settled_by,
        "why": sending.why,
    }


SENDINGS = Resource(
    "sendings",
    SENDING,
    show_sending,
    filters={"lease": "text", "state": "text", "communication": "text", "channel": "text"},
    filter_values=lambda _id, sending: {
        "lease": sending.queued.lease,
        "state": sending.state,
        "communication": sending.queued.communication,
        "channel": sending.queued.channel,
    },
)
SENDING_QUEUE = Table(
    name="sending_queue",
    columns={
        "sending": "text not null",
        "channel": "text not null",
        "state": "text not null",
        "due_at": "timestamptz not null",
    },
    key=("sending",),
    indexes=(("due_at",),),
)


def keep_queue(sending: Sending, recorded: Recorded[Any]) -> Iterable[Row]:
    """What waits for its carrier, or is with it."""
    row = {
        "sending": recorded.thing,
        "channel": sending.queued.channel if sending.queued else "",
        "state": sending.state,
        "due_at": sending.due_at,
    }
    yield Row(SENDING_QUEUE, row, gone=sending.state not in ("queued", "sending"))


async def messages_waiting(store: Asked, *, by: Any) -> list[str]:
    """Return the messages that wait for their carrier, or are with it."""
    found = await store.rows("select sending from sending_queue where office = $1 order by sending", by=by)
    return [row["sending"] for row in found]


VIEWS = (View(SENDING, keep_queue, (SENDING_QUEUE,)),)
