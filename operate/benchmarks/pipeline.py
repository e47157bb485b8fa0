"""From a POST until its effect is committed in another service, beside an outbox pipeline written by hand.

Requests come at even intervals, whether or not earlier ones are answered; each one's time runs from the moment at
which it was due until a listener hears that the inbox row of its event, and so its effect, is committed in the other
service. Both sides tell it in the same way: a trigger that only the benchmark puts on their inbox notifies with the
commit. Ours is a whole platform, all four services taking in what visits publishes; the effect is notifications'.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter

import asyncpg

from operate.benchmarks import by_hand
from operate.benchmarks.cell import Cell, Figure, NotAsAcknowledged, Run
from operate.benchmarks.ground import Ground, followed
from operate.benchmarks.knocking import Callers
from operate.benchmarks.on_the_bus import bus_of
from operate.benchmarks.serving import serving, started
from operate.benchmarks.whole import Planning, Whole, whole
from operate.children import free_port
from operate.state import PROJECT

RATES = (50, 200)
CONNECTIONS = 32
READER = "notifications"
_TELL = """
create function bench_tell() returns trigger language plpgsql as
    $body$ begin perform pg_notify('bench_effect', new.stream); return null; end $body$;
create trigger bench_tell after insert or update on inbox for each row execute function bench_tell();
"""


async def pipeline_cells(on: Ground) -> AsyncIterator[Cell]:
    """Time to the effect at each rate, p50 and p99; the reference's over ours."""
    async with whole(on.folder.parent / "pipeline") as one, AsyncExitStack() as others:
        theirs = await _by_hand(on, one, others)
        ours = await _Piped.begun(one.on, READER, f"{READER}_all", one.visits, one.planning())
        for rate in RATES:
            figures = (
                Figure(f"pipeline-p50@{rate}", "ms", lambda run: run.p50, less_is_better=True),
                Figure(f"pipeline-p99@{rate}", "ms", lambda run: run.p99, less_is_better=True),
            )
            yield Cell(
                f"pipeline@{rate}",
                "effects/s",
                partial(ours.run, rate=rate),
                partial(theirs.run, rate=rate),
                partial(_check, one, ours),
                figures=figures,
            )
        await ours.end()
        await theirs.end()


class _Piped:
    """One pipeline: where its commands go, and where its effects are heard of."""

    def __init__(self, callers: Callers, planning: Planning, listener: asyncpg.Connection) -> None:
        self.planning = planning
        self._callers, self._listener = callers, listener
        self._due: dict[str, float] = {}
        self._times: list[float] = []
        self._all_there = asyncio.Event()

    @classmethod
    async def begun(cls, on: Ground, database: str, role: str, address: str, planning: Planning) -> "_Piped":
        """Listen for effects in a database, and connect to where commands are taken."""
        on.sql(database, _TELL)
        listener = await asyncpg.connect(on.url(database, role))
        piped = cls(await Callers.of(address, CONNECTIONS), planning, listener)
        await listener.add_listener("bench_effect", piped._heard)
        return piped

    def _heard(self, *told: object) -> None:
        due = self._due.pop(str(told[-1]), None)
        if due is not None:
            self._times.append(perf_counter() - due)
            if not self._due:
                self._all_there.set()

    async def run(self, seconds: float, *, rate: int) -> Run:
        """Send commands at an even rate for so many seconds, and wait for the effect of each."""
        self._times.clear()

        def request(due: float) -> bytes:
            raw = self.planning()
            self._due[f"visit/{self.planning.asked[-1]}"] = due
            self._all_there.clear()
            return raw

        await self._callers.evenly(seconds, rate, request, status=201)
        async with asyncio.timeout(30):
            while self._due:
                await self._all_there.wait()
        return Run.of(self._times, seconds)

    async def end(self) -> None:
        """Hang up."""
        await self._callers.close()
        await self._listener.close()


async def _check(one: Whole, ours: _Piped) -> None:
    await one.ask_again(ours.planning)
    await one.settled()
    await followed(one.on, READER, role=f"{READER}_all")
    asked = await asyncpg.connect(one.on.url(READER, f"{READER}_all"))
    rows = await asked.fetch(
        "select stream, count(*) from inbox where state = 'taken' and type = 'VisitPlanned' group by 1"
    )
    await asked.close()
    if dict(rows) != {f"visit/{visit}": 1 for visit in ours.planning.asked}:
        raise NotAsAcknowledged(f"{len(ours.planning.asked)} commands, {len(rows)} effects in the other service")


async def _by_hand(on: Ground, one: Whole, others: AsyncExitStack) -> _Piped:
    bus = await others.enter_async_context(bus_of(on))
    producer, consumer = on.fresh(), on.fresh(READER)
    for database, owner in ((producer, "visits_owner"), (consumer, f"{READER}_owner")):
        connection = await asyncpg.connect(on.url(database, owner))
        await connection.execute(by_hand.TABLES)
        await connection.close()
    port = free_port()
    told = {
        "nats": bus.server.address,
        "seeds": {user: str(bus.server.seed(user)) for user in ("visits", READER)},
        "port": port,
    }

    def environment(database: str, owner: str) -> dict[str, str]:
        return {
            "PYTHONPATH": str(PROJECT),
            "BENCH_BY_HAND": json.dumps({**told, "database": on.url(database, owner)}),
            "LC_ALL": "C.UTF-8",
        }

    name, state = "operate.benchmarks.by_hand", one.platform.state
    others.enter_context(started(state, name, environment(consumer, f"{READER}_owner"), "consumer"))
    address = await others.enter_async_context(
        serving(state, name, environment(producer, "visits_owner"), port, "producer")
    )
    return await _Piped.begun(on, consumer, f"{READER}_owner", address, one.planning())
