"""A photo: hashed when it came, never changed, and where the data protection officer erases it, its hash stays."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Protocol, assert_never

from services.visits.events import PhotoAdded, PhotoErased, PhotoEvent
from shared.decisions import DatedStream, Recorded
from shared.holds import Holds, must_not_be_held
from shared.refusals import ReasonMissing, WrongState, has_begun
from shared.sealed import Sealed

UNUSED_DAYS: Final = 90  # domain 11, E: a photo that nothing points to is kept so long


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What is known of a photo besides its bytes."""

    added: PhotoAdded | None = None
    added_by: str = ""
    added_on: date | None = None
    erased: PhotoErased | None = None
    erased_on: date | None = None
    office: str | None = None  # under which its bytes lie, where that is another than the one that has it now

    @property
    def lease(self) -> str:
        """The lease it is about."""
        return self.added.lease if self.added else ""


def add(photo: Photo, *, told: PhotoAdded) -> list[PhotoEvent]:
    """Keep a photo; the same bytes for the same lease are the same photo."""
    before = photo.added and (photo.added.lease, photo.added.sha256)
    return [] if has_begun(before, (told.lease, told.sha256)) else [told]


def erase(photo: Photo, *, why: Sealed | None, by: str, holds: Holds) -> list[PhotoEvent]:
    """Erase the file for good; hash, date, author and reason stay (domain 11, EC-19).

    :raises ReasonMissing: why was not said. :raises OnHold: a hold, an open contest or an open claim forbids it.
    """
    if photo.erased is not None:
        return []
    if photo.added is None:
        raise WrongState
    if why is None:
        raise ReasonMissing
    must_not_be_held(holds)
    return [PhotoErased(why=why, erased_by=by)]


class PointsTo(Protocol):
    """What is asked of a finding: the evidence it points to."""

    @property
    def evidence(self) -> tuple[str, ...]: ...


def unused_before(today: date) -> date:
    """Return the day such that a photo that came before it, and that nothing points to, is not kept on ``today``."""
    return today - timedelta(days=UNUSED_DAYS)


def let_go(
    photo: Photo,
    *,
    id: str,
    today: date,
    why: Sealed,
    findings: Mapping[str, PointsTo],
    holds: Holds,
) -> list[PhotoEvent]:
    """Erase a photo that no finding pointed to within its days; not while a hold forbids it."""
    if photo.added_on is None or photo.erased is not None or photo.added_on >= unused_before(today):
        return []
    if holds.any or any(id in finding.evidence for finding in findings.values()):
        return []
    return [PhotoErased(why=why, erased_by="SYS")]


def evolve(photo: Photo, recorded: Recorded[PhotoEvent]) -> Photo:
    match event := recorded.event:
        case PhotoAdded():
            return Photo(added=event, added_by=event.added_by, added_on=recorded.occurred_on, office=recorded.office)
        case PhotoErased():
            return replace(photo, erased=event, erased_on=recorded.occurred_on)
        case _:
            assert_never(event)


PHOTO = DatedStream("photo", initial=Photo(), evolve=evolve, events=PhotoEvent)
