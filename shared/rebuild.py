"""Builds a service's views again from its events, beside the running service.

New tables are filled from the log by the same pure functions that the writer uses; when they have caught up, the head
row is held for a moment, what came meanwhile is added, and old and new are exchanged in one commit. Readers see the old
or the new, never half. Ledger, inbox and the answers of Idempotency-Keys are not views and stay.
"""

import sys
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import msgspec
from psycopg import Cursor
from psycopg.rows import DictRow
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.codec import Codec
from shared.decisions import AnyStream, Recorded
from shared.hand_over import came_at, lease_of, rows_that_come, rows_that_leave
from shared.log import (
    EventLog,
    delete_sql,
    event_log,
    index_names,
    index_sql,
    mark_sql,
    table_sql,
    upsert_sql,
    wall_sql,
)
from shared.views import Resource, Row, Table, View
from shared.writer.batch import Held
from shared.writer.recording import shown_row

PAGE = 2000
FRESH = "__fresh"


class _Views:
    """All view tables of a service, being made again from event number ``reached`` on."""

    def __init__(
        self,
        codec: Codec,
        streams: Iterable[AnyStream],
        resources: Iterable[Resource],
        views: Iterable[View],
        stays: Iterable[AnyStream],
    ) -> None:
        self._codec = codec
        self._streams = {stream.kind: stream for stream in streams}
        self._resources = {resource.stream.kind: resource for resource in resources}
        self._views: dict[str, list[View]] = {}
        for view in views:
            self._views.setdefault(view.of.kind, []).append(view)
        tables = {resource.table.name: resource.table for resource in self._resources.values()}
        tables.update({table.name: table for kept in self._views.values() for view in kept for table in view.tables})
        self.tables: Mapping[str, Table] = tables
        self._held: dict[str, Held] = {}
        self._of_lease: dict[str, dict[str, set[str]]] = {}  # its streams, and the offices that have them
        self._came: set[tuple[str, str, datetime]] = set()
        self._stays = frozenset(stream.kind for stream in stays)
        self.reached = 0

    def page(self, log: EventLog) -> list[tuple[str, Row]] | None:
        """Return the rows that follow from the next events, the last of each key; None when there are no more."""
        rows: dict[tuple[Any, ...], tuple[str, Row]] = {}
        touched: dict[str, None] = {}
        notes = log.select_notifications(self.reached + 1, PAGE)
        if not notes:
            return None
        for note in notes:
            self.reached = note.id
            touched[str(note.originator_id)] = None
            office, kind, id = str(note.originator_id).split("/", 2)
            stream = self._streams[kind]
            held = self._held.setdefault(str(note.originator_id), Held(stream.initial, made=note.id))
            whole = self._codec.decode(note.topic, note.state, stream=f"{kind}/{id}", version=note.originator_version)
            held.state, held.version = stream.after(held.state, whole), note.originator_version
            after = [(office, row) for view in self._views.get(kind, ()) for row in view.rows(held.state, whole)]
            if held.version == 1:
                held.lease = lease_of(kind, id, whole.event)
                if held.lease is not None and kind not in self._stays:
                    self._of_lease.setdefault(held.lease, {}).setdefault(f"{kind}/{id}", set()).add(office)
            if whole.office is not None and held.lease is not None:
                after = [*self._that_moved(log, office, held.lease, came_at(note.state)), *after]
            for whose, row in after:
                _put(rows, whose, row)
        # What a thing shows of itself depends on its state alone: made once for each, after its last event of the page.
        for originator in touched:
            office, kind, id = originator.split("/", 2)
            if kind in self._resources:
                _put(rows, office, shown_row(self._resources[kind], id, self._held[originator]))
        return list(rows.values())

    def _that_moved(self, log: EventLog, to: str, lease: str, at: datetime | None) -> list[tuple[str, Row]]:
        """Return the rows that moved when a lease went over to an office, once (``shared.hand_over``)."""
        if at is None or (to, lease, at) in self._came:
            return []
        self._came.add((to, lease, at))
        moved: list[tuple[str, Row]] = []
        for name, offices in self._of_lease[lease].items():
            kind = name.partition("/")[0]
            for office in offices:
                come_or_leave = rows_that_come if office == to else rows_that_leave
                rows = come_or_leave(
                    self._streams[kind], self._views.get(kind, ()), self._history(log, f"{office}/{name}")
                )
                moved += [(office, row) for row in rows]
        return moved

    def _history(self, log: EventLog, stream: str) -> list[Recorded[Any]]:
        """Return what happened to a stream so far."""
        name = stream.partition("/")[2]
        return [
            self._codec.decode(one.topic, one.state, stream=name, version=one.originator_version)
            for one in log.select_events(stream, lte=self._held[stream].version)
        ]


