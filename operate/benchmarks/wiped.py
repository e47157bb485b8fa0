"""A wiped JetStream store: how fast the history is published again, until everything has converged.

A whole platform holds 30,000 events, made by commands over HTTP and taken in everywhere. The store is taken away and
NATS killed; the time runs from then until the streams hold the whole history again and every consumer has taken in,
and acknowledged, all of it. There is no other system to compare with: the reference is the rate that is asked for.
"""

import asyncio
import os
import shutil
import signal
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from time import perf_counter
from typing import Any

import asyncpg

from operate.benchmarks.cell import Cell, NotAsAcknowledged, Run
from operate.benchmarks.ground import Ground, followed
from operate.benchmarks.knocking import Callers
from operate.benchmarks.whole import Whole, whole
from operate.door import Away, Door
from operate.state import SERVICES
from shared.bus import stream_of

EVENTS = 30_000
ASKED = 1000.0  # events a second
CONNECTIONS = 32


async def wiped_cells(on: Ground) -> AsyncIterator[Cell]:
    """Events a second until everything has converged, beside the thousand that are asked for."""
    async with whole(on.folder.parent / "wiped") as one:
        planning = one.planning()
        async with await Callers.of(one.visits, CONNECTIONS) as callers:
            await callers.all_of([planning() for _ in range(EVENTS)], status=201)
        await one.settled()
        before = await _taken_in(one)

        async def check() -> None:
            await one.settled()
            if await _taken_in(one) != before:
                raise NotAsAcknowledged("what was delivered again had an effect again")
            seen = await followed(one.on, "visits")
            if sum("/visit/" in stream for stream in seen) != EVENTS:
                raise NotAsAcknowledged("not every command is stored once")

        async def asked(_seconds: float) -> Run:
            return Run(ASKED, 0.0, 0.0)

        async def wipe(_seconds: float) -> Run:
            return await _wipe(one)

        yield Cell("wiped", "events/s", wipe, asked, check, pairs=3, warmed_up=False)


async def _wipe(one: Whole) -> Run:
    history = {stream_of(service): await _counted(one, service, "outbox") for service in SERVICES}
    seen = one.platform.components["nats"]
    store, gone = Path(seen["store"]), Path(seen["store"]).parent / f"gone-{uuid.uuid4().hex[:8]}"
    store.rename(gone)
    os.kill(int(seen["pid"]), signal.SIGKILL)
    begun = perf_counter()
    while not await asyncio.to_thread(_has_converged, seen["monitoring"], history):
        await asyncio.sleep(0.05)
    seconds = perf_counter() - begun
    shutil.rmtree(gone)
    return Run(sum(history.values()) / seconds, 0.0, 0.0)


def _has_converged(monitoring: str, history: dict[str, int]) -> bool:
    """Whether every stream holds its history, and no consumer of it waits for anything."""
    try:
        told: Any = Door(monitoring, patience=5).get("/jsz?consumers=true").body
    except Away:
        return False
    streams = {
        stream["name"]: stream
        for account in told.get("account_details", ())
        for stream in account.get("stream_detail", ())
    }
    for name, messages in history.items():
        stream = streams.get(name)
        if stream is None or stream["state"]["messages"] < messages:
            return False
        consumers = stream.get("consumer_detail") or []
        if len(consumers) < len(SERVICES) - 1:
            return False
        if any(consumer["num_pending"] or consumer["num_ack_pending"] for consumer in consumers):
            return False
    return True


async def _taken_in(one: Whole) -> dict[str, int]:
    return {service: await _counted(one, service, "inbox") for service in SERVICES}


async def _counted(one: Whole, service: str, table: str) -> int:
    asked = await asyncpg.connect(one.on.url(service, f"{service}_all"))
    number = int(await asked.fetchval(f"select count(*) from {table}"))
    await asked.close()
    return number
