"""An HTTP command as shipped, beside the same route on the plain library; and its door alone, beside a plain no-op.

What is measured is planning a visit, with a token, validation and an Idempotency-Key each, on 32 kept connections. All
servers are processes of their own, and one generator (``knocking``) asks them. With our service run the other three of
the platform, its bus and its relay, and take in what it publishes; before a stretch of the reference begins all of
that is done, so that nobody pays for the other.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.ground import Ground, followed
from operate.benchmarks.knocking import Callers, Connection
from operate.benchmarks.whole import OFFICE, Planning, Whole, whole
from operate.children import free_port, how_to_start, stop
from operate.issuer import AUDIENCE, ISSUER, jwks_file
from operate.nats import STOPS_BY
from operate.state import PROJECT
from operate.supervisor import service_settings

CONNECTIONS = 32


async def http_cells(on: Ground) -> AsyncIterator[Cell]:
    """The command through the service as shipped; the door with its store in memory."""
    async with whole(on.folder.parent / "http") as one:
        async for cell in _as_shipped(one):
            yield cell
        async for cell in _stubbed(one):
            yield cell


async def _as_shipped(one: Whole) -> AsyncIterator[Cell]:
    mine, others = one.planning(), one.planning()
    async with (
        _library_route(one) as library,
        await Callers.of(one.visits, CONNECTIONS) as ours,
        await Callers.of(library, CONNECTIONS) as theirs,
    ):

        async def against(seconds: float) -> Run:
            await one.settled()
            return await theirs.busy(seconds, others, status=201)

        async def alone() -> Mapping[str, Any]:
            await one.settled()
            run = await ours.busy(2.0, mine, connections=1, status=201)
            return {"p50_ms_of_one_connection": run.p50, "p99_ms_of_one_connection": run.p99}

        async def check() -> None:
            await _twice(one, mine)
            seen = await followed(one.on, "visits")
            prefix = f"{OFFICE}/visit/"
            stored = {stream.removeprefix(prefix): n for stream, n in seen.items() if stream.startswith(prefix)}
            if stored != dict.fromkeys(mine.asked, 1):
                raise NotAsAcknowledged(f"{len(mine.asked)} visits were acknowledged, {len(stored)} are stored")

        yield Cell(
            "http",
            "commands/s",
            lambda seconds: ours.busy(seconds, mine, status=201),
            against,
            check,
            beside=alone,
        )


async def _twice(one: Whole, planning: Planning) -> None:
    """Ask again for what was done: the same key gets its answer, another one is refused."""
    connection = await Connection.open(one.visits)
    visit, lease = planning.asked[0], planning.lease_of(0)
    again = await connection.ask(planning.of(visit, lease, key=visit))
    other = await connection.ask(planning.of(visit, lease, key=f"{visit}-2"))
    connection.close()
    if (again[0], other[0]) != (201, 409) or json.loads(again[1])["id"] != visit:
        raise NotAsAcknowledged(f"a repeated command was answered {again[0]}, one with another key {other[0]}")


async def _stubbed(one: Whole) -> AsyncIterator[Cell]:
    ports = {name: int(seen["url"].rpartition(":")[2]) for name, seen in one.platform.components.items()}
    port, other = free_port(), free_port()
    settings = service_settings(one.platform.state, "visits", port, database=ports["postgres"], bus=ports["nats"])
    stub, nothing = "operate.benchmarks.stubbed_door", {"PYTHONPATH": str(PROJECT), "HUURSPOOR_PORT": str(other)}
    async with (
        serving(one, stub, settings, port) as door,
        serving(one, stub, nothing, other, "nothing") as noop,
        await Callers.of(door, CONNECTIONS) as ours,
        await Callers.of(noop, CONNECTIONS) as theirs,
    ):
        mine, others = one.planning(), one.planning()

        async def check() -> None:
            request = mine()
            first, again = [(await ours.all_of([request], status=201))[0] for _ in range(2)]
            told = json.loads(first)
            if told != json.loads(again) or (told["id"], told["state"]) != (mine.asked[-1], "planned"):
                raise NotAsAcknowledged("the stubbed door does not do what the door does")

        yield Cell(
            "http-stubbed",
            "requests/s",
            lambda seconds: ours.busy(seconds, mine, status=201),
            lambda seconds: theirs.busy(seconds, others, status=201),
            check,
        )


@contextlib.asynccontextmanager
async def _library_route(one: Whole) -> AsyncIterator[str]:
    port = free_port()
    told = {
        "dsn": one.on.dsn(one.on.fresh(), "visits_owner"),
        "jwks": str(jwks_file(one.platform.state)),
        "issuer": ISSUER,
        "audience": AUDIENCE,
        "office": OFFICE,
        "leases": one.leases,
        "port": port,
    }
    env = {"PYTHONPATH": str(PROJECT), "BENCH_ROUTE": json.dumps(told), "LC_ALL": "C.UTF-8"}
    async with serving(one, "operate.benchmarks.library_route", env, port) as address:
        yield address


@contextlib.asynccontextmanager
async def serving(one: Whole, module: str, env: Mapping[str, str], port: int, *words: str) -> AsyncIterator[str]:
    """Run a module as a server of its own until it is no longer needed; return its address once it takes connections.

    :raises RuntimeError: it did not within half a minute.
    """
    name = module.rpartition(".")[2]
    with _started(one, name, [sys.executable, "-P", "-m", module, *words], env) as child:
        for _ in range(300):
            try:
                (await Connection.open(f"http://127.0.0.1:{port}")).close()
                break
            except OSError:
                if child.poll() is not None:
                    break
                await asyncio.sleep(0.1)
        else:
            raise RuntimeError(f"{name} did not start")
        yield f"http://127.0.0.1:{port}"


@contextlib.contextmanager
def _started(one: Whole, name: str, words: list[str], env: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    with one.platform.state.log(name).open("ab") as log:
        options = how_to_start(log=log, env={**os.environ, **env}, dies_by=STOPS_BY, cwd=PROJECT)
        child = subprocess.Popen(words, **options)
    try:
        yield child
    finally:
        stop(child, by=STOPS_BY)
