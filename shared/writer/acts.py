"""What may be asked of the writer, and what it answers.

An act is a decision about one stream, by somebody who answers for it; with it come what else the decision must know
(``One``, ``Every``), rows that are stored beside its events, and what is remembered when it refuses.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, Protocol

import msgspec

from shared.decisions import AnyStream, Recorded, Refusal
from shared.lost import StoreBusy
from shared.views import Table


class WritingWaits(StoreBusy):
    """The store holds less than the world has seen of it: nothing is written until a person confirms that it goes on.

    :ivar why: what the store holds, what was seen, and who saw it.
    """

    def __init__(self, why: Mapping[str, str | int]) -> None:
        super().__init__("shorter than witnessed")
        self.why = why


class KeyReused(Exception):
    """The Idempotency-Key was used for another request."""


class ChangedMeanwhile(Exception):
    """The thing has another version than the caller saw.

    :ivar state: its present state.
    :ivar version: its present version.
    """

    def __init__(self, state: Any, version: int) -> None:
        super().__init__("changed meanwhile")
        self.state, self.version = state, version


@dataclass(frozen=True)
class One:
    """A decision wants the state of one other stream; of another office's only where a lease comes from there."""

    stream: AnyStream
    id: str
    office: str | None = None


@dataclass(frozen=True)
class Every:
    """A decision wants all streams of a kind that belong to a lease: a dict from id to state (``office``: ``One``)."""

    stream: AnyStream
    lease: str
    office: str | None = None


Read = One | Every


@dataclass(frozen=True)
class OnRefusal:
    """What is recorded, in the commit that answers it, when a decision refuses."""

    stream: AnyStream
    id: str
    events: Callable[[Refusal], Sequence[Any]]


class Message(msgspec.Struct, frozen=True, gc=False):
    """What the writer must know of a message to let it have its effect once, after its predecessor."""

    publisher: str
    epoch: int
    position: int
    stream: str
    version: int
    previous: int
    type: str
    digest: bytes
    envelope: bytes
    event_id: str
    occurred_on: date
    recorded_at: datetime
    actor: str
    mandate: str | None
    policy_version: str | None
    checklist_version: str | None
    source: str
    subject: str  # "lease/<id>" or "office/<code>"
    clock_suspect: bool = False
    waited: bool = False  # it lies in the inbox already
    released: bool = False  # closed predecessors: goes on although its predecessor never was applied
    office: str = ""  # in whose inbox it lies, where its lease went to the office that it has its effect in

    @property
    def place(self) -> str:
        """Return the message's place in the office's inbox."""
        return f"{self.publisher}:{self.epoch}:{self.position}"


class Responsible(Protocol):
    """Who answers for an act: a caller at the door, a message, a day's work."""

    @property
    def office(self) -> str: ...

    @property
    def actor(self) -> str: ...

    @property
    def act(self) -> str | None: ...

    @property
    def mandated(self) -> bool: ...

    @property
    def occurred_on(self) -> date | None: ...

    @property
    def source(self) -> str: ...

    @property
    def correlation_id(self) -> str: ...

    @property
    def causation_id(self) -> str | None: ...

    @property
    def policy_version(self) -> str | None: ...

    @property
    def checklist_version(self) -> str | None: ...

    @property
    def device_time(self) -> datetime | None: ...

    @property
    def clock_suspect(self) -> bool: ...

    @property
    def once(self) -> str | None: ...

    @property
    def digest(self) -> bytes | None: ...

    @property
    def if_match(self) -> int | None: ...

    @property
    def message(self) -> Message | None: ...


class Decided(msgspec.Struct, frozen=True, gc=False):
    """What came of an act. ``repeat``: a message that was taken in before; ``parked``: it waits for its predecessor."""

    id: str
    stream: AnyStream | None
    state: Any
    version: int
    events: tuple[Recorded[Any], ...] = ()
    answer: bytes | None = None  # of a repeated Idempotency-Key: what was answered first
    outcome: str = "done"  # done, replayed, repeat, parked, conflict


class Change(msgspec.Struct, frozen=True, gc=False):
    """One row to be stored, or taken away, in the batch's commit. ``insert`` fails when the key is there already."""

    office: str
    table: Table
    values: Mapping[str, Any]
    how: Literal["upsert", "insert", "delete"] = "upsert"


class Promised(Protocol):
    """Where the outcome of an act goes: a future, or a place among others."""

    def done(self) -> bool: ...
    def set_result(self, outcome: Decided, /) -> None: ...
    def set_exception(self, outcome: BaseException, /) -> None: ...


class Act(msgspec.Struct, eq=False):
    """Something to decide about a stream, or nothing but that a message was taken in. It is asked once.

    :ivar reads: what else the decision looks at; each arrives as a keyword argument of the same name.
    :ivar refused: what is recorded when the decision refuses, in the commit that answers the refusal.
    :ivar answer: what is kept under an Idempotency-Key, in the same commit.
    :ivar begins: its stream is held to have no event yet: the key of the first one says whether that is so.
    :ivar version_of: of what version ``by.if_match`` speaks, given the state; None: of the stream's.
    :ivar rows: further rows for the same commit (inbox, dead letters).
    :ivar new: the writer holds it to be so: neither its key nor its message is looked for before, the keys of its rows
        say it.
    :ivar future: where its outcome goes, once it waits for one.
    """

    by: Responsible
    stream: AnyStream | None = None
    id: str = ""
    decision: Callable[..., Iterable[Any]] | None = None
    reads: Mapping[str, Read] = {}
    refused: OnRefusal | None = None
    answer: Callable[[Decided], bytes] | None = None
    begins: bool = False
    version_of: Callable[[Any], int] | None = None
    rows: Sequence[Change] = ()
    new: bool = False
    future: Promised | None = None
    office: str = ""

    def __post_init__(self) -> None:
        self.office = self.by.office

    @property
    def supposes(self) -> bool:
        """Whether it is decided on something that the store may deny."""
        return self.new or self.begins

    def suppose_nothing(self) -> None:
        """Let everything be looked for before it is decided again."""
        self.new = self.begins = False

    def tell(self, outcome: Decided | BaseException) -> None:
        """Give the act its outcome, unless it has one or nobody waits for it any more."""
        if self.future is None or self.future.done():
            return
        if isinstance(outcome, BaseException):
            self.future.set_exception(outcome)
        else:
            self.future.set_result(outcome)
