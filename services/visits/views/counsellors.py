"""The cards of counsellors, for nearly everybody at the office: who guides, and when and how they are reached."""

from collections.abc import Mapping
from typing import Any

from services.visits.rules.card import CARD, Card
from shared.views import Resource


def show_card(_id: str, card: Card) -> Mapping[str, Any] | None:
    """A counsellor's card."""
    if card.name is None:
        return None
    return {
        "counsellor": card.counsellor,
        "name": card.name,
        "phone": card.phone,
        "hours": card.hours,
        "channels": card.channels,
        "photo": card.photo,
    }


COUNSELLORS = Resource(
    collection="counsellors",
    stream=CARD,
    show=show_card,
    filters={"counsellor": "text not null"},
    filter_values=lambda _id, card: {"counsellor": card.counsellor},
)
