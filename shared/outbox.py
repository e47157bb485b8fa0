"""What we told, in order: the exact bytes of each published event, and their way to the bus."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any, Literal

import msgspec

from shared.decisions import Recorded

PLATFORM = "platform"  # the office code of events that belong to no office
OFFICE = re.compile(r"[a-z0-9][a-z0-9-]{1,30}\Z")

_CONTRACT_NAME = re.compile(r"(?P<event>[A-Z][A-Za-z0-9]*?)V(?P<version>[1-9][0-9]*)\Z")
_encoder = msgspec.json.Encoder()


class Envelope(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """A CloudEvents 1.0 envelope in structured JSON, with the extensions of contract 4. Attributes without a value are absent."""

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    subject: str
    time: datetime
    datacontenttype: Literal["application/json"]
    dataschema: str
    office: str
    position: int
    epoch: int
    stream: str
    streamversion: int
    streamprevious: int
    occurredon: date
    actor: str
    correlationid: str
    clock: Literal["system", "simulated"]
    versions: str
    arrived: str
    causationid: str | None = None
    mandate: str | None = None
    policyversion: str | None = None
    checklistversion: str | None = None
    clocksuspect: bool = False
    data: Any = None


@dataclass(frozen=True)
class Sent:
    """An envelope as it goes to the bus: these bytes, whenever it is sent."""

    version: int
    subject: str
    msg_id: str
    body: bytes


@cache
def _event_and_version(name: str) -> tuple[str, int]:
    told = _CONTRACT_NAME.match(name)
    if told is None:
        raise ValueError(f"{name} is not the name of a contract: <EventName>V<number>")
    return told["event"], int(told["version"])


def event_and_version(contract: type) -> tuple[str, int]:
    """Return what a contract's class name says: ``VisitRecordedV1`` is ``("VisitRecorded", 1)``.

    :raises ValueError: the name does not end in ``V<number>``.
    """
    return _event_and_version(contract.__name__)


def subject_of(office: str, service: str, event: str, version: int) -> str:
    """Return where an event is published.

    :raises ValueError: the office code is none; it must not reach a subject.
    """
    if not OFFICE.match(office):
        raise ValueError("not an office code")
    return f"huurspoor.{office}.{service}.{event}.v{version}"


def message_id(service: str, epoch: int, position: int, version: int) -> str:
    """Return the ``Nats-Msg-Id``: two versions of one event are two messages."""
    return f"{service}-{epoch}-{position}-v{version}"


def envelope(
    service: str,
    office: str,
    recorded: Recorded[Any],
    contract: Any,
    *,
    position: int,
    epoch: int,
    stream_version: int,
    previous: int,
    versions: Sequence[int],
    correlation_id: str,
    causation_id: str | None,
    clock: Literal["system", "simulated"],
) -> Sent:
    """Return the envelope of one contract of a recorded event (contract 4). Pure: the same event, the same bytes.

    :param position: the service's own gap-free number over its published events.
    :param previous: version of the last published event of the same stream, 0 if none.
    :param versions: all versions published at this position.
    """
    event, version = event_and_version(type(contract))
    lease = getattr(contract, "lease", None)
    whole = Envelope(
        specversion="1.0",
        id=recorded.id,
        source=f"/services/{service}",
        type=f"huurspoor.{service}.{event}.v{version}",
        subject=f"lease/{lease}" if lease else f"office/{office}",
        time=recorded.recorded_at,
        datacontenttype="application/json",
        dataschema=f"/schemas/{service}.{event}.v{version}.json",
        office=office,
        position=position,
        epoch=epoch,
        stream=recorded.stream,
        streamversion=stream_version,
        streamprevious=previous,
        occurredon=recorded.occurred_on,
        actor=recorded.actor,
        correlationid=correlation_id,
        causationid=causation_id,
        clock=clock,
        versions=",".join(str(number) for number in sorted(versions)),
        arrived=recorded.source,
        mandate=recorded.mandate,
        policyversion=recorded.policy_version,
        checklistversion=recorded.checklist_version,
        clocksuspect=recorded.clock_suspect,
        data=contract,
    )
    return Sent(
        version,
        subject_of(office, service, event, version),
        message_id(service, epoch, position, version),
        _encoder.encode(whole),
    )


def envelopes(
    service: str,
    office: str,
    recorded: Recorded[Any],
    contracts: Sequence[Any],
    *,
    position: int,
    epoch: int,
    previous: int,
    correlation_id: str,
    causation_id: str | None,
    clock: Literal["system", "simulated"],
) -> list[Sent]:
    """Return the envelopes of all versions in which one recorded event is published, under one position.

    :raises ValueError: the contracts are not versions of one event.
    """
    named = [event_and_version(type(contract)) for contract in contracts]
    if len({event for event, _ in named}) != 1 or len({version for _, version in named}) != len(named):
        raise ValueError(f"one event is published under one name, once a version: {named}")
    return [
        envelope(
            service,
            office,
            recorded,
            contract,
            position=position,
            epoch=epoch,
            stream_version=recorded.version,
            previous=previous,
            versions=[version for _, version in named],
            correlation_id=correlation_id,
            causation_id=causation_id,
            clock=clock,
        )
        for contract in contracts
    ]
