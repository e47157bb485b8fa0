"""Talks about the file that can be evaluated."""

from collections.abc import Mapping
from typing import Any

from services.evaluations.rules.moment import MOMENT, Moment
from shared.views import Resource


def show_moment(_id: str, moment: Moment) -> Mapping[str, Any] | None:
    """A talk about the file that can be evaluated."""
    if moment.opened is None:
        return None
    opened = moment.opened
    return {"state": "open", "lease": opened.lease, "date": opened.on, "about": opened.about, "why": opened.why}


MOMENTS = Resource(
    "moments",
    MOMENT,
    show_moment,
    filters={"lease": "text", "state": "text"},
    filter_values=lambda _id, moment: {"lease": moment.opened.lease if moment.opened else None, "state": "open"},
)
