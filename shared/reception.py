"""The reception of a service: what all its doors share. It knows callers, waits, repeats answers and shows things."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final, Protocol, cast

import msgspec
from fastapi import Request
from starlette.responses import Response

from shared import problems
from shared.acting import Acted, WebStore
from shared.asking import key_of, version_seen, way_it_came
from shared.bodies import Body
from shared.callers import Caller, DeputyOf, deputies, nobodys_deputy
from shared.clock import Clock, local_date
from shared.cursors import Cursors
from shared.decisions import AnyStream, Person
from shared.door import Entry
from shared.event_sourcing import EventStore, KeyReused
from shared.keys import Seals
from shared.problems import Problem
from shared.reading_rights import NOTHING, Clear, opened, readable
from shared.tokens import RESERVED_OFFICE

LONGEST_WAIT_SECONDS: Final = 5.0
CLOCK_SKEW_MINUTES: Final = 10  # domain 6, clock_skew_minutes: where the service does not know the office's own


@dataclass(frozen=True)
class Shown:
    """An answer whose sealed texts have been opened already."""

    body: Any
    etag: int | None = None


@dataclass(frozen=True)
class ToldBefore:
    """The first answer of a repeated request about no thing of an office."""

    body: Any


class Inbox(Protocol):
    """What the door asks of the inbox."""

    async def seen(self, publisher: str, position: int, *, office: str) -> None:
        """Return once everything meant for this service up to there has been taken in."""


class DeadLetters(Protocol):
    """What operators see of messages that could not be handled: reason and envelope, no content."""

    async def listed(
        self, *, limit: int, after: Sequence[Any] | None
    ) -> tuple[list[Mapping[str, Any]], Sequence[Any] | None]:
        """Return dead letters, oldest first, and the place after the last one where there are more."""

    async def requeue(self, id: str, *, reason: str, operator: str) -> str | None:
        """Handle it again; return its state afterwards, None where there is no such open dead letter."""

    async def close(self, id: str, *, reason: str, operator: str) -> bool:
        """Let those behind it go on without it; False: there is no such open dead letter."""


class Epochs(Protocol):
    """What operators see and say after a restore from a backup."""

    async def told(self) -> dict[str, Any]:
        """Return this service's epochs, and what waits for a person."""

    async def confirm(self, *, reason: str, by: str) -> dict[str, Any]:
        """Begin a new epoch. :raises WrongState: nothing waits for it."""


