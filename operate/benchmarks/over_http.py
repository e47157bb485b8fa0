"""An HTTP command as shipped, beside the same route on the plain library; and its door alone, beside a plain no-op.

What is measured is planning a visit, with a token, validation and an Idempotency-Key each, on 32 kept connections. All
servers are processes of their own, and one generator (``knocking``) asks them. Our service runs as shipped, with its
relay publishing to the bus; the other three services stand still, as the reference has none that would take in what it
stores. Beside the pairs stands how many commands there are while all of them take it in. Before a stretch of the
reference begins all is published, so that nobody pays for the other.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.ground import Ground, followed
from operate.benchmarks.knocking import Callers
from operate.benchmarks.serving import serving
from operate.benchmarks.whole import OFFICE, Whole, whole
from operate.children import free_port
from operate.issuer import AUDIENCE, ISSUER, jwks_file
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
        contextlib.AsyncExitStack() as still,
    ):
        still.enter_context(one.only("visits"))

        async def against(seconds: float) -> Run:
            await one.published()
            return await theirs.busy(seconds, others, status=201)

        async def besides() -> Mapping[str, Any]:
            await one.published()
            run = await ours.busy(2.0, mine, connections=1, status=201)
            await still.aclose()
            await one.settled()
            together = await ours.busy(2.0, mine, status=201)
            await one.settled()
            return {
                "p50_ms_of_one_connection": run.p50,
                "p99_ms_of_one_connection": run.p99,
                "while_all_services_take_in": round(together.rate, 1),
            }

        async def check() -> None:
            await one.ask_again(mine)
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
            beside=besides,
        )


async def _stubbed(one: Whole) -> AsyncIterator[Cell]:
    ports = {name: int(seen["url"].rpartition(":")[2]) for name, seen in one.platform.components.items()}
    port, other, quick = free_port(), free_port(), free_port()
    settings = service_settings(one.platform.state, "visits", port, database=ports["postgres"], bus=ports["nats"])
    stub = "operate.benchmarks.stubbed_door"

    def at(port: int) -> dict[str, str]:
        return {"PYTHONPATH": str(PROJECT), "HUURSPOOR_PORT": str(port)}

    async with (
        serving(one.platform.state, stub, settings, port) as door,
        serving(one.platform.state, stub, at(other), other, "nothing") as noop,
        serving(one.platform.state, stub, at(quick), quick, "nothing-quicker") as quicker,
        await Callers.of(door, CONNECTIONS) as ours,
        await Callers.of(noop, CONNECTIONS) as theirs,
        await Callers.of(quicker, CONNECTIONS) as quickest,
    ):
        mine, others = one.planning(), one.planning()

        async def besides() -> Mapping[str, Any]:
            run = await quickest.busy(2.0, others, status=201)
            return {"of_a_no_op_on_our_own_loop_and_parser": round(run.rate, 1)}

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
            beside=besides,
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
    async with serving(one.platform.state, "operate.benchmarks.library_route", env, port) as address:
        yield address
