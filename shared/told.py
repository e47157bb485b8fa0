"""What another service told us: declaring what is heard, and making sense of bytes from the bus.

A message is read strictly where meaning hangs on it, and leniently where a newer publisher may have added something.
What cannot be taken in becomes a ``Letter`` with a reason from a closed list.
"""

import contextlib
import hashlib
import importlib
import inspect
import re
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache, lru_cache, partial
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeVar

import msgspec

from shared.clock import Clock, local_date
from shared.decisions import AnyStream
from shared.event_sourcing import Act, EventStore, Message
from shared.outbox import OFFICE, PLATFORM, event_and_version, subject_of

C = TypeVar("C")
PLATFORM_EVENTS = ("LogHeadAnnounced", "HistoryRequested")

Reason = Literal["unreadable", "schema", "forged", "unknown-version", "conflict", "failed", "void"]


# -- what a service declares ------------------------------------------------------------------------------------------


class Told(msgspec.Struct, Generic[C], eq=False, gc=False):
    """A fact that another service told us; it answers for what we do about it.

    ``actor``, ``mandate`` and the dates are those of the fact itself. What a reaction records beside it is an act of
    the system, on the day of the fact.
    """

    data: C
    id: str
    publisher: str
    position: int
    epoch: int
    stream: str
    version: int
    previous: int
    office: str
    occurred_on: date | None
    recorded_at: datetime
    actor: str
    mandate: str | None
    correlation_id: str
    type: str
    envelope: bytes
    at: datetime
    today: date
    message: Message | None
    causation_id: str | None
    subject: str  # where it was published
    versions: tuple[int, ...]  # all versions in which it was published
    source: str = "system"
    policy_version: str | None = None
    checklist_version: str | None = None
    act: str | None = None
    mandated: bool = False
    device_time: datetime | None = None
    clock_suspect: bool = False
    once: str | None = None
    digest: bytes | None = None
    if_match: int | None = None


Reaction = Callable[[Told[Any], EventStore], Awaitable[None]]


@dataclass(frozen=True)
class Keep:
    """The reaction that makes what was told an event of a stream of ours, and does nothing else."""

    stream: AnyStream
    of: Callable[[Told[Any]], str]

    async def __call__(self, told: Told[Any], store: EventStore) -> None:
        """React to one message by itself."""
        id = self.of(told)
        await store.decide(
            self.stream, id, partial(_as_told, told.data), by=told, begins=_is_the_first_about(told.message, id)
        )

    def act(self, told: Told[Any]) -> Act:
        """Return what is to be decided, for who hands over many messages at once."""
        id = self.of(told)
        return Act(told, self.stream, id, partial(_as_told, told.data), begins=_is_the_first_about(told.message, id))


def _is_the_first_about(message: Message | None, id: str) -> bool:
    """Whether nothing was told before of this very thing: then there mostly is nothing of it here either.

    (That it is the first about a visit says nothing of the lease that the visit is kept with.)
    """
    return message is not None and message.previous == 0 and message.stream.partition("/")[2] == id


def _as_told(fact: Any, _state: Any) -> tuple[Any]:
    return (fact,)


class Reactions:
    """What a service does when another one tells it something; each public contract at most once."""

    def __init__(self) -> None:
        self.heard: dict[type, Reaction] = {}

    def to(self, *contracts: type) -> Callable[[Callable[[Any, EventStore], Awaitable[None]]], Reaction]:
        """React to these contracts. The reaction decides exactly once, ``by=told``, or not at all."""

        def declare(reaction: Callable[[Any, EventStore], Awaitable[None]]) -> Reaction:
            for contract in contracts:
                self._declare(contract, reaction)
            return reaction

        return declare

    def keep(self, stream: AnyStream, *contracts: type, of: Callable[[Told[Any]], str]) -> None:
        """Let these contracts become events of a stream of ours; ``of`` says which."""
        for contract in contracts:
            self._declare(contract, Keep(stream, of))

    def with_those_of(self, other: "Reactions") -> "Reactions":
        """Return both together."""
        both = Reactions()
        for contract, reaction in (*self.heard.items(), *other.heard.items()):
            both._declare(contract, reaction)
        return both

    def _declare(self, contract: type, reaction: Reaction) -> None:
        event_and_version(contract)
        if contract in self.heard:
            raise ValueError(f"{contract.__name__} is reacted to twice; a message has one effect, in one commit")
        self.heard[contract] = reaction


