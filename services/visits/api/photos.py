"""Photos over HTTP: hashed at upload, shown without what they tell besides, erased by the data protection officer."""

import asyncio
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Form, Query, Request, UploadFile
from starlette.responses import Response

from services.visits import photo_files, pictures
from services.visits.api.door import DatedAct, api, lease_named
from services.visits.events import PhotoAdded
from services.visits.rules import photo as rules
from services.visits.rules.photo import PHOTO, Photo
from services.visits.views.photos import PHOTOS, photos_of
from shared import problems
from shared.bodies import new_id
from shared.decisions import Refusal
from shared.door import LARGEST_PHOTO, TooLarge
from shared.holds import HOLDS
from shared.problems import Fault
from shared.reception import reception_of
from shared.web import Acted, Caller, Id, Store, Words, may, one

one_at_a_time = asyncio.Semaphore(1)  # a decoded picture takes up to 200 MB


@api.post("/photos", status_code=201)
async def add_photo(
    request: Request,
    file: UploadFile,
    lease: Annotated[Id, Form()],
    by: Annotated[Caller, may("add_photo", "counsellor", "coordinator", "technical")],
    store: Store,
    id: Annotated[Id | None, Form()] = None,
) -> Acted:
    """Keep a photo: the hash over its exact bytes, the bytes sealed, and a copy to show that tells nothing besides."""
    await lease_named(store, lease, by=by)
    raw = await file.read()
    if len(raw) > LARGEST_PHOTO:
        raise TooLarge(more_comes=False)
    try:
        async with one_at_a_time:
            picture = await asyncio.to_thread(pictures.look_at, raw)
    except pictures.NoPicture:
        raise problems.invalid(Fault("picture", pointer="/file")) from None
    photo, stored = new_id(id, uuid4()), str(uuid4())
    key = photo_files.new_key()
    told = PhotoAdded(
        lease=lease,
        sha256=photo_files.sha256_of(raw),
        shown_sha256=photo_files.sha256_of(picture.shown),
        size=len(raw),
        kind=picture.kind,
        width=picture.width,
        height=picture.height,
        file=stored,
        file_key=await by.seal_one("E", photo, "file_key", key),
        added_by=by.actor,
    )
    # The bytes first: bytes without an event nobody sees; an event without bytes would be a photo that is missing.
    files = reception_of(request).store
    await photo_files.keep(files, by=by, at=by.at, file=stored, key=key, original=raw, shown=picture.shown)
    try:
        acted = await store.begin(PHOTO, photo, partial(rules.add, told=told), by=by)
    except Refusal:
        await photo_files.delete(files, by=by, file=stored)
        raise
    if not acted.events or acted.replayed:
        await photo_files.delete(files, by=by, file=stored)
    return acted


@api.get("/photos/{photo}.jpg", responses={200: {"description": "The picture", "content": {"image/jpeg": {}}}})
async def show_photo(
    request: Request,
    photo: str,
    by: Annotated[Caller, may("show_photo", "counsellor", "coordinator", "technical", "auditor", of=PHOTO)],
    store: Store,
) -> Response:
    """The picture, made anew without place, device or any other metadata."""
    known: Photo = await store.state(PHOTO, photo, by=by)
    if known.added is None or known.erased is not None:
        raise problems.not_found()
    files = reception_of(request).store
    try:
        shown = await photo_files.bytes_of(
            files, by=by, file=known.added.file, which="shown", key=known.added.file_key, office=known.office
        )
    except photo_files.Altered:
        shown = None
    if shown is None or photo_files.sha256_of(shown) != known.added.shown_sha256:
        raise problems.not_found()  # what is not what was kept is not shown; the recheck names it
    await store.note_read(by, [known.lease], "photos/{photo}.jpg")
    headers = {"Content-Disposition": "inline", "Content-Security-Policy": "default-src 'none'; sandbox"}
    return Response(shown, media_type="image/jpeg", headers=headers)


class ErasePhoto(DatedAct):
    """Why it is erased."""

    reason: Words | None = None


@api.post("/photos/{photo}/erase")
async def erase_photo(
    request: Request,
    photo: str,
    body: ErasePhoto,
    by: Annotated[Caller, may("erase_photo", "dpo", of=PHOTO)],
    store: Store,
) -> Acted:
    """Erase the file; hash, date, author and reason stay. Not while a hold, a contest or a claim is open."""
    known: Photo = await store.state(PHOTO, photo, by=by)
    why = await by.seal_one("A", known.lease, "why", body.reason)
    reads = {"holds": one(HOLDS, known.lease)}
    acted = await store.decide(PHOTO, photo, partial(rules.erase, why=why, by=by.actor), by=by, reads=reads)
    if known.added is not None:  # also when it was erased before: a cut in between is mended by asking again
        files = reception_of(request).store
        await photo_files.forget(files, by=by, photo=photo, file=known.added.file, office=known.office)
    return acted


@api.post("/photos/recheck")
async def recheck_photos(
    request: Request,
    by: Annotated[Caller, may("recheck_photos", "counsellor", "coordinator", "technical", "dpo")],
    store: Store,
    lease: Annotated[Id | None, Query()] = None,
) -> dict[str, Any]:
    """Compare every photo (of a lease, or of the office) with its hash, and name each altered or missing one."""
    if by.if_match is not None:  # many photos have no one version that could match
        raise problems.invalid(Fault("other", pointer="If-Match"))
    files = reception_of(request).store
    found: dict[str, list[str]] = {"intact": [], "altered": [], "missing": [], "erased": []}
    for id in await photos_of(store, by=by, lease=lease):
        known: Photo = await store.state(PHOTO, id, by=by)
        added, erased = known.added, known.erased
        if erased is not None:
            found["erased"].append(id)
        elif added is not None:
            how = await photo_files.how_it_is(
                files,
                by=by,
                file=added.file,
                key=added.file_key,
                office=known.office,
                hashes=(("original", added.sha256), ("shown", added.shown_sha256)),
            )
            found[how].append(id)
    return {
        "checked": sum(len(ids) for ids in found.values()),
        "intact": len(found["intact"]),
        **{how: found[how] for how in ("altered", "missing", "erased")},
    }


api.collection(PHOTOS, readers=("counsellor", "coordinator", "technical", "dpo"))
