"""Who helps: the entries of the directory, and on which days data may go to a partner."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from services.referrals.events import (
    OfferedService,
    PartnerChanged,
    PartnerCovered,
    PartnerEvent,
    PartnerListed,
    PartnerNoLongerCovered,
    PartnerRetired,
    Phone,
    Place,
)
from shared.contracts.referrals import PartnerKind
from shared.decisions import Stream
from shared.refusals import WrongState, has_begun
from shared.sealed import Sealed, is_the_same


@dataclass(frozen=True, kw_only=True)
class Cover:
    """The days on which one protocol lets data go to the partner."""

    starts_on: date
    until: date | None = None
    retired_on: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether the protocol is in force on ``day``: first and last day included, the day it was retired not."""
        if self.retired_on is not None and day >= self.retired_on:
            return False
        return self.starts_on <= day and (self.until is None or day <= self.until)


@dataclass(frozen=True, kw_only=True)
class Partner:
    """One entry of the directory."""

    entry: PartnerListed | None = None
    retired_on: date | None = None
    covers: Mapping[str, Cover] = field(default_factory=dict)

    @property
    def is_in_the_directory(self) -> bool:
        """Whether a renter can be referred to it."""
        return self.entry is not None and self.retired_on is None

    def protocol_on(self, day: date) -> str | None:
        """Return the data-sharing protocol in force on ``day``, None if there is none."""
        return next((protocol for protocol, cover in self.covers.items() if cover.holds_on(day)), None)


def list_partner(
    partner: Partner,
    *,
    kind: PartnerKind,
    name: Sealed | None,
    description: Sealed | None = None,
    email: Sealed | None = None,
    website: Sealed | None = None,
    phones: tuple[Phone, ...] = (),
    locations: tuple[Place, ...] = (),
    services: tuple[OfferedService, ...] = (),
    silent_after_days: int = 14,
) -> list[PartnerEvent]:
    """Put a partner into the directory.

    :raises WrongState: the directory has another entry under this id.
    """
    entry = PartnerListed(
        kind=kind,
        name=name,
        description=description,
        email=email,
        website=website,
        phones=phones,
        locations=locations,
        services=services,
        silent_after_days=silent_after_days,
    )
    return [] if has_begun(partner.entry, entry) else [entry]


def change_partner(
    partner: Partner,
    *,
    kind: PartnerKind,
    name: Sealed | None,
    description: Sealed | None = None,
    email: Sealed | None = None,
    website: Sealed | None = None,
    phones: tuple[Phone, ...] = (),
    locations: tuple[Place, ...] = (),
    services: tuple[OfferedService, ...] = (),
    silent_after_days: int = 14,
) -> list[PartnerEvent]:
    """Let the entry read like this from now on.

    :raises WrongState: the partner was retired.
    """
    changed = PartnerChanged(
        kind=kind,
        name=name,
        description=description,
        email=email,
        website=website,
        phones=phones,
        locations=locations,
        services=services,
        silent_after_days=silent_after_days,
    )
    if is_the_same(partner.entry, _as_entry(changed)):
        return []
    if not partner.is_in_the_directory:
        raise WrongState
    return [changed]


def retire_partner(partner: Partner, *, on: date, why: Sealed | None = None) -> list[PartnerEvent]:
    """Refer nobody to the partner from now on; referrals under way go on.

    :raises WrongState: it was never listed.
    """
    if partner.retired_on is not None:
        return []
    if partner.entry is None:
        raise WrongState
    return [PartnerRetired(retired_on=on, why=why)]


def evolve(partner: Partner, event: PartnerEvent) -> Partner:
    match event:
        case PartnerListed():
            return replace(partner, entry=event)
        case PartnerChanged():
            return replace(partner, entry=_as_entry(event))
        case PartnerRetired():
            return replace(partner, retired_on=event.retired_on)
        case PartnerCovered():
            cover = Cover(starts_on=event.in_force_from, until=event.in_force_until)
            return replace(partner, covers={**partner.covers, event.protocol: cover})
        case PartnerNoLongerCovered():
            ended = replace(partner.covers[event.protocol], retired_on=event.retired_on)
            return replace(partner, covers={**partner.covers, event.protocol: ended})
        case _:
            assert_never(event)


def _as_entry(changed: PartnerChanged) -> PartnerListed:
    return PartnerListed(
        kind=changed.kind,
        name=changed.name,
        description=changed.description,
        email=changed.email,
        website=changed.website,
        phones=changed.phones,
        locations=changed.locations,
        services=changed.services,
        silent_after_days=changed.silent_after_days,
    )


PARTNER = Stream("partner", initial=Partner(), evolve=evolve, events=PartnerEvent)