@cache
def contracts_of(publisher: str) -> Mapping[str, Mapping[int, type]]:
    """Return the public contracts of a service: event name to version to class."""
    found: dict[str, dict[int, type]] = {}
    for module in (importlib.import_module(f"shared.contracts.{name}") for name in (publisher, PLATFORM)):
        union = getattr(module, "Contract", None)
        members = typing.get_args(union) if union is not None else ()
        if isinstance(union, tuple):
            members = union
        for contract in members or [
            one for _, one in inspect.getmembers(module, inspect.isclass) if one.__module__ == module.__name__
        ]:
            with contextlib.suppress(ValueError):
                event, version = event_and_version(contract)
                found.setdefault(event, {})[version] = contract
    return found


# -- reading ----------------------------------------------------------------------------------------------------------

_MOST = 2**53 - 1  # that every reader of JSON, and the ledger, can hold
_AtLeastOne = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]
_Word = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Arrived(msgspec.Struct, kw_only=True, frozen=True):
    """An envelope as it must be (contract 4); what a newer publisher says beyond that is let through."""

    specversion: Literal["1.0"]
    id: _Word
    source: _Word
    type: _Word
    subject: _Word
    time: Annotated[datetime, msgspec.Meta(tz=True)]
    office: _Word
    position: _AtLeastOne
    epoch: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    stream: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9-]+/[!-~]{1,120}$")]
    streamversion: _AtLeastOne
    streamprevious: Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
    occurredon: date
    actor: _Word
    correlationid: _Word
    clock: Literal["system", "simulated"]
    data: msgspec.Raw
    versions: str | msgspec.UnsetType = msgspec.UNSET
    arrived: _Word = "system"
    causationid: str | None = None
    mandate: str | None = None
    policyversion: str | None = None
    checklistversion: str | None = None
    clocksuspect: bool = False


SUBJECT = re.compile(
    r"huurspoor\.(?P<office>[^.]+)\.(?P<service>[^.]+)\.(?P<event>[A-Z][A-Za-z0-9]{0,80})\.v(?P<version>[1-9][0-9]{0,5})\Z"
)
VERSIONS = re.compile(r"[1-9][0-9]{0,5}(,[1-9][0-9]{0,5})*\Z")
_arrived = msgspec.json.Decoder(_Arrived)


class _Named(NamedTuple):
    """What a subject names, and what an envelope under it must say of itself."""

    office: str
    of_an_office: bool
    service: str
    event: str
    version: int
    source: str
    type: str


@lru_cache(maxsize=10_000)
def _named(subject: str) -> _Named | None:
    """Return what a subject names, None when it is none of ours."""
    found = SUBJECT.match(subject)
    if found is None:
        return None
    office, service, event, version = found.groups()
    return _Named(
        office,
        OFFICE.match(office) is not None,
        service,
        event,
        int(version),
        source=f"/services/{service}",
        type=f"huurspoor.{service}.{event}.v{version}",
    )


@lru_cache(maxsize=1000)
def _numbers(versions: str) -> tuple[int, ...] | None:
    """Return the versions that an envelope names, None when it names them as none should."""
    if not VERSIONS.match(versions):
        return None
    return tuple(sorted({int(number) for number in versions.split(",")}))


_LONG_AGO, _FAR_OFF = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# What a decoder raises for what is no sound JSON, or other JSON than it wants, or nests deeper than it goes.
UNREADABLE = (ValueError, RecursionError)


