"""Whether the store holds all that the world has seen of this service; where not, writing waits for a person.

A database that was restored from a backup knows nothing of what came after it. Others do: JetStream holds what we
published, the other services hold what they took in (the heads that they announce say how far, ``shared.heads``), and a
file beside the state remembers how far the log had come on this machine. At a start, and whenever one of them says more
than we know, nothing is written and nothing published until a person said that this older state is the one to go on
with. Then a new epoch begins (``shared.epochs``).

What the store holds is never taken for more than it is, nor a witness for more: one that is away or knows nothing says
nothing, and a service whose witnesses are all away starts. When they come back it may have written something; then that
is told in the new epoch.
"""

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import prometheus_client
import structlog

from shared.bus import NOT_FOUND, SERVICES, Bus, BusAway, BusRefused, Seldom, stream_of
from shared.clock import Clock, in_json, seconds_running
from shared.contracts.platform import Heard, LogHeadAnnouncedV1
from shared.epochs import ended_by, epoch_at, is_void
from shared.log import ENDED_EPOCH
from shared.outbox import PLATFORM, message_id
from shared.refusals import WrongState
from shared.told import UNREADABLE
from shared.writer.loop import Writer

log = structlog.get_logger()

PATIENCE_SECONDS = 2.0  # for a bus that is away at the start
LOOK_SECONDS = 1.0
MOST_MESSAGES = 5000  # of the end of our stream that are looked at
AT_ONCE = 64
THIS_MACHINE: Final = "this machine"
THE_BUS: Final = "the bus"

WAITS = prometheus_client.Gauge("huurspoor_writing_waits", "1 while writing waits for a person after a restore")

_EPOCH = re.compile(rb'"epoch":[0-9]+,')


# -- judging ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What somebody has seen of our log. ``same``: what stood there is what we hold; None: nobody can tell."""

    by: str
    epoch: int
    position: int
    log: int = 0  # position of the whole log, private events included, where the witness knows it
    same: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Own:
    """What our store holds."""

    epoch: int
    position: int
    log: int
    ended: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Contradiction:
    """The store holds less, or something else, than was witnessed.

    :ivar void_from: the first position that the world knows and we do not, or know differently.
    :ivar next_epoch: the one in which we go on.
    """

    kind: Literal["shorter than witnessed", "other than witnessed"]
    by: str
    own: Own
    epoch: int
    position: int
    void_from: int
    next_epoch: int

    def shown(self) -> dict[str, str | int]:
        """Return what may be said of it; no personal data."""
        return {
            "what": self.kind,
            "by": self.by,
            "own_epoch": self.own.epoch,
            "own_position": self.own.position,
            "witnessed_epoch": self.epoch,
            "witnessed_position": self.position,
        }

    def __str__(self) -> str:
        here, there = f"{self.own.epoch}:{self.own.position}", f"{self.epoch}:{self.position}"
        return f"{self.kind}: the log reaches {here} (epoch:position), {self.by} has seen {there}"


def judge(own: Own, witnesses: Iterable[Seen]) -> Contradiction | None:
    """Return how witnesses contradict the store, None when they do not. What is known to be void says nothing."""
    against = [one for one in witnesses if _is_against(own, one)]
    if not against:
        return None
    most = max(against, key=lambda one: (one.epoch, one.position, one.log))
    shorter = any(one.same is not False for one in against)
    return Contradiction(
        kind="shorter than witnessed" if shorter else "other than witnessed",
        by=most.by,
        own=own,
        epoch=most.epoch,
        position=most.position,
        void_from=min(own.position + 1, *(one.position for one in against if one.same is False), own.position + 1),
        next_epoch=max(own.epoch, *(one.epoch for one in against)) + 1,
    )


def _is_against(own: Own, seen: Seen) -> bool:
    if is_void(own.ended, seen.epoch, seen.position):
        return False
    private = seen.epoch == own.epoch and seen.log > own.log
    return seen.epoch > own.epoch or seen.position > own.position or private or seen.same is False


