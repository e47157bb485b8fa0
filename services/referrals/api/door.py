"""What the doors of referrals have in common: who guides, who keeps the directory, and the bodies' parts."""

from typing import Annotated

from pydantic import Field

from services.referrals.rules.lease import LEASE
from shared.event_sourcing import EventStore
from shared.web import Body, Caller, Day, Doors, Line, Words

api = Doors("referrals")

GUIDES = ("counsellor", "coordinator")
KEEPERS = ("counsellor", "coordinator", "director", "administration")
STAFF = ("counsellor", "coordinator", "director", "administration", "technical", "auditor", "dpo")

Name = Annotated[Line, Field(min_length=1)]
Who = Annotated[str, Field(pattern=r"^[!-~]{1,100}$")]  # the id of a person or party; a name would lie in the clear
Minutes = Annotated[int, Field(ge=0, le=1440)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{2,20}(-[A-Za-z0-9]{2,8}){0,3}$")]  # "tr", "sr-Latn", "Turks"
Kind = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_ -]{0,39}$")]
NeedCode = Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
Languages = Annotated[tuple[Language, ...], Field(max_length=50)]


@api.knows_counsellors_by
async def counsellor_of(store: EventStore, by: Caller, lease: str) -> str | None:
    """Return who guides a lease: the one person who reads what its referrals are about."""
    counsellor: str | None = (await store.state(LEASE, lease, by=by)).counsellor
    return counsellor


class Retire(Body):
    """Take an entry out of use, from ``on`` (by default today)."""

    on: Day | None = None
    why: Words | None = None
