"""Storing a batch: one statement, one round trip, one commit (``shared.log``)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, takewhile
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
from prometheus_client import Histogram

from shared.fail_points import reach
from shared.log import INBOX, INBOX_STREAM, change_name, record_sql
from shared.views import Table
from shared.writer.batch import NOTHING_BELOW, Batch
from shared.writer.statement import PARTS, Part, record_one_office_sql

BATCH = Histogram("huurspoor_writer_batch_acts", "Acts in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
COMMIT = Histogram(
    "huurspoor_writer_commit_seconds", "Time of storing one batch", buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
)
SECONDS_TO_STORE = 20
# Of so many kinds of changed rows there are few enough combinations that the plan of each is kept.
MOST_KINDS = 4
_Changed = tuple[str, str, Table]  # rows that are changed together: of which office, how, and where
_Rows = dict[tuple[Any, ...], dict[str, Any]]
_UNDOES = {"upsert": ("delete",), "insert": ("upsert", "delete"), "delete": ("upsert",)}
_encoder = msgspec.json.Encoder()


class SomebodyElseWrote(asyncpg.PostgresError):  # type: ignore[misc]  # the driver has no types
    """The head is not as this writer left it; nothing was stored."""

    sqlstate = "HS001"  # also raised by record_batch


async def store(connection: asyncpg.Connection, batch: Batch) -> None:
    """Store a batch, or nothing of it; one that holds nothing is stored already.

    :raises SomebodyElseWrote: nothing was stored. :raises asyncpg.PostgresError: as for the other errors of the driver,
        it may be unknown whether it was stored.
    """
    reach("before the append")
    if not batch.stores:
        return
    started = perf_counter()
    batch.below, batch.sent_off = NOTHING_BELOW, True
    changed = _changed_rows(batch)
    offices = {row[0] for row in chain(batch.events, batch.sent, batch.taken, changed)}
    of_one = len(offices) == 1 and _goes_as_one_statement(batch, changed)
    statement, values = _of_one_office(batch, changed) if of_one else _of_several(batch, changed)
    stored = await connection.fetchval(
        statement,
        batch.follows,
        batch.id,
        batch.log,
        batch.published,
        batch.hash,
        batch.moment,
        offices.pop() if of_one else list(offices),
        *values,
        timeout=SECONDS_TO_STORE,
    )
    if of_one and not stored:
        raise SomebodyElseWrote
    COMMIT.observe(perf_counter() - started)
    BATCH.observe(len(batch.asked))


def _goes_as_one_statement(batch: Batch, changed: Mapping[_Changed, _Rows]) -> bool:
    """Whether a batch, if it is of one office, can be stored by one statement.

    Within a statement nothing sees the rows of another part of it: each table must be written to by one part alone.
    """
    tables = [table for _, _, table in changed]
    if batch.taken:
        tables += [INBOX, INBOX_STREAM]
    alone = len(set(tables)) == len(tables)
    return alone and len(changed) <= MOST_KINDS and all(how != "delete" for _, how, _ in changed)


def _of_one_office(batch: Batch, changed: Mapping[_Changed, _Rows]) -> tuple[str, list[Any]]:
    """Return the statement that stores a batch of one office, and what it is given after its head and office."""
    moved = _streams_that_move(batch)
    rows_of: Mapping[str, Sequence[tuple[Any, ...]]] = {
        "events": batch.events,
        "sent": batch.sent,
        "messages": batch.taken,
        "streams begun": [row for row in moved if row[4]],
        "streams moved": [row for row in moved if not row[4]],
    }
    parts: list[tuple[str, int]] = []
    values: list[Any] = []
    for name, rows in rows_of.items():
        if rows:
            given, arrays = _given(rows, PARTS[name])
            values += given
            parts.append((name, arrays))
    changes = tuple((how, table) for _, how, table in changed)
    return record_one_office_sql(tuple(parts), changes), [*values, *_as_json(changed)]


def _given(rows: Sequence[tuple[Any, ...]], part: Part) -> tuple[list[Any], int]:
    """Return the columns of a part without the office: the first ones, as far as all rows are alike, as one value each.

    :returns: the columns, and how many of them are arrays: of one row none.
    """
    wide = len(part.columns)
    if len(rows) == 1:
        return list(rows[0][1 : 1 + wide]), 0
    columns = _columns(rows)[1 : 1 + wide]
    alike = list(takewhile(lambda column: column.count(column[0]) == len(column), columns[: part.alike]))
    return [column[0] for column in alike] + columns[len(alike) :], wide - len(alike)


def _of_several(batch: Batch, changed: Mapping[_Changed, _Rows]) -> tuple[str, list[Any]]:
    """Return the statement that stores any batch, and what it is given after its head and offices."""
    parts: dict[str, list[list[Any]]] = {}
    if batch.events:
        parts["events"] = _columns(batch.events)
    if batch.sent:
        parts["sent"] = _columns(batch.sent)
    if changed:
        names = [change_name(table, how) for _, how, table in changed]
        parts["changes"] = [[office for office, _, _ in changed], names, _as_json(changed)]
    if batch.taken:
        parts["messages"], parts["streams"] = _columns(batch.taken)[:9], _columns(_streams_that_move(batch))
    return record_sql(tuple(parts)), [column for columns in parts.values() for column in columns]


def _changed_rows(batch: Batch) -> dict[_Changed, _Rows]:
    """Return the changed rows by office, change and table; of several changes to one key the last one counts."""
    grouped: dict[_Changed, _Rows] = {}
    for change in (*batch.changes, *(change for rows in batch.companions for change in rows.changes())):
        office, table, values = change.office, change.table, change.values
        key = tuple([values[column] for column in table.key])
        for how in _UNDOES[change.how]:
            undone = grouped.get((office, how, table))
            if undone:
                undone.pop(key, None)
        rows_of = grouped.setdefault((office, change.how, table), {})
        rows_of[key] = {"office": office, **values}
    return grouped


def _as_json(changed: Mapping[_Changed, _Rows]) -> list[str]:
    return [_encoder.encode(list(rows.values())).decode() for rows in changed.values()]


def _streams_that_move(batch: Batch) -> list[tuple[str, str, str, int, bool]]:
    """Return, of the streams of new messages, where each stands now and whether it is new itself.

    It stands where the batch leaves it: behind a new message may come one that waited.
    """
    moved: dict[tuple[str, str, str], tuple[str, str, str, int, bool]] = {}
    for office, publisher, _, _, _, of, _, _, _, previous in batch.taken:
        stream = (office, publisher, of)
        begun = moved[stream][4] if stream in moved else previous == 0
        moved[stream] = (*stream, batch.applied[(office, f"{publisher}:{of}")], begun)
    return list(moved.values())


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
