"""Photos: hashed as they came, shown without what they tell besides, erased for good, and checked again."""

import hashlib
import io
import struct
import zlib
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from PIL import Image

from services.visits import photo_files
from services.visits.events import PhotoAdded, PhotoErased
from services.visits.pictures import NoPicture, look_at
from services.visits.rules.photo import PHOTO, UNUSED_DAYS, Photo, add, erase, let_go
from shared.contracts.evaluations import HoldLiftedV1, HoldPlacedV1
from shared.decisions import Recorded
from shared.event_sourcing import StoreBusy
from shared.holds import Holds
from shared.keys import Seals
from shared.refusals import OnHold, ReasonMissing, WrongState
from tests.specification import given, recorded, state_of
from tests.visits.conftest import Visits
from tests.visits.examples import ESTABLISHED, finding, text
from tests.visits.test_doors import a_lease, a_visit, fact, reason, was_there

ADDED = PhotoAdded(
    lease="L1",
    sha256="ab",
    shown_sha256="cd",
    size=9,
    kind="jpeg",
    width=4,
    height=3,
    file="f1",
    file_key=text("key"),
    added_by="fatma",
)
FREE: dict[str, Any] = {"holds": Holds()}
HELD = Holds(placed=frozenset({"h1"}))
ERASED = PhotoErased(why=text("Er staat een kind op."), erased_by="dora")


def test_the_same_bytes_for_the_same_lease_are_the_same_photo() -> None:
    given(PHOTO).when(add, told=ADDED).then(ADDED)
    given(PHOTO, ADDED).when(add, told=ADDED).then_nothing_happens()
    other = PhotoAdded(**{**vars(ADDED), "sha256": "ef"})
    given(PHOTO, ADDED).when(add, told=other).then_refused(WrongState)


def test_a_photo_is_erased_with_a_reason_and_once() -> None:
    asked: dict[str, Any] = {"why": ERASED.why, "by": "dora", **FREE}
    given(PHOTO, ADDED).when(erase, **asked).then(ERASED)
    given(PHOTO, ADDED).when(erase, **{**asked, "why": None}).then_refused(ReasonMissing)
    given(PHOTO, ADDED, ERASED).when(erase, **{**asked, "why": None}).then_nothing_happens()
    given(PHOTO).when(erase, **asked).then_refused(WrongState)
    given(PHOTO, ADDED).when(erase, **{**asked, "holds": HELD}).then_refused(OnHold)


def test_a_photo_that_nobody_used_is_kept_ninety_days() -> None:
    came, why = date(2026, 1, 12), text("Ongebruikt.")
    asked: dict[str, Any] = {"id": "p1", "why": why, "findings": {}, **FREE}
    known = state_of(PHOTO, recorded(ADDED, on=came))
    assert let_go(known, **asked, today=came + timedelta(days=UNUSED_DAYS)) == []
    after = came + timedelta(days=UNUSED_DAYS + 1)
    assert let_go(known, **asked, today=after) == [PhotoErased(why=why, erased_by="SYS")]
    shown = {**asked, "findings": {"f1": finding(replace(ESTABLISHED, evidence=("p1",)))}}
    assert let_go(known, **shown, today=after) == []
    assert let_go(known, **{**asked, "holds": HELD}, today=after) == []


def test_hash_date_author_and_reason_stay_after_erasure() -> None:
    known = Photo()
    for number, event in enumerate((ADDED, ERASED), start=1):
        moment = datetime(2026, 1, 11 + number, 9, tzinfo=UTC)
        told: Recorded[Any] = Recorded(
            event=event,
            id=str(number),
            stream="photo/p",
            version=number,
            occurred_on=moment.date(),
            recorded_at=moment,
            taken_in_at=moment,
            actor="dora",
        )
        known = PHOTO.after(known, told)
    assert known.added == ADDED and known.erased == ERASED
    assert (known.added_by, known.added_on, known.erased_on) == ("fatma", date(2026, 1, 12), date(2026, 1, 13))


# --- bytes ------------------------------------------------------------------------------------------------------------


