"""What the office's ledger has of an event, and after it."""

from typing import Any

from shared.views import Asked


async def entry_of_event(store: Asked, event: str, *, by: Any) -> Any:
    """Return the entry of an event in the office's ledger: place, type, lease, when it was taken in; None if none."""
    found = await store.rows(
        "select position, type, lease, taken_in_at from ledger where office = $1 and event = $2", event, by=by
    )
    return found[0] if found else None


async def events_after(store: Asked, position: int, *, lease: str, by: Any) -> frozenset[str]:
    """Return the events about a lease, or about the office itself, that stand later in its ledger."""
    found = await store.rows(
        "select event from ledger where office = $1 and position > $2 and (lease = $3 or lease is null)",
        position,
        lease,
        by=by,
    )
    return frozenset(row["event"] for row in found)
