"""The doors to the ledger, the timeline of a lease, and its file for court."""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

import msgspec
from fastapi import Depends, Query, Request
from pydantic import BeforeValidator, WithJsonSchema
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from services.evaluations.court.file import court_file, gathered
from services.evaluations.ledger import (
    checkpoint,
    entries_about,
    entries_from,
    erased_evidence,
    head_at,
    head_known_at,
    head_of,
    instant,
    ledger_file,
    lines_about,
    public_key,
)
from services.evaluations.rules.court_file import COURT_FILE, issue
from shared import problems
from shared.bodies import is_uuid
from shared.clock import local_date
from shared.doors import DEFAULT_LIMIT, Cursor, Limit
from shared.reception import Shown, reception_of
from shared.web import Acted, Body, Caller, Day, Doors, Id, Instant, Store, WebStore, may
from shared.wording import Wording

StandingOf = Callable[[WebStore, Caller, str, date, datetime], Awaitable[Mapping[str, Any]]]
"""Answers the count of a lease on a day, as known at an instant: ``standing(store, by, lease, on, known_at)``."""

READ_TIMELINE = ("counsellor", "coordinator", "director", "auditor")
READ_COURT_FILE = ("coordinator", "director", "auditor")
READ_LEDGER = ("coordinator", "director", "auditor")
WHOLE_LEDGER = 100_000
WITH_PHOTOS = frozenset({"PhotoAdded", "FindingEstablished"})
WORDING = Wording(Path(__file__).parent / "wording")
_JSON = "application/json"


def _place(given: Any) -> Any:
    if isinstance(given, str) and re.fullmatch("[1-9][0-9]{0,14}", given):
        return int(given)
    if isinstance(given, int):
        return given
    raise PydanticCustomError("int_parsing", "not a position")


Mark = Callable[[int], str]  # where the following stretch is read
Place = Annotated[int, BeforeValidator(_place), WithJsonSchema({"type": "integer", "minimum": 1})]


class IssueCourtFile(Body):
    """Which file is asked for: of now, or of what was known at an instant."""

    id: Id | None = None
    as_known_at: Instant | None = None


def add_doors(api: Doors, *, standing: StandingOf) -> None:
    """Add the doors of ledger, timeline and court file to a service's doors."""
    _add_ledger(api)
    _add_timeline(api)
    _add_court_files(api, standing)


