"""Two small services on real PostgreSQL and NATS: each message has its effect once, whatever happens to it."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from operate.nats import prepare
from operate.state import State
from tests.conftest import ScratchDatabases
from tests.shared.correspondents import (
    A_DAY,
    Ground,
    Server,
    at_work,
    ground,
    kept,
    new_lease,
    noticing,
    until,
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A NATS server for one test."""
    made = Server(prepare(State(tmp_path / "state")))
    yield made
    made.end()


@pytest.fixture
def here(databases: ScratchDatabases) -> Ground:
    """Empty databases for visits and referrals."""
    return ground(databases)


def test_what_is_told_has_its_effect_once(server: Server, here: Ground) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(50)]
        async with (
            kept(server.nats),
            at_work("visits", here.visits, here.keys, server.nats) as visits,
            at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing()) as referrals,
        ):
            await visits.tell(*leases)
            await visits.tell(*leases, due_on=A_DAY + timedelta(days=1))
            async with asyncio.timeout(10):
                await referrals.post.seen("visits", visits.store.writer.position, office="kantoor-noord")
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY, A_DAY + timedelta(days=1))
            took = await one_way(visits, referrals)
            assert took < 0.5
            outbox = await visits.relay.status()
            inbox = (await referrals.post.status())["visits"]
            assert outbox["counts"]["FirstVisitDue"] == inbox["counts"]["FirstVisitDue"] == 101
            await until(lambda: visits.post.why_not is None and referrals.post.why_not is None)

    asyncio.run(story())


async def one_way(visits, referrals) -> float:  # type: ignore[no-untyped-def]
    lease = new_lease()
    await visits.tell(lease)
    return await until(lambda: referrals.noticed(lease))
