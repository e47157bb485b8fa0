"""Comparing what was told with what was taken in: by positions, and by counts where a publisher is heard in part."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import asyncpg
import pytest

from shared.contracts.evaluations import EvaluationFinalV1
from shared.contracts.referrals import ReferralConsentGivenV1, ReferralOfferedV1
from shared.event_sourcing import EventStore
from shared.heads import ANSWERED, Missing
from shared.progress import Progress, Ranges
from shared.told import Reactions, Told
from tests.conftest import ScratchDatabase
from tests.shared.correspondents import (
    A_DAY,
    NOTICED,
    OFFICE,
    Due,
    Noticed,
    Server,
    Small,
    at_work,
    kept,
    until,
    user,
)

Place = tuple[ScratchDatabase, ScratchDatabase, ScratchDatabase]


@pytest.fixture
def here(small: Mapping[str, ScratchDatabase], keys: ScratchDatabase) -> Place:
    """Empty databases for referrals, evaluations and their keys."""
    return small["referrals"].emptied(), small["evaluations"].emptied(), keys


def told_by_referrals(event: Any, _state: Any, _id: str) -> tuple[Any, ...]:
    if not isinstance(event, Due):
        return ()
    if event.lease.startswith("secret"):
        return (ReferralConsentGivenV1(lease=event.lease, referral="r", given_on=event.due_on),)
    return (ReferralOfferedV1(lease=event.lease, offered_on=event.due_on),)


def told_by_evaluations(event: Any, _state: Any, _id: str) -> tuple[Any, ...]:
    return (EvaluationFinalV1(lease=event.lease, evaluation="e"),) if isinstance(event, Due) else ()


def noticing(contract: type) -> Reactions:
    reactions = Reactions()

    @reactions.to(contract)
    async def when_told(told: Told[Any], store: EventStore) -> None:
        noticed = Noticed(lease=told.data.lease, due_on=A_DAY)
        await store.decide(NOTICED, told.data.lease, lambda _seen: [noticed], by=told)

    return reactions


def referrals_at_work(here: Place, server: Server) -> Any:
    heard = noticing(EvaluationFinalV1)
    return at_work("referrals", here[0], here[2], server.nats, reactions=heard, published=told_by_referrals)


def evaluations_at_work(here: Place, server: Server) -> Any:
    heard = noticing(ReferralOfferedV1)
    return at_work("evaluations", here[1], here[2], server.nats, reactions=heard, published=told_by_evaluations)


async def seen(small: Small, publisher: str, position: int, *, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        await small.post.seen(publisher, position, office=OFFICE)


def test_evaluations_knows_when_it_has_all_that_it_may_know_of_referrals(server: Server, here: Place) -> None:
    async def story() -> None:
        async with (
            kept(server.nats),
            referrals_at_work(here, server) as referrals,
            evaluations_at_work(here, server) as evaluations,
        ):
            await referrals.tell("offer-1", "secret-1", "offer-2", "secret-2", "secret-3")
            await seen(evaluations, "referrals", referrals.store.writer.position)
            assert await evaluations.noticed("offer-1") == await evaluations.noticed("offer-2") == (A_DAY,)
            known = (await evaluations.post.status())["referrals"]["counts"]
            assert known["ReferralOffered"] == 2
            assert set(known) == {"ReferralOffered", "LogHeadAnnounced"}
            with pytest.raises(TimeoutError):
                await seen(evaluations, "referrals", referrals.store.writer.position + 100, seconds=1.5)

    asyncio.run(story())


def test_what_evaluations_missed_of_referrals_comes_again(server: Server, here: Place) -> None:
    async def story() -> None:
        async with kept(server.nats), referrals_at_work(here, server) as referrals:
            await referrals.tell("offer-1", "secret-1", "offer-2")
            await until(lambda: all_sent(referrals))
        await lose_unnoticed(server, here[0], "referrals")
        async with (
            kept(server.nats),
            referrals_at_work(here, server) as referrals,
            evaluations_at_work(here, server) as evaluations,
        ):
            evaluations.post.heads._patience = 0.3
            await referrals.tell("offer-3")
            await seen(evaluations, "referrals", referrals.store.writer.position, seconds=20)
            for lease in ("offer-1", "offer-2", "offer-3"):
                assert await evaluations.noticed(lease) == (A_DAY,)

    asyncio.run(story())


def test_referrals_asks_evaluations_by_its_head(server: Server, here: Place) -> None:
    async def story() -> None:
        async with kept(server.nats), evaluations_at_work(here, server) as evaluations:
            await evaluations.tell("l-1", "l-2")
            await until(lambda: all_sent(evaluations))
        await lose_unnoticed(server, here[1], "evaluations")
        async with (
            kept(server.nats),
            referrals_at_work(here, server) as referrals,
            evaluations_at_work(here, server) as evaluations,
        ):
            referrals.post.heads._patience = 0.3
            await evaluations.tell("l-3")
            await seen(referrals, "evaluations", evaluations.store.writer.position, seconds=20)
            for lease in ("l-1", "l-2", "l-3"):
                assert await referrals.noticed(lease) == (A_DAY,)

    asyncio.run(story())


async def all_sent(small: Small) -> bool:
    status = await small.relay.status()
    return bool(status["position"] and not status["unpublished"])


async def lose_unnoticed(server: Server, database: ScratchDatabase, service: str) -> None:
    """Lose the stream in a way that its relay cannot see."""
    server.kill()
    server.wipe()
    server.start()
    async with kept(server.nats), user(server.nats, "bus-keeper") as keeper:
        await asyncio.sleep(0.2)
        state = await keeper.stream(service)
    connection = await asyncpg.connect(database.all_offices)
    try:
        await connection.execute("update relay set stream_created = $1, stream_messages = 0", state.created)
    finally:
        await connection.close()


def test_a_gap_behind_the_head_of_its_publisher_is_not_asked_for_for_ever() -> None:
    missing = Missing(asked=((8, 4999),))
    missing.answered(10)
    assert missing.real([(8, 4999)]) == ((8, 10),)
    assert missing.real([(11, 4999)]) == ()
    assert missing.real([(11, 11), (13, 4999)]) == ((11, 11),)
    missing.answered(20)
    assert missing.real([(13, 4999)]) == ((13, 20),)


def test_ranges_know_their_floor_and_their_gaps() -> None:
    ranges = Ranges([(5, 6), (1, 2)])
    assert (ranges.floor, ranges.last, ranges.gaps(9)) == (2, 6, [(3, 4), (7, 9)])
    for position in (4, 3, 9, 8, 3):
        ranges.add(position)
    assert (ranges.floor, ranges.last, ranges.gaps(9)) == (6, 9, [(7, 7)])
    assert 7 not in ranges and 8 in ranges and 10 not in ranges
    assert Ranges().floor == Ranges([(2, 3)]).floor == 0
    assert Ranges().gaps(2) == [(1, 2)]


def test_a_message_counts_once_however_often_it_comes() -> None:
    progress = Progress()
    progress.arrived(1, "ToolLent")
    progress.parked.add(1)
    progress.settled(1, "ToolLent")
    progress.settled(1, "ToolLent")
    assert (progress.counts["ToolLent"], progress.parked, progress.done.floor) == (1, set(), 1)


def test_one_who_asks_for_what_never_was_keeps_nobody_else_waiting(server: Server, here: Place) -> None:
    def asks(position: int, first: int, until: int) -> tuple[str, str, bytes]:
        envelope = {
            "specversion": "1.0",
            "id": f"id-{position}",
            "source": "/services/visits",
            "type": "huurspoor.visits.HistoryRequested.v1",
            "subject": "office/platform",
            "time": "2026-03-02T09:30:00Z",
            "office": "platform",
            "position": position,
            "epoch": 1,
            "stream": f"history-request/{position}",
            "streamversion": 1,
            "streamprevious": 0,
            "occurredon": "2026-03-02",
            "actor": "SYS",
            "correlationid": "c",
            "clock": "system",
            "data": {"publisher": "referrals", "epoch": 1, "from": first, "until": until},
        }
        return "huurspoor.platform.visits.HistoryRequested.v1", f"id-{position}", json.dumps(envelope).encode()

    async def story() -> None:
        answered = ANSWERED._value.get()
        async with kept(server.nats), referrals_at_work(here, server), user(server.nats, "visits") as visits:
            await visits.publish_each([asks(1, 1, 2**70), asks(2, 2**70, 2**71), asks(3, 1, 0)])
            await until(lambda: ANSWERED._value.get() == answered + 3)

    asyncio.run(story())
