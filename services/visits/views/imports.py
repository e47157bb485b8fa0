"""Imports, for those who take leases over from a file: how far each is, and what became of its lines."""

from collections.abc import Iterable, Mapping
from typing import Any, get_args

from services.visits.events import ImportAdvanced, LineOutcome
from services.visits.rules.importing import IMPORT, Import
from shared.decisions import Recorded
from shared.event_sourcing import OfOffice
from shared.views import Asked, Resource, Row, Table, View


def show_import(_id: str, known: Import) -> Mapping[str, Any] | None:
    """How far an import is. Its lines are a list of their own."""
    if known.started is None:
        return None
    return {
        "state": known.state,
        "dry_run": known.started.rehearsal,
        "file_sha256": known.started.file_sha256,
        "lines": known.started.lines,
        "done": sum(known.counts.values()),
        "counts": {outcome: known.counts.get(outcome, 0) for outcome in get_args(LineOutcome)},
    }


IMPORTS = Resource(
    collection="imports",
    stream=IMPORT,
    show=show_import,
    filters={"state": "text not null"},
    filter_values=lambda _id, known: {"state": known.state},
)
IMPORT_LINES = Table(
    name="import_line",
    columns={
        "of_import": "text not null",
        "line": "bigint not null",
        "kind": "text not null",
        "outcome": "text not null",
        "recorded": "text not null",  # short names of events, blanks between
        "reason": "text",
        "columns": "text not null",
        "lease": "text",
    },
    key=("of_import", "line"),
)


def import_rows(_known: Import, recorded: Recorded[Any]) -> Iterable[Row]:
    """What became of each line."""
    if isinstance(recorded.event, ImportAdvanced):
        for one in recorded.event.done:
            names = {"recorded": " ".join(one.recorded), "columns": " ".join(one.columns)}
            told = {"kind": one.kind, "outcome": one.outcome, "reason": one.reason, "lease": one.lease}
            yield Row(IMPORT_LINES, {"of_import": recorded.thing, "line": one.line, **told, **names})


VIEWS = (View(of=IMPORT, rows=import_rows, tables=(IMPORT_LINES,)),)

LINES_OF = """
select line, kind, outcome, recorded, reason, columns, lease from import_line
where office = $1 and of_import = $2 and line > $3 and ($4::text is null or outcome = $4) order by line limit $5
"""


async def lines_done(store: Asked, *, by: OfOffice, of: str) -> frozenset[int]:
    """Return which lines of an import have their outcome."""
    asked = "select line from import_line where office = $1 and of_import = $2"
    return frozenset(row["line"] for row in await store.rows(asked, of, by=by))


async def lines_of(
    store: Asked, *, by: OfOffice, of: str, after: int, outcome: str | None, limit: int
) -> list[dict[str, Any]]:
    """Return what became of the lines of an import, in the order of the file, as far as ``limit``."""
    found = await store.rows(LINES_OF, of, after, outcome, limit, by=by)
    split = ("recorded", "columns")
    return [{**dict(row), **{name: row[name].split() for name in split}} for row in found]
