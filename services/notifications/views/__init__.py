"""What people look at, a module per kind of thing. Made of events only: thrown away and built again, it is the same."""

from services.notifications.views import calendars, communications, dates, policies_told, post_batches, sendings
from services.notifications.views.calendars import CALENDARS, calendar_with, show_calendar
from services.notifications.views.communications import COMMUNICATIONS, bytes_of, undelivered_bad_news
from services.notifications.views.contact_preferences import CONTACT_PREFERENCES
from services.notifications.views.dates import appointments_of
from services.notifications.views.due import Due, due_on
from services.notifications.views.policies_told import policies_left_for
from services.notifications.views.post_batches import POST_BATCHES, leases_gone, letters_to_post
from services.notifications.views.sendings import SENDINGS, messages_waiting
from services.notifications.views.tasks import TASKS
from shared.views import Resource, View

__all__ = [
    "CALENDARS",
    "COMMUNICATIONS",
    "CONTACT_PREFERENCES",
    "POST_BATCHES",
    "RESOURCES",
    "SENDINGS",
    "TASKS",
    "VIEWS",
    "Due",
    "appointments_of",
    "bytes_of",
    "calendar_with",
    "due_on",
    "leases_gone",
    "letters_to_post",
    "messages_waiting",
    "policies_left_for",
    "show_calendar",
    "undelivered_bad_news",
]

RESOURCES: tuple[Resource, ...] = (COMMUNICATIONS, SENDINGS, POST_BATCHES, CONTACT_PREFERENCES, TASKS, CALENDARS)
VIEWS: tuple[View, ...] = (
    *communications.VIEWS,
    *post_batches.VIEWS,
    *dates.VIEWS,
    *policies_told.VIEWS,
    *calendars.VIEWS,
    *sendings.VIEWS,
)