@dataclass(frozen=True)
class Letter:
    """A message that cannot be taken in, and why. Only what can be trusted of it is filled in.

    :ivar why: closed words or a class name; never what the message says.
    """

    id: str
    office: str
    publisher: str
    reason: Reason
    why: str
    subject: str
    body: bytes
    epoch: int | None = None
    position: int | None = None
    stream: str | None = None
    version: int | None = None
    previous: int | None = None
    type: str | None = None


@dataclass(frozen=True)
class Passed:
    """A version that we do not take, of an event of which we take another one. It is acknowledged without effect."""


class Reader:
    """Makes a ``Told`` of a message, or says why not. Pure but for the clock."""

    def __init__(self, service: str, heard: Mapping[type, Any], clock: Clock) -> None:
        self._service = service
        self._heard = heard
        self._clock = clock
        self._decoders: dict[type, msgspec.json.Decoder[Any]] = {}
        self._chosen = lru_cache(maxsize=1000)(self._choose)
        self._heard_of = lru_cache(maxsize=1000)(self._is_heard)
        self._day = (_LONG_AGO, _LONG_AGO.date())

    def read(
        self, publisher: str, subject: str, body: bytes, *, at: datetime | None = None
    ) -> Told[Any] | Letter | Passed:
        """Read a message that came from the stream of ``publisher``.

        :param at: when it came, for those who read many at once; by default now.
        """
        named = _named(subject)
        office = named.office if named is not None and named.of_an_office else PLATFORM
        event, version = (named.event, named.version) if named is not None else ("", 0)

        def dead(reason: Reason, why: str, *, of: str = office, envelope: _Arrived | None = None) -> Letter:
            placed: dict[str, Any] = {}
            if envelope is not None:
                placed = {
                    "epoch": envelope.epoch,
                    "position": envelope.position,
                    "stream": envelope.stream,
                    "version": envelope.streamversion,
                    "previous": envelope.streamprevious,
                    "type": event,
                }
            return Letter(letter_id(subject, body), of, publisher, reason, why, subject, body, **placed)

        if named is None:
            return dead("forged", "subject")
        try:
            envelope = _arrived.decode(body)
        except msgspec.ValidationError:
            return dead("schema", "envelope")
        except UNREADABLE:  # not JSON, not UTF-8, nested without end
            return dead("unreadable", "not JSON")
        versions = _numbers(envelope.versions) if isinstance(envelope.versions, str) else (version,)
        if versions is None:
            return dead("schema", "envelope")
        if named.service != publisher or envelope.source != named.source:
            return dead("forged", "publisher", of=PLATFORM)
        if envelope.type != named.type:
            return dead("forged", "type", of=PLATFORM)
        if not named.of_an_office or envelope.office != office:
            return dead("forged", "office", of=PLATFORM)
        if (envelope.office == PLATFORM) != (event in PLATFORM_EVENTS):
            return dead("forged", "platform", of=PLATFORM)
        if version not in versions or envelope.streamprevious >= envelope.streamversion:
            return dead("schema", "numbers")
        if not _LONG_AGO <= envelope.time < _FAR_OFF:
            return dead("schema", "time")
        # Most messages hold no backslash at all, which is found out in a tenth of the time.
        if b"\\" in body and b"\\u0000" in body and _holds_nul(body):
            return dead("schema", "NUL", envelope=envelope)
        chosen, contract = self._chosen(publisher, event, versions)
        if chosen is None:
            return dead("unknown-version", f"v{version}", envelope=envelope)
        if chosen != version:
            return Passed()
        data: Any = None
        if contract is not None:
            try:
                data = self._decoder(contract).decode(envelope.data)
            except UNREADABLE:
                return dead("schema", "data", envelope=envelope)
            lease = getattr(data, "lease", None)
            if envelope.subject != (f"lease/{lease}" if lease else f"office/{envelope.office}"):
                return dead("forged", "lease", of=PLATFORM)
        return self._told(publisher, subject, event, envelope, data, body, versions, at or self._clock.now())

    def only_notes(self, publisher: str, subject: str) -> bool:
        """Whether nothing is done about what comes under a subject but to note that it came."""
        named = _named(subject)
        return named is not None and named.service == publisher and not self._heard_of(publisher, named.event)

    def again(self, publisher: str, body: bytes) -> Told[Any] | Letter | Passed:
        """Read a message that was parked: it was sound when it came, so its subject follows from it."""
        try:
            envelope = _arrived.decode(body)
            _, _, event, version = envelope.type.split(".")
            subject = subject_of(envelope.office, publisher, event, int(version.removeprefix("v")))
        except UNREADABLE:
            subject = ""
        return self.read(publisher, subject, body)

    def _choose(self, publisher: str, event: str, versions: tuple[int, ...]) -> tuple[int | None, type | None]:
        """Return which of the versions of an event is taken, and its contract; of one that nobody hears the first."""
        known = contracts_of(publisher).get(event, {})
        taken = [number for number, contract in known.items() if contract in self._heard]
        chosen = max((number for number in versions if number in taken), default=None) if taken else versions[0]
        return chosen, None if chosen is None else known.get(chosen)

    def _is_heard(self, publisher: str, event: str) -> bool:
        return any(contract in self._heard for contract in contracts_of(publisher).get(event, {}).values())

    def _told(
        self,
        publisher: str,
        subject: str,
        event: str,
        envelope: _Arrived,
        data: Any,
        body: bytes,
        versions: tuple[int, ...],
        at: datetime,
    ) -> Told[Any]:
        # By place: Python hands over more than 15 names in a dict, five times as slowly (measured: 0.7 and 0.1 µs).
        message = Message(
            publisher,
            envelope.epoch,
            envelope.position,
            envelope.stream,
            envelope.streamversion,
            envelope.streamprevious,
            event,
            hashlib.sha256(body).digest(),
            body,
            envelope.id,
            envelope.occurredon,
            envelope.time,
            envelope.actor,
            envelope.mandate,
            envelope.policyversion,
            envelope.checklistversion,
            envelope.arrived,
            envelope.subject,
            envelope.clocksuspect,
        )
        return Told(
            data,
            envelope.id,
            publisher,
            envelope.position,
            envelope.epoch,
            envelope.stream,
            envelope.streamversion,
            envelope.streamprevious,
            envelope.office,
            envelope.occurredon,
            envelope.time.astimezone(UTC),
            envelope.actor,
            envelope.mandate,
            envelope.correlationid,
            event,
            body,
            at,
            self._day_of(at),
            message,
            envelope.id,
            subject,
            versions,
            policy_version=envelope.policyversion,
            checklist_version=envelope.checklistversion,
        )

    def _day_of(self, at: datetime) -> date:
        if self._day[0] != at:
            self._day = (at, local_date(at))
        return self._day[1]

    def _decoder(self, contract: type) -> msgspec.json.Decoder[Any]:
        found = self._decoders.get(contract)
        if found is None:
            found = self._decoders[contract] = msgspec.json.Decoder(contract)
        return found


def letter_id(subject: str, body: bytes) -> str:
    """Return the id of a dead letter: the same message delivered again is the same letter."""
    return hashlib.sha256(subject.encode("utf-8", "surrogateescape") + b"\0" + body).hexdigest()[:32]


def _holds_nul(body: bytes) -> bool:
    """Whether a text in a JSON value holds NUL, or none can tell because it nests too deep."""
    try:
        parts = [msgspec.json.decode(body)]
    except UNREADABLE:
        return True
    while parts:
        match parts.pop():
            case str() as text if "\0" in text:
                return True
            case dict() as members:
                parts += [*members.keys(), *members.values()]
            case list() as several:
                parts += several
    return False
