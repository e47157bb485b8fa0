"""Holds on leases."""

from collections.abc import Mapping
from typing import Any

from services.evaluations.rules.hold import HOLD, Hold
from shared.views import Resource


def show_hold(_id: str, hold: Hold) -> Mapping[str, Any] | None:
    """A hold on a lease."""
    if hold.placed is None:
        return None
    return {
        "state": "lifted" if hold.lifted else "open",
        "lease": hold.placed.lease,
        "why": hold.placed.why,
        "placed_by": hold.placed.by,
        "lifted_by": hold.lifted.by if hold.lifted else None,
    }


HOLDS = Resource(
    "holds",
    HOLD,
    show_hold,
    filters={"lease": "text", "state": "text"},
    filter_values=lambda _id, hold: {
        "lease": hold.placed.lease if hold.placed else None,
        "state": "lifted" if hold.lifted else "open",
    },
)
