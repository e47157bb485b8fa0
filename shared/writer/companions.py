"""Companions of the writer: tables of their own, chained over what is published and taken in, in the same commit."""

from datetime import date, datetime
from typing import Any, NamedTuple, Protocol, runtime_checkable

import msgspec

from shared.decisions import HandOver
from shared.views import Table
from shared.writer.acts import Change

Place = tuple[str, int, int]  # publisher, epoch, position


class Entered(msgspec.Struct, frozen=True, gc=False):
    """A published or taken-in event on its way into companion tables (the ledger)."""

    office: str
    publisher: str
    epoch: int
    position: int
    event_id: str
    type: str
    subject: str
    occurred_on: date
    recorded_at: datetime
    taken_in_at: datetime
    actor: str
    mandate: str | None
    envelope: bytes

    @property
    def place(self) -> Place:
        """Where its publisher told of it."""
        return self.publisher, self.epoch, self.position


class Along(NamedTuple):
    """What goes along with a lease.

    :ivar entries: all of the office that it leaves, in their order.
    :ivar there: what of the lease the office has that it goes to, where it was there before.
    """

    entries: list[Entered]
    there: frozenset[Place]


class CompanionBatch(Protocol):
    """One batch's rows of a companion. Those of a batch that was not committed are dropped."""

    def add(self, entered: Entered) -> None: ...
    def changes(self) -> list[Change]: ...
    def committed(self) -> None: ...


class Companion(Protocol):
    """Keeps a table of its own, chained over what is published and taken in, in the writer's commit."""

    tables: tuple[Table, ...]

    async def load(self, connection: Any, offices: set[str]) -> None:
        """Read the present heads of these offices (each within its wall); called before a batch that needs them."""

    def forget(self) -> None:
        """Somebody else wrote: heads in memory are void."""

    def batch(self, after: Any = None) -> CompanionBatch:
        """Begin a batch's rows, on top of those of ``after`` where that one is not committed yet."""


@runtime_checkable
class GoesAlong(Protocol):
    """A companion whose rows about a lease go along to the office that the lease goes to."""

    async def leaving(self, connection: Any, going: HandOver) -> Along:
        """Return what may enter the other office's chain; each office is read within its wall."""
