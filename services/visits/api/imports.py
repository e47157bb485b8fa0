"""Taking over leases, renters and past visits from a file (CSV), and how far that is."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final
from uuid import uuid4

from fastapi import Form, Query, Request, UploadFile

from services.visits import import_files
from services.visits.api.door import api, policies_known
from services.visits.api.import_lines import read_lines
from services.visits.api.import_work import Work, at_work
from services.visits.events import ImportStarted, LineOutcome
from services.visits.photo_files import new_key
from services.visits.rules import importing as rules
from services.visits.rules.importing import IMPORT
from services.visits.views.imports import IMPORTS, lines_of
from shared.doors import DEFAULT_LIMIT, Cursor, Flag, Limit
from shared.reception import reception_of
from shared.web import Acted, Caller, Store, may
from shared.wording import Wording

WORDING: Final = Wording(Path(__file__).parents[1] / "wording")


@api.post("/leases/import", status_code=201)
async def import_leases(
    request: Request,
    file: UploadFile,
    by: Annotated[Caller, may("import_leases", "administration", "coordinator")],
    store: Store,
    dry_run: Annotated[Flag, Form()] = False,
) -> Acted:
    """Take over a file, line by line; answers at once with the import, which tells how far it is.

    An import that was cut off goes on by itself. The same file again records nothing that is there already.

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
    id, key, files = str(uuid4()), new_key(), reception_of(request).store
    started = ImportStarted(
        rehearsal=dry_run,
        file_sha256=hashlib.sha256(raw).hexdigest(),
        lines=len(told),
        brought_by=by.actor,
        file_key=await by.seal_one("A", id, "file_key", key),
    )
    # The file first: one without an import nobody misses, and an import without its file could not go on.
    await import_files.keep(files, by=by, at=by.at, of=id, key=key, raw=raw)
    acted = await store.begin(IMPORT, id, partial(rules.start_import, told=started), by=by)
    if acted.replayed:
        await import_files.forget(files, by=by, of=id)
    else:
        quiet = replace(by, once=None, digest=None, if_match=None)
        at_work(id, Work(id, started, told, quiet, files, policies))
    return acted


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
