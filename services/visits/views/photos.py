"""Photos, for those who take and need them: what is known of each, where its bytes lie, which nothing points to."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from services.visits.rules.card import CARD, Card
from services.visits.rules.finding import FINDING, Finding
from services.visits.rules.photo import PHOTO, Photo
from shared.decisions import Recorded
from shared.event_sourcing import OfOffice
from shared.views import Asked, Resource, Row, Table, View


def show_photo(_id: str, photo: Photo) -> Mapping[str, Any] | None:
    """What is known of a photo; the picture itself is ``/photos/{id}.jpg``."""
    told, gone = photo.added, photo.erased
    if told is None:
        return None
    return {
        "state": "erased" if gone else "kept",
        "lease": told.lease,
        "sha256": told.sha256,
        "size": told.size,
        "kind": told.kind,
        "width": told.width,
        "height": told.height,
        "added_by": photo.added_by,
        "added_on": photo.added_on,
        "erased": {"by": gone.erased_by, "on": photo.erased_on, "reason": gone.why} if gone else None,
    }


PHOTOS = Resource(
    collection="photos",
    stream=PHOTO,
    show=show_photo,
    filters={"lease": "text not null", "state": "text not null"},
    filter_values=lambda _id, photo: {"lease": photo.lease, "state": "erased" if photo.erased else "kept"},
)
PHOTO_BYTES = Table(
    name="photo_bytes",
    columns={
        "photo": "text not null",
        "lease": "text not null",
        "file": "text not null",
        "added_on": "date not null",
        "erased": "boolean not null",
        "lies_in": "text",  # the office under which the bytes lie, where that is another
    },
    key=("photo",),
    indexes=(("added_on",),),
)
PHOTO_USED = Table(name="photo_used", columns={"photo": "text not null"}, key=("photo",))


def photo_rows(photo: Photo, recorded: Recorded[Any]) -> Iterable[Row]:
    """Where the bytes of each photo lie, and whether they should."""
    if photo.added is not None:
        where = {"lease": photo.lease, "file": photo.added.file, "added_on": photo.added_on, "lies_in": photo.office}
        yield Row(PHOTO_BYTES, {"photo": recorded.thing, **where, "erased": photo.erased is not None})


def evidence_rows(finding: Finding, _recorded: Recorded[Any]) -> Iterable[Row]:
    """Which photos findings point to."""
    for photo in finding.evidence:
        yield Row(PHOTO_USED, {"photo": photo})


def card_rows(card: Card, _recorded: Recorded[Any]) -> Iterable[Row]:
    """Which photos stand on the card of a counsellor."""
    if card.photo is not None:
        yield Row(PHOTO_USED, {"photo": card.photo})


VIEWS = (
    View(of=PHOTO, rows=photo_rows, tables=(PHOTO_BYTES,)),
    View(of=FINDING, rows=evidence_rows, tables=(PHOTO_USED,)),
    View(of=CARD, rows=card_rows, tables=(PHOTO_USED,)),
)

UNUSED_PHOTOS = """
select b.photo, b.lease from photo_bytes b left join photo_used u on u.office = b.office and u.photo = b.photo
where b.office = $1 and b.added_on < $2 and not b.erased and u.photo is null order by b.added_on, b.photo
"""
BYTES_LEFT = """
select distinct b.photo, b.file, b.lies_in from photo_bytes b
left join photo_file f on f.office = b.office and f.file = b.file
where b.office = $1 and b.erased and (f.file is not null or b.lies_in is not null) order by 1
"""


async def unused_photos(store: Asked, *, by: OfOffice, before: date) -> list[tuple[str, str]]:
    """Return photo and lease of what came before a day, and nothing ever pointed to."""
    return [(row["photo"], row["lease"]) for row in await store.rows(UNUSED_PHOTOS, before, by=by)]


async def bytes_left(store: Asked, *, by: OfOffice) -> list[tuple[str, str, str | None]]:
    """Return photo, file and the office under which it lies of what was erased and whose bytes are there all the same.

    Whether bytes still lie under another office cannot be seen from here: such a photo is named each time.
    """
    return [(row["photo"], row["file"], row["lies_in"]) for row in await store.rows(BYTES_LEFT, by=by)]


async def photos_of(store: Asked, *, by: OfOffice, lease: str | None) -> list[str]:
    """Return the photos of a lease, or of the whole office, the oldest first."""
    asked = "select id from photos where office = $1 and ($2::text is null or lease = $2) order by made"
    return [row["id"] for row in await store.rows(asked, lease, by=by)]
