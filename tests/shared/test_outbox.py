"""What an envelope says, byte for byte (contract 4)."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import pytest

from shared.decisions import Recorded
from shared.outbox import BATCH, JustCommitted, Sent, envelope, envelopes, event_and_version, subject_of
from shared.sealed import Sealed

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class ToolLentV1:
    lease: str
    due_on: date
    why: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class ToolLentV2:
    lease: str
    due_on: date
    counter: str


LENT = ToolLentV1(lease="l-1", due_on=date(2026, 3, 9), why=Sealed("c2VhbGVk", "k-1", "ZGlnZXN0", 6))
RECORDED = Recorded(
    event=LENT,
    id="e-1",
    stream="tool/t-1",
    version=4,
    occurred_on=date(2026, 3, 1),
    recorded_at=AT,
    taken_in_at=AT,
    actor="anna",
    mandate="m-7",
)


def sent(**other: object) -> Sent:
    facts = dict(
        position=12,
        epoch=1,
        stream_version=4,
        previous=2,
        versions=[1],
        correlation_id="c-1",
        causation_id=None,
        clock="system",
    )
    return envelope("lending", "kantoor-noord", RECORDED, LENT, **{**facts, **other})  # type: ignore[arg-type]


def test_an_envelope_is_a_cloud_event_with_our_extensions() -> None:
    assert json.loads(sent().body) == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/services/lending",
        "type": "huurspoor.lending.ToolLent.v1",
        "subject": "lease/l-1",
        "time": "2026-03-02T09:30:00Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/lending.ToolLent.v1.json",
        "office": "kantoor-noord",
        "position": 12,
        "epoch": 1,
        "stream": "tool/t-1",
        "streamversion": 4,
        "streamprevious": 2,
        "occurredon": "2026-03-01",
        "actor": "anna",
        "correlationid": "c-1",
        "clock": "system",
        "versions": "1",
        "arrived": "web",
        "mandate": "m-7",
        "data": {
            "lease": "l-1",
            "due_on": "2026-03-09",
            "why": {"sealed": "c2VhbGVk", "key": "k-1", "digest": "ZGlnZXN0", "length": 6},
        },
    }


def test_the_same_event_gives_the_same_bytes() -> None:
    assert sent() == sent()


def test_subject_and_message_id_name_service_position_and_version() -> None:
    assert (sent().subject, sent(epoch=3).msg_id) == ("huurspoor.kantoor-noord.lending.ToolLent.v1", "lending-3-12-v1")


def test_two_versions_share_a_position_and_name_each_other() -> None:
    second = ToolLentV2(lease="l-1", due_on=LENT.due_on, counter="main")
    both = envelopes(
        "lending",
        "kantoor-noord",
        RECORDED,
        [LENT, second],
        position=12,
        epoch=1,
        previous=2,
        correlation_id="c",
        causation_id="b",
        clock="simulated",
    )
    assert [(one.version, one.msg_id) for one in both] == [(1, "lending-1-12-v1"), (2, "lending-1-12-v2")]
    assert {json.loads(one.body)["versions"] for one in both} == {"1,2"}


@pytest.mark.parametrize(
    "office", ["", "A.B", "*", ">", "x", "kantoor noord", "$JS", "a" * 33, "kantoor\n", "kantoor-ñ"]
)
def test_what_is_no_office_code_never_reaches_a_subject(office: str) -> None:
    with pytest.raises(ValueError, match="not an office code"):
        subject_of(office, "lending", "ToolLent", 1)


def test_a_contract_is_named_by_event_and_version() -> None:
    assert event_and_version(ToolLentV2) == ("ToolLent", 2)
    with pytest.raises(ValueError, match="not the name of a contract"):
        event_and_version(Sealed)


def committed(*positions: int, body: bytes = b"{}") -> list[tuple[str, int, int, str, str, str, bytes]]:
    return [
        ("noord", at, version, "ToolLent", "s", f"m-{at}-{version}", body) for at in positions for version in (2, 1)
    ]


def test_what_was_just_committed_is_lent_to_whoever_stands_before_it() -> None:
    just = JustCommitted()
    just.add(committed(5))
    just.add(committed(6, 7))
    assert just.is_set()
    assert just.behind(3) == []
    assert [(row.position, row.version) for row in just.behind(5)] == [(6, 1), (6, 2), (7, 1), (7, 2)]
    assert just.behind(5) == []  # given away: who could not send it reads the table
    just.add(committed(8))
    assert [row.msg_id for row in just.behind(7)] == ["m-8-1", "m-8-2"]


def test_nothing_that_was_just_committed_is_lent_over_a_gap() -> None:
    just = JustCommitted()
    just.add(committed(5))
    just.add(committed(8))  # another process wrote between the two
    assert just.behind(4) == []
    assert just.behind(6) == []
    assert [row.position for row in just.behind(7)] == [8, 8]


def test_what_was_read_meanwhile_is_not_lent_again() -> None:
    just = JustCommitted()
    just.add(committed(5, 6))
    assert just.behind(6) == []
    just.add(committed(7))
    assert [row.position for row in just.behind(6)] == [7, 7]


@pytest.mark.parametrize(("number", "body"), [(BATCH // 2, b"{}"), (8, b"x" * 600_000)])
def test_no_more_is_held_than_goes_into_one_batch(number: int, body: bytes) -> None:
    just = JustCommitted()
    for position in range(1, number):
        just.add(committed(position, body=body))
    just.add(committed(number, body=body))
    just.add(committed(number + 1))
    assert just.behind(0) == []
    assert [row.position for row in just.behind(number)] == [number + 1] * 2
