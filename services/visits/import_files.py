"""The files of imports that are under way: sealed, in a table beside the events, until every line has its outcome.

A process that is killed in the middle of an import leaves its file here, and the next one goes on with it.
"""

import asyncio
from typing import Any, Final

from services.visits.photo_files import opened_bytes, sealed_bytes
from shared.event_sourcing import EventStore, OfOffice
from shared.sealed import Sealed
from shared.views import Table

LEFT: Final = "select office, of_import, at from import_file order by at, of_import"
IMPORT_FILE: Final = Table(
    name="import_file",
    columns={"of_import": "text not null", "at": "timestamptz not null", "sealed": "bytea not null"},
    key=("of_import",),
)


async def keep(store: EventStore, *, by: OfOffice, at: Any, of: str, key: str, raw: bytes) -> None:
    """Keep the file of an import."""
    await store.write(
        "insert into import_file (office, of_import, at, sealed) values ($1, $2, $3, $4) on conflict do nothing",
        of,
        at,
        await asyncio.to_thread(sealed_bytes, key, f"{of}/import", raw),
        by=by,
    )


async def file_of(store: EventStore, *, by: OfOffice, of: str, key: Sealed) -> bytes | None:
    """Return the file of an import as it came; None where it is gone.

    :raises Altered: something is there, and it is not what was kept.
    """
    found = await store.rows("select sealed from import_file where office = $1 and of_import = $2", of, by=by)
    opened = await store.seals.open(by.office, "file_key", key)
    if not found or opened is None:
        return None
    return await asyncio.to_thread(opened_bytes, opened, f"{of}/import", found[0]["sealed"])


async def forget(store: EventStore, *, by: OfOffice, of: str) -> None:
    """Destroy the key of the file of an import, and delete it."""
    # The file last: as long as it is there, whoever goes on with imports comes back to it.
    await store.seals.destroy(by.office, of, "A")
    await store.write("delete from import_file where office = $1 and of_import = $2", of, by=by)
