"""A store that was restored from a backup: noticed by what others have seen of it, and confirmed by a person."""

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.contracts.platform import VoidFrom
from shared.epochs import KnownEpochs, ended_by, epoch_at, is_void
from shared.event_sourcing import StoreBusy
from shared.outbox import Relay, message_id
from shared.refusals import WrongState
from shared.web import problem_of
from shared.witness import Contradiction, Own, Seen, as_told, judge
from shared.writer.acts import WritingWaits
from shared.writer.loop import RestoredBeneath
from tests.conftest import ScratchDatabase, ScratchDatabases
from tests.one_service import lay_out_log
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
    soon,
    until,
    user,
)

BACKUP, LATER = ("l-1", "l-2"), ("l-3", "l-4", "l-5")
AFTERWARDS = ("m-1", "m-2")
SECRET_SUBJECT = "huurspoor.kantoor-noord.referrals.ReferralConsentGiven.v1"


@pytest.fixture
def here(small: Mapping[str, ScratchDatabase], keys: ScratchDatabase) -> Ground:
    """Empty databases for visits and referrals."""
    return ground(small, keys)


def visits_at_work(here: Ground, server: Server, database: ScratchDatabase, **how: Any) -> Any:
    return at_work("visits", database, here.keys, server.nats, **how)


def referrals_at_work(here: Ground, server: Server) -> Any:
    return at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing(), publishers=("visits",))


async def taken_in(referrals: Small, visits: Small) -> int:
    """Wait until referrals took in all that visits has told by now; return up to which position."""
    position = visits.store.writer.position
    async with asyncio.timeout(15):
        await referrals.post.seen("visits", position, office=OFFICE)
    return position


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


async def counted_alike(referrals: Small, visits: Small) -> bool:
    """Whether referrals took in as many events of each name as visits told; a head of the day may be under way."""
    return bool(referrals.post.inbox.status()["visits"]["counts"] == (await visits.relay.status())["counts"])


async def said_what_is_void(small: Small) -> bool:
    heads = await small.sql("select envelope from outbox where type = 'LogHeadAnnounced'")
    return any(json.loads(row[0])["data"]["void"] for row in heads)


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
    told_to = await taken_in(referrals, visits)
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
    assert (status["parked"], status["dead"]) == (0, 0) and status["seen"] >= told_to
    await until(lambda: counted_alike(referrals, visits))
    # Who said so, and when, stands in the log of visits, and went out with it.
    heads = await visits.sql("select position, envelope from outbox where type = 'LogHeadAnnounced' order by position")
    begun = [json.loads(row[1]) for row in heads if json.loads(row[1])["data"]["void"]]
    assert begun[0]["actor"] == "operator-1" and begun[0]["epoch"] == 2
    assert begun[0]["data"]["void"] == [{"epoch": 1, "position": backup_position + 1}]
    again = await referrals.sql("select position, count(*) from inbox where state = 'taken' and epoch = 2 group by 1")
    assert {row[0] for row in again} >= set(range(backup_position + 1, told_to + 1))
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


