"""Storing a batch: one statement, one round trip, one commit (``shared.log``)."""

from collections.abc import Iterable, Sequence
from operator import itemgetter
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
from prometheus_client import Histogram

from shared.fail_points import reach
from shared.log import change_name, record_sql
from shared.writer.batch import NOTHING_BELOW, Batch

BATCH = Histogram("huurspoor_writer_batch_acts", "Acts in one commit", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
COMMIT = Histogram(
    "huurspoor_writer_commit_seconds", "Time of storing one batch", buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3)
)
SECONDS_TO_STORE = 20
_encoder = msgspec.json.Encoder()


async def store(connection: asyncpg.Connection, batch: Batch) -> None:
    """Store a batch, or nothing of it; one that holds nothing is stored already.

    :raises asyncpg.PostgresError: with ``HS001`` somebody else wrote; otherwise, as the other errors of the driver, it
        may be unknown whether it was stored.
    """
    reach("before the append")
    if not batch.stores:
        return
    started = perf_counter()
    batch.below, batch.sent_off = NOTHING_BELOW, True
    changed = _changed_rows(batch)
    offices = list(set(map(itemgetter(0), (*batch.events, *batch.sent, *changed, *batch.taken))))
    parts: dict[str, Sequence[list[Any]]] = {}
    if batch.events:
        parts["events"] = _columns(batch.events)
    if batch.sent:
        parts["sent"] = _columns(batch.sent)
    if changed:
        rows = [_encoder.encode(list(rows.values())).decode() for rows in changed.values()]
        parts["changes"] = [*_columns(changed), rows]
    if batch.taken:
        parts["messages"], parts["streams"] = _columns(batch.taken)[:8], _streams_that_move(batch)
    await connection.fetchval(
        record_sql(tuple(parts)),
        batch.follows,
        batch.id,
        batch.log,
        batch.published,
        batch.hash,
        batch.moment,
        offices,
        *(column for columns in parts.values() for column in columns),
        timeout=SECONDS_TO_STORE,
    )
    COMMIT.observe(perf_counter() - started)
    BATCH.observe(len(batch.asked))


def _changed_rows(batch: Batch) -> dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]]:
    """Return the changed rows by office and kind of change; of several changes to one key the last one counts."""
    grouped: dict[tuple[str, str], dict[tuple[Any, ...], dict[str, Any]]] = {}
    for change in (*batch.changes, *(change for rows in batch.companions for change in rows.changes())):
        key = tuple(change.values[column] for column in change.table.key)
        for how in ("upsert", "delete"):
            if how != change.how:
                grouped.get((change.office, change_name(change.table, how)), {}).pop(key, None)
        rows_of = grouped.setdefault((change.office, change_name(change.table, change.how)), {})
        rows_of[key] = {"office": change.office, **change.values}
    return grouped


def _streams_that_move(batch: Batch) -> list[list[Any]]:
    """Return, of the streams of new messages, where each stands now and whether it is new itself."""
    moved: dict[tuple[str, str, str], int] = {}
    begun: dict[tuple[str, str, str], bool] = {}
    for office, publisher, _, _, of, version, _, _, previous in batch.taken:
        moved[(office, publisher, of)] = version
        begun.setdefault((office, publisher, of), previous == 0)
    return [*_columns(moved), list(moved.values()), list(begun.values())]


def _columns(rows: Iterable[tuple[Any, ...]]) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)]
