"""Taking over leases, renters and past visits from a file (CSV), and how far that is."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

import structlog
from fastapi import Form, Query, Request, UploadFile

from services.visits.api.door import api, policies_known
from services.visits.api.import_lines import Asks, Seals, Told, asks, in_passes, read_lines
from services.visits.events import ImportedLine, LineOutcome
from services.visits.rules import importing as rules
from services.visits.rules.importing import IMPORT
from services.visits.rules.policy import Policies
from services.visits.views import IMPORTS, lines_of
from shared.decisions import Elsewhere, Refusal
from shared.doors import DEFAULT_LIMIT, Cursor, Limit
from shared.event_sourcing import One, StoreBusy
from shared.reception import reception_of
from shared.refusals import OccurredInFuture
from shared.web import AWAY, Acted, Caller, Store, WebStore, may
from shared.wording import Wording

AT_A_TIME: Final = 100  # of the writer's 2,000 places: everybody else goes on working meanwhile
TRIES: Final = 20
WORDING: Final = Wording(Path(__file__).parents[1] / "wording")
_under_way: set["asyncio.Task[None]"] = set()

log = structlog.get_logger()

Outcome = Callable[[Told], Awaitable[ImportedLine]]


@api.post("/leases/import", status_code=201)
async def import_leases(
    file: UploadFile,
    by: Annotated[Caller, may("import_leases", "administration", "coordinator")],
    store: Store,
    dry_run: Annotated[bool, Form()] = False,
) -> Acted:
    """Take over a file, line by line; answers at once with the import, which tells how far it is.

    The same file again records nothing that is there already, also after an import that was cut off.

    The file is CSV in UTF-8, cells between semicolons or commas; its first line names columns, in any order:

    * all lines: ``kind`` (lease, renter or visit), ``reference`` (of the lease, in the system it comes from);
    * lease, with its first renter: ``name``, ``role``, ``language``, ``household``, ``phone``, ``email``,
      ``renter_reference``, ``dwelling_reference``, ``dwelling_address``, ``landlord``, ``start``, ``informed_on``,
      ``policy_version``, ``inventory_ref``, ``counsellor``;
    * renter: ``renter_reference``, ``name``, ``role``, ``language``, ``household``, ``phone``, ``email``,
      ``joined_on``;
    * visit: ``visited_on``, ``slot``, ``purpose``, ``counsellor``.

    A blank cell says nothing; a filled one that is not asked for that kind of line has the line refused.
    """
    policies = await policies_known(store, by=by)
    raw = await file.read()
    told = await asyncio.to_thread(read_lines, raw)
    digest = hashlib.sha256(raw).hexdigest()
    id = str(uuid4())
    begun = partial(rules.start_import, rehearsal=dry_run, file_sha256=digest, lines=len(told))
    acted = await store.begin(IMPORT, id, begun, by=by)
    if not acted.replayed:
        work = asyncio.create_task(_work(id, told, dry_run, replace(by, once=None, digest=None), store, policies))
        _under_way.add(work)
        work.add_done_callback(_under_way.discard)
    return acted


async def _work(
    id: str, told: Sequence[Told], rehearsal: bool, by: Caller, store: WebStore, policies: Policies
) -> None:
    seals = Seals(by, rehearsal=rehearsal)
    bringing = replace(by, source="import", if_match=None, device_time=None, clock_suspect=False)
    do = Rehearsal(bringing, store, seals, policies).outcome if rehearsal else _bring(bringing, store, seals, policies)
    unreadable = [
        _refused(line, line.reason or "line-unreadable", columns=line.columns) for line in told if not line.says
    ]
    try:
        for start in range(0, len(unreadable), AT_A_TIME):
            await _note(store, id, partial(rules.advance, done=tuple(unreadable[start : start + AT_A_TIME])), by)
        for lines in in_passes(told):
            for start in range(0, len(lines), AT_A_TIME):
                done = await asyncio.gather(*(_never_stopping(do, line) for line in lines[start : start + AT_A_TIME]))
                await _note(store, id, partial(rules.advance, done=tuple(done)), by)
        await _note(store, id, rules.finish, by)
    except Exception as why:  # nobody waits for this: what is not said here is not said at all
        log.error("import-cut-off", exc_info=why)


async def _never_stopping(do: Outcome, line: Told) -> ImportedLine:
    """Do a line; whatever goes wrong with it stops neither its neighbours nor the import."""
    try:
        return await do(line)
    except AWAY as why:
        log.warning("import-line-store-away", exc_info=why)
        return _refused(line, "temporarily-unavailable")
    except Exception as bug:
        log.error("import-line-failed", exc_info=bug)
        return _refused(line, "internal-error")


async def _note(store: WebStore, id: str, decision: Callable[[Any], Any], by: Caller) -> None:
    quiet = replace(by, once=None, digest=None, if_match=None)
    await _patiently(lambda: store.decide(IMPORT, id, decision, by=quiet))


async def _patiently(act: Callable[[], Awaitable[Acted]]) -> Acted:
    """Act; while the store is away or has no place, wait a little longer each time. :raises StoreBusy: at last."""
    for tried in range(TRIES):
        try:
            return await act()
        except StoreBusy:
            await asyncio.sleep(min(2.0, 0.05 * 2**tried))
    raise StoreBusy


def _bring(by: Caller, store: WebStore, seals: Seals, policies: Policies) -> Outcome:
    async def outcome(line: Told) -> ImportedLine:
        lease: str | None = None
        try:
            asked = await asks(line, by=by, seals=seals, policies=policies)
            lease = asked.lease
            act = partial(store.decide, asked.stream, asked.id, asked.decision, by=asked.by, reads=asked.reads)
            acted = await _patiently(act)
        except Refusal as no:
            return _refused(line, no.reason(), lease=lease)
        return _outcome(line, [event["type"] for event in acted.events or ()], "recorded", lease)

    return outcome


class Rehearsal:
    """Decides as the import would, over what is there and what the file brought so far, and records nothing."""

    def __init__(self, by: Caller, store: WebStore, seals: Seals, policies: Policies) -> None:
        self._by, self._store, self._seals, self._policies = by, store, seals, policies
        self._states: dict[tuple[str, str], Any] = {}

    async def outcome(self, line: Told) -> ImportedLine:
        """Return what would become of a line."""
        asked = await asks(line, by=self._by, seals=self._seals, policies=self._policies)
        state = await self._state(asked.stream, asked.id)
        facts = {}
        for name, read in asked.reads.items():
            assert isinstance(read, One)
            facts[name] = await self._state(read.stream, read.id)
        try:
            return self._decided(line, asked, state, facts)
        except Refusal as no:
            return _refused(line, no.reason(), lease=asked.lease)

    def _decided(self, line: Told, asked: Asks, state: Any, facts: Mapping[str, Any]) -> ImportedLine:
        # Read anew: while this line waited for the store another one may have brought its lease.
        state = self._states[(asked.stream.kind, asked.id)]
        events = list(asked.decision(state, **facts))
        if asked.by.day > asked.by.today:
            raise OccurredInFuture
        for event in events:
            stream, id, event = (
                (event.stream, event.id, event.event)
                if isinstance(event, Elsewhere)
                else (asked.stream, asked.id, event)
            )
            before = self._states.get((stream.kind, id), stream.initial)
            self._states[(stream.kind, id)] = stream.evolve(before, event)
        return _outcome(line, [_name(event) for event in events], "would_record", asked.lease)

    async def _state(self, stream: Any, id: str) -> Any:
        key = (stream.kind, id)
        if key not in self._states:
            found = await self._store.state(stream, id, by=self._by)
            self._states.setdefault(key, found)
        return self._states[key]


def _name(event: Any) -> str:
    return type(event.event if isinstance(event, Elsewhere) else event).__name__


def _outcome(line: Told, recorded: Sequence[str], said: LineOutcome, lease: str | None) -> ImportedLine:
    outcome: LineOutcome = said if recorded else "already"
    return ImportedLine(
        line=line.number, kind=line.kind, outcome=outcome, recorded=tuple(dict.fromkeys(recorded)), lease=lease
    )


def _refused(line: Told, reason: str, *, lease: str | None = None, columns: tuple[str, ...] = ()) -> ImportedLine:
    return ImportedLine(
        line=line.number, kind=line.kind, outcome="refused", reason=reason, columns=columns, lease=lease
    )


# --- the report -------------------------------------------------------------------------------------------------------


@api.get("/imports/{id}/lines")
async def read_import_lines(
    request: Request,
    id: str,
    by: Annotated[Caller, may("read_import_lines", "administration", "coordinator", "auditor", of=IMPORT)],
    store: Store,
    outcome: Annotated[LineOutcome | None, Query()] = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> dict[str, object]:
    """What became of each line, or would: in the order of the file, in the reader's language."""
    cursors = reception_of(request).cursors
    shape = ["import", by.office, id, outcome or ""]
    after = int(cursors.read(cursor, shape)[0]) if cursor is not None else 0
    found = await lines_of(store, by=by, of=id, after=after, outcome=outcome, limit=limit + 1)
    page = found[:limit]
    more = cursors.make([page[-1]["line"]], shape) if len(found) > limit else None
    language = request.scope["huurspoor"].language
    return {"items": [{**one, "detail": _said(one, language)} for one in page], "next": more}


def _said(line: Mapping[str, Any], language: str) -> str:
    what = ", ".join(WORDING.say("events", name, language) or name for name in line["recorded"])
    reason = line["reason"] or ""
    why = WORDING.say("imports", reason, language) or WORDING.say("refusals", reason, language) or ""
    said = WORDING.say("imports", line["outcome"], language, {"what": what, "why": why}) or ""
    if line["columns"]:
        columns = WORDING.say("imports", "columns", language, {"columns": ", ".join(line["columns"])})
        return f"{said} {columns}"
    return said


api.collection(IMPORTS, readers=("administration", "coordinator"))