def a_picture(kind: str = "JPEG", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    out = io.BytesIO()
    Image.linear_gradient("L").resize(size).convert("RGB").save(out, kind, **options)
    return out.getvalue()


def with_a_place() -> bytes:
    exif = Image.Exif()
    exif[0x010F] = "Maker of telephones"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (51.0, 13.0, 9.0)
    exif[0x0112] = 6  # taken upright
    return a_picture(exif=exif, comment=b"Lindestraat 12")


def png_that_says(width: int, height: int) -> bytes:
    def chunk(name: bytes, held: bytes) -> bytes:
        return struct.pack(">I", len(held)) + name + held + struct.pack(">I", zlib.crc32(name + held))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
NO_PICTURES = {
    "svg": SVG,
    "30,000 by 30,000 pixels": png_that_says(30_000, 30_000),
    "a page behind a photo": a_picture() + b"<html><script>alert(1)</script></html>",
    "an archive behind a photo": a_picture() + b"PK\x03\x04" + b"x" * 40 + b"PK\x05\x06" + b"\0" * 18,
    "a document in a comment": a_picture(comment=b"%PDF-1.7"),
    "something behind a png": a_picture("PNG") + b"more",
    "something behind a webp": a_picture("WEBP") + b"more",
    "half a photo": a_picture(size=(640, 480))[:900],
    "a gif": a_picture("GIF"),
    "text": b"geen foto",
    "nothing": b"",
}


@pytest.mark.parametrize("what", NO_PICTURES)
def test_what_is_no_photo_or_more_than_a_photo_is_not_taken(what: str) -> None:
    with pytest.raises(NoPicture):
        look_at(NO_PICTURES[what])


@pytest.mark.parametrize(
    "raw", [a_picture("PNG"), a_picture("WEBP"), a_picture() + a_picture(), a_picture() + b"xSEFT"]
)
def test_what_cameras_make_is_taken(raw: bytes) -> None:
    assert (look_at(raw).width, look_at(raw).height) == (64, 48)


def test_what_is_shown_tells_neither_place_nor_maker_and_stands_upright() -> None:
    shown = look_at(with_a_place()).shown
    with Image.open(io.BytesIO(shown)) as image:
        assert not image.getexif() and "comment" not in image.info and "exif" not in image.info
        assert image.size == (48, 64)
    assert b"Lindestraat" not in shown and b"Maker" not in shown
    with Image.open(io.BytesIO(look_at(a_picture(size=(3000, 1500))).shown)) as image:
        assert max(image.size) <= 2048


# --- over HTTP --------------------------------------------------------------------------------------------------------


async def sent(visits: Visits, raw: bytes, lease: str, *, who: str = "fatma", **form: str) -> httpx.Response:
    headers = visits._as(who, None)
    files = {"file": ("IMG_0001.jpg", raw, "image/jpeg")}
    return await visits.client.post("/photos", files=files, data={"lease": lease, **form}, headers=headers)


async def test_ec_19_a_photo_is_kept_shown_used_as_evidence_and_erased(visits: Visits) -> None:
    visits.at("2026-01-12T11:00")
    lease, raw = await a_lease(visits), with_a_place()
    answer = await sent(visits, raw, lease)
    assert answer.status_code == 201, answer.text
    photo = answer.json()
    assert photo["sha256"] == hashlib.sha256(raw).hexdigest()
    assert answer.headers["location"] == f"/photos/{photo['id']}"
    assert "file_key" not in photo and "file" not in photo
    picture = await visits.read(f"/photos/{photo['id']}.jpg", who="bart")
    assert picture.status_code == 200 and picture.headers["content-type"] == "image/jpeg"
    assert b"Lindestraat" not in picture.content
    assert (await visits.read(f"/photos/{photo['id']}.jpg", who="tom")).status_code == 403
    assert (await visits.read(f"/photos/{photo['id']}.jpg", office="ander-kantoor")).status_code == 404
    assert await at_rest(visits, b"Lindestraat") == 0

    visit = await a_visit(visits, lease, "2026-01-12", announced="2026-01-05")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-12"))
    found = await visits.done("/findings", fact(lease, visit, "2026-01-12", evidence=[photo["id"]]))
    other = "0b0b0b0b-0000-4000-8000-000000000000"
    unknown = await visits.act("/findings", fact(lease, visit, "2026-01-12", evidence=[other]))
    assert reason(unknown) == (409, "unknown")

    assert (await visits.act(f"/photos/{photo['id']}/erase", {"reason": "x"})).status_code == 403
    assert reason(await visits.act(f"/photos/{photo['id']}/erase", who="dora")) == (409, "reason-missing")
    why = {"reason": "Er staat een kind op.", "occurred_on": "2026-01-12"}
    erased = await visits.done(f"/photos/{photo['id']}/erase", why, who="dora")
    assert erased["erased"] == {"by": "dora", "on": "2026-01-12", "reason": "Er staat een kind op."}
    assert (await visits.read(f"/photos/{photo['id']}.jpg")).status_code == 404
    kept = await visits.seen(f"/photos/{photo['id']}")
    assert (kept["state"], kept["sha256"], kept["added_by"]) == ("erased", photo["sha256"], "fatma")
    assert (await visits.seen(f"/findings/{found['id']}"))["what_seen"]
    assert await stored(visits) == 0
    late = await visits.act("/findings", fact(lease, visit, "2026-01-12", evidence=[photo["id"]]))
    assert reason(late) == (409, "unknown")


async def test_a_hold_keeps_a_photo_and_without_one_what_nobody_used_goes_by_itself(visits: Visits) -> None:
    visits.at("2026-01-12T11:00")
    lease = await a_lease(visits)
    used, unused, cut_off = [
        (await sent(visits, a_picture(size=(64, 48 + number)), lease)).json()["id"] for number in range(3)
    ]
    visit = await a_visit(visits, lease, "2026-01-12", announced="2026-01-05")
    await visits.done(f"/visits/{visit}/record", was_there("2026-01-12"))
    await visits.done("/findings", fact(lease, visit, "2026-01-12", evidence=[used]))
    seal = await visits.store.seals.seal(visits.office, lease, "A", "why", "Vraag om inzage.")
    assert seal is not None
    await visits.hears(HoldPlacedV1(lease=lease, hold="h1", why=seal, by="dora"))
    asked = {"reason": "Er staat een kind op."}
    assert reason(await visits.act(f"/photos/{unused}/erase", asked, who="dora")) == (409, "on-hold")
    came = date.fromisoformat((await visits.seen(f"/photos/{unused}"))["added_on"])
    await visits.day(came + timedelta(days=UNUSED_DAYS + 1))
    assert await stored(visits) == 6, "a hold keeps what nobody used"

    await visits.hears(HoldLiftedV1(lease=lease, hold="h1", why=None, by="dora"))
    # An erasure that was cut off before its bytes were gone is finished by the day's work too.
    kept = photo_files.forget
    photo_files.forget = _cut_off
    try:
        assert (await visits.act(f"/photos/{cut_off}/erase", asked, who="dora")).status_code == 500
    finally:
        photo_files.forget = kept
    assert await stored(visits) == 6
    await visits.day(came + timedelta(days=UNUSED_DAYS + 2))
    assert await stored(visits) == 2
    gone = await visits.seen(f"/photos/{unused}")
    assert gone["erased"]["by"] == "SYS" and "90 dagen" in gone["erased"]["reason"]
    assert (await visits.seen(f"/photos/{cut_off}"))["erased"]["by"] == "dora"
    assert (await visits.seen(f"/photos/{used}"))["state"] == "kept"


async def _cut_off(*_store: Any, **_where: Any) -> None:
    raise RuntimeError("killed")


async def test_an_erasure_cut_off_before_the_key_is_gone_destroys_it_later(
    visits: Visits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The keys are another database's: also what a backup holds of the bytes must not open for ever."""
    visits.at("2026-01-12T11:00")
    photo = (await sent(visits, a_picture(), await a_lease(visits))).json()["id"]
    key = (await visits.store.state(PHOTO, photo, by=_Office(visits.office))).added.file_key
    assert await visits.store.seals.open(visits.office, "file_key", key)
    with monkeypatch.context() as away:
        away.setattr(Seals, "destroy", _away)
        asked = {"reason": "Er staat een kind op."}
        assert (await visits.act(f"/photos/{photo}/erase", asked, who="dora")).status_code == 503
    await visits.day(date(2026, 1, 13))
    assert await visits.store.seals.open(visits.office, "file_key", key) is None
    assert await stored(visits) == 0


async def _away(*_seals: Any, **_of: Any) -> None:
    raise StoreBusy


async def test_the_recheck_names_each_altered_or_missing_photo(visits: Visits) -> None:
    visits.at("2026-01-12T11:00")
    lease = await a_lease(visits)
    good, altered, missing, erased = [
        (await sent(visits, a_picture(size=(64, 48 + number)), lease)).json()["id"] for number in range(4)
    ]
    await visits.done(f"/photos/{erased}/erase", {"reason": "Op vraag van de huurder."}, who="dora")
    files = [await file_of(visits, one) for one in (altered, missing)]
    await change(visits, "update photo_file set sealed = sealed || 'x' where office = $1 and file = $2", files[0])
    await change(visits, "delete from photo_file where office = $1 and file = $2", files[1])
    told = await visits.done(f"/photos/recheck?lease={lease}", who="karel")
    assert told == {"checked": 4, "intact": 1, "altered": [altered], "missing": [missing], "erased": [erased]}
    assert (await visits.read(f"/photos/{good}.jpg")).status_code == 200
    assert (await visits.read(f"/photos/{altered}.jpg")).status_code == 404


async def test_what_is_no_photo_is_refused_at_the_door_and_nothing_is_kept(visits: Visits) -> None:
    visits.at("2026-01-12T11:00")
    lease = await a_lease(visits)
    for what in ("svg", "30,000 by 30,000 pixels", "a page behind a photo"):
        assert reason(await sent(visits, NO_PICTURES[what], lease)) == (422, "invalid-request")
    assert reason(await sent(visits, b"x" * 40_000_000, lease)) == (413, "too-large")
    assert (await sent(visits, a_picture(), "0b0b0b0b-0000-4000-8000-000000000000")).status_code == 404
    assert (await sent(visits, a_picture(), lease, who="tom")).status_code == 403
    form = {**visits._as("tom", None), "Content-Type": "multipart/form-data; boundary=x"}
    assert (await visits.client.post("/photos", content=b"--x--\r\n", headers=form)).status_code == 403
    assert await stored(visits) == 0 and (await visits.seen("/photos"))["items"] == []


async def test_the_same_photo_under_the_same_id_is_kept_once(visits: Visits) -> None:
    visits.at("2026-01-12T11:00")
    lease, id = await a_lease(visits), "5d9f9c0e-4f51-4a52-9d43-3a8b0d6f2a11"
    assert (await sent(visits, a_picture(), lease, id=id)).status_code == 201
    assert (await sent(visits, a_picture(), lease, id=id)).status_code == 200
    assert reason(await sent(visits, a_picture("PNG"), lease, id=id)) == (409, "wrong-state")
    assert await stored(visits) == 2
    assert (await visits.read(f"/photos/{id}.jpg")).status_code == 200


async def _asked(visits: Visits, sql: str, *values: Any) -> Any:
    connection = await asyncpg.connect(visits.database.all_offices)
    try:
        return await connection.fetchval(sql, visits.office, *values)
    finally:
        await connection.close()


async def stored(visits: Visits) -> int:
    return int(await _asked(visits, "select count(*) from photo_file where office = $1"))


async def at_rest(visits: Visits, words: bytes) -> int:
    sql = "select count(*) from photo_file where office = $1 and position($2::bytea in sealed) > 0"
    return int(await _asked(visits, sql, words))


async def file_of(visits: Visits, photo: str) -> str:
    known = await visits.store.state(PHOTO, photo, by=_Office(visits.office))
    return str(known.added.file)


async def change(visits: Visits, sql: str, file: str) -> None:
    await visits.store.with_connection(_changing(visits.office, sql, file))


def _changing(office: str, sql: str, file: str) -> Any:
    async def work(connection: Any) -> None:
        async with connection.transaction():
            await connection.execute("select set_config('app.office', $1, true)", office)
            await connection.execute(sql, office, file)

    return work


class _Office:
    def __init__(self, office: str) -> None:
        self.office = office
