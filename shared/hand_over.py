"""A lease that goes over to another office: what was recorded about it is laid under that office too, as it was said.

Offices merge, and leases change hands, by a fact that widens a scope; recorded events are never rewritten (domain 3.1,
4.6). On the day it is in force each service puts the events of the lease's streams, byte for byte, at the beginning of
the same streams of the new office, in one commit and without publishing them: no reaction runs twice. Beside each event
stands the office under which it was recorded. The old office keeps what it has, and reads it; it records nothing more.

A decision asks for it with ``HandOver`` among its events (``shared.writer.handing_over`` carries it out).
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from shared.codec import Beside
from shared.decisions import AnyStream, HandOver, Recorded
from shared.views import Row, Table, View

OFFICE_CHANGED = "OfficeChanged"  # the public event by which every service learns of it
REMEMBERS_REFUSALS = "attempts"  # a kind of stream: that somebody tried is noted where they tried

LEASE_OFFICE = Table(
    name="lease_office",
    columns={
        "lease": "text not null",
        "from_office": "text",  # with whom it was before it came here
        "to_office": "text",  # to whom it went from here; null while it is here
    },
    key=("lease",),
)


class LeaseMoved(Exception):
    """What was told under one office is about a lease that is with another by now: decide about it there.

    :ivar to_office: that one.
    """

    def __init__(self, to_office: str) -> None:
        super().__init__("lease moved")
        self.to_office = to_office


class Gone(NamedTuple):
    """To whom a lease went from an office (None: it is here), and from whom it came."""

    to_office: str | None
    from_office: str | None = None


class Stored(NamedTuple):
    """An event as it lies in the log."""

    stream: str  # "<office>/<kind>/<id>"
    version: int
    topic: str
    state: bytes

    @property
    def kind_and_id(self) -> tuple[str, str]:
        """The kind of its stream, and which of them."""
        _, kind, id = self.stream.split("/", 2)
        return kind, id


@dataclass(kw_only=True)
class Leaving:
    """What is stored about a lease that goes: its streams, their events in the order of the log, what the other has.

    :ivar there: by stream of the new office, the events that lie in it, where a lease comes back or was told of early.
    """

    streams: set[str] = field(default_factory=set)
    events: list[Stored] = field(default_factory=list)
    there: Mapping[str, list[Stored]] = field(default_factory=dict)


class _Whole(msgspec.Struct):
    beside: Beside
    data: msgspec.Raw


class _Id(msgspec.Struct):
    id: str


class _OnlyId(msgspec.Struct):
    beside: _Id


_whole = msgspec.json.Decoder(_Whole)
_only_id = msgspec.json.Decoder(_OnlyId)
_encoder = msgspec.json.Encoder()
_KEY = re.compile(rb'"key":"([A-G]-[A-Za-z0-9_-]+)"')


def id_of(stored: bytes) -> str:
    """Return the id of a stored event."""
    return _only_id.decode(stored).beside.id


def came_at(stored: bytes) -> datetime | None:
    """Return when a stored event came to lie under its office; None where it was recorded there, or told of late."""
    return _whole.decode(stored).beside.handed_over_at


def lease_of(kind: str, id: str, first: Any) -> str | None:
    """Return the lease that a stream belongs to, by its first event."""
    lease = getattr(first, "lease", None)
    if isinstance(lease, str):
        return lease
    return id if kind == "lease" else None


def handed_over(stored: bytes, *, office: str, at: datetime) -> tuple[bytes, Beside]:
    """Return a stored event as it lies under the office it goes to, and what stands beside it there.

    What was said stays byte for byte; beside it stand the office under which it was recorded, and when it came.
    """
    whole = _whole.decode(stored)
    beside = msgspec.structs.replace(whole.beside, office=whole.beside.office or office, handed_over_at=at)
    return _encoder.encode(_Whole(beside, whole.data)), beside


def keys_in(events: Iterable[Stored]) -> set[str]:
    """Return the ids of the keys under which texts in these events are sealed."""
    return {key.decode() for event in events for key in _KEY.findall(event.state)}


def rows_that_come(stream: AnyStream, views: Iterable[View], history: Iterable[Recorded[Any]]) -> list[Row]:
    """Return the rows of work, lists and figures that follow from a stream, the last of each key.

    What people read of the thing itself stays where it is: its resource, and views that say so.
    """
    come = [view for view in views if not view.stays]
    if not come:
        return []
    rows: dict[tuple[Any, ...], Row] = {}
    state = stream.initial
    for recorded in history:
        state = stream.after(state, recorded)
        for view in come:
            for row in view.rows(state, recorded):
                rows[(row.table.name, *(row.values[column] for column in row.table.key))] = row
    return list(rows.values())


def rows_that_leave(stream: AnyStream, views: Iterable[View], history: Iterable[Recorded[Any]]) -> list[Row]:
    """Return what takes away the rows that an office's views lose with a stream: they go with the lease."""
    return [
        Row(row.table, {column: row.values[column] for column in row.table.key}, gone=True)
        for row in rows_that_come(stream, views, history)
    ]


async def read_leaving(connection: Any, going: HandOver, *, also: Iterable[str], stays: Iterable[str]) -> Leaving:
    """Read what is committed of a lease that goes, each office within its own wall.

    :param also: further streams of it (``<kind>/<id>``), of which under the old office nothing may be committed yet.
    :param stays: kinds of streams that stay with the old office.
    """
    staying = frozenset(stays)
    async with connection.transaction():
        await connection.execute("select set_config('app.office', $1, true)", going.from_office)
        members = await connection.fetch(
            "select kind, id from stream_of_lease where office = $1 and lease = $2", going.from_office, going.lease
        )
        names = {f"lease/{going.lease}", *(f"{one['kind']}/{one['id']}" for one in members), *also}
        streams = {name for name in names if name.partition("/")[0] not in staying}
        found = await connection.fetch(
            "select originator_id, originator_version, topic, state from stored_events"
            " where originator_id = any ($1) order by notification_id",
            [f"{going.from_office}/{name}" for name in streams],
        )
        await connection.execute("select set_config('app.office', $1, true)", going.to_office)
        present = await connection.fetch(
            "select originator_id, originator_version, topic, state from stored_events"
            " where originator_id = any ($1) order by originator_id, originator_version",
            [f"{going.to_office}/{name}" for name in streams],
        )
    there: dict[str, list[Stored]] = {}
    for row in present:
        there.setdefault(row["originator_id"], []).append(Stored(*row))
    return Leaving(streams=streams, events=[Stored(*row) for row in found], there=there)


async def read_gone(connection: Any, office: str) -> dict[str, Gone]:
    """Return what an office's leases have to do with other offices, from lease to that, within its wall."""
    async with connection.transaction():
        await connection.execute("select set_config('app.office', $1, true)", office)
        found = await connection.fetch(
            "select lease, to_office, from_office from lease_office where office = $1", office
        )
    return {row["lease"]: Gone(row["to_office"], row["from_office"]) for row in found}