def as_told(service: str, ended: Mapping[int, int], position: int, msg_id: str, body: bytes) -> tuple[str, bytes]:
    """Return the id and the bytes under which an event is told: in the epoch in which its position counts.

    It differs from the one in which it was recorded only for what was written between a restore and its being noticed.
    """
    epoch = epoch_at(ended, position)
    stem, _, version = msg_id.rpartition("-v")
    if epoch == 1 or stem == message_id(service, epoch, position, 1).rpartition("-v")[0]:
        return msg_id, body
    # The envelope's own member: it comes before the data, and inside a text a quotation mark is never bare.
    return message_id(service, epoch, position, int(version)), _EPOCH.sub(b'"epoch":%d,' % epoch, body, count=1)


class _Placed(msgspec.Struct):
    """Where a message of ours says that it stands."""

    epoch: int
    position: int


class _Announced(msgspec.Struct):
    data: LogHeadAnnouncedV1


_placed = msgspec.json.Decoder(_Placed)
_announced = msgspec.json.Decoder(_Announced)


# -- asking -----------------------------------------------------------------------------------------------------------


class Witness:
    """Vouches for the log of one service process before it writes. ``run`` serves until cancelled.

    :param every_office: a pool under the role that sees all offices.
    :param file: remembers how far the log came on this machine; None: nothing does.
    :ivar publishing: whether this process may publish: it is the one that writes, and the bus was asked.
    """

    def __init__(
        self, service: str, writer: Writer, bus: Bus, clock: Clock, every_office: Any, file: Path | None = None
    ) -> None:
        self.publishing = Publishing(writer.ready)
        self.waiting: Contradiction | None = None
        self._service = service
        self._writer = writer
        self._bus = bus
        self._clock = clock
        self._every_office = every_office
        self._file = file
        self._written: bytes | None = None
        self._ended: dict[int, int] = {}
        self._opened = False
        self._against: list[Seen] = []
        self._heard: list[tuple[str, Sequence[Heard]]] = []
        self._confirmed = asyncio.Event()
        self._seldom = Seldom()
        writer.vouch = self.vouch

    def as_told(self, position: int, msg_id: str, body: bytes) -> tuple[str, bytes]:
        """Return under which id and with which bytes something recorded is told (``Relay.as_told``)."""
        return as_told(self._service, self._ended, position, msg_id, body) if self._ended else (msg_id, body)

    @property
    def why_not(self) -> str | None:
        """Why nothing is written; None when that is not for want of a person's word."""
        return None if self.waiting is None else f"{self.waiting}; writing waits for a person (POST /epochs)"

    async def vouch(self) -> None:
        """Return once the store may be written: nobody has seen more of it, or a person said that it goes on.

        :raises OSError, asyncpg.PostgresError: the store is away.
        """
        own = await self._own()
        self._against += self._remembered()
        if not self._opened:
            until = seconds_running() + PATIENCE_SECONDS
            while not await self._ask_the_bus() and seconds_running() < until:
                await asyncio.sleep(0.05)
        while (found := judge(own, self._against)) is not None:
            self.waiting, self._writer.waits = found, found.shown()
            self._confirmed.clear()
            WAITS.set(1)
            log.error("writing-waits", service=self._service, **found.shown())
            await self._confirmed.wait()
            own = await self._own()
        self.waiting, self._writer.waits = None, None
        WAITS.set(0)
        self._against.clear()
        self._opened = True

    async def confirm(self, *, reason: str, by: str) -> dict[str, Any]:
        """Go on with the older state: begin a new epoch, from the first position that the world knows otherwise.

        :raises WrongState: nothing waits for it.
        :raises OSError, asyncpg.PostgresError: the store is away; nothing was begun.
        """
        found = self.waiting
        if found is None:
            raise WrongState
        ended = ended_by(found.own.ended, epoch=found.next_epoch, void_from=found.void_from)
        async with self._every_office.acquire(timeout=5) as connection, connection.transaction():
            await connection.executemany(
                f"insert into {ENDED_EPOCH.name} (office, publisher, epoch, void_from, confirmed_by, reason, at)"
                f" values ('{PLATFORM}', $1, $2, $3, $4, $5, $6) on conflict (office, publisher, epoch)"
                " do update set void_from = excluded.void_from",
                [(self._service, epoch, first, by, reason, self._clock.now()) for epoch, first in ended.items()],
            )
            await connection.execute(
                "update head set epoch = $1, batch = gen_random_uuid()::text where epoch < $1", found.next_epoch
            )
            await connection.execute("update relay set position = least(position, $1)", found.void_from - 1)
        log.error("epoch-begun", service=self._service, epoch=found.next_epoch, void_from=found.void_from, by=by)
        self._confirmed.set()
        return {"epoch": found.next_epoch, "void_from": f"{self._service}:{found.void_from}", **found.shown()}

    async def told(self) -> dict[str, Any]:
        """Return the epochs of this service, and what waits for a person."""
        head = await self._every_office.fetchrow("select epoch, published from head")
        rows = await self._every_office.fetch(
            f"select epoch, void_from, confirmed_by, reason, at from {ENDED_EPOCH.name} where publisher = $1"
            " order by epoch",
            self._service,
        )
        return {
            "epoch": head["epoch"],
            "position": f"{self._service}:{head['published']}",
            "waits": None if self.waiting is None else self.waiting.shown(),
            "ended": [
                {
                    "epoch": row["epoch"],
                    "void_from": f"{self._service}:{row['void_from']}",
                    "confirmed_by": row["confirmed_by"],
                    "reason": row["reason"],
                    "at": in_json(row["at"]),
                }
                for row in rows
            ],
        }

    def hear(self, who: str, heard: Sequence[Heard]) -> None:
        """Compare soon with what another service says that it holds of us."""
        if heard:
            self._heard.append((who, heard))

    async def run(self) -> None:
        """Remember how far the log came, and compare with what the bus and the others say, until cancelled.

        Where one of them knows more than we do, nothing more is written.
        """
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.remember()
            if not self._writer.ready.is_set() or (self.publishing.asked and not self._heard):
                continue
            try:
                if not self.publishing.asked:
                    await self._ask_the_bus()
                while self._heard:
                    self._against += await self._compared(*self._heard[0])
                    del self._heard[0]
                if judge(await self._own(), self._against) is not None:
                    self._writer.look_again()
                else:
                    self._against.clear()
            except Exception as why:  # a lost connection has many names; the next look comes
                self._seldom.warn("not-compared", type(why).__name__)

    def remember(self) -> None:
        """Write down how far the log came. On a full disk the older word stays: it says less, and nothing wrong.

        Before a start was vouched for the older word may be the only one that says more than the store holds.
        """
        writer = self._writer
        if self._file is None or writer.position == 0 or not self._opened:
            return
        told = {"epoch": writer.epoch, "position": writer.position, "log": writer.log_head[0]}
        body = json.dumps(told).encode()
        if body == self._written or self.waiting is not None:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            part = self._file.with_suffix(".part")
            part.write_bytes(body)
            part.replace(self._file)
            self._written = body

    # -- what is held -------------------------------------------------------------------------------------------------

    async def _own(self) -> Own:
        head = await self._every_office.fetchrow("select epoch, published, log from head")
        rows = await self._every_office.fetch(
            f"select epoch, void_from from {ENDED_EPOCH.name} where publisher = $1", self._service
        )
        self._ended = {row["epoch"]: row["void_from"] for row in rows}
        return Own(epoch=head["epoch"], position=head["published"], log=head["log"], ended=self._ended)

    async def _bodies(self, positions: Sequence[int]) -> dict[int, list[bytes]]:
        """Return the bytes that we tell at these positions, in every version."""
        rows = await self._every_office.fetch(
            "select position, msg_id, envelope from outbox where position = any($1::bigint[])", list(positions)
        )
        found: dict[int, list[bytes]] = {}
        for row in rows:
            _, body = self.as_told(row["position"], row["msg_id"], row["envelope"])
            found.setdefault(row["position"], []).append(body)
        return found

    # -- the witnesses ------------------------------------------------------------------------------------------------

    def _remembered(self) -> list[Seen]:
        """Return what the file beside the state says."""
        if self._file is None:
            return []
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            told = json.loads(self._file.read_bytes())
            epoch, position, log = (int(told[name]) for name in ("epoch", "position", "log"))
            return [Seen(by=THIS_MACHINE, epoch=epoch, position=position, log=log)]
        return []

    async def _ask_the_bus(self) -> bool:
        """Ask our own stream, and what the others last announced; whether the bus answered."""
        if self._bus.client is None:
            return False
        try:
            told = await self._stream()
            for other in SERVICES:
                if other != self._service:
                    told += await self._announced_by(other)
        except (BusAway, BusRefused, TimeoutError) as why:
            self._seldom.warn("bus-not-asked", str(why))
            return False
        self._against += told
        self.publishing.asked = True
        return True

    async def _stream(self) -> list[Seen]:
        """Return what the end of our own stream says: all that came into it since we last knew.

        Only what follows without a gap on what we hold counts, so that a message which somebody made up with our
        credentials, numbered far off, is no witness; and nothing counts where we know that we published it.
        """
        try:
            info = await self._bus.request(f"$JS.API.STREAM.INFO.{stream_of(self._service)}", b"")
        except BusRefused as why:
            if why.code in NOT_FOUND:
                return []  # lost: the bus keeper makes it again, and it holds nothing
            raise
        kept = await self._every_office.fetchrow("select position, stream_created, stream_messages from relay")
        same = kept["stream_created"] == info["created"]
        known = kept["position"] if same else 0
        state = info["state"]
        number = min(state["messages"] - (kept["stream_messages"] if same else 0), MOST_MESSAGES)
        held: dict[tuple[int, int], set[bytes]] = {}
        last, first = state["last_seq"], max(state["first_seq"], state["last_seq"] - number + 1)
        for start in range(first, last + 1, AT_ONCE):
            asked = range(start, min(start + AT_ONCE, last + 1))
            for body in await asyncio.gather(*(self._bus.stored(self._service, one) for one in asked)):
                with contextlib.suppress(*UNREADABLE):
                    place = _placed.decode(body or b"")
                    held.setdefault((place.epoch, place.position), set()).add(body or b"")
        own = await self._own()
        ours = await self._bodies([position for _, position in held if known < position <= own.position])
        found = [
            Seen(by=THE_BUS, epoch=epoch, position=position, same=False)
            for (epoch, position), bodies in held.items()
            if known < position <= own.position and not bodies & set(ours.get(position, ()))
        ]
        return found + _beyond(own, held)

    async def _announced_by(self, other: str) -> list[Seen]:
        body = await self._bus.last_said(other, "LogHeadAnnounced")
        if body is None:
            return []
        with contextlib.suppress(*UNREADABLE):
            heard = _announced.decode(body).data.heard
            return await self._compared(other, [one for one in heard if one.publisher == self._service])
        return []

    async def _compared(self, who: str, heard: Sequence[Heard]) -> list[Seen]:
        bodies = await self._bodies([one.position for one in heard])
        return [
            Seen(
                by=who,
                epoch=one.epoch,
                position=one.position,
                same=one.digest in {hashlib.sha256(body).hexdigest() for body in bodies[one.position]}
                if one.position in bodies
                else None,
            )
            for one in heard
        ]


def _beyond(own: Own, held: Iterable[tuple[int, int]]) -> list[Seen]:
    """Return the last of what follows our last position without a gap, and is not void."""
    later = {place: epoch for epoch, place in sorted(held) if not is_void(own.ended, epoch, place)}
    last = own.position
    while last + 1 in later:
        last += 1
    return [Seen(by=THE_BUS, epoch=later[last], position=last)] if last > own.position else []


class Publishing:
    """Whether a process may publish, in the way in which the relay asks an event.

    :ivar asked: the bus was asked what it holds.
    """

    def __init__(self, writing: asyncio.Event) -> None:
        self.asked = False
        self._writing = writing

    def is_set(self) -> bool:
        """Whether it may."""
        return self.asked and self._writing.is_set()

    async def wait(self) -> None:
        """Return once it may."""
        while not self.is_set():
            await self._writing.wait()
            await asyncio.sleep(0 if self.asked else 0.05)
