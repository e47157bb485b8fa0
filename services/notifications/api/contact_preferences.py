"""How a renter wants to be reached."""

from functools import partial
from typing import Annotated

from pydantic import Field

from services.notifications import views
from services.notifications.api.door import READERS, WRITERS, Language, Name, api
from services.notifications.events import PreferencesStated
from services.notifications.rules.lease_file import LEASE_FILE, LeaseFile
from services.notifications.rules.preferences import PREFERENCES, state_preferences
from shared.web import Acted, Caller, Channel, DatedBody, Day, Store, may


class StatePreferences(DatedBody):
    """How a renter wants to be reached from a day on: channels, the best first, and a language."""

    lease: Name
    party: Name
    channels: Annotated[tuple[Channel, ...], Field(min_length=1, max_length=11)]
    language: Language | None = None
    from_: Annotated[Day | None, Field(alias="from")] = None


@api.post("/contact-preferences", status_code=201)
async def state_contact_preferences(
    body: StatePreferences, by: Annotated[Caller, may("state_preferences", *WRITERS)], store: Store
) -> Acted:
    """Note how a renter wants to be reached; messages follow it from that day on. Its id is the party's."""
    file: LeaseFile = await store.known(LEASE_FILE, body.lease, by=by)
    stated = PreferencesStated(
        lease=body.lease,
        party=body.party,
        channels=tuple(dict.fromkeys(body.channels)),
        from_=body.from_ or by.today,
        language=body.language,
    )
    return await store.begin(
        PREFERENCES,
        body.party,
        partial(state_preferences, stated=stated, parties=tuple(file.parties)),
        by=by.on(body.occurred_on),
        location=f"/contact-preferences/{body.party}",  # stated more than once, of one renter
    )


api.collection(views.CONTACT_PREFERENCES, readers=READERS)
