"""How a stream's events are read back when they come together."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from shared.codec import Beside, Codec, EventsMissing, UnknownEvent
from shared.decisions import DatedStream, Recorded, Stream

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ToolLent:
    member: str


@dataclass(frozen=True, kw_only=True)
class ToolReturned:
    on: date


def on_which_day(days: tuple[Any, ...], told: Recorded[Any]) -> tuple[Any, ...]:
    return (*days, (told.occurred_on, told.recorded_at, told.stream, told.version, type(told.event)))


TOOL: Stream[tuple[Any, ...], Any] = Stream(
    "tool", initial=(), evolve=lambda said, event: (*said, event), events=ToolLent | ToolReturned
)
DAYS: DatedStream[tuple[Any, ...], Any] = DatedStream(
    "tool", initial=(), evolve=on_which_day, events=ToolLent | ToolReturned
)
CODEC = Codec([TOOL])
LENT, RETURNED = ToolLent(member="anna"), ToolReturned(on=date(2026, 3, 9))


def together(*told: tuple[Any, str | None]) -> bytes:
    """Return events as the log hands them over, each with its position among the published ones."""
    beside = Beside(id="e", occurred_on=AT.date(), recorded_at=AT, actor="anna")
    stored = [
        (CODEC.name(event), CODEC.encode(event, msgspec.structs.replace(beside, position=position)))
        for event, position in told
    ]
    return b",".join(b'{"name":"%b",%b' % (name.encode(), body[1:]) for name, body in stored)


def test_events_that_come_together_are_each_read_in_their_order() -> None:
    folded = CODEC.fold(TOOL, together((LENT, None), (RETURNED, None)), range(1, 3), id="t1")
    assert folded == ((LENT, RETURNED), 2, 0, LENT)


def test_who_looks_at_dates_sees_them_and_the_place_of_each_event() -> None:
    folded = CODEC.fold(DAYS, together((LENT, None), (RETURNED, None)), [4, 7], id="t1")
    day = AT.date()
    assert folded.state == ((day, AT, "tool/t1", 4, ToolLent), (day, AT, "tool/t1", 7, ToolReturned))
    assert (folded.version, folded.first) == (7, None)  # its first event was not asked for
    told = CODEC.history(together((LENT, None)), range(1, 2), stream="tool/t1")
    assert [(one.event, one.version, one.actor) for one in told] == [(LENT, 1, "anna")]


@pytest.mark.parametrize("stream", [TOOL, DAYS])
def test_the_last_event_that_the_service_itself_published_counts(stream: Any) -> None:
    told = together((LENT, "visits:8"), (LENT, "visits:9"), (LENT, "visitors:10"), (LENT, None))
    assert CODEC.fold(stream, told, range(1, 5), id="t1", service="visits").published == 2
    assert CODEC.fold(stream, told, range(1, 5), id="t1", service="notifications").published == 0


@pytest.mark.parametrize("stream", [TOOL, DAYS])
def test_an_unknown_name_is_said_whatever_stands_before_it(stream: Any) -> None:
    told = together((LENT, None)) + b',{"name":"ToolMended","beside":{},"data":{"with":"glue"}}'
    with pytest.raises(UnknownEvent, match=r"^ToolMended$"):
        CODEC.fold(stream, told, range(1, 3), id="t1")


def test_an_event_that_is_not_as_its_name_says_is_no_unknown_one() -> None:
    with pytest.raises(msgspec.ValidationError, match="member"):
        CODEC.fold(TOOL, b'{"name":"ToolLent","beside":{},"data":{}}', range(1, 2), id="t1")


@pytest.mark.parametrize("versions", [range(1, 4), range(1, 2)])
def test_a_stream_that_is_not_whole_is_not_read(versions: range) -> None:
    with pytest.raises(EventsMissing):
        CODEC.fold(TOOL, together((LENT, None), (RETURNED, None)), versions, id="t1")
