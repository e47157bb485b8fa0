"""What rules are made of: streams, refusals, and what a decision may answer. Standard library only."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, ClassVar, Generic, TypeVar

S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, kw_only=True)
class Recorded(Generic[E]):
    """An event together with what was stored beside it when it was recorded."""

    event: E
    id: str
    stream: str  # "<kind>/<id>"
    version: int  # its place in its stream, from 1
    occurred_on: date  # local date of the fact
    recorded_at: datetime  # when the service in which it happened stored it; aware, UTC
    taken_in_at: datetime  # when this service stored it; the same moment for its own events
    actor: str  # a person's id, or "SYS"
    mandate: str | None = None
    policy_version: str | None = None
    checklist_version: str | None = None
    position: str | None = None  # "<service>:<number>" of a published event, None for a private one
    source: str = "web"  # web, tablet, import, post, portal, system
    clock_suspect: bool = False
    office: str | None = None  # under which it was recorded, where that is another than the one that reads it

    @property
    def thing(self) -> str:
        """The id of the thing to which it happened: of the lease, the visit, the letter."""
        return self.stream.partition("/")[2]


@dataclass(frozen=True)
class Stream(Generic[S, E]):
    """One kind of thing whose whole history is its events.

    ``evolve(state, event)`` never refuses and computes nothing that a rule could have put into the event.
    ``events`` is the union of what can happen to it.
    """

    kind: str
    initial: S
    evolve: Callable[[S, E], S]
    events: Any
    dated: ClassVar[bool] = False

    def after(self, state: S, recorded: Recorded[E]) -> S:
        """Return the state once ``recorded`` has happened."""
        return self.evolve(state, recorded.event)


@dataclass(frozen=True)
class DatedStream(Generic[S, E]):
    """A stream whose state must know when each fact happened and when it became known.

    Its ``evolve(state, recorded)`` gets the event with its dates.
    """

    kind: str
    initial: S
    evolve: Callable[[S, Recorded[E]], S]
    events: Any
    dated: ClassVar[bool] = True

    def after(self, state: S, recorded: Recorded[E]) -> S:
        """Return the state once ``recorded`` has happened."""
        return self.evolve(state, recorded)


AnyStream = Stream[Any, Any] | DatedStream[Any, Any]


@dataclass(frozen=True)
class Elsewhere:
    """An event that a decision records in another stream than its own, in the same commit.

    :ivar follows: it follows by itself, whoever's act it follows from: recorded as the system's own, today.
    :ivar office: whose stream it is, where that is another office's; only for a lease that goes over to it.
    """

    stream: AnyStream
    id: str
    event: Any
    follows: bool = False
    office: str | None = None


@dataclass(frozen=True, kw_only=True)
class HandOver:
    """Among a decision's events: a lease goes over to another office, with all that was recorded about it.

    In the same commit, and before what stands behind it. Where it has gone there already, nothing.
    """

    lease: str
    from_office: str
    to_office: str


@dataclass(frozen=True)
class Named:
    """One of the reasons inside a refusal that names several: a gate, a SMART letter, a missing part."""

    code: str
    pointer: str | None = None
    values: Mapping[str, str | int] = field(default_factory=dict)  # for the sentence; never personal data


class Refusal(Exception):
    """A rule says no. The class name is the reason; it is true when raised and says nothing of HTTP."""

    def __init__(self, *named: Named) -> None:
        super().__init__(self.reason())
        self.named = named

    @classmethod
    def reason(cls) -> str:
        """Return the reason in kebab-case: ``RenterNotInformed`` is ``renter-not-informed``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()

    @classmethod
    def code(cls) -> str:
        """Return the code as the domain writes it: ``RENTER_NOT_INFORMED``."""
        return cls.reason().replace("-", "_").upper()


class NoAuthority(Refusal):
    """A rule says no to this person; another might be allowed."""


class TooEarly(Exception):
    """What a message is about has not arrived yet; it is parked until ``waits_for`` has.

    ``waits_for`` names a stream of a publisher: ``"visits:finding/<id>"``.
    """

    def __init__(self, waits_for: str) -> None:
        super().__init__(waits_for)
        self.waits_for = waits_for


@dataclass(frozen=True)
class Person:
    """Somebody who proved at the HTTP door who they are; only ``shared.web`` makes one.

    A decision that people alone may take asks for a ``Person``, so that no reaction, timer or import can call it.
    """

    id: str
    roles: frozenset[str]
    in_name_of: str | None = None

    def is_one_of(self, *persons: str | None) -> bool:
        """Whether this person, or the one in whose name they act, is among ``persons``."""
        return self.id in persons or (self.in_name_of is not None and self.in_name_of in persons)
