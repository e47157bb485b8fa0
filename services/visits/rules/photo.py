"""A photo: hashed when it came, never changed, and where the data protection officer erases it, its hash stays."""

from dataclasses import dataclass, replace
from datetime import date
from typing import assert_never

from services.visits.events import PhotoAdded, PhotoErased, PhotoEvent
from shared.decisions import DatedStream, Recorded
from shared.refusals import ReasonMissing, WrongState
from shared.sealed import Sealed


@dataclass(frozen=True, kw_only=True)
class Photo:
    """What is known of a photo besides its bytes."""

    added: PhotoAdded | None = None
    added_by: str = ""
    added_on: date | None = None
    erased: PhotoErased | None = None
    erased_on: date | None = None

    @property
    def lease(self) -> str:
        """The lease it is about."""
        return self.added.lease if self.added else ""


def add(photo: Photo, *, told: PhotoAdded) -> list[PhotoEvent]:
    """Keep a photo; the same bytes for the same lease are the same photo."""
    if photo.added is not None:
        if (photo.added.lease, photo.added.sha256) == (told.lease, told.sha256):
            return []
        raise WrongState
    return [told]


def erase(photo: Photo, *, why: Sealed | None, by: str) -> list[PhotoEvent]:
    """Erase the file for good; hash, date, author and reason stay (domain 11, EC-19).

    :raises ReasonMissing: why was not said.
    """
    if photo.erased is not None:
        return []
    if photo.added is None:
        raise WrongState
    if why is None:
        raise ReasonMissing
    return [PhotoErased(why=why, erased_by=by)]


def evolve(photo: Photo, recorded: Recorded[PhotoEvent]) -> Photo:
    match event := recorded.event:
        case PhotoAdded():
            return Photo(added=event, added_by=event.added_by, added_on=recorded.occurred_on)
        case PhotoErased():
            return replace(photo, erased=event, erased_on=recorded.occurred_on)
        case _:
            assert_never(event)


PHOTO = DatedStream("photo", initial=Photo(), evolve=evolve, events=PhotoEvent)
