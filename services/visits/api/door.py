"""What the doors of visits have in common: the bodies' parts, and what they must know before they ask a rule."""

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import Field

from services.visits.events import ContactPoint
from services.visits.rules.lease import LEASE
from services.visits.rules.policy import CHECKLISTS, OFFICE, POLICIES, Checklists, Policies, policy_on
from shared.bodies import Instant
from shared.decisions import AnyStream
from shared.event_sourcing import EventStore
from shared.keys import Category
from shared.problems import not_found
from shared.reception import CLOCK_SKEW_MINUTES
from shared.sealed import Sealed
from shared.web import Body, Caller, Channel, DatedBody, Doors, Line, Store, Words, one

api = Doors("visits")


@api.knows_clock_skew_by
async def clock_skew_of(store: EventStore, by: Caller) -> int:
    """Return by how many minutes a device's clock may differ, by the office's policy of the day."""
    policies: Policies = await store.state(POLICIES, OFFICE, by=by)
    return policy_on(policies, on=by.today).clock_skew_minutes if policies else CLOCK_SKEW_MINUTES


OF_THE_POLICIES = one(POLICIES, OFFICE)
OF_THE_CHECKLISTS = one(CHECKLISTS, OFFICE)

Who = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@|+\-]{1,100}$")]
"""Somebody: a person's id, a party's id, or "renter". Never a name."""

WhoOrNobody = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@|+\-]{0,100}$")]
"""Somebody, or blank where nobody is named: whether that will do is a matter of the rules."""

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$")]
"""A language as ISO 639 names it: ``nl``, ``tr``."""


SomeLine = Annotated[Line, Field(min_length=1, pattern=r"\S")]
"""A line that is not blank."""

SomeWords = Annotated[Words, Field(min_length=1, pattern=r"\S")]
"""Words that are not blank."""


class Act(Body):
    """The body of an act that names its own day."""

    device_time: Instant | None = None


class DatedAct(DatedBody):
    """The body of an act whose day is ``occurred_on``, by default today."""

    device_time: Instant | None = None


class ContactPointTold(Body):
    """One way to reach somebody."""

    kind: Channel
    value: Line


async def contact_points(by: Caller, subject: str, told: Sequence[ContactPointTold]) -> tuple[ContactPoint, ...]:
    """Seal the ways to reach somebody; blank ones are left out."""
    sealed = [(point.kind, await by.seal_one("A", subject, "value", point.value)) for point in told]
    return tuple(ContactPoint(kind=kind, value=value) for kind, value in sealed if value is not None)


async def seal_all(
    by: Caller, category: Category, subject: str, field: str, texts: Sequence[str] | None
) -> tuple[Sealed, ...]:
    """Seal a list of texts; blank ones are left out."""
    sealed = [await by.seal_one(category, subject, field, text) for text in texts or ()]
    return tuple(text for text in sealed if text is not None)


async def exists(store: Store, stream: AnyStream, id: str, *, by: Caller) -> Any:
    """Return the state of a thing of our own that a body names; 404 where there is none for this office."""
    found = await store.found(stream, id, by=by)
    if found.version == 0:
        raise not_found()
    return found.state


async def lease_named(store: Store, lease: str, *, by: Caller) -> Any:
    """Return the lease that a body names; 404 where there is none for this office."""
    return await exists(store, LEASE, lease, by=by)


async def policies_known(store: Store, *, by: Caller) -> Policies:
    """Return the office's policies. :raises NotYetKnown: none has arrived."""
    policies: Policies = await store.known(POLICIES, OFFICE, by=by)
    return policies


async def checklists_known(store: Store, *, by: Caller) -> Checklists:
    """Return the office's checklists. :raises NotYetKnown: none has arrived."""
    checklists: Checklists = await store.known(CHECKLISTS, OFFICE, by=by)
    return checklists
