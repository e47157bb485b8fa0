"""How events lie in the log: typed JSON under a short, stable name, never a module path.

A stored event is ``{"beside": {...}, "data": {...}}``. A service's own events are named by their class
(``VisitPlanned``); facts that another service told us keep its name (``visits.VisitPlannedV1``).
"""

import typing
from collections.abc import Iterable
from datetime import date, datetime
from types import UnionType
from typing import Any

import msgspec

from shared.decisions import AnyStream, Recorded


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


class UnknownEvent(Exception):
    """The log holds a name that this version of the service does not know."""


class Codec:
    """Writes and reads the events of the given streams."""

    def __init__(self, streams: Iterable[AnyStream]) -> None:
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._names: dict[type, str] = {}
        for stream in streams:
            for event in events_of(stream):
                name = stored_name(event)
                self._names[event] = name
                whole = msgspec.defstruct(f"Stored{event.__name__}", [("beside", Beside), ("data", event)])
                self._decoders[name] = msgspec.json.Decoder(whole)
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
        decoder = self._decoders.get(name)
        if decoder is None:
            raise UnknownEvent(name)
        whole = decoder.decode(state)
        return with_what_stands_beside(whole.data, whole.beside, stream=stream, version=version)


def with_what_stands_beside(event: Any, beside: Beside, *, stream: str, version: int) -> Recorded[Any]:
    """Return the event as views and rules see it."""
    return Recorded(
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
    )