CounsellorOf = Callable[[EventStore, Caller, str], Awaitable[str | None]]
ClockSkewOf = Callable[[EventStore, Caller], Awaitable[int]]
Readiness = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(kw_only=True)
class Reception:
    """What the doors of one process share."""

    service: str
    readers: Mapping[str, frozenset[str]]
    clear: Mapping[str, Clear]
    counsellor_of: CounsellorOf | None
    clock_skew_of: ClockSkewOf | None
    store: EventStore
    front: WebStore
    seals: Seals
    clock: Clock
    cursors: Cursors
    authority: tuple[AnyStream, str] | None
    inbox: Inbox | None
    dead_letters: DeadLetters | None
    epochs: Epochs | None
    ready: Readiness
    run_days: Callable[[date], Awaitable[Mapping[str, Any]]] | None

    async def caller(self, request: Request, act: str | None, mandated: bool) -> Caller:
        """Return who is asking."""
        entry: Entry = request.scope["huurspoor"]
        identity = entry.identity
        if identity is None:
            raise problems.not_authenticated()
        at = self.clock.now()
        return Caller(
            office=identity.office or "",
            person=Person(id=identity.person, roles=identity.roles),
            name=identity.name,
            today=local_date(at),
            at=at,
            correlation_id=entry.correlation_id,
            act=act,
            mandated=mandated,
            seals=self.seals,
        )

    async def stamped(self, request: Request, caller: Caller, body: Body | None) -> Caller:
        """Return the caller with what the request says beside its facts: key, version seen, day, device's time."""
        entry: Entry = request.scope["huurspoor"]
        device_time = getattr(body, "device_time", None)
        occurred_on = getattr(body, "occurred_on", None)
        deputy_of: DeputyOf = nobodys_deputy
        if caller.office and self.authority is not None:
            deputy_of = deputies(await self.store.state(*self.authority, by=caller), caller.actor)
        return caller.stamped(
            occurred_on,
            deputy_of=deputy_of,
            once=key_of(request, caller.actor),
            digest=entry.digest,
            if_match=version_seen(request),
            device_time=device_time,
            clock_suspect=device_time is not None and await self._is_suspect(device_time, caller),
            source=way_it_came(request, from_device=device_time is not None),
        )

    async def _is_suspect(self, device_time: datetime, caller: Caller) -> bool:
        minutes = await self.clock_skew_of(self.store, caller) if self.clock_skew_of else CLOCK_SKEW_MINUTES
        return abs(device_time - caller.at) > timedelta(minutes=minutes)

    async def answered_before(self, caller: Caller) -> Acted | ToldBefore | None:
        """Return the first answer of a repeated request. :raises KeyReused: its key belonged to another one."""
        if caller.once is None:
            return None
        found = await self.store.rows(
            "select digest, answer from once where office = $1 and key = $2", caller.once, by=_in_some_office(caller)
        )
        if not found:
            return None
        if found[0]["digest"] != caller.digest:
            raise KeyReused
        kept = msgspec.json.decode(found[0]["answer"])
        return ToldBefore(kept["told"]) if "told" in kept else Acted.again(found[0]["answer"])

    async def keep_answer(self, caller: Caller, result: Any) -> None:
        """Keep what an operator is answered under the key of the request; that of an office lies in the act's commit.

        Were this cut off, the request would be decided anew, as without a key.
        """
        if caller.once is None or caller.office:
            return
        kept = result.stored() if isinstance(result, Acted) else msgspec.json.encode({"told": result})
        await self.store.write(
            "insert into once (office, key, digest, answer, at) values ($1, $2, $3, $4, $5) on conflict do nothing",
            caller.once,
            caller.digest,
            kept,
            caller.at,
            by=_in_some_office(caller),
        )

    async def wait_for(self, positions: Sequence[tuple[str, int]], office: str) -> None:
        """Wait until all of that is taken in here. :raises Problem: 504 after five seconds."""
        if not positions:
            return
        try:
            async with asyncio.timeout(LONGEST_WAIT_SECONDS):
                for publisher, position in positions:
                    await self._seen(publisher, position, office)
        except TimeoutError:
            raise Problem(504, "not-yet-seen", headers={"Retry-After": "1"}) from None

    async def _seen(self, publisher: str, position: int, office: str) -> None:
        if publisher == self.service:
            while self.store.writer.position < position:
                await asyncio.sleep(0.02)
        elif self.inbox is not None:
            await self.inbox.seen(publisher, position, office=office)

    async def answer(self, result: Any, caller: Caller | None, *, status: int = 200) -> Response:
        """Turn what a door's function returned into a response for this caller."""
        match result:
            case Response():
                return result
            case ToldBefore():
                return json_response(result.body, headers={"Idempotency-Replayed": "true"})
            case Shown():
                return json_response(result.body, headers={} if result.etag is None else {"ETag": f'"{result.etag}"'})
            case Acted():
                assert caller is not None
                headers = {"ETag": f'"{result.version}"'}
                if result.location:
                    headers["Location"] = result.location
                if result.replayed:
                    headers["Idempotency-Replayed"] = "true"
                return json_response(await self.shown(result, caller), status=result.status, headers=headers)
            case _:
                value = msgspec.to_builtins(result, str_keys=True)
                if caller is not None and caller.office:
                    value = await self._opened(value, caller)
                return json_response(value, status=status)

    async def shown(self, acted: Acted, caller: Caller) -> dict[str, Any]:
        """Return a thing for this caller: id, version, state and events always, the rest as they may read."""
        body = dict(acted.body)
        readers = self.readers.get(acted.collection or "")
        if readers is not None and not readers & caller.roles:
            body = {name: body[name] for name in ("id", "state") if name in body}
            texts, withheld = body, list[str]()
        else:
            texts, withheld = await self._read_for(caller, body, acted.collection)
        shown = {"version": acted.version, **texts, "withheld": withheld}
        return shown if acted.events is None else {**shown, "events": list(acted.events)}

    async def _opened(self, value: Any, caller: Caller) -> Any:
        texts, withheld = await self._read_for(caller, value, None)
        return {**texts, "withheld": withheld} if isinstance(texts, dict) and withheld else texts

    async def _read_for(self, caller: Caller, body: Any, collection: str | None) -> tuple[Any, list[str]]:
        own = await self._is_own_lease(caller, body)
        return await opened(
            body,
            seals=self.seals,
            office=caller.office,
            categories=readable(caller.roles, collection),
            own_lease=own,
            clear=self.clear.get(collection or "", NOTHING),
        )

    async def _is_own_lease(self, caller: Caller, body: Any) -> bool:
        ask, lease = self.counsellor_of, body.get("lease") if isinstance(body, dict) else None
        if ask is None or not isinstance(lease, str) or "counsellor" not in caller.roles:
            return False
        return await ask(self.store, caller, lease) == caller.actor


def _in_some_office(caller: Caller) -> Caller:
    return caller if caller.office else replace(caller, office=RESERVED_OFFICE)


def json_response(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a value as JSON."""
    return Response(
        msgspec.json.encode(value), status_code=status, media_type="application/json", headers=dict(headers or {})
    )


def reception_of(request: Request) -> Reception:
    """Return the reception of the service that was asked."""
    return cast(Reception, request.app.state.reception)
