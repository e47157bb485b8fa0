"""A store that was restored from a backup: noticed by what others have seen of it, and confirmed by a person."""

import asyncio
import contextlib
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared import problems
from shared.contracts.platform import VoidFrom
from shared.epochs import KnownEpochs, ended_by, epoch_at, is_void
from shared.event_sourcing import StoreBusy
from shared.outbox import message_id
from shared.refusals import WrongState
from shared.web import problem_of
from shared.witness import Contradiction, Own, Seen, as_told, judge
from shared.writer import WritingWaits
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.shared.correspondents import (
    A_DAY,
    OFFICE,
    Ground,
    Server,
    Small,
    at_work,
    ground,
    kept,
    noticing,
    until,
)

BACKUP, LATER = ("l-1", "l-2"), ("l-3", "l-4", "l-5")
AFTERWARDS = ("m-1", "m-2")


@pytest.fixture
def here(databases: ScratchDatabases, keys: ScratchDatabase) -> Ground:
    """Empty databases for visits and referrals."""
    return ground(databases, keys)


def visits_at_work(here: Ground, server: Server, database: ScratchDatabase, **how: Any) -> Any:
    return at_work("visits", database, here.keys, server.nats, **how)


def referrals_at_work(here: Ground, server: Server) -> Any:
    return at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing(), publishers=("visits",))


async def taken_in(referrals: Small, visits: Small) -> None:
    position = visits.store.writer.position
    async with asyncio.timeout(15):
        await referrals.post.seen("visits", position, office=OFFICE)


async def backed_up_and_gone_on(
    here: Ground, server: Server, databases: ScratchDatabases, **how: Any
) -> ScratchDatabase:
    """Let visits tell something, be copied, and tell more, all of which referrals takes in; return the copy."""
    async with referrals_at_work(here, server) as referrals:
        async with visits_at_work(here, server, here.visits, **how) as visits:
            await visits.tell(*BACKUP)
            await taken_in(referrals, visits)
        backup = await asyncio.to_thread(databases.copy, here.visits)
        async with visits_at_work(here, server, here.visits, **how) as visits:
            await visits.tell(*LATER, "l-1")
            await taken_in(referrals, visits)
            await referrals.post.heads.announce()  # as it does each day
            await until(lambda: all_sent(referrals))
    return backup


async def all_sent(small: Small) -> bool:
    status = await small.relay.status()
    return bool(status["position"] and not status["unpublished"])


async def told_since(small: Small) -> list[tuple[int, str]]:
    rows = await small.sql("select position, envelope from outbox where type = 'FirstVisitDue' order by position")
    return [(row[0], json.loads(row[1])["data"]["lease"]) for row in rows]


async def refused(visits: Small) -> Contradiction:
    """Wait until visits waits for a person; nothing may be written or published, everything read."""
    await until(lambda: visits.witness.waiting)
    with pytest.raises(WritingWaits) as why:
        await visits.tell("not-now")
    problem = problem_of(why.value)
    assert problem is not None and problem.status == 503 and "Retry-After" in problem.headers
    assert isinstance(why.value, StoreBusy)
    assert "shorter than witnessed" in str(visits.witness.why_not)
    before = await visits.bus.stream("visits")
    await asyncio.sleep(0.5)
    assert (await visits.bus.stream("visits")).messages == before.messages
    found = visits.witness.waiting
    assert found is not None
    return found


async def gone_on(visits: Small, referrals: Small, backup_position: int) -> None:
    """Confirm, tell more, and see that both agree on what is so, and name what no longer is."""
    done = await visits.witness.confirm(reason="The disk broke.", by="operator-1")
    assert (done["epoch"], done["void_from"]) == (2, f"visits:{backup_position + 1}")
    await asyncio.wait_for(visits.store.writer.ready.wait(), 10)
    await visits.tell(*AFTERWARDS, "l-1")
    await until(lambda: referrals.post.inbox.epochs.of("visits") == {1: backup_position + 1})
    await taken_in(referrals, visits)
    assert await referrals.noticed("m-1") == await referrals.noticed("m-2") == (A_DAY,)
    assert await referrals.noticed("l-1") == (A_DAY,) * 3  # its first, the void one, the one after
    assert await referrals.noticed("l-3") == (A_DAY,)  # what was made of what is void stays
    letters, _ = await referrals.post.dead_letters.listed(limit=200, after=None)
    void = [letter for letter in letters if letter["reason"] == "void"]
    assert letters == void
    of_leases = {letter["stream"]: letter["envelope"]["effects"] for letter in void if letter["stream"] != "log-head"}
    for lease in LATER:
        assert f"noticed/{lease}:1 Noticed" in of_leases[f"lease/{lease}"]
    assert "noticed/l-1:2 Noticed" in of_leases["lease/l-1"]
    status = referrals.post.inbox.status()["visits"]
    assert (status["parked"], status["dead"], status["seen"]) == (0, 0, visits.store.writer.position)
    assert status["counts"] == (await visits.relay.status())["counts"]
    # Who said so, and when, stands in the log of visits, and went out with it.
    heads = await visits.sql("select position, envelope from outbox where type = 'LogHeadAnnounced' order by position")
    begun = [json.loads(row[1]) for row in heads if json.loads(row[1])["data"]["void"]]
    assert begun[0]["actor"] == "operator-1" and begun[0]["epoch"] == 2
    assert begun[0]["data"]["void"] == [{"epoch": 1, "position": backup_position + 1}]
    again = await referrals.sql("select position, count(*) from inbox where state = 'taken' and epoch = 2 group by 1")
    assert {row[0] for row in again} == set(range(backup_position + 1, visits.store.writer.position + 1))
    assert {row[1] for row in again} == {1}


@pytest.mark.parametrize("witness", ["the bus", "its consumer", "this machine"])
def test_an_older_store_waits_for_a_person_and_goes_on_in_a_new_epoch(
    server: Server, here: Ground, databases: ScratchDatabases, tmp_path: Path, witness: str
) -> None:
    how = {"file": tmp_path / "visits.json"} if witness == "this machine" else {}

    async def story() -> None:
        async with kept(server.nats):
            backup = await backed_up_and_gone_on(here, server, databases, **how)
        if witness != "the bus":
            server.kill()
            server.wipe()
            server.start()
        async with kept(server.nats), referrals_at_work(here, server) as referrals:
            if witness == "its consumer":
                await until(lambda: all_sent(referrals))
            async with visits_at_work(here, server, backup, stands_by=True, **how) as visits:
                found = await refused(visits)
                await until(lambda: visits.bus.client)
                assert found.own.position < found.position
                assert found.by == {"its consumer": "referrals"}.get(witness, witness)
                await gone_on(visits, referrals, found.own.position)
                with pytest.raises(WrongState):
                    await visits.witness.confirm(reason="Once more.", by="operator-1")
            async with visits_at_work(here, server, backup, **how) as visits:  # from then on nothing waits
                await visits.tell("n-1")
                await taken_in(referrals, visits)

    asyncio.run(story())
