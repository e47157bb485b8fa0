"""Builds a service's views again from its events, beside the running service.

New tables are filled from the log by the same pure functions that the writer uses; when they have caught up, the head
is held for a moment, what came meanwhile is added, and old and new are exchanged in one commit. Readers see the old
or the new, never half. Ledger, inbox and the answers of Idempotency-Keys are not views and stay. Two rebuilds of one
service follow each other.
"""

import contextlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import psycopg
from eventsourcing.persistence import OperationalError
from psycopg import Cursor
from psycopg.errors import LockNotAvailable
from psycopg.rows import DictRow, tuple_row
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from shared.codec import Codec
from shared.decisions import AnyStream, Recorded
from shared.hand_over import came_at, lease_of, rows_that_come, rows_that_leave
from shared.log import (
    KEEP_WRITER_OUT,
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

WENT_AWAY = (OperationalError, psycopg.OperationalError)
PAGE = 2000
FRESH = "__fresh"
ONLY_REBUILD = "select pg_advisory_lock(hashtext('huurspoor-rebuild'))"
# Shorter than the server takes for a deadlock (1 s): who reads several views has them before anybody is refused.
HELD_UP = "200ms"


@dataclass(slots=True)
class _Thing:
    """A stream of an office whose rows are being made again.

    :ivar looks_at_dates: its state does, or a view of it.
    """

    office: str
    kind: str
    id: str
    stream: AnyStream
    views: Sequence[View]
    looks_at_dates: bool
    held: Held


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
        self._things: dict[str, _Thing] = {}
        self._of_lease: dict[str, dict[str, set[str]]] = {}  # its streams, and the offices that have them
        self._came: set[tuple[str, str, datetime]] = set()
        self._stays = frozenset(stream.kind for stream in stays)
        self.reached = 0

    def page(self, log: EventLog) -> list[tuple[str, Row]] | None:
        """Return the rows that follow from the next events, the last of each key; None when there are no more."""
        rows: dict[tuple[Any, ...], tuple[str, Row]] = {}
        touched: dict[str, _Thing] = {}
        events = _events_after(log, self.reached)
        if not events:
            return None
        for number, originator, version, topic, stored in events:
            thing = touched[originator] = self._things.get(originator) or self._begun(originator, number)
            held, whole = thing.held, None
            held.version = version
            if thing.looks_at_dates:
                name = f"{thing.kind}/{thing.id}"
                whole = self._codec.decode(topic, stored, stream=name, version=version)
                held.state = thing.stream.after(held.state, whole)
                event, recorded_under = whole.event, whole.office
            else:
                undated = self._codec.undated(topic, stored)
                held.state = thing.stream.evolve(held.state, undated.data)
                event, recorded_under = undated.data, undated.beside.office
            if version == 1:
                self._belongs_to(thing, event)
            if recorded_under is not None and held.lease is not None:
                for office, row in self._that_moved(log, thing.office, held.lease, came_at(stored)):
                    _put(rows, office, row)
            if whole is not None:
                for view in thing.views:
                    for row in view.rows(held.state, whole):
                        _put(rows, thing.office, row)
        self.reached = events[-1][0]
        # What a thing shows of itself depends on its state alone: made once for each, after its last event of the page.
        for thing in touched.values():
            if thing.kind in self._resources:
                _put(rows, thing.office, shown_row(self._resources[thing.kind], thing.id, thing.held))
        return list(rows.values())

    def _begun(self, originator: str, number: int) -> _Thing:
        office, kind, id = originator.split("/", 2)
        stream, views = self._streams[kind], self._views.get(kind, ())
        held = Held(stream.initial, made=number)
        thing = _Thing(office, kind, id, stream, views, stream.dated or bool(views), held)
        self._things[originator] = thing
        return thing

    def _belongs_to(self, thing: _Thing, first: Any) -> None:
        """Note to which lease a thing belongs, by its first event."""
        lease = thing.held.lease = lease_of(thing.kind, thing.id, first)
        if lease is not None and thing.kind not in self._stays:
            self._of_lease.setdefault(lease, {}).setdefault(f"{thing.kind}/{thing.id}", set()).add(thing.office)

    def _that_moved(self, log: EventLog, to: str, lease: str, at: datetime | None) -> list[tuple[str, Row]]:
        """Return the rows that moved when a lease went over to an office, once (``shared.hand_over``)."""
        if at is None or (to, lease, at) in self._came:
            return []
        self._came.add((to, lease, at))
        moved: list[tuple[str, Row]] = []
        for name, offices in self._of_lease[lease].items():
            for office in offices:
                thing = self._things[f"{office}/{name}"]
                come_or_leave = rows_that_come if office == to else rows_that_leave
                moved += [(office, row) for row in come_or_leave(thing.stream, thing.views, self._history(log, thing))]
        return moved

    def _history(self, log: EventLog, thing: _Thing) -> list[Recorded[Any]]:
        """Return what happened to a stream so far."""
        name = f"{thing.kind}/{thing.id}"
        return [
            self._codec.decode(one.topic, one.state, stream=name, version=one.originator_version)
            for one in log.select_events(f"{thing.office}/{name}", lte=thing.held.version)
        ]


def _events_after(log: EventLog, number: int) -> list[tuple[int, str, int, str, bytes]]:
    """Return number, stream, version, name and bytes of the next events of the log.

    As they come from the driver: the library would make a dict and an object of each, which takes longer than all that
    is done with it here.
    """
    with log.datastore.get_connection() as connection, connection.cursor(binary=True, row_factory=tuple_row) as rows:
        rows.execute(
            "select notification_id, originator_id, originator_version, topic, state from stored_events"
            " where notification_id > %s order by notification_id limit %s",
            (number, PAGE),
            prepare=True,
        )
        return rows.fetchall()


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
    :raises WENT_AWAY: the database did; the views are as they were.
    """
    log = event_log({**owner, "pool_size": 3})
    made = _Views(codec, streams, resources, views, stays)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with contextlib.closing(log.datastore), log.datastore.get_connection() as alone:
        alone.execute(ONLY_REBUILD)
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
                rows.execute(KEEP_WRITER_OUT)  # until the exchange is done
                while (page := made.page(log)) is not None:
                    _store(rows, page)
                _have_to_ourselves(rows, made.tables)
                for table in made.tables.values():
                    _exchange(rows, table, service, made_by)
            progress.update(bar, completed=made.reached, total=made.reached)


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


def _have_to_ourselves(rows: Cursor[DictRow], names: Iterable[str]) -> None:
    """Let nobody else read these tables, all at once: with one of them held, a reader may have another and wait."""
    listed = ", ".join(f'"{name}"' for name in names)
    rows.execute(f"set local lock_timeout to '{HELD_UP}'")
    while True:
        with contextlib.suppress(LockNotAvailable), rows.connection.transaction():
            rows.execute(f"lock table {listed} in access exclusive mode")
            return


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