def _add_ledger(api: Doors) -> None:
    @api.get("/ledger")
    async def read_ledger(
        request: Request,
        by: Annotated[Caller, may("read_ledger", *READ_LEDGER)],
        store: Store,
        from_: Annotated[Place, Query(alias="from")] = 1,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Response:
        """The office's ledger from a position on: a file that proves itself."""
        cursors = reception_of(request).cursors
        first = int(cursors.read(cursor, ["ledger", by.office])[0]) if cursor is not None else from_
        return await _ledger(
            store,
            by,
            first,
            limit,
            lambda place: str(cursors.make([place], ["ledger", by.office])),
            waits=_waits(request),
        )

    @api.get("/ledger/export")
    async def export_ledger(
        request: Request, by: Annotated[Caller, may("export_ledger", *READ_LEDGER)], store: Store
    ) -> Response:
        """The whole ledger of the office as one file that proves itself."""
        return await _ledger(store, by, 1, WHOLE_LEDGER, lambda place: f"/ledger?from={place}", waits=_waits(request))

    @api.get("/ledger/checkpoint")
    async def read_checkpoint(
        request: Request, by: Annotated[Caller, may("read_checkpoint", *READ_LEDGER)], store: Store
    ) -> Any:
        """The signed head of the office's ledger."""
        head, key = await head_of(store, by=by), await store.seals.signing_key(by.office)
        return {
            "position": head.position,
            "hash": head.hash.hex(),
            "taken_in_at": instant(head.taken_in_at),
            "key": public_key(by.office, key),
            "checkpoint": checkpoint(by.office, head, key),
            **_waits(request),
        }


def _add_timeline(api: Doors) -> None:
    @api.get("/dossiers/{lease}")
    async def read_timeline(
        request: Request,
        lease: str,
        by: Annotated[Caller, may("read_dossier", *READ_TIMELINE)],
        store: Store,
        valid_on: Annotated[Day | None, Query()] = None,
        known_at: Annotated[Instant | None, Query()] = None,
        limit: Limit = DEFAULT_LIMIT,
        cursor: Cursor = None,
    ) -> Any:
        """What happened in a lease, in the order in which evaluations took it in."""
        cursors = reception_of(request).cursors
        shape = ["dossier", by.office, lease, str(valid_on), str(known_at)]
        after = int(cursors.read(cursor, shape)[0]) if cursor is not None else 0
        if known_at is not None:
            known_at = await store.until_known(known_at, by=by)
        reaches, found = await lines_about(
            store, lease, by=by, after=after, valid_on=valid_on, known_at=known_at, limit=limit + 1
        )
        if not found:
            await _known_lease(store, by, lease)
        page = found[:limit]
        erased: Mapping[int, date] = {}
        if any(row["type"] in WITH_PHOTOS for row in page):
            erased = await erased_evidence(store, lease, by=by, until=reaches, valid_on=valid_on)
        language = request.scope["huurspoor"].language
        says = {type: WORDING.say("events", type, language) or type for type in {row["type"] for row in page}}
        return Shown(  # it holds no sealed text: nothing of it needs to be opened or withheld
            {
                "lease": lease,
                "ledger_position": reaches,
                "entries": [_line(row, says[row["type"]], erased) for row in page],
                "next": cursors.make([page[-1]["position"]], shape) if len(found) > limit else None,
            }
        )


def _add_court_files(api: Doors, standing: StandingOf) -> None:
    @api.post("/dossiers/{lease}/court", status_code=201)
    async def issue_court_file(
        lease: Annotated[str, Depends(_lease_for_court)],
        by: Annotated[Caller, _MAY_ISSUE],
        store: Store,
        body: IssueCourtFile = IssueCourtFile(),  # noqa: B008 - it is frozen
    ) -> Acted:
        """Make a file of a lease for court, pinned to a position of the ledger."""
        head = (
            await head_of(store, by=by)
            if body.as_known_at is None
            else await head_known_at(store, await store.until_known(body.as_known_at, by=by), by=by)
        )
        entries = await entries_about(store, lease, until=head.position, limit=1, by=by)
        file = body.id or str(uuid4())
        decision = partial(
            issue,
            lease=lease,
            entries=len(entries),
            ledger_position=head.position,
            as_known_at=head.taken_in_at,
            asked_for=body.as_known_at is not None,
            by=by.person,
        )
        return await store.begin(
            COURT_FILE,
            file,
            decision,
            by=by,
            shows=lambda decided: _issued(decided.state.issued),
            location=f"/dossiers/{lease}/court/{file}",
        )

    @api.get("/dossiers/{lease}/court/{file}.json")
    async def read_court_file_as_json(
        lease: str,
        file: str,
        by: Annotated[Caller, may("read_court_file", *READ_COURT_FILE)],
        store: Store,
    ) -> Response:
        """The file for court, byte for byte; the offline verifier checks it."""
        issued = await _issued_file(store, by, lease, file)
        head = await head_at(store, issued.ledger_position, by=by)
        if head is None:
            raise problems.not_found()
        counted = await standing(store, by, lease, local_date(head.taken_in_at), head.taken_in_at)
        told = msgspec.to_builtins(counted, str_keys=True)
        pinned = await gathered(store, store.seals, lease, head=head, standing=told, by=by)
        whole = court_file(pinned, key=await store.seals.signing_key(by.office), wording=WORDING)
        name = {"Content-Disposition": f'attachment; filename="dossier-{lease}-{issued.ledger_position}.json"'}
        return Response(whole, media_type=_JSON, headers=name)

    @api.get("/dossiers/{lease}/court/{file}")
    async def read_court_file(
        lease: str, file: str, by: Annotated[Caller, may("read_court_file", *READ_COURT_FILE)], store: Store
    ) -> Any:
        """When a file was issued, and to which position of the ledger it is pinned."""
        issued = await _issued_file(store, by, lease, file)
        return Shown({"id": file, **_issued(issued)}, etag=1)


_MAY_ISSUE = may("issue_court_file", "coordinator", "director")


async def _lease_for_court(lease: str, by: Annotated[Caller, _MAY_ISSUE], store: Store) -> str:
    """Return the lease that a path names. It is looked up before the body is: 404 comes before 422."""
    await _known_lease(store, by, lease)
    return lease


def _waits(request: Request) -> dict[str, Any]:
    """Return what is said of a ledger that is shorter than witnessed, nothing of any other."""
    why = reception_of(request).store.writer.waits
    return {} if why is None else {"waits": dict(why)}


async def _ledger(
    store: WebStore, by: Caller, first: int, limit: int, mark: Mark, *, waits: Mapping[str, Any]
) -> Response:
    head = await head_of(store, by=by)
    first = min(first, head.position + 1)
    entries = await entries_from(store, first, limit=limit, by=by)
    previous = await head_at(store, first - 1, by=by)
    if previous is None:
        raise problems.not_found()
    last = entries[-1].position if entries else previous.position
    whole = ledger_file(
        entries,
        office=by.office,
        previous=previous,
        key=await store.seals.signing_key(by.office),
        next=mark(last + 1) if last < head.position else None,
        beside=waits,
    )
    return Response(whole, media_type=_JSON)


async def _known_lease(store: WebStore, by: Caller, lease: str) -> None:
    if not is_uuid(lease) or not await entries_about(store, lease, limit=1, by=by):
        raise problems.not_found()


async def _issued_file(store: WebStore, by: Caller, lease: str, file: str) -> Any:
    issued = (await store.found(COURT_FILE, file, by=by)).state.issued if is_uuid(file) else None
    if issued is None or issued.lease != lease:
        raise problems.not_found()
    return issued


def _issued(issued: Any) -> dict[str, Any]:
    return {
        "lease": issued.lease,
        "ledger_position": issued.ledger_position,
        "as_known_at": instant(issued.as_known_at),
        "by": issued.by,
        "formats": ["json"],
    }


def _line(row: Mapping[str, Any], summary: str, erased: Mapping[int, date]) -> dict[str, Any]:
    line = {**row, "summary": summary}
    if row["position"] in erased:
        line["erased_on"] = erased[row["position"]]  # the bytes are gone; hash, date, author and reason stay
    return line
