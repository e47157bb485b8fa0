"""A tool shed with a writer, on a real PostgreSQL: what its tests have in common."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from math import inf
from typing import Any

import asyncpg

from shared.clock import SystemClock
from shared.decisions import Named, Refusal, Stream
from shared.inbox_rows import Itself
from shared.log import EventLog
from shared.views import Resource
from shared.writer.acts import Act, Decided, Message
from shared.writer.batch import Batch
from shared.writer.loop import Writer
from shared.writer.storing import store
from tests.conftest import ScratchDatabase


@dataclass(frozen=True, kw_only=True)
class ToolLent:
    member: str
    lease: str = "shed-1"


@dataclass(frozen=True, kw_only=True)
class ToolReturned:
    on: date | None = None


@dataclass(frozen=True, kw_only=True)
class LendingRefused:
    code: str


class ToolNotOnShelf(Refusal):
    """Another member has it."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    member: str | None = None
    lent: int = 0


def evolve(tool: Tool, event: ToolLent | ToolReturned) -> Tool:
    match event:
        case ToolLent(member=member):
            return replace(tool, member=member, lent=tool.lent + 1)
        case ToolReturned():
            return replace(tool, member=None)


TOOL = Stream("tool", initial=Tool(), evolve=evolve, events=ToolLent | ToolReturned)


REFUSED = Stream[int, LendingRefused]("refused", initial=0, evolve=lambda n, _: n + 1, events=LendingRefused)


TOOLS = Resource(
    "tools",
    TOOL,
    lambda _id, tool: {"member": tool.member, "lent": tool.lent},
    {"member": "text"},
    lambda _id, tool: {"member": tool.member},
)


def lend(tool: Tool, *, to: str, others: dict[str, Tool] | None = None) -> list[ToolLent]:
    if tool.member == to:
        return []
    if tool.member is not None:
        raise ToolNotOnShelf(Named("taken"))
    if others is not None and sum(other.member == to for other in others.values()) >= 2:
        raise ToolNotOnShelf(Named("too-many"))
    return [ToolLent(member=to)]


@dataclass(kw_only=True)
class By(Itself):
    """Somebody who answers for an act."""

    office: str = "shed-north"
    actor: str = "anna"
    source: str = "web"


def told(
    position: int, *, version: int = 1, previous: int = 0, stream: str = "order/1", digest: bytes = b"x"
) -> Message:
    at = SystemClock().now()
    return Message(
        publisher="orders",
        epoch=1,
        position=position,
        stream=stream,
        version=version,
        previous=previous,
        type="OrderPlaced",
        digest=digest,
        envelope=b"{}",
        event_id=f"event-{position}",
        occurred_on=at.date(),
        recorded_at=at,
        actor="SYS",
        mandate=None,
        policy_version=None,
        checklist_version=None,
        source="web",
        subject="office/shed-north",
    )


@dataclass
class Shed:
    """A running writer on an empty database."""

    writer: Writer
    database: ScratchDatabase
    log: EventLog
    task: "asyncio.Task[None]"
    make: Callable[[], Writer]

    async def lend(self, tool: str, to: str, by: By | None = None, **more: Any) -> Decided:
        return await self.writer.ask(Act(by or By(), stream=TOOL, id=tool, decision=partial(lend, to=to), **more))

    async def fetch(self, sql: str, *values: Any, role: str = "all_offices") -> list[Any]:
        connection = await asyncpg.connect(getattr(self.database, role))
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()


OTHERS = "from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"


def news(position: int, **other: Any) -> Act:
    """A message that is held to be new, and what it leads to."""
    by = By(message=told(position, stream=other.pop("stream", f"order/{position}"), **other), actor="SYS")
    return Act(by, TOOL, f"t{position}", partial(lend, to="anna"))


@asynccontextmanager
async def nobody_commits(shed: Shed) -> AsyncIterator[asyncpg.Connection]:
    """Keep the head row to ourselves: what the writer stores meanwhile waits in the database."""
    connection = await asyncpg.connect(shed.database.owner)
    try:
        async with connection.transaction():
            await connection.execute("select * from head for update")
            yield connection
    finally:
        await connection.close()


class Asked:
    """Acts that note when they were decided."""

    def __init__(self, shed: Shed) -> None:
        self._shed = shed
        self._decided: dict[str, list[asyncio.Event]] = {}
        self.times: Counter[str] = Counter()

    def lend(self, tool: str, to: str, by: By | None = None, **more: Any) -> "asyncio.Task[Decided]":
        def decide(state: Tool, **facts: Any) -> list[ToolLent]:
            self.times[f"{tool} {to}"] += 1
            return lend(state, to=to, **facts)

        asked = self._shed.writer.ask(Act(by or By(), stream=TOOL, id=tool, decision=decide, **more))
        return asyncio.create_task(asked)

    async def decided(self, *acts: str) -> None:
        """Wait until each of these was decided once."""
        async with asyncio.timeout(10):
            while not all(self.times[act] for act in acts):
                await asyncio.sleep(0.005)


def fails(
    why: type[Exception], on: Callable[[Batch], bool], *, times: float = inf
) -> Callable[[asyncpg.Connection, Batch], Awaitable[None]]:
    """Return what stores batches, as ``store`` does, but fails so often on some."""
    left = times

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        nonlocal left
        if on(batch) and left:
            left -= 1
            raise why("as if")
        await store(connection, batch)

    return stored
