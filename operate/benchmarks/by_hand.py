"""The reference of ``pipeline``: an outbox pipeline written by hand with asyncpg and nats-py, in two processes.

``producer`` takes a POST, stores an event and its outbox row in one transaction, and publishes committed rows in order
with message ids as soon as they are there; ``consumer`` fetches, stores the inbox row and its effect in one
transaction, and acknowledges. It is what a good engineer writes in a day: no offices, no views, no rules, no parking,
one consumer. It runs on the same loop as ours, on a PostgreSQL and a NATS of its own, set up as ours.
"""

import asyncio
import json
import os
import sys
import uuid
from contextlib import suppress
from datetime import date
from typing import Any, Literal

import asyncpg
import nats
import uvicorn
import uvloop
from fastapi import FastAPI
from nats.aio.client import Client
from nats.js.client import JetStreamContext
from pydantic import BaseModel

TABLES = """
create table event (stream text, version bigint, body jsonb not null, primary key (stream, version));
create table outbox (position bigserial primary key, body bytea not null, sent boolean not null default false);
create index on outbox (position) where not sent;
create table inbox (id text primary key, stream text not null);
create table effect (stream text, version bigint, body jsonb not null, primary key (stream, version));
"""
SUBJECT = "huurspoor.by-hand.visits.VisitPlanned.v1"
STREAM, READER = "VISITS", "notifications"


class PlanVisit(BaseModel, extra="forbid"):
    """A home visit: whom, when, what for."""

    id: uuid.UUID
    lease: uuid.UUID
    date: date
    slot: str
    purpose: Literal["information", "individual", "participation"]


class Producer:
    """Takes commands and publishes what they led to."""

    def __init__(self, pool: asyncpg.Pool, bus: JetStreamContext) -> None:
        self._pool, self._bus = pool, bus
        self._committed = asyncio.Event()

    async def plan(self, body: PlanVisit) -> Any:
        """Store the event and its outbox row in one transaction."""
        told = body.model_dump_json()
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("insert into event values ($1, 1, $2)", f"visit/{body.id}", told)
            await connection.execute("insert into outbox (body) values ($1)", told.encode())
        self._committed.set()
        return {"id": str(body.id)}

    async def relay(self) -> None:
        """Publish committed rows in order, and note which were."""
        while True:
            self._committed.clear()
            rows = await self._pool.fetch(
                "select position, body from outbox where not sent order by position limit 100"
            )
            if not rows:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._committed.wait(), 0.25)
                continue
            await asyncio.gather(
                *(
                    self._bus.publish(SUBJECT, row["body"], headers={"Nats-Msg-Id": f"by-hand-{row['position']}"})
                    for row in rows
                )
            )
            await self._pool.execute(
                "update outbox set sent = true where position = any ($1)", [row["position"] for row in rows]
            )


async def consume(pool: asyncpg.Pool, bus: JetStreamContext) -> None:
    """Take in one message after the other, each with its effect in one transaction."""
    subscription = await bus.pull_subscribe_bind(READER, STREAM, inbox_prefix=f"_INBOX.{READER}.".encode())
    async with pool.acquire() as connection:
        while True:
            try:
                messages = await subscription.fetch(1, timeout=5)  # of more it would wait for the rest
            except TimeoutError:
                continue
            for message in messages:
                told = json.loads(message.data)
                async with connection.transaction():
                    done = await connection.execute(
                        "insert into inbox values ($1, $2) on conflict do nothing",
                        (message.headers or {})["Nats-Msg-Id"],
                        f"visit/{told['id']}",
                    )
                    if done == "INSERT 0 1":
                        await connection.execute(
                            "insert into effect values ($1, 1, $2)", f"visit/{told['id']}", message.data.decode()
                        )
                await message.ack()


async def _connected(user: str, told: Any) -> Client:
    client: Client = await nats.connect(
        told["nats"], nkeys_seed=told["seeds"][user], inbox_prefix=f"_INBOX.{user}".encode()
    )
    return client


async def produce(told: Any) -> None:
    """Serve, and relay, until ended."""
    client = await _connected("visits", told)
    async with asyncpg.create_pool(told["database"], max_size=10) as pool:
        producer = Producer(pool, client.jetstream())
        app = FastAPI()
        app.add_api_route("/visits", producer.plan, methods=["POST"], status_code=201)
        relaying = asyncio.create_task(producer.relay())
        config = uvicorn.Config(app, host="127.0.0.1", port=told["port"], log_config=None, access_log=False)
        await uvicorn.Server(config).serve()
        relaying.cancel()


async def take_in(told: Any) -> None:
    """Consume until ended."""
    client = await _connected("notifications", told)
    async with asyncpg.create_pool(told["database"], min_size=1, max_size=2) as pool:
        await consume(pool, client.jetstream())


if __name__ == "__main__":
    uvloop.run({"producer": produce, "consumer": take_in}[sys.argv[1]](json.loads(os.environ["BENCH_BY_HAND"])))
