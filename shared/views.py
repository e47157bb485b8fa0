"""Tables made of events only: thrown away and built again, they are the same.

A view is a pure function from a recorded event, and the state of its stream after it, to changed rows. The writer
stores the changed rows of a batch in one call per table, the last one per key. Every table begins with a column
``office``, which the store fills and guards; neither rows nor declarations name it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import msgspec

from shared.decisions import AnyStream, Recorded
from shared.reading_rights import Clear


@dataclass(frozen=True, eq=False)
class Table:
    """A table of a view: columns with their SQL types, the key (after the office), further indexes; equals only itself.

    :ivar few: columns of which most rows have none; an index over the rows that have one.
    """

    name: str
    columns: Mapping[str, str]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    few: tuple[str, ...] = ()


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row as it shall be from now on; ``gone`` takes it away (then only the key columns matter)."""

    table: Table
    values: Mapping[str, Any]
    gone: bool = False


@dataclass(frozen=True)
class View:
    """Rows that follow from each event of one kind of stream: ``rows(state_after, recorded)``.

    :ivar stays: they are what is read of the thing itself, and stay when its lease goes to another office; else they
        are an office's work, lists and figures, and go along.
    """

    of: AnyStream
    rows: Callable[[Any, Recorded[Any]], Iterable[Row]]
    tables: tuple[Table, ...]
    stays: bool = False


@dataclass(frozen=True)
class Reserved:
    """Some things of a collection, which not every reader of it may know of: those whose ``field`` holds ``value``.

    Who may not finds them in no list, by no filter, and is refused each of them.

    :ivar field: its place in the body: ``about.kind``.
    """

    field: str
    value: str
    readers: frozenset[str]

    def is_one(self, body: Mapping[str, Any]) -> bool:
        """Whether a thing with this body is one of them."""
        held: Any = body
        for name in self.field.split("."):
            held = held.get(name) if isinstance(held, Mapping) else None
        return bool(held == self.value)


@dataclass(frozen=True)
class Resource:
    """A kind of thing that people read over HTTP: ``/<collection>``, ``/<collection>/{id}`` and each act's answer.

    :ivar show: the state as its JSON body (without ``id``), sealed texts left sealed; None hides the thing (404).
    :ivar filters: columns beside the body that lists can be filtered on, with their SQL types (``lease text``).
    :ivar filter_values: the values of those columns for a state.
    :ivar clear: the category (domain 11) of fields that hold no text, and yet not every reader reads: ``ended.mode``.
    :ivar reserved: the things of which not every reader may know that they are there.
    """

    collection: str
    stream: AnyStream
    show: Callable[[str, Any], Mapping[str, Any] | None]
    filters: Mapping[str, str] = field(default_factory=dict)
    filter_values: Callable[[str, Any], Mapping[str, Any]] = lambda _id, _state: {}
    clear: Clear = field(default_factory=dict)
    reserved: tuple[Reserved, ...] = ()

    def reserved_from(self, roles: frozenset[str]) -> list[Reserved]:
        """Return which of its things somebody with these roles may not know of."""
        return [some for some in self.reserved if not some.readers & roles]

    def is_reserved_from(self, roles: frozenset[str], body: Mapping[str, Any]) -> bool:
        """Whether somebody with these roles may not know of the thing with this body."""
        return any(some.is_one(body) for some in self.reserved_from(roles))

    @cached_property
    def table(self) -> Table:
        """The table behind the collection; ``made`` is the log position that began the thing, and orders lists."""
        columns = {
            "id": "text not null",
            "version": "bigint not null",
            "made": "bigint not null",
            "body": "jsonb not null",
        }
        return Table(
            name=self.collection.replace("-", "_"),
            columns={**columns, **self.filters},
            key=("id",),
            indexes=(("made",), *(((name, "made")) for name in self.filters)),
        )


class Asked(Protocol):
    """Where a view is asked: the store, or the store behind a door."""

    async def rows(self, sql: str, *values: Any, by: Any) -> list[Any]:
        """Return the rows within the office of ``by``, which the query itself names as ``$1``."""
