"""Leases that go over to another office: carries out what a decision asked for with ``HandOver``.

What is stored about the lease is read first, once all that came before it is committed; then it is laid under the other
office in the batch of the decision (``shared.hand_over`` says what goes along and what stays).
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from msgspec.structs import replace

from shared.codec import Codec
from shared.decisions import AnyStream, Elsewhere, HandOver, Named, Recorded
from shared.hand_over import (
    LEASE_OFFICE,
    REMEMBERS_REFUSALS,
    Gone,
    LeaseMoved,
    Leaving,
    Stored,
    handed_over,
    id_of,
    keys_in,
    lease_of,
    read_leaving,
    rows_that_come,
    rows_that_leave,
)
from shared.refusals import WrongState
from shared.writer.acts import Act, Change
from shared.writer.batch import Batch, Held
from shared.writer.companions import Companion, Entered, GoesAlong
from shared.writer.look import Look
from shared.writer.memory import Memory
from shared.writer.recording import SYSTEM, Recording

Widen = Callable[[str, str, set[str]], Awaitable[None]]


class NotRead(Exception):
    """A lease goes over to another office, and what is stored about it was not read yet."""

    def __init__(self, going: HandOver) -> None:
        super().__init__(going.lease)
        self.going = going


class HandingOver:
    """Lays leases under the offices that they go to, and lets nothing more be recorded where they went from.

    :param stays: kinds of streams that stay with the old office.
    :param widen: lets another office open what is sealed under keys of the first, given both and the keys.
    """

    def __init__(
        self,
        memory: Memory,
        look: Look,
        recording: Recording,
        *,
        codec: Codec,
        streams: Mapping[str, AnyStream],
        stays: Iterable[AnyStream],
        companions: Sequence[Companion],
        widen: Widen,
    ) -> None:
        self._memory = memory
        self._look = look
        self._recording = recording
        self._codec = codec
        self._streams = streams
        self._stays = frozenset(stream.kind for stream in stays)
        self._companions = companions
        self._widen = widen

    def must_be_competent(self, one: Act, events: Sequence[Any], batch: Batch) -> None:
        """Let nothing be recorded about a lease under an office that it went from.

        :raises WrongState: people act on it in the other office. :raises LeaseMoved: what was told belongs there too.
        """
        if not (self._memory.gone.get(one.office) or batch.gone or batch.below.gone) or (
            one.stream and one.stream.kind in self._stays
        ):
            return
        comes = {event.lease for event in events if isinstance(event, HandOver) and event.to_office == one.office}
        for event in events:
            stream, id, what = one.stream, one.id, event
            if isinstance(event, HandOver) or (isinstance(event, Elsewhere) and event.office not in (None, one.office)):
                continue
            if isinstance(event, Elsewhere):
                stream, id, what = event.stream, event.id, event.event
            assert stream is not None
            if stream.kind == REMEMBERS_REFUSALS:
                continue
            lease = self._memory.stream(batch, one.office, stream, id).lease or lease_of(stream.kind, id, what)
            gone = self._memory.gone_from(batch, one.office, lease) if lease is not None else None
            if gone is None or gone.to_office is None or lease in comes:
                continue
            if one.by.message is None and one.by.actor != SYSTEM:
                raise WrongState(Named("WITH_ANOTHER_OFFICE"))
            raise LeaseMoved(gone.to_office)

    async def read(self, going: HandOver, batch: Batch) -> None:
        """Read what goes along, and let the other office open its texts: who reads the events must be able to.

        :raises OSError: what the batch is decided on top of could not be stored.
        """
        await batch.below.until_committed()
        await self._look.at_leases_gone({going.from_office, going.to_office})
        fresh = {stream for office, stream, *_ in batch.events if office == going.from_office}
        also = {stream.partition("/")[2] for stream in fresh if batch.held[stream].lease == going.lease}
        leaving = await read_leaving(self._look.connection, going, also=also, stays=self._stays)
        await self._look.at_streams(
            {
                key: going.to_office
                for key in (f"{going.to_office}/{name}" for name in leaving.streams)
                if key.split("/", 2)[1] in self._streams and not self._memory.has(batch, key)
            }
        )
        keys = keys_in((*leaving.events, *self._not_stored_yet(leaving, going, batch)))
        await self._widen(going.from_office, going.to_office, keys)
        batch.leaving[going] = leaving
        batch.along[going] = [
            await companion.leaving(self._look.connection, going)
            for companion in self._companions
            if isinstance(companion, GoesAlong)
        ]
        for companion in self._companions:
            await companion.load(self._look.connection, {going.from_office, going.to_office})

    def hand_over(self, going: HandOver, batch: Batch) -> bool:
        """Lay what is stored about a lease under the office it goes to, and take it out of the old one's work.

        :returns: whether it had not gone there before.
        :raises NotRead: what is stored about it must be read first. :raises Unread: one of the other office's streams.
        """
        gone = self._memory.gone_from(batch, going.from_office, going.lease)
        if gone is not None and gone.to_office == going.to_office:
            return False
        leaving = batch.leaving.get(going)
        if leaving is None:
            raise NotRead(going)
        if (going.to_office, going.lease) in batch.gone:  # by its moment a rebuild tells one time from another
            batch.moment += timedelta(microseconds=1)
        histories: dict[str, list[Recorded[Any]]] = {}
        there = self._ids_there(leaving, going, batch)
        for event in (*leaving.events, *self._not_stored_yet(leaving, going, batch)):
            kind, id = event.kind_and_id
            whole = self._codec.decode(event.topic, event.state, stream=f"{kind}/{id}", version=event.version)
            histories.setdefault(event.stream, []).append(whole)
            if whole.id not in there.get(f"{going.to_office}/{kind}/{id}", ()):
                self._lay_under(going, event, batch)
        for stream, history in histories.items():
            kind = stream.split("/", 2)[1]
            for row in rows_that_leave(self._streams[kind], self._recording.views.get(kind, ()), history):
                batch.changes.append(Change(going.from_office, row.table, row.values, "delete"))
        for name in sorted(leaving.streams):
            stream = f"{going.to_office}/{name}"
            if stream in there:
                self._look_anew(going.to_office, stream, leaving.there.get(stream, ()), batch)
        batch.entered += [
            replace(one, office=going.to_office, taken_in_at=batch.moment) for one in self._new_there(going, batch)
        ]
        came_from = gone.from_office if gone is not None else None
        self._know_gone(going.from_office, going.lease, Gone(going.to_office, came_from), batch)
        self._know_gone(going.to_office, going.lease, Gone(None, going.from_office), batch)
        del batch.leaving[going]  # if it comes back and goes again in this batch, other streams may be there
        return True

    def _new_there(self, going: HandOver, batch: Batch) -> list[Entered]:
        """Return what was told of a lease that goes and did not enter the new office's ledger when it was there."""
        subject, along = f"lease/{going.lease}", batch.along[going]
        leaving = [entered for one in along for entered in one.entries]
        leaving += [one for one in batch.entered if (one.office, one.subject) == (going.from_office, subject)]
        there = {place for one in along for place in one.there}
        there |= {one.place for one in batch.entered if (one.office, one.subject) == (going.to_office, subject)}
        return [one for one in leaving if one.place not in there]

    def _ids_there(self, leaving: Leaving, going: HandOver, batch: Batch) -> Mapping[str, set[str]]:
        """Return the events that lie in the new office's streams, also where this batch put them, by stream."""
        there: defaultdict[str, set[str]] = defaultdict(set)
        for stream, present in leaving.there.items():
            there[stream].update(id_of(one.state) for one in present)
        for office, stream, _, _, state, _ in batch.events:
            if office == going.to_office:
                there[stream].add(id_of(state))
        return there

    def _know_gone(self, office: str, lease: str, gone: Gone, batch: Batch) -> None:
        batch.put(batch.gone, (office, lease), gone)
        batch.changes.append(Change(office, LEASE_OFFICE, {"lease": lease, **gone._asdict()}))

    def _not_stored_yet(self, leaving: Leaving, going: HandOver, batch: Batch) -> list[Stored]:
        """Return what this act and those before it in the same batch recorded about a lease that goes."""
        stored = {(event.stream, event.version) for event in leaving.events}
        return [
            Stored(stream, version, topic, state)
            for office, stream, version, topic, state, _ in batch.events
            if office == going.from_office
            and batch.held[stream].lease == going.lease
            and stream.split("/", 2)[1] not in self._stays
            and (stream, version) not in stored
        ]

    def _look_anew(self, office: str, name: str, present: Sequence[Stored], batch: Batch) -> None:
        """Give an office the rows of its work again that went with a lease which is back."""
        fresh = (Stored(stream, version, topic, state) for _, stream, version, topic, state, _ in batch.events)
        kind, id = name.split("/", 2)[1:]
        history = [
            self._codec.decode(one.topic, one.state, stream=f"{kind}/{id}", version=one.version)
            for one in (*present, *(one for one in fresh if one.stream == name))
        ]
        for row in rows_that_come(self._streams[kind], self._recording.views.get(kind, ()), history):
            batch.changes.append(Change(office, row.table, row.values, "delete" if row.gone else "upsert"))

    def _lay_under(self, going: HandOver, event: Stored, batch: Batch) -> None:
        kind, id = event.kind_and_id
        stream, key = self._streams[kind], f"{going.to_office}/{kind}/{id}"
        self._memory.must_hold(batch, key)
        held = self._memory.stream(batch, going.to_office, stream, id)
        version = held.version + 1
        stored, beside = handed_over(event.state, office=going.from_office, at=batch.moment)
        whole = self._codec.decode(event.topic, stored, stream=f"{kind}/{id}", version=version)
        batch.log += 1
        publishes = beside.position is not None and type(whole.event) in self._recording.own
        published = version if publishes else held.published
        after = Held(stream.after(held.state, whole), version, published, held.made or batch.log, going.lease)
        batch.append(going.to_office, key, version, event.topic, stored, after)
        if version == 1 and kind != "lease":
            batch.add_member(going.to_office, kind, going.lease, id)
        self._recording.view(going.to_office, stream, id, after, whole, batch)


async def no_keys(_from: str, _to: str, _keys: set[str]) -> None:
    """Where nothing is sealed, no keys go along."""
