"""Registered letters that are printed and posted together, and those that wait for it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.notifications.events import CommunicationRepeated, CommunicationSent, PostBatchMade
from services.notifications.rules.communication import COMMUNICATION, Communication
from services.notifications.rules.post import POST_BATCH, PostBatch
from shared.contracts.notifications import Kind
from shared.decisions import Recorded
from shared.views import Asked, Resource, Row, Table, View


def show_batch(_id: str, batch: PostBatch) -> Mapping[str, Any] | None:
    """Registered letters that are printed and posted together, and what the carrier's files told."""
    if batch.made is None:
        return None
    return {
        "state": "answered" if len(batch.outcomes) == len(batch.items) else "open",
        "made_on": batch.made.made_on,
        "items": [
            {
                "reference": item.reference,
                "communication": item.communication,
                "addressee": item.addressee,
                "lease": item.lease,
                "told": reference in batch.outcomes,
            }
            for reference, item in batch.items.items()
        ],
        "files": [
            {
                "sha256": file.file,
                "accepted": list(file.accepted),
                "rejected": [{"reference": one.reference, "code": one.code} for one in file.rejected],
            }
            for file in batch.files
        ],
    }


POST_BATCHES = Resource(
    "post-batches",
    POST_BATCH,
    show_batch,
    filters={"made_on": "date"},
    filter_values=lambda _id, batch: {"made_on": batch.made.made_on},
)
POSTED = Table(name="posted", columns={"communication": "text not null"}, key=("communication",))


def keep_posted(_batch: PostBatch, recorded: Recorded[Any]) -> Iterable[Row]:
    """Which letters are in a batch."""
    if isinstance(recorded.event, PostBatchMade):
        for communication in dict.fromkeys(item.communication for item in recorded.event.items):
            yield Row(POSTED, {"communication": communication})


def keep_posted_elsewhere(_letter: Communication, recorded: Recorded[Any]) -> Iterable[Row]:
    """Which letters were sent by the office that a lease comes from: those are its own to print."""
    if recorded.office is not None and isinstance(recorded.event, CommunicationSent | CommunicationRepeated):
        yield Row(POSTED, {"communication": recorded.thing})


async def leases_gone(store: Asked, leases: Sequence[str], *, by: Any) -> frozenset[str]:
    """Return which of these leases have gone to another office."""
    found = await store.rows(
        "select lease from lease_office where office = $1 and lease = any ($2) and to_office is not null",
        list(leases),
        by=by,
    )
    return frozenset(row["lease"] for row in found)


async def letters_to_post(store: Asked, *, kinds: Sequence[Kind], most: int, by: Any) -> list[str]:
    """Return the letters of these kinds that this office sent registered on paper and put in no batch, oldest first."""
    found = await store.rows(
        "select id from communications c where office = $1 and state = 'sent' and kind = any ($3)"
        " and body->>'method' = 'registered_paper' and not exists"
        " (select from posted p where p.office = $1 and p.communication = c.id) order by made limit $2",
        most,
        list(kinds),
        by=by,
    )
    return [row["id"] for row in found]


VIEWS = (
    View(COMMUNICATION, keep_posted_elsewhere, (POSTED,)),
    View(POST_BATCH, keep_posted, (POSTED,)),
)
