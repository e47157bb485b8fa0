"""A whole platform as shipped, for what is measured from outside: its services, an office, leases that run."""

import asyncio
import json
import os
import signal
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from operate import postgres
from operate.benchmarks.cell import NotAsAcknowledged
from operate.benchmarks.ground import Ground
from operate.benchmarks.knocking import Callers, Connection, post
from operate.platform import Platform
from operate.state import SERVICES

OFFICE = "bench-office"
PATIENT = 120.0


@dataclass(frozen=True)
class Whole:
    """A running platform with an office in it, and leases on which visits can be planned."""

    platform: Platform
    on: Ground
    leases: tuple[str, ...]

    @property
    def visits(self) -> str:
        """The address of the service whose commands are measured."""
        return self.platform.urls["visits"]

    def planning(self) -> "Planning":
        """Return new requests that plan visits on these leases."""
        token = self.platform.token(office=OFFICE, roles=["counsellor"], person="c-1")
        return Planning(token, self.leases, (self.platform.today() + timedelta(days=14)).isoformat())

    async def settled(self) -> None:
        """Wait until all that was published is taken in everywhere."""
        await asyncio.to_thread(self.platform.settled, seconds=PATIENT)

    async def published(self) -> None:
        """Wait until the relay of visits has published all that was committed."""
        while (await asyncio.to_thread(_ready, self.visits))["outbox"]["unpublished"]:
            await asyncio.sleep(0.05)

    @contextmanager
    def only(self, service: str) -> Iterator[None]:
        """Let a service run beside its database and the bus, while the other services stand still."""
        others = [
            int(seen["pid"]) for name, seen in self.platform.components.items() if name in SERVICES and name != service
        ]
        for pid in others:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in others:
                os.kill(pid, signal.SIGCONT)

    async def ask_again(self, planning: "Planning") -> None:
        """Ask again for what was done: the same key gets its answer, another one is refused.

        :raises NotAsAcknowledged: it is not so.
        """
        connection = await Connection.open(self.visits)
        visit, lease = planning.asked[0], planning.lease_of(0)
        again = await connection.ask(planning.of(visit, lease, key=visit))
        other = await connection.ask(planning.of(visit, lease, key=f"{visit}-2"))
        connection.close()
        if (again[0], other[0]) != (201, 409) or json.loads(again[1])["id"] != visit:
            raise NotAsAcknowledged(f"a repeated command was answered {again[0]}, one with another key {other[0]}")


class Planning:
    """Requests that plan a visit each, under a key of their own; remembers which visits were asked for."""

    def __init__(self, token: str, leases: tuple[str, ...], day: str) -> None:
        self._head = (f"Authorization: Bearer {token}",)
        self._leases = leases
        self._day = day
        self.asked: list[str] = []

    def __call__(self) -> bytes:
        """Return the bytes of the next one."""
        visit, number = str(uuid.uuid4()), len(self.asked)
        self.asked.append(visit)
        return self.of(visit, self.lease_of(number), key=visit)

    def lease_of(self, number: int) -> str:
        """Return the lease of the visit that was asked for as the ``number``-th."""
        return self._leases[number % len(self._leases)]

    def of(self, visit: str, lease: str, *, key: str) -> bytes:
        """Return the bytes of one request."""
        told = {"id": visit, "lease": lease, "date": self._day, "slot": "10:00", "purpose": "individual"}
        return post("/visits", json.dumps(told).encode(), *self._head, f"Idempotency-Key: {key}")


def _ready(address: str) -> Any:
    try:
        with urllib.request.urlopen(f"{address}/health/ready", timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as not_ready:
        return json.load(not_ready)


@asynccontextmanager
async def whole(folder: Path, *, leases: int = 500) -> AsyncIterator[Whole]:
    """Start a platform in a folder of its own, found an office, and let so many leases run."""
    platform = await asyncio.to_thread(Platform.start, folder, thrown_away=True)
    try:
        await asyncio.to_thread(platform.create_office, OFFICE, name="Kantoor Meting", director="d-1")
        port = int(platform.components["postgres"]["url"].rpartition(":")[2])
        pgbench = folder / "pgbench"
        pgbench.mkdir(exist_ok=True)
        on = Ground(postgres.prepare(platform.state, port=port), pgbench)
        ids = tuple(str(uuid.uuid4()) for _ in range(leases))
        await _let_run(platform, ids)
        yield Whole(platform, on, ids)
    finally:
        await asyncio.to_thread(platform.stop)


async def _let_run(platform: Platform, ids: tuple[str, ...]) -> None:
    token = platform.token(office=OFFICE, roles=["coordinator"], person="k-1")
    today = platform.today().isoformat()
    head = f"Authorization: Bearer {token}"

    def register(number: int, id: str) -> bytes:
        dwelling = {"reference": f"KM-{number:04}", "address": "Lindestraat 12, 2060 Antwerpen"}
        told = {"id": id, "dwelling": dwelling, "landlord": "Kantoor Meting", "start": today, "informed_on": today}
        party = {"name": "Amina Voorbeeld", "role": "reference_renter", "language": "nl", "household": "alone"}
        return post("/leases", json.dumps({**told, "parties": [party]}).encode(), head)

    def assign(id: str) -> bytes:
        return post(f"/leases/{id}/assign-counsellor", json.dumps({"counsellor": "c-1"}).encode(), head)

    async with await Callers.of(platform.urls["visits"], 16) as callers:
        await callers.all_of([register(number, id) for number, id in enumerate(ids)], status=201)
        await callers.all_of([assign(id) for id in ids], status=200)
    await asyncio.to_thread(platform.settled, seconds=PATIENT)
