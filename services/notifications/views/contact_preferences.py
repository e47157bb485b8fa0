"""How renters want to be reached."""

from collections.abc import Mapping
from typing import Any

from services.notifications.rules.preferences import PREFERENCES, Preferences
from shared.views import Resource


def show_preferences(_id: str, preferences: Preferences) -> Mapping[str, Any] | None:
    """How a renter wants to be reached: what was said, with its days; the last that has begun holds."""
    if not preferences.stated:
        return None
    return {
        "lease": preferences.stated[-1].lease,
        "party": preferences.stated[-1].party,
        "stated": [
            {"from": one.from_, "channels": list(one.channels), "language": one.language} for one in preferences.stated
        ],
    }


CONTACT_PREFERENCES = Resource(
    "contact-preferences",
    PREFERENCES,
    show_preferences,
    filters={"lease": "text"},
    filter_values=lambda _id, preferences: {"lease": preferences.stated[-1].lease},
)
