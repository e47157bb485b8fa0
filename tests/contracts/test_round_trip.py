"""An event comes back from the store as it went in, whatever it holds."""

import dataclasses
import types
import typing
from datetime import UTC, date, datetime
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.codec import Beside, Codec, with_what_stands_beside
from shared.decisions import Stream
from shared.sealed import Sealed
from tests.contracts import SERVICES, codec, contracts, own_events

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
days = st.dates(date(1900, 1, 1), date(2100, 12, 31))
moments = st.datetimes(timezones=st.just(UTC))
SIMPLE: dict[Any, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(2**53) + 1, 2**53 - 1),
    bool: st.booleans(),
    date: days,
    datetime: moments,
    type(None): st.none(),
}


def values(kind: Any) -> st.SearchStrategy[Any]:
    """Return all values of a type that an event may hold."""
    origin, parts = typing.get_origin(kind), typing.get_args(kind)
    if kind in SIMPLE:
        return SIMPLE[kind]
    if origin in (typing.Union, types.UnionType):
        return st.one_of(*(values(part) for part in parts))
    if origin is Literal:
        return st.sampled_from(parts)
    if origin is tuple:
        return st.lists(values(parts[0]), max_size=3).map(tuple)
    if kind is Sealed:
        return st.builds(Sealed, sealed=texts, key=texts, digest=texts, length=st.integers(0, 20_000))
    if dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return st.builds(
            typing.cast("type[Any]", kind),
            **{field.name: values(hints[field.name]) for field in dataclasses.fields(kind)},
        )
    raise TypeError(f"{kind} is none of the types an event may hold")


besides = st.builds(
    Beside,
    id=texts,
    occurred_on=days,
    recorded_at=moments,
    actor=texts,
    mandate=st.none() | texts,
    policy_version=st.none() | texts,
    checklist_version=st.none() | texts,
    position=st.none() | texts,
    source=texts,
    clock_suspect=st.booleans(),
    taken_in_at=st.none() | moments,
)


@pytest.mark.parametrize("service", SERVICES)
@settings(max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_event_comes_back_as_it_went_in(service: str, data: st.DataObject) -> None:
    events = own_events(service)
    name = data.draw(st.sampled_from(sorted(events)))
    event, beside = data.draw(values(events[name])), data.draw(besides)
    stored = codec(service).encode(event, beside)
    assert codec(service).name(event) == name
    assert codec(service).decode(name, stored, stream="thing/1", version=3) == with_what_stands_beside(
        event, beside, stream="thing/1", version=3
    )


@pytest.mark.parametrize("publisher", SERVICES)
@settings(max_examples=100, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_contract_comes_off_the_bus_as_it_went_on(publisher: str, data: st.DataObject) -> None:
    known = contracts(publisher)
    contract = known[data.draw(st.sampled_from(sorted(known)))]
    told = data.draw(values(contract))
    assert msgspec.json.decode(msgspec.json.encode(told), type=contract) == told


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_can_be_made_up(service: str) -> None:
    for event in own_events(service).values():
        values(event).validate()


# That these tests can fail:


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolsLent:
    tools: tuple[str, ...]


def test_a_list_in_the_place_of_a_tuple_is_not_taken_for_the_same() -> None:
    shop = Codec([Stream("tools", initial=None, evolve=lambda state, _event: state, events=ToolsLent)])
    beside = Beside(id="1", occurred_on=date(2026, 3, 2), recorded_at=datetime(2026, 3, 2, tzinfo=UTC), actor="an")
    went_in = ToolsLent(tools=["saw"])  # type: ignore[arg-type]
    back = shop.decode("ToolsLent", shop.encode(went_in, beside), stream="tools/1", version=1)
    assert back.event != went_in


def test_a_set_is_nothing_an_event_may_hold() -> None:
    with pytest.raises(TypeError, match="none of the types"):
        values(set[str])
