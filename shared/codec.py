"""How events lie in the log: typed JSON under a short, stable name, never a module path.

A stored event is ``{"beside": {...}, "data": {...}}``. A service's own events are named by their class
(``VisitPlanned``); facts that another service told us keep its name (``visits.VisitPlannedV1``).
"""

import functools
import operator
import typing
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from types import GenericAlias, UnionType
from typing import Any, NamedTuple, Protocol

import msgspec

from shared.decisions import AnyStream, Recorded, Stream


class Beside(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is stored beside an event (domain 0.2). Of a fact told by another service: its own times and actor."""

    id: str
    occurred_on: date
    recorded_at: datetime
    actor: str
    mandate: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    position: str | None = None
    source: str = "web"
    clock: str = "system"
    clock_suspect: bool = False
    device_time: datetime | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    taken_in_at: datetime | None = None  # absent: the moment it was recorded
    office: str | None = None  # under which it was recorded, where it lies under the one its lease went to
    handed_over_at: datetime | None = None  # when it came to lie there


def events_of(stream: AnyStream) -> tuple[type, ...]:
    """Return the classes in the union of a stream's events."""
    union = stream.events
    return typing.get_args(union) if isinstance(union, UnionType) or typing.get_origin(union) else (union,)


def stored_name(event: type) -> str:
    """Return the name under which events of this class are stored for ever."""
    publisher = told_by(event)
    return f"{publisher}.{event.__name__}" if publisher else event.__name__


def told_by(event: type) -> str | None:
    """Return the service whose public contract this class is, None for a private event."""
    package, _, module = event.__module__.rpartition(".")
    return module if package == "shared.contracts" else None


class Place(msgspec.Struct, frozen=True):
    """Of what stands beside an event, what counts where nobody looks at its dates: where it was told, and recorded."""

    position: str | None = None
    office: str | None = None


class Undated(Protocol):
    """A stored event, without its dates and who answers for it."""

    beside: Place
    data: Any


# Of rows of stored events: one stream's together in one value, a JSON array without its brackets, each event with its
# name in it. A row for each would cost both sides more than what is in it (measured). (7b is an opening brace, which
# where this stands in a template would be taken for a place to fill in.)
TOGETHER = (
    """string_agg(convert_to(E'\\x7b"name":"' || topic || '",', 'UTF8') || substr(state, 2), ','"""
    " order by originator_version)"
)


class Folded(NamedTuple):
    """What became of a stream: its state, its version, that of the last event that was published; its first event."""

    state: Any
    version: int
    published: int
    first: Any


class UnknownEvent(Exception):
    """The log holds a name that this version of the service does not know."""


class EventsMissing(Exception):
    """The log holds later events of a stream, and not all that were before them."""


class _Named(msgspec.Struct):
    name: str


class _Reader:
    """Reads stored events back, with as much of what stands beside them as the given class holds."""

    def __init__(self, beside: type, names: Mapping[type, str]) -> None:
        stored = [
            msgspec.defstruct(
                f"Stored{event.__name__}", [("beside", beside), ("data", event)], tag_field="name", tag=name
            )
            for event, name in names.items()
        ]
        self._one = {name: msgspec.json.Decoder[Any](one) for name, one in zip(names.values(), stored, strict=True)}
        self._many = msgspec.json.Decoder[Any](GenericAlias(list, (functools.reduce(operator.or_, stored),)))

    def one(self, name: str, state: bytes) -> Any:
        """Read an event. :raises UnknownEvent: there is none of that name."""
        decoder = self._one.get(name)
        if decoder is None:
            raise UnknownEvent(name)
        return decoder.decode(state)

    def many(self, together: bytes, versions: Sequence[int]) -> list[Any]:
        """Read events that come together.

        :raises UnknownEvent: there is none of a name. :raises EventsMissing: there are not as many as versions.
        """
        whole = b"[%b]" % together
        try:
            read: list[Any] = self._many.decode(whole)
        except msgspec.ValidationError:
            for event in msgspec.json.decode(whole, type=list[_Named]):
                if event.name not in self._one:
                    raise UnknownEvent(event.name) from None
            raise
        if len(read) != len(versions):
            raise EventsMissing
        return read


class Codec:
    """Writes and reads the events of the given streams."""

    def __init__(self, streams: Iterable[AnyStream]) -> None:
        self._names = {event: stored_name(event) for stream in streams for event in events_of(stream)}
        self._dated = _Reader(Beside, self._names)
        self._undated = _Reader(Place, self._names)
        self._encoder = msgspec.json.Encoder(decimal_format="number")

    def name(self, event: Any) -> str:
        """Return the stored name of an event."""
        return self._names[type(event)]

    def encode(self, event: Any, beside: Beside) -> bytes:
        """Return the bytes that are stored."""
        return self._encoder.encode({"beside": beside, "data": event})

    def decode(self, name: str, state: bytes, *, stream: str, version: int) -> Recorded[Any]:
        """Read a stored event back.

        :raises UnknownEvent: this version of the service has no such event.
        """
        whole = self._dated.one(name, state)
        return with_what_stands_beside(whole.data, whole.beside, stream=stream, version=version)

    def undated(self, name: str, state: bytes) -> Undated:
        """Read a stored event back for who looks at no dates: in half the time.

        :raises UnknownEvent: this version of the service has no such event.
        """
        read: Undated = self._undated.one(name, state)
        return read

    def fold(
        self, stream: AnyStream, together: bytes, versions: Sequence[int], *, id: str, service: str = ""
    ) -> Folded:
        """Read stored events of a stream back and apply them in their order.

        Dates are read only for streams that look at them: it is most of the work of loading a stream.

        :param together: as ``TOGETHER`` hands them over.
        :param versions: of each event, its place in its stream.
        :param service: whose positions count as published.
        :raises UnknownEvent: this version of the service has no such event.
        :raises EventsMissing: there are fewer than versions, or more.
        """
        read = (self._dated if stream.dated else self._undated).many(together, versions)
        state = stream.initial
        if isinstance(stream, Stream):
            evolve = stream.evolve
            for one in read:
                state = evolve(state, one.data)
        else:
            for recorded in _with_versions(read, versions, stream=f"{stream.kind}/{id}"):
                state = stream.evolve(state, recorded)
        own, published = f"{service}:", 0
        for version, one in zip(reversed(versions), reversed(read), strict=True):
            position = one.beside.position
            if position is not None and position.startswith(own):
                published = version
                break
        return Folded(state, versions[-1], published, read[0].data if versions[0] == 1 else None)

    def history(self, together: bytes, versions: Sequence[int], *, stream: str) -> list[Recorded[Any]]:
        """Read stored events of a stream back, given as to ``fold``. :raises UnknownEvent, EventsMissing: likewise."""
        return list(_with_versions(self._dated.many(together, versions), versions, stream=stream))


def _with_versions(read: Sequence[Any], versions: Sequence[int], *, stream: str) -> Iterator[Recorded[Any]]:
    for one, version in zip(read, versions, strict=True):
        yield with_what_stands_beside(one.data, one.beside, stream=stream, version=version)


def with_what_stands_beside(event: Any, beside: Beside, *, stream: str, version: int) -> Recorded[Any]:
    """Return the event as views and rules see it."""
    # Its frozen __init__ would set each field by a call of its own: three times as long (measured: 2.2 and 0.7 µs).
    recorded: Recorded[Any] = object.__new__(Recorded)
    recorded.__dict__.update(
        event=event,
        id=beside.id,
        stream=stream,
        version=version,
        occurred_on=beside.occurred_on,
        recorded_at=beside.recorded_at,
        taken_in_at=beside.taken_in_at or beside.recorded_at,
        actor=beside.actor,
        mandate=beside.mandate,
        policy_version=beside.policy_version,
        checklist_version=beside.checklist_version,
        position=beside.position,
        source=beside.source,
        clock_suspect=beside.clock_suspect,
        office=beside.office,
    )
    return recorded
