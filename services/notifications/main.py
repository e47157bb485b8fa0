"""The service for letters and messages; the only module that knows all its rooms."""

from pathlib import Path

from services.notifications.api import api
from services.notifications.days import days
from services.notifications.delivery import carry
from services.notifications.publishing import published
from services.notifications.reactions import reactions
from services.notifications.rules.attempts import ATTEMPTS
from services.notifications.rules.calendar import CALENDAR
from services.notifications.rules.carrying import CARRYING
from services.notifications.rules.communication import COMMUNICATION
from services.notifications.rules.kinds import POLICIES
from services.notifications.rules.lease_file import LEASE_FILE
from services.notifications.rules.office import OFFICE_CARD, OFFICE_DETAILS
from services.notifications.rules.post import POST_BATCH
from services.notifications.rules.preferences import PREFERENCES
from services.notifications.rules.sending import SENDING
from services.notifications.rules.task import TASK
from services.notifications.rules.template import TEMPLATES
from services.notifications.views import RESOURCES, VIEWS
from shared.authority import MANDATES
from shared.service import Service

SERVICE = Service(
    name="notifications",
    api=api,
    reactions=reactions,
    days=days,
    published=published,
    resources=RESOURCES,
    views=VIEWS,
    streams=(
        COMMUNICATION,
        ATTEMPTS,
        TASK,
        TEMPLATES,
        OFFICE_DETAILS,
        OFFICE_CARD,
        CALENDAR,
        SENDING,
        CARRYING,
        POST_BATCH,
        PREFERENCES,
        LEASE_FILE,
        POLICIES,
        MANDATES,
    ),
    authority=(MANDATES, "office"),
    wording=Path(__file__).parent / "wording",
    stays=(SENDING,),
    carrier=carry,
)

if __name__ == "__main__":
    SERVICE.run()