def _put(rows: dict[tuple[Any, ...], tuple[str, Row]], office: str, row: Row) -> None:
    key = (office, row.table.name, *(row.values[column] for column in row.table.key))
    rows.pop(key, None)
    rows[key] = (office, row)


def rebuild(
    service: str,
    owner: dict[str, Any],
    *,
    codec: Codec,
    streams: Iterable[AnyStream],
    resources: Iterable[Resource],
    views: Iterable[View],
    stays: Iterable[AnyStream] = (),
    made_by: str = "",
) -> None:
    """Build all views of a service again, with a progress bar on stderr.

    :param owner: the database as its owner, in the words of the library's datastore.
    :param stays: kinds of streams that stay with an office when the lease they are about goes to another one.
    :param made_by: stands for the code that fills the views (``shared.log.lay_out``).
    """
    log = event_log({**owner, "pool_size": 2})
    made = _Views(codec, streams, resources, views, stays)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with log.datastore.transaction(commit=True) as rows:
            for table in made.tables.values():
                fresh = table.name + FRESH
                rows.execute(f'drop table if exists "{fresh}"')
                for statement in (table_sql(table, name=fresh), *index_sql(table, name=fresh)):
                    rows.execute(statement)
        with Progress(*columns, console=Console(file=sys.stderr)) as progress:
            bar = progress.add_task(f"views of {service}", total=log.max_notification_id() or 0)
            while (page := made.page(log)) is not None:
                with log.datastore.transaction(commit=True) as rows:
                    _store(rows, page)
                progress.update(bar, completed=made.reached)
            with log.datastore.transaction(commit=True) as rows:
                rows.execute("select log from head for update")  # the writer waits here until the exchange is done
                while (page := made.page(log)) is not None:
                    _store(rows, page)
                for table in made.tables.values():
                    _exchange(rows, table, service, made_by)
            progress.update(bar, completed=made.reached, total=made.reached)
    finally:
        log.datastore.close()


def _store(rows: Cursor[DictRow], page: list[tuple[str, Row]]) -> None:
    grouped: dict[tuple[str, bool], list[dict[str, Any]]] = {}
    tables: dict[str, Table] = {}
    for office, row in page:
        tables[row.table.name] = row.table
        grouped.setdefault((row.table.name, row.gone), []).append({"office": office, **row.values})
    for (name, gone), values in grouped.items():
        table = tables[name]
        fresh = Table(name + FRESH, table.columns, table.key)
        sql = delete_sql if gone else upsert_sql
        rows.execute(sql(fresh, rows="%s::jsonb"), (msgspec.json.encode(values).decode(),))


def _exchange(rows: Cursor[DictRow], table: Table, service: str, made_by: str) -> None:
    name, fresh = table.name, table.name + FRESH
    rows.execute(f'drop table if exists "{name}"')
    rows.execute(f'alter table "{fresh}" rename to "{name}"')
    rows.execute(f'alter index "{fresh}_pkey" rename to "{name}_pkey"')
    for index in index_names(table):
        rows.execute(f'alter index "{fresh}_{index}" rename to "{name}_{index}"')
    for statement in wall_sql(name, service, rights="select, insert, update, delete"):
        rows.execute(statement)
    rows.execute(mark_sql(table, made_by))
