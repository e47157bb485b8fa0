"""One commit in the making: the acts of a batch, all that follows from them, and what they leave behind."""

import asyncio
import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from shared.decisions import HandOver
from shared.hand_over import Gone, Leaving
from shared.log import INBOX_STREAM, OFFICE, STREAM_OF_LEASE
from shared.writer.acts import Act, Change, Decided
from shared.writer.companions import Along, CompanionBatch, Entered


class Head(NamedTuple):
    """The ``head`` row: where the log stands.

    :ivar batch: the id of the batch that was stored last.
    :ivar log: the position of the last event.
    :ivar published: the number of the last published one.
    :ivar hash: over the whole log (``chained``).
    :ivar at: when the last batch was decided.
    """

    batch: str
    log: int
    published: int
    epoch: int
    hash: bytes
    at: datetime


class Held(msgspec.Struct, gc=False):
    """A stream as the writer holds it in memory."""

    state: Any
    version: int = 0
    published: int = 0  # version of its last published event
    made: int = 0  # log position of its first event
    lease: str | None = None  # which it belongs to, if any


class Leaves(msgspec.Struct, eq=False):
    """What the acts of a batch leave behind for those that are decided after them.

    :ivar committed: whether it is in the store.
    :ivar failed: whether it could not be stored.
    :ivar members: streams that were added to a lease.
    """

    committed: bool = False
    failed: bool = False
    held: dict[str, Held] = {}
    members: dict[tuple[str, str, str], dict[str, None]] = {}
    once: dict[tuple[str, str], tuple[bytes | None, Decided]] = {}
    inbox: dict[tuple[str, str], tuple[str, bytes]] = {}
    applied: dict[tuple[str, str], int] = {}
    gone: dict[tuple[str, str], Gone] = {}  # by office and lease
    awaited: "asyncio.Future[None] | None" = None

    async def until_committed(self) -> None:
        """Wait for the commit. :raises OSError: it failed."""
        if not (self.committed or self.failed):
            self.awaited = asyncio.get_running_loop().create_future()
            await self.awaited
        if not self.committed:
            raise OSError("the commit below failed")

    def has_come_to(self, *, committed: bool) -> None:
        """Say what became of the commit, also to who waits for it."""
        self.committed, self.failed = committed, not committed
        if self.awaited is not None and not self.awaited.done():
            self.awaited.set_result(None)


Mark = tuple[int, int, bytes, int, int, int, int, int, int]
_NOTHING: Any = object()
NOTHING_BELOW = Leaves(committed=True)
_PROCESS, _batches = str(uuid4()), count(1)