def test_the_head_of_the_day_does_not_come_before_the_word_of_who_began_the_epoch(
    server: Server, here: Ground, databases: ScratchDatabases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = {"file": tmp_path / "visits.json"}
    monkeypatch.setattr("shared.heads.LOOK_SECONDS", 0.02)
    begun_by = Relay.begun_by

    async def only_after_a_while(self: Relay, epoch: int) -> str | None:
        await asyncio.sleep(0.3)
        return await begun_by(self, epoch)

    monkeypatch.setattr(Relay, "begun_by", only_after_a_while)

    async def story() -> None:
        async with kept(server.nats):
            backup = await backed_up_and_gone_on(here, server, databases, **how)
            async with visits_at_work(here, server, backup, stands_by=True, **how) as visits:
                await until(lambda: visits.witness.waiting)
                await visits.witness.confirm(reason="The disk broke.", by="operator-1")
                await until(lambda: said_what_is_void(visits))
                rows = await visits.sql("select envelope from outbox where type = 'LogHeadAnnounced' order by position")
                heads = [json.loads(row[0]) for row in rows]
                assert next(head["actor"] for head in heads if head["epoch"] == 2) == "operator-1"

    asyncio.run(story())


def test_what_nobody_could_tell_at_the_start_is_told_in_the_new_epoch(
    server: Server, here: Ground, databases: ScratchDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bus was wiped and the one who knows was away: what was written meanwhile is not lost, nor mixed up."""
    # A head of the day says only how far who knows has come: told before the objection, a person has to say so twice.
    monkeypatch.setattr("shared.heads.LOOK_SECONDS", 3600.0)

    async def story() -> None:
        async with kept(server.nats):
            backup = await backed_up_and_gone_on(here, server, databases)
        server.kill()
        server.wipe()
        server.start()
        async with kept(server.nats), visits_at_work(here, server, backup) as visits:
            backed_up = visits.store.writer.position
            await visits.tell("w-1", "w-2")
            await until(lambda: all_sent(visits))
            written = visits.store.writer.position
            async with referrals_at_work(here, server) as referrals:
                await until(lambda: visits.witness.waiting, seconds=20)
                found = visits.witness.waiting
                assert found is not None and found.void_from == backed_up + 1
                assert visits.store.writer.position >= written
                await visits.witness.confirm(reason="The disk broke.", by="operator-1")
                await asyncio.wait_for(visits.store.writer.ready.wait(), 10)
                await until(lambda: referrals.post.inbox.epochs.of("visits") == {1: backed_up + 1})
                await visits.tell("w-3")
                await taken_in(referrals, visits)
                for lease in ("w-1", "w-2", "w-3"):
                    assert await referrals.noticed(lease) == (A_DAY,)
                status = referrals.post.inbox.status()["visits"]
                assert (status["parked"], status["dead"]) == (0, 0)
                await until(lambda: counted_alike(referrals, visits))
                letters, _ = await referrals.post.dead_letters.listed(limit=200, after=None)
                assert {letter["reason"] for letter in letters} == {"void"}

    asyncio.run(story())


def test_a_void_message_that_comes_late_has_no_effect_and_one_of_an_unknown_epoch_waits(
    server: Server, here: Ground, databases: ScratchDatabases
) -> None:
    async def story() -> None:
        async with kept(server.nats) as bus:
            backup = await backed_up_and_gone_on(here, server, databases)
            numbers = range(1, (await bus.stream("visits")).messages + 1)
            stored = [await bus.stored("visits", number) or b"{}" for number in numbers]
            late = [body for body in stored if "lease" in json.loads(body)["data"]]
            async with visits_at_work(here, server, backup, stands_by=True) as visits:
                await until(lambda: visits.witness.waiting)
                found = visits.witness.waiting
                assert found is not None
                await visits.witness.confirm(reason="The disk broke.", by="operator-1")
                await asyncio.wait_for(visits.store.writer.ready.wait(), 10)
                await visits.tell("m-1")
                await until(lambda: said_what_is_void(visits))  # it may come before or after m-1
                new = await visits.sql("select subject, envelope from outbox order by position")
        server.kill()  # what comes now is handed over by us
        fresh = databases.of("notifications")
        lay_out_log(fresh)
        async with at_work(
            "notifications", fresh, here.keys, server.nats, reactions=noticing(), publishers=("visits",)
        ) as hearer:
            inbox = hearer.post.inbox
            told = {json.loads(row[1])["data"].get("lease", "head"): row for row in new}
            void = [body for body in late if json.loads(body)["position"] >= found.void_from]
            assert len(void) == len((*LATER, "l-1"))
            await inbox.take_in("visits", [Given(*told["m-1"])])
            assert inbox.status()["visits"]["parked"] == 1 and await hearer.noticed("m-1") == ()
            await inbox.take_in("visits", [Given(*told["head"])])
            await until(lambda: inbox.status()["visits"]["parked"] == 0)
            assert await hearer.noticed("m-1") == (A_DAY,)
            of_late = [Given(told["m-1"][0], body) for body in late]
            await inbox.take_in("visits", of_late)
            assert await hearer.noticed("l-2") == (A_DAY,)
            assert await hearer.noticed("l-3") == ()
            letters, _ = await inbox.dead_letters.listed(limit=200, after=None)
            assert [letter["reason"] for letter in letters] == ["void"] * len(void)
            assert all(letter["envelope"]["why"] == "epoch 1 ended" for letter in letters)
            with pytest.raises(WrongState):
                await inbox.dead_letters.requeue(letters[0]["id"], reason="Again.", operator="operator-1")
            assert await inbox.dead_letters.close(letters[0]["id"], reason="Looked at.", operator="operator-1")
            assert len((await inbox.dead_letters.listed(limit=200, after=None))[0]) == len(void) - 1

    asyncio.run(story())


class Given:
    """A message handed over without a bus."""

    def __init__(self, subject: str, data: bytes) -> None:
        self.subject, self.data = subject, data

    async def ack(self) -> None:
        """It is taken in."""

    async def nak(self, delay: int | float | None = None) -> None:
        """It comes again."""

    async def in_progress(self) -> None:
        """It takes a while."""


def test_a_store_that_holds_all_that_was_seen_waits_for_nobody(
    server: Server, here: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        file = tmp_path / "visits.json"
        monkeypatch.setattr("shared.witness.PATIENCE_SECONDS", 60)
        async with kept(server.nats), referrals_at_work(here, server) as referrals:
            for number in range(3):
                began = time.monotonic()
                async with visits_at_work(here, server, here.visits, file=file) as visits:
                    assert time.monotonic() - began < 30
                    assert visits.witness.publishing.asked and visits.witness.waiting is None
                    with pytest.raises(WrongState):
                        await visits.witness.confirm(reason="For fun.", by="operator-1")
                    await visits.tell(f"l-{number}")
                    await taken_in(referrals, visits)
        server.kill()
        monkeypatch.undo()
        async with visits_at_work(here, server, here.visits, file=file) as visits:  # the bus is away: it starts
            await visits.tell("l-9")
            assert not visits.witness.publishing.is_set()

    asyncio.run(story())


def test_what_the_machine_remembers_stands_until_a_start_was_vouched_for(
    server: Server, here: Ground, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> None:
        file = tmp_path / "visits.json"
        async with visits_at_work(here, server, here.visits, file=file) as visits:
            await visits.tell(*BACKUP)
        more = {**json.loads(file.read_bytes()), "position": 1000}
        file.write_text(json.dumps(more))
        server.kill()  # the bus is away, and asked for a while
        monkeypatch.setattr("shared.witness.PATIENCE_SECONDS", 60.0)
        for _ in range(2):  # a start that is cut off changes nothing for the next one
            async with visits_at_work(here, server, here.visits, file=file, stands_by=True) as visits:
                await until(lambda: visits.store.writer.position > 0)
                assert visits.witness.waiting is None
                visits.witness.remember()
            assert json.loads(file.read_bytes()) == more
        monkeypatch.setattr("shared.witness.PATIENCE_SECONDS", 0.5)
        async with visits_at_work(here, server, here.visits, file=file, stands_by=True) as visits:
            await until(lambda: visits.witness.waiting is not None)

    asyncio.run(story())


def test_what_nobody_can_read_is_no_witness_and_keeps_nobody_from_starting(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with kept(server.nats), user(server.nats, "visits") as bus:
            deep = b'{"epoch": 1, "position": 1, "more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
            subject = "huurspoor.platform.visits.LogHeadAnnounced.v1"
            await bus.publish_each([(subject, "deep", deep), (subject, "none", b"{")])
            async with visits_at_work(here, server, here.visits) as visits:
                await visits.tell("l-1")
                await until(lambda: all_sent(visits))

    asyncio.run(story())


def test_a_process_whose_store_was_restored_beneath_it_ends(
    server: Server, here: Ground, databases: ScratchDatabases
) -> None:
    async def story() -> None:
        async with visits_at_work(here, server, here.visits) as visits:
            await visits.tell(*BACKUP)
        backup = await asyncio.to_thread(databases.copy, here.visits)
        async with visits_at_work(here, server, here.visits) as visits:
            await visits.tell(*LATER)
            visits.store.writer._connect = lambda: asyncpg.connect(backup.at_work)
            visits.store.writer.look_again()
            ended, _ = await asyncio.wait([visits.tasks[0]], timeout=10)
            assert isinstance(ended.pop().exception(), RestoredBeneath)

    asyncio.run(story())


OWN = Own(epoch=2, position=120, log=300, ended={1: 101})


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        ((), None),
        ((Seen(by="x", epoch=2, position=120, log=300, same=True),), None),
        ((Seen(by="x", epoch=1, position=150),), None),  # void, and known to be
        ((Seen(by="x", epoch=1, position=90, same=True),), None),
        ((Seen(by="x", epoch=2, position=121),), ("shorter than witnessed", 2, 121, 121, 3)),
        ((Seen(by="x", epoch=4, position=7),), ("shorter than witnessed", 4, 7, 121, 5)),
        ((Seen(by="x", epoch=2, position=120, log=301),), ("shorter than witnessed", 2, 120, 121, 3)),
        ((Seen(by="x", epoch=1, position=100, log=999),), None),  # of an epoch whose private events are gone
        ((Seen(by="x", epoch=2, position=110, same=False),), ("other than witnessed", 2, 110, 110, 3)),
        (
            (Seen(by="x", epoch=2, position=130), Seen(by="y", epoch=2, position=115, same=False)),
            ("shorter than witnessed", 2, 130, 115, 3),
        ),
    ],
)
def test_what_was_seen_is_held_against_what_is_there(seen: tuple[Seen, ...], found: tuple[Any, ...] | None) -> None:
    told = judge(OWN, seen)
    assert found == (told and (told.kind, told.epoch, told.position, told.void_from, told.next_epoch))


def test_each_position_counts_in_one_epoch() -> None:
    ended = ended_by({}, epoch=2, void_from=101)
    assert ended == {1: 101}
    assert [epoch_at(ended, position) for position in (1, 100, 101, 500)] == [1, 1, 2, 2]
    further = ended_by(ended, epoch=3, void_from=131)
    assert further == {1: 101, 2: 131}
    assert [epoch_at(further, position) for position in (100, 101, 130, 131)] == [1, 2, 2, 3]
    earlier = ended_by(further, epoch=4, void_from=51)
    assert earlier == {1: 51, 2: 51, 3: 51}
    assert [epoch_at(earlier, position) for position in (50, 51, 200)] == [1, 4, 4]
    assert [is_void(further, *place) for place in ((1, 100), (1, 101), (2, 101), (2, 131), (3, 131))] == [
        False,
        True,
        False,
        True,
        False,
    ]


def test_what_was_recorded_before_a_restore_was_noticed_is_told_in_the_epoch_after_it() -> None:
    body = b'{"position":105,"epoch":1,"stream":"lease/1","data":{"words":"\\"epoch\\":1,","epoch":1,"x":2}}'
    told = as_told("visits", {1: 101}, 105, message_id("visits", 1, 105, 2), body)
    assert told == ("visits-2-105-v2", body.replace(b'"epoch":1,', b'"epoch":2,', 1))
    assert json.loads(told[1])["data"]["epoch"] == 1
    before = (message_id("visits", 1, 100, 1), b'{"epoch":1,"data":{}}')
    assert as_told("visits", {1: 101}, 100, *before) == before
    since = (message_id("visits", 2, 106, 1), b'{"epoch":2,"data":{}}')
    assert as_told("visits", {1: 101}, 106, *since) == since


def test_an_epoch_is_news_once_and_again_when_more_of_it_is_void() -> None:
    known = KnownEpochs({"visits": {1: 101}})
    assert known.is_ahead("visits", 3) and not known.is_ahead("visits", 2) and not known.is_ahead("visits", 1)
    assert known.news("visits", [VoidFrom(epoch=1, position=101)]) == []
    more = [VoidFrom(epoch=1, position=51), VoidFrom(epoch=2, position=51)]
    assert known.news("visits", more) == more
    assert known.news("referrals", more) == more


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"seq": 1},
        {"last_by_subj": SECRET_SUBJECT},
        {"seq": 1, "next_by_subj": SECRET_SUBJECT},
        {"multi_last": [SECRET_SUBJECT], "batch": 9},
        {"seq": 1, "batch": 9},
    ],
)
def test_out_of_the_stream_of_another_comes_only_what_it_announced(server: Server, asked: dict[str, Any]) -> None:
    """Evaluations may not know what referrals are about (contract 4), whatever it asks for at that door."""

    async def story() -> None:
        announced = "huurspoor.platform.referrals.LogHeadAnnounced.v1"
        async with kept(server.nats):
            async with user(server.nats, "referrals") as referrals:
                await soon(lambda: referrals.publish(SECRET_SUBJECT, b"secret", msg_id="a"))
                await referrals.publish(announced, b"announced", msg_id="b")
            async with user(server.nats, "evaluations") as evaluations:
                answers: list[bytes] = []

                async def hear(message: Any) -> None:
                    answers.append(message.data)

                client = await evaluations.connected()
                inbox = client.new_inbox()
                await client.subscribe(inbox, cb=hear)
                subject = f"$JS.API.DIRECT.GET.REFERRALS.{announced}"
                await client.publish(subject, json.dumps(asked).encode() if asked else b"", reply=inbox)
                await until(lambda: answers)
                await asyncio.sleep(0.3)
                assert set(answers) <= {b"announced", b""}
                assert asked or answers == [b"announced"]
                await client.publish("$JS.API.DIRECT.GET.REFERRALS", b'{"seq":1}', reply=inbox)
                await client.publish(f"$JS.API.DIRECT.GET.REFERRALS.{SECRET_SUBJECT}", b"", reply=inbox)
                await asyncio.sleep(0.3)
                assert b"secret" not in answers
                assert await evaluations.last_said("referrals", "LogHeadAnnounced") == b"announced"

    asyncio.run(story())
