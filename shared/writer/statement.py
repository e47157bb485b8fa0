"""The statement that stores a batch of one office.

It does what the function ``record_batch`` does (``shared.log``), which stores batches of several offices and takes rows
away, and does it as one plan that the database keeps, without a function around it: for a batch of one act that is a
sixth of the time of its commit.
"""

import functools
from collections.abc import Mapping
from typing import NamedTuple

from shared.log import insert_sql, upsert_sql
from shared.views import Table


class Part(NamedTuple):
    """Rows of one kind: the columns that a batch gives, with their SQL types, and where they go.

    :ivar into: the table and its columns: the office, those given, and what each row has besides.
    :ivar alike: so many of the first columns mostly hold the same in all rows of a batch.
    """

    columns: Mapping[str, str]
    into: str
    besides: str = ""
    office: str = "$7, "
    then: str = ""
    alike: int = 0


_INBOX_STREAM = Part(
    {"publisher": "text", "stream": "text", "version": "bigint"},
    "inbox_stream (office, publisher, stream, version)",
    alike=1,
)
PARTS: Mapping[str, Part] = {
    "events": Part(
        {"stream": "text", "version": "bigint", "topic": "text", "state": "bytea", "position": "bigint"},
        "stored_events (originator_id, originator_version, topic, state, notification_id)",
        office="",  # it is part of the stream's name
    ),
    "sent": Part(
        {
            "position": "bigint",
            "version": "int",
            "type": "text",
            "subject": "text",
            "msg_id": "text",
            "envelope": "bytea",
        },
        "outbox (office, position, version, type, subject, msg_id, envelope)",
    ),
    "messages": Part(
        {
            "publisher": "text",
            "epoch": "int",
            "taken_at": "timestamptz",
            "position": "bigint",
            "stream": "text",
            "version": "bigint",
            "type": "text",
            "digest": "bytea",
        },
        "inbox (office, publisher, epoch, taken_at, position, stream, version, type, digest, state)",
        besides=", 'taken'",
        alike=3,
    ),
    "streams begun": _INBOX_STREAM,
    "streams moved": _INBOX_STREAM._replace(
        then=" on conflict (office, publisher, stream) do update set version = excluded.version"
    ),
}
_CHANGES = {"insert": insert_sql, "upsert": upsert_sql}
_HEAD = (
    "with moved as (update head set log = $3, published = $4, hash = $5, batch = $2, at = $6 where batch = $1"
    " returning log), wall as (select set_config('app.office', $7::text, true) as within from moved)"
)


@functools.cache
def record_one_office_sql(parts: tuple[tuple[str, int], ...], changes: tuple[tuple[str, Table], ...]) -> str:
    """Return the statement that stores a batch, given its head and office, the columns of each part, rows of tables.

    Every part reads the row that sets the office's wall, which reads the row of the moved head: where somebody else
    wrote, nothing is stored and nothing returned.

    :param parts: what the batch holds, and how many of its last columns are arrays; the others hold one value for all.
    :param changes: what is done to which tables, with their rows as one JSON array each.
    """
    steps: list[str] = []
    number = 8
    for name, arrays in parts:
        part = PARTS[name]
        columns = list(part.columns)
        typed = [f"${number + place}::{kind}" for place, kind in enumerate(part.columns.values())]
        number += len(typed)
        single = len(typed) - arrays
        given = ", ".join(f"{each} as {column}" for each, column in zip(typed[:single], columns[:single], strict=True))
        if arrays:
            many = f"unnest({', '.join(f'{each}[]' for each in typed[single:])}) m({', '.join(columns[single:])})"
            given = f"{given}{', ' if given else ''}m.* from {many}"
        rows = f"select {part.office}x.*{part.besides} from wall, (select {given}) x"
        steps.append(f"insert into {part.into} {rows}{part.then}")
    for how, table in changes:
        steps.append(_CHANGES[how](table, rows=f"${number}", behind="wall, "))
        number += 1
    stored = "".join(f", step_{count} as ({step})" for count, step in enumerate(steps))
    return f"{_HEAD}{stored} select true from moved"
