"""Every version that was ever stored or published is still read, with each value kept."""

import dataclasses
import json
from typing import Any

import msgspec
import pytest

from shared.codec import Codec
from shared.decisions import Stream
from tests.contracts import OF_NO_SERVICE, SERVICES, codec, contracts, lost, own_events, plain
from tests.contracts.examples import OPENAPI, openapi, published_file, read, stored_file


@pytest.mark.parametrize("service", SERVICES)
def test_every_stored_example_is_read_with_each_value(service: str) -> None:
    examples = read(stored_file(service))
    for name, stored in examples.items():
        known = codec(service).decode(name, json.dumps(stored).encode(), stream="thing/1", version=1)
        assert lost(stored["data"], plain(known.event)) == [], name
        kept = {part: getattr(known, part) for part in stored["beside"] if hasattr(known, part)}
        assert lost({part: stored["beside"][part] for part in kept}, plain(kept)) == [], name


@pytest.mark.parametrize("service", SERVICES)
def test_every_event_has_a_stored_example(service: str) -> None:
    assert sorted(own_events(service).keys() - read(stored_file(service)).keys()) == []


@pytest.mark.parametrize("publisher", [*SERVICES, OF_NO_SERVICE])
def test_every_published_example_is_read_with_each_value(publisher: str) -> None:
    known = contracts(publisher)
    for name, told in read(published_file(publisher)).items():
        data: Any = msgspec.convert(told, known[name], str_keys=True)
        assert lost(told, plain(data)) == [], name


@pytest.mark.parametrize("publisher", [*SERVICES, OF_NO_SERVICE])
def test_every_contract_has_a_published_example(publisher: str) -> None:
    assert sorted(contracts(publisher).keys() - read(published_file(publisher)).keys()) == []


@pytest.mark.parametrize("name", SERVICES)
def test_the_openapi_document_is_that_of_the_doors(name: str) -> None:
    """``python -m tests.contracts.examples`` writes it."""
    assert (OPENAPI / f"{name}.json").read_text(encoding="utf-8") == openapi(name)


# That these tests can fail:


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToolLent:
    member: str
    until: str | None = None  # was called ``due_on`` when the example was stored


def test_an_optional_field_that_was_renamed_is_reported() -> None:
    stored: dict[str, Any] = {
        "beside": {"id": "1", "occurred_on": "2026-03-02", "recorded_at": "2026-03-02T09:00:00Z", "actor": "an"},
        "data": {"member": "bram", "due_on": "2026-03-09"},
    }
    shop = Codec([Stream("tool", initial=None, evolve=lambda state, _event: state, events=ToolLent)])
    known = shop.decode("ToolLent", json.dumps(stored).encode(), stream="tool/1", version=1)
    assert lost(stored["data"], plain(known.event)) == ["/due_on"]


def test_a_value_that_changed_is_reported() -> None:
    assert lost({"a": [{"b": 1}]}, {"a": [{"b": 2}]}) == ["/a/0/b"]
    assert lost({"a": [1]}, {"a": [1, 2]}) == ["/a"]
