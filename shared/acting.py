"""Acting over HTTP: the store as doors use it, and the answer that an act comes to."""

import asyncio
import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import msgspec

from shared.callers import Caller
from shared.decisions import AnyStream, NoAuthority, Recorded, Refusal
from shared.event_sourcing import (
    SECONDS_TO_ANSWER,
    ChangedMeanwhile,
    Decided,
    EventStore,
    Found,
    OnRefusal,
    Read,
    StoreBusy,
)
from shared.problems import NotYetKnown
from shared.refusals import OccurredInFuture
from shared.views import Resource


@dataclass(frozen=True, kw_only=True)
class Acted:
    """What an act came to: the thing as it is after it, and what was recorded. Texts are opened when it is answered."""

    status: int
    body: Mapping[str, Any]
    version: int
    events: Sequence[Mapping[str, Any]] | None  # None: nothing was done, it was only read
    collection: str | None = None
    location: str | None = None
    replayed: bool = False

    def stored(self) -> bytes:
        """Return the answer as it is kept under an Idempotency-Key; texts stay sealed."""
        return msgspec.json.encode(
            {
                "status": self.status,
                "body": self.body,
                "version": self.version,
                "events": self.events,
                "collection": self.collection,
                "location": self.location,
            }
        )

    @classmethod
    def again(cls, stored: bytes) -> "Acted":
        """Return the answer that was kept, marked as given before."""
        return cls(**json.loads(stored), replayed=True)


