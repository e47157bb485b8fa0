"""The look before a batch: what its acts need and is not held is read in one round trip."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from shared.codec import Codec
from shared.decisions import AnyStream
from shared.hand_over import lease_of, read_gone
from shared.log import look_sql
from shared.writer.acts import Act, One
from shared.writer.awake import Awake
from shared.writer.batch import NOTHING_BELOW, Batch, Held, Leaves
from shared.writer.memory import Memory, stream_of

REFUSED = "\x1frefused"  # behind a key, where no caller can write it: it was refused, and that was remembered


@dataclass
class Known:
    """What was read for a batch and is not held: the answers of keys, and the state and digest of messages."""

    once: dict[tuple[str, str], tuple[bytes | None, bytes | None]] = field(default_factory=dict)
    inbox: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)

    def add(self, more: "Known") -> None:
        """Add what was read later."""
        self.once.update(more.once)
        self.inbox.update(more.inbox)


@dataclass
class _Wanted:
    """What is to be looked for."""

    streams: dict[str, str] = field(default_factory=dict)  # from their key to their office
    leases: dict[tuple[str, str, str], None] = field(default_factory=dict)
    keys: dict[tuple[str, str], None] = field(default_factory=dict)
    messages: list[tuple[str, str, int, int, str]] = field(default_factory=list)


class Look:
    """Reads into the memory.

    :ivar connection: on which it reads, a batch may be stored on another one meanwhile; None while the store is away.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        service: str,
        codec: Codec,
        streams: Mapping[str, AnyStream],
        authority: tuple[AnyStream, str] | None,
        awake: Awake,
    ) -> None:
        self._awake = awake
        self.connection: asyncpg.Connection | None = None
        self._memory = memory
        self._service = service
        self._codec = codec
        self._streams = streams
        self._authority = authority

    async def before(self, asked: Iterable[Act], batch: Batch) -> Known:
        """Read what acts need."""
        known, wanted = Known(), self._needs(asked, batch)
        if wanted.streams or wanted.leases or wanted.keys or wanted.messages:
            await self._read(wanted, known, batch.below)
        return known

    async def at_streams(self, streams: Mapping[str, str]) -> None:
        """Read streams, given from their keys to their offices."""
        if streams:
            await self._read(_Wanted(streams=dict(streams)), Known(), NOTHING_BELOW)

    async def at_leases_gone(self, offices: set[str]) -> None:
        """Read which leases of these offices went over to another one."""
        for office in offices - self._memory.gone.keys():
            self._memory.gone[office] = await read_gone(self.connection, office)

    def _needs(self, asked: Iterable[Act], batch: Batch) -> _Wanted:
        wanted, memory = _Wanted(), self._memory

        def want(office: str, stream: AnyStream, id: str) -> None:
            key = f"{office}/{stream.kind}/{id}"
            if not memory.holds(key) and key not in batch.below.held:
                wanted.streams[key] = office

        for one in asked:
            if one.stream is not None and not one.begins:
                want(one.office, one.stream, one.id)
            for read in one.reads.values():
                office = read.office or one.office
                if isinstance(read, One):
                    want(office, read.stream, read.id)
                elif not memory.holds_all_of((office, read.stream.kind, read.lease)):
                    wanted.leases[(office, read.stream.kind, read.lease)] = None
            if one.refused is not None:
                want(one.office, one.refused.stream, one.refused.id)
            if one.by.act is not None and self._authority is not None:
                want(one.office, *self._authority)
            if one.by.once is not None and not one.new:
                wanted.keys[(one.office, one.by.once)] = None
                if one.refused is not None:
                    wanted.keys[(one.office, one.by.once + REFUSED)] = None
            if one.by.message is not None:
                told = one.by.message
                inbox = told.office or one.office
                applied = memory.applied_of(batch, stream_of(inbox, told))
                known_to_follow = told.previous == 0 if applied is None else told.version > applied
                if not (one.new and known_to_follow):
                    wanted.messages.append((inbox, told.publisher, told.epoch, told.position, told.stream))
        return wanted

    async def _read(self, wanted: _Wanted, known: Known, below: Leaves) -> None:
        assert self.connection is not None
        of_streams = [(office, key) for key, office in wanted.streams.items()]
        asked: list[tuple[str, Sequence[tuple[Any, ...]]]] = [
            (kind, rows)
            for kind, rows in (
                ("streams", of_streams),
                ("leases", list(wanted.leases)),
                ("keys", list(wanted.keys)),
                ("messages", wanted.messages),
            )
            if rows
        ]
        with self._awake:
            found = await self.connection.fetch(
                look_sql(tuple(kind for kind, _ in asked)),
                list({row[0] for _, rows in asked for row in rows}),
                *(list(column) for _, rows in asked for column in zip(*rows, strict=True)),
            )
        fresh: dict[str, Held] = {}
        memory = self._memory
        # What is being committed may have been committed while this was read: it counts more than what was read.
        for lease in wanted.leases:
            memory.members[lease] = dict(below.members.get(lease, {})) if below.committed else {}
        for what, office, a, b, c, d, e in found:
            if what == "events":
                if a not in fresh:  # it may have been asked for by itself, and as one of a lease
                    fresh[a] = self._folded(a, range(1, b + 1), d, made=e)
            elif what == "member":
                kind, lease_id = a.split("/", 1)
                memory.members[(office, kind, lease_id)][c] = None
            elif what == "once":
                known.once[(office, a)] = (bytes.fromhex(c) if c else None, d)
            elif what == "inbox":
                known.inbox[(office, a)] = (c, d)
            else:
                memory.applied.setdefault((office, a), b)
        for key in wanted.streams:
            memory.streams[key] = fresh[key] if key in fresh else Held(self._streams[key.split("/", 2)[1]].initial)
        for key, held in fresh.items():
            if key not in memory.streams or memory.streams[key].version < held.version:
                memory.streams[key] = held

    def _folded(self, key: str, versions: Sequence[int], events: bytes, *, made: int) -> Held:
        """Return a stream that was read."""
        _, kind, id = key.split("/", 2)
        folded = self._codec.fold(self._streams[kind], events, versions, id=id, service=self._service)
        return Held(folded.state, folded.version, folded.published, made, lease_of(kind, id, folded.first))
