"""Letters, tasks and calendars over HTTP: translate, decide, answer. One module for each kind of thing."""

from services.notifications.api import (
    calendars,
    communications,
    contact_preferences,
    drafts,
    figures,
    office_details,
    outcomes,
    post_batches,
    sendings,
    tasks,
    templates,
)
from services.notifications.api.door import api

__all__ = [
    "api",
    "calendars",
    "communications",
    "contact_preferences",
    "drafts",
    "figures",
    "office_details",
    "outcomes",
    "post_batches",
    "sendings",
    "tasks",
    "templates",
]
