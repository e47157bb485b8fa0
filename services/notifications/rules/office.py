"""What letters say of the office: its name, how it is reached, its checklist, its counsellors' cards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from services.notifications.events import OfficeDetailsAdopted, OfficeDetailsEvent
from shared.contracts.evaluations import ChecklistPublishedV1, OfficeFoundedV1
from shared.contracts.visits import CounsellorCardMadeV1
from shared.decisions import Stream
from shared.refusals import has_begun


@dataclass(frozen=True, kw_only=True)
class OfficeCard:
    """What was told of the office."""

    founded: OfficeFoundedV1 | None = None
    checklists: tuple[ChecklistPublishedV1, ...] = ()
    counsellors: Mapping[str, CounsellorCardMadeV1] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        """The name of the office, once it is known."""
        return self.founded.name if self.founded else None

    def checklist_on(self, day: date) -> ChecklistPublishedV1 | None:
        """Return the checklist in force on ``day``."""
        effective = [one for one in self.checklists if one.in_force_from <= day]
        return max(effective, key=lambda one: one.in_force_from, default=None)


def keep(card: OfficeCard, event: OfficeFoundedV1 | ChecklistPublishedV1 | CounsellorCardMadeV1) -> OfficeCard:
    match event:
        case OfficeFoundedV1():
            return replace(card, founded=event)
        case ChecklistPublishedV1():
            return replace(card, checklists=(*card.checklists, event))
        case CounsellorCardMadeV1():
            return replace(card, counsellors={**card.counsellors, event.counsellor: event})
        case _:
            assert_never(event)


OFFICE_CARD = Stream(
    "office-card",
    initial=OfficeCard(),
    evolve=keep,
    events=OfficeFoundedV1 | ChecklistPublishedV1 | CounsellorCardMadeV1,
)

Details = OfficeDetailsAdopted | None
Adopted = tuple[OfficeDetailsAdopted, ...]
NONE_YET: Adopted = ()


def current(adopted: Adopted) -> Details:
    """Return how the office is reached now, None before it said so."""
    return adopted[-1] if adopted else None


def adopt_details(adopted: Adopted, *, details: OfficeDetailsAdopted) -> list[OfficeDetailsEvent]:
    """Say how the office is reached from now on.

    :raises WrongState: the id belongs to what it said another time.
    """
    named = next((one for one in adopted if one.id == details.id), None)
    if has_begun(named, details):
        return []
    now = current(adopted)
    return [] if now is not None and replace(now, id=details.id) == details else [details]


def evolve(adopted: Adopted, event: OfficeDetailsEvent) -> Adopted:
    return (*adopted, event)


OFFICE_DETAILS = Stream("office-details", initial=NONE_YET, evolve=evolve, events=OfficeDetailsEvent)