Shows = Callable[[Decided], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Part:
    """One of several things that lie in one stream, with a version of its own.

    :ivar version: its version, given a state of the stream; 0: it is not there.
    :ivar show: its body, given a state of the stream in which it is; pure.
    """

    version: Callable[[Any], int]
    show: Callable[[Any], Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True)
class _Answer:
    """What an act is answered with: the resource of its stream, unless a part of it or something else is shown.

    :ivar location: of what the act makes; None: it makes nothing new.
    """

    shows: Shows | None = None
    part: Part | None = None
    location: str | None = None


class WebStore:
    """The store for doors: decides, and answers with the resource after the act."""

    def __init__(self, store: EventStore, resources: Iterable[Resource]) -> None:
        self._store = store
        self._resources = {resource.stream.kind: resource for resource in resources}
        self.seals = store.seals

    async def decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Caller,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        shows: Shows | None = None,
        part: Part | None = None,
    ) -> Acted:
        """Decide about a thing, and answer 200 with it as it is after the act.

        :param shows: the answer's body where it is not the resource of ``stream``; pure.
        :param part: what it is about, where that is one of several things in the stream.
        """
        answer = _Answer(shows=shows, part=part)
        return await self._decide(stream, id, decision, answer, by=by, reads=reads, refused=refused)

    async def begin(
        self,
        stream: AnyStream,
        id: str | None,
        decision: Callable[..., Iterable[Any]],
        *,
        by: Caller,
        reads: Mapping[str, Read] | None = None,
        refused: OnRefusal | None = None,
        shows: Shows | None = None,
        location: str | None = None,
        part: Part | None = None,
    ) -> Acted:
        """Decide about something new, and answer 201 with its ``Location``; 200 where it was so already.

        :param id: chosen by the client, else one is made.
        :param location: where it can be read, where that is not ``/<collection>/<id>``; then it is mostly one of
            several in a stream, which may be there already.
        :param part: as in ``decide``.
        """
        id = id or str(uuid.uuid4())
        resource = self._resources.get(stream.kind)
        place = location or (f"/{resource.collection}/{id}" if resource else f"/{stream.kind}s/{id}")
        answer, begins = _Answer(shows=shows, part=part, location=place), location is None
        return await self._decide(stream, id, decision, answer, by=by, reads=reads, refused=refused, begins=begins)

    async def _decide(
        self,
        stream: AnyStream,
        id: str,
        decision: Callable[..., Iterable[Any]],
        answer: _Answer,
        *,
        by: Caller,
        reads: Mapping[str, Read] | None,
        refused: OnRefusal | None,
        begins: bool = False,
    ) -> Acted:
        try:
            # Who waits longer is told that the store is away: the same key tells what came of it.
            async with asyncio.timeout(SECONDS_TO_ANSWER):
                decided = await self._store.decide(
                    stream,
                    id,
                    _not_in_the_future(decision, by),
                    by=by,
                    reads=reads,
                    refused=refused,
                    answer=lambda decided: self._acted(decided, answer).stored(),
                    begins=begins,
                    version_of=answer.part.version if answer.part is not None else None,
                )
        except ChangedMeanwhile as changed:
            raise Overtaken(self._present(stream, id, changed, answer)) from None
        if decided.outcome == "replayed":
            if decided.answer is None:
                raise StoreBusy
            return Acted.again(decided.answer)
        return self._acted(decided, answer)

    async def must_be_as_seen(self, stream: AnyStream, id: str, *, by: Caller) -> None:
        """Let an act go on that was asked of the present version of a thing, or of whichever it has.

        :raises Overtaken: it has another version than the caller saw.
        """
        found = await self.found(stream, id, by=by)
        if by.if_match not in (None, found.version):
            raise Overtaken(self._present(stream, id, found, _Answer()))

    def _present(self, stream: AnyStream, id: str, now: Found | ChangedMeanwhile, answer: _Answer) -> Acted | None:
        """Return a thing as it is now, None where there is none: no act has made it."""
        if now.version == 0:
            return None
        if stream.kind in self._resources:
            answer = replace(answer, shows=None)  # what an act shows besides is of what it would have made
        present = Decided(id, stream, now.state, now.version)
        return replace(self._acted(present, answer), events=None)

    def _acted(self, decided: Decided, answer: _Answer) -> Acted:
        assert decided.stream is not None
        resource = self._resources.get(decided.stream.kind)
        body: Mapping[str, Any] = {}
        if answer.part is not None:
            body = answer.part.show(decided.state)
        elif answer.shows is not None:
            body = answer.shows(decided)
        elif resource is not None:
            body = resource.show(decided.id, decided.state) or {}
        events = [_told(recorded) for recorded in decided.events]
        return Acted(
            status=201 if answer.location and events else 200,
            body={"id": decided.id, **msgspec.to_builtins(body, str_keys=True)},
            version=decided.version if answer.part is None else answer.part.version(decided.state),
            events=events,
            collection=resource.collection if resource else None,
            location=answer.location if events else None,
        )

    async def state(self, stream: AnyStream, id: str, *, by: Caller) -> Any:
        """Return the state of a stream as it is now."""
        return await self._store.state(stream, id, by=by)

    async def found(self, stream: AnyStream, id: str, *, by: Caller) -> Found:
        """Return the state and version of a stream; version 0: there is none."""
        return await self._store.found(stream, id, by=by)

    async def known(self, stream: AnyStream, id: str, *, by: Caller) -> Any:
        """Return the state of another service's thing that a body names.

        :raises NotYetKnown: nothing of it has arrived here for this office.
        """
        found = await self._store.found(stream, id, by=by)
        if found.version == 0:
            raise NotYetKnown
        return found.state

    async def every(self, stream: AnyStream, lease: str, *, by: Caller) -> dict[str, Any]:
        """Return all streams of a kind that belong to a lease, from id to state."""
        return await self._store.every(stream, lease, by=by)

    async def many(
        self, stream: AnyStream, ids: Sequence[str], *, by: Caller, only: Sequence[type] = ()
    ) -> dict[str, Any]:
        """Return the states of many streams of a kind, from id to state; one that is not there is left out."""
        return await self._store.many(stream, ids, by=by, only=only)

    async def history(self, stream: AnyStream, id: str, *, by: Caller) -> list[Any]:
        """Return what happened to a stream, each event with what was stored beside it."""
        return await self._store.history(stream, id, by=by)

    async def rows(self, sql: str, *values: Any, by: Caller) -> list[Any]:
        """Ask a view; the query names the office itself, as ``$1``."""
        return await self._store.rows(sql, *values, by=by)

    async def known_now(self, *, by: Caller) -> datetime:
        """Return the latest instant of which it can be answered what was known, and answered again for ever."""
        return await self._store.known_until(None, now=by.at)

    async def until_known(self, at: datetime, *, by: Caller) -> datetime:
        """Wait until all can be read that was known at an instant, and return it; of one that is to come, now.

        :raises StoreBusy: it cannot be read yet.
        """
        return await self._store.known_until(at, now=by.at)

    async def note_read(self, by: Caller, leases: Sequence[str], what: str) -> None:
        """Log that somebody read of these leases; what cannot be logged is not shown.

        Doors that answer ``GET`` with JSON do so by themselves; one that answers a file of a lease calls it.
        """
        if leases:
            await self._store.write(
                "insert into read_log (office, at, id, lease, person, what)"
                " select $1, $2, gen_random_uuid()::text, lease, $3, $4 from unnest($5::text[]) lease",
                by.at,
                by.actor,
                what,
                list(leases),
                by=by,
            )


class Overtaken(Exception):
    """The thing has changed since the caller saw it; ``present`` is how it is now, None where there is none."""

    def __init__(self, present: Acted | None) -> None:
        super().__init__("changed meanwhile")
        self.present = present


def _not_in_the_future(decision: Callable[..., Iterable[Any]], by: Caller) -> Callable[..., Iterable[Any]]:
    if by.occurred_on is None or by.occurred_on <= by.today:
        return decision

    def decided(state: Any, **facts: Any) -> Iterable[Any]:
        try:
            events = list(decision(state, **facts))
        except NoAuthority:
            raise  # what this person may not do at all goes before what nobody can do now
        except Refusal:
            raise OccurredInFuture from None
        if events:
            raise OccurredInFuture
        return events

    return decided


def _told(recorded: Recorded[Any]) -> dict[str, Any]:
    return {"id": recorded.id, "type": type(recorded.event).__name__, "position": recorded.position}
