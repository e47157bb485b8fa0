"""What is stored and what is published stays readable: examples of every version, schemas, and round trips."""

import dataclasses
import importlib
import types
import typing
from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any, Literal

import msgspec

from shared.codec import Codec, events_of, stored_name, told_by
from shared.outbox import event_and_version
from shared.sealed import Sealed
from shared.service import Service

HERE = Path(__file__).parent
SERVICES = ("visits", "evaluations", "referrals", "notifications")
OF_NO_SERVICE = "platform"


@cache
def service(name: str) -> Service:
    """Return a service as its main puts it together."""
    made: Service = importlib.import_module(f"services.{name}.main").SERVICE
    return made


@cache
def codec(name: str) -> Codec:
    """Return what writes and reads the events of a service."""
    return Codec(service(name).streams)


def own_events(name: str) -> dict[str, type]:
    """Return the events that happen in a service, by their stored names; not what it keeps of others."""
    every = [event for stream in service(name).streams for event in events_of(stream)]
    return {stored_name(event): event for event in every if told_by(event) is None}


def contracts(publisher: str) -> dict[str, type]:
    """Return the public contracts of a publisher, by ``<EventName>.v<N>``."""
    module = importlib.import_module(f"shared.contracts.{publisher}")
    union = getattr(module, "Contract", None)
    if union is None:
        every = [one for one in vars(module).values() if isinstance(one, type) and one.__module__ == module.__name__]
        every = [one for one in every if one.__name__[-1].isdecimal()]
    else:
        every = list(typing.get_args(union))
    return {"{}.v{}".format(*event_and_version(one)): one for one in every}


def example(kind: Any, name: str = "it") -> Any:
    """Return a value of a type in which every optional field is filled, so that none can be lost unseen."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return example(next(part for part in parts if part is not type(None)), name)
    if origin is Literal:
        return parts[-1]
    if origin is tuple:
        return (example(parts[0], name),)
    if kind is Sealed:
        return Sealed(sealed="c2VhbGVk", key="A-1", digest="ZGlnZXN0", length=6)
    simple: Mapping[Any, Any] = {
        str: f"{name}-1",
        int: 7,
        bool: True,
        date: date(2026, 3, 2),
        datetime: datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
    }
    if kind in simple:
        return simple[kind]
    if dataclasses.is_dataclass(kind) or msgspec.inspect.is_struct_type(kind):
        make: Any = kind
        hints = typing.get_type_hints(kind)
        names = [field.name for field in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else list(hints)
        return make(**{field: example(hints[field], field) for field in names})
    raise TypeError(f"{kind} is none of the types an event may hold")


def plain(held: Any) -> Any:
    """Return what an event or contract says, as JSON has it."""
    return msgspec.json.decode(msgspec.json.encode(held))


def lost(told: Any, kept: Any, place: str = "") -> list[str]:
    """Return where something told is missing or different in what was kept of it."""
    if isinstance(told, dict) and isinstance(kept, dict):
        return [
            found
            for name, value in told.items()
            for found in (lost(value, kept[name], f"{place}/{name}") if name in kept else [f"{place}/{name}"])
        ]
    if isinstance(told, list) and isinstance(kept, list) and len(told) == len(kept):
        return [found for n, pair in enumerate(zip(told, kept, strict=True)) for found in lost(*pair, f"{place}/{n}")]
    return [] if told == kept else [place]