class Batch(Leaves, kw_only=True, eq=False):
    """What one commit will hold: acts, in the order in which they were decided, and all that follows from them.

    :ivar id: no other batch has it, also of another process.
    :ivar follows: the id that the head holds before it; afterwards it holds ``id``.
    :ivar below: what the batch that is being committed leaves behind.
    :ivar moment: when what is decided now is decided; a batch that is decided ahead has several.
    :ivar since: the first of them; None while nothing was decided.
    :ivar taken: messages that were new.
    :ivar leaving: of leases that go over to another office, what is stored about them; ``along``: of the ledger.
    :ivar before: what was overwritten in its dicts, newest last.
    """

    id: str
    follows: str
    moment: datetime
    today: date
    log: int
    published: int
    epoch: int
    hash: bytes
    below: Leaves
    companions: Sequence[CompanionBatch]
    since: datetime | None = None
    asked: list[Act] = []
    sent_off: bool = False
    events: list[tuple[str, str, int, str, bytes, int]] = []
    sent: list[tuple[str, int, int, str, str, str, bytes]] = []
    changes: list[Change] = []
    entered: list[Entered] = []
    outcomes: list[tuple[Act, Decided | BaseException]] = []
    leaving: dict[HandOver, Leaving] = {}
    along: dict[HandOver, list[Along]] = {}
    taken: list[tuple[str, str, int, datetime, int, str, int, str, bytes, int]] = []
    before: list[tuple[dict[Any, Any], Any, Any]] = []

    @classmethod
    def after(cls, head: Head, below: Leaves, companions: Sequence[CompanionBatch]) -> "Batch":
        """Begin an empty batch that follows a head, which may be the one that ``below`` will leave."""
        return cls(
            id=f"{_PROCESS}/{next(_batches)}",
            follows=head.batch,
            moment=head.at + timedelta(microseconds=1),
            today=date.min,
            log=head.log,
            published=head.published,
            epoch=head.epoch,
            hash=head.hash,
            below=below,
            companions=companions,
        )

    @property
    def head(self) -> Head:
        """The head as it will be once the batch is committed."""
        id = self.id if self.stores else self.follows
        return Head(id, self.log, self.published, self.epoch, self.hash, self.moment)

    @property
    def stores(self) -> bool:
        """Whether there is anything to be stored; when not, its acts are answered without a commit."""
        return bool(self.events or self.changes or self.taken)

    def put(self, where: dict[Any, Any], key: Any, value: Any) -> None:
        """Set an entry of one of the batch's dicts, so that ``go_back`` can take it back."""
        self.before.append((where, key, where.get(key, _NOTHING)))
        where[key] = value

    def append(self, office: str, key: str, version: int, name: str, stored: bytes, after: Held) -> None:
        """Put an event at the end of the log, whose position was counted already, and its stream as it is after it."""
        self.events.append((office, key, version, name, stored, self.log))
        self.hash = chained(self.hash, key, version, name, stored)
        self.put(self.held, key, after)

    def add_member(self, office: str, kind: str, lease: str, id: str) -> None:
        """Add a stream to those that belong to a lease."""
        self.changes.append(Change(office, STREAM_OF_LEASE, {"kind": kind, "lease": lease, "id": id}))
        place = (office, kind, lease)
        if place in self.members:
            self.put(self.members[place], id, None)
        else:
            self.put(self.members, place, {id: None})

    def add_rows(self, rows: Sequence[Change]) -> None:
        """Add further rows of an act; one may move a stream that we are told of."""
        self.changes += rows
        for change in rows:
            if change.table is INBOX_STREAM:
                stream = (change.office, f"{change.values['publisher']}:{change.values['stream']}")
                self.put(self.applied, stream, 0 if change.how == "delete" else change.values["version"])

    def know_office(self, office: str) -> None:
        """From this day on there is work to do for the office (``shared.day``)."""
        self.changes.append(Change(office, OFFICE, {"since": self.today.isoformat()}))

    def mark(self) -> Mark:
        """Remember where the batch stands, before an act that may fail half way."""
        return (
            self.log,
            self.published,
            self.hash,
            len(self.events),
            len(self.sent),
            len(self.changes),
            len(self.entered),
            len(self.taken),
            len(self.before),
        )

    def go_back(self, mark: Mark) -> None:
        """Take out of the batch everything that an act put into it."""
        self.log, self.published, self.hash, *lengths, overwritten = mark
        grown: tuple[list[Any], ...] = (self.events, self.sent, self.changes, self.entered, self.taken)
        for rows, length in zip(grown, lengths, strict=True):
            del rows[length:]
        for where, key, earlier in reversed(self.before[overwritten:]):
            if earlier is _NOTHING:
                del where[key]
            else:
                where[key] = earlier
        del self.before[overwritten:]


_encoder = msgspec.json.Encoder()


def chained(before: bytes, stream: str, version: int, name: str, state: bytes) -> bytes:
    """Return the hash over the whole log after one more event: what a log head anchors, private events included."""
    entry = hashlib.sha256(_encoder.encode([stream, version, name]) + state).digest()
    return hashlib.sha256(before + entry).digest()


def as_hex(value: bytes | None) -> str | None:
    """Return bytes as they stand in a row of a batch."""
    return None if value is None else "\\x" + value.hex()
