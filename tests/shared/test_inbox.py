"""Two small services on real PostgreSQL and NATS: each message has its effect once, whatever happens to it."""

import asyncio
import contextlib
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest

import shared.told
from operate.postgres import SUPERUSER
from shared.bus import batch_of
from shared.codec import UnknownEvent
from shared.contracts.visits import FirstVisitDueV1
from shared.decisions import TooEarly
from shared.event_sourcing import Act, EventStore, StoreBusy
from shared.inbox_rows import Itself
from shared.told import Keep, Letter, Reactions, Told, contracts_of
from shared.writer.loop import REPEATED
from tests.conftest import ScratchDatabase
from tests.shared.correspondents import (
    A_DAY,
    KEPT,
    LEASE,
    NOTICED,
    OFFICE,
    Ground,
    Server,
    Small,
    at_work,
    ground,
    keeping,
    kept,
    new_lease,
    notice,
    noticing,
    published,
    soon,
    until,
    user,
)

Two = tuple[Small, Small]
NEXT_DAY = A_DAY + timedelta(days=1)


@pytest.fixture
def here(small: Mapping[str, ScratchDatabase], keys: ScratchDatabase) -> Ground:
    """Empty databases for visits and referrals."""
    return ground(small, keys)


@contextlib.asynccontextmanager
async def two(server: Server, here: Ground, reactions: Reactions | None = None) -> AsyncIterator[Two]:
    """Visits that tells, referrals that notices, on a bus that is kept."""
    async with (
        kept(server.nats),
        at_work("visits", here.visits, here.keys, server.nats) as visits,
        at_work("referrals", here.referrals, here.keys, server.nats, reactions=reactions or noticing()) as referrals,
    ):
        yield visits, referrals


async def seen(referrals: Small, position: int, *, seconds: float = 10) -> None:
    async with asyncio.timeout(seconds):
        await referrals.post.seen("visits", position, office=OFFICE)


async def letters(small: Small) -> list[Any]:
    return (await small.post.dead_letters.listed(limit=50, after=None))[0]


async def inject(server: Server, body: bytes | dict[str, Any], *, subject: str | None = None) -> None:
    """Publish anything as visits, past its outbox."""
    async with user(server.nats, "visits") as bus:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        told = subject or f"huurspoor.{OFFICE}.visits.FirstVisitDue.v1"
        await bus.publish(told, raw, msg_id=secrets.token_hex(8))


def message(lease: str, **other: Any) -> dict[str, Any]:
    """An envelope as visits could send it, far ahead of what it did send."""
    return {
        "specversion": "1.0",
        "id": secrets.token_hex(8),
        "source": "/services/visits",
        "type": "huurspoor.visits.FirstVisitDue.v1",
        "subject": f"lease/{lease}",
        "time": "2026-03-02T09:30:00Z",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/visits.FirstVisitDue.v1.json",
        "office": OFFICE,
        "position": 5000,
        "epoch": 1,
        "stream": f"lease/{lease}",
        "streamversion": 1,
        "streamprevious": 0,
        "occurredon": "2026-03-02",
        "actor": "anna",
        "correlationid": "c",
        "clock": "system",
        "versions": "1",
        "data": {"lease": lease, "due_on": "2026-03-02"},
        **other,
    }


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


def test_what_is_only_noted_may_wait_until_somebody_waits_for_it(server: Server, here: Ground) -> None:
    async def story() -> None:
        told, noted, forged = (f"huurspoor.{OFFICE}.visits.{name}" for name in ("FirstVisitDue.v1", "Other.v1", "x"))
        async with two(server, here) as (_, referrals):
            inbox = referrals.post.inbox
            assert [inbox.may_wait("visits", one) for one in (told, noted, forged)] == [False, True, False]
            assert not inbox.may_wait("evaluations", noted)
            due = referrals.post._pulls["visits"]._due
            due.clear()
            inbox.hurry("visits")
            assert due.is_set()
            hurried: list[str] = []
            inbox.hurry = hurried.append
            waiting = asyncio.create_task(seen(referrals, 5000))
            await until(lambda: hurried == ["visits"])
            assert not inbox.may_wait("visits", noted)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert inbox.may_wait("visits", noted)

    run(story)


def test_what_is_told_has_its_effect_once(server: Server, here: Ground) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(50)]
        async with two(server, here) as (visits, referrals):
            await visits.tell(*leases)
            await visits.tell(*leases, due_on=NEXT_DAY)
            await seen(referrals, visits.store.writer.position)
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY, NEXT_DAY)
            await visits.tell("one-more")
            await until(lambda: referrals.noticed("one-more"))
            outbox = await visits.relay.status()
            inbox = (await referrals.post.status())["visits"]
            assert outbox["counts"]["FirstVisitDue"] == inbox["counts"]["FirstVisitDue"] == 101
            await until(lambda: visits.post.why_not is None and referrals.post.why_not is None)
            recorded = await referrals.store.history(NOTICED, leases[0], by=Itself(office=OFFICE))
            assert [one.actor for one in recorded] == ["SYS", "SYS"]

    run(story)


def test_what_is_only_kept_goes_many_at_once_and_still_once_in_order_and_each_for_itself(
    server: Server, here: Ground
) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(100)]
        at_once: list[int] = []
        async with two(server, here, keeping()) as (visits, referrals):
            ask_all = referrals.store.writer.ask_all

            async def counted(acts: Sequence[Act]) -> Any:
                at_once.append(len(acts))
                return await ask_all(acts)

            referrals.store.writer.ask_all = counted  # type: ignore[method-assign]
            await visits.tell(*leases)
            for _ in range(3):
                await visits.tell(*leases, due_on=NEXT_DAY)
            await seen(referrals, visits.store.writer.position)
            for lease in leases:
                assert await referrals.kept(lease) == (A_DAY, *[NEXT_DAY] * 3)
            assert sum(at_once) >= 100
            assert max(at_once) > 10
            # Beside each other: a repeat, one that contradicts, one that cannot be read, one too early, and a new one.
            taken: bytes = (await visits.sql("select envelope from outbox where position = 1"))[0]["envelope"]
            other = {**json.loads(taken), "id": "another"}
            early = message("e", position=6002, streamversion=2, streamprevious=1)
            async with user(server.nats, "visits") as bus:
                subject = f"huurspoor.{OFFICE}.visits.FirstVisitDue.v1"
                made = [json.dumps(one).encode() for one in (other, early, message("n", position=6003))]
                bodies = (taken, *made, b"{")
                together = [(subject, secrets.token_hex(8), body) for body in (*bodies, *bodies)]
                await bus.publish_batch(batch_of(together))
            await until(lambda: referrals.kept("n"))
            await until(lambda: lettered(referrals))
            assert await referrals.kept("n") == (A_DAY,)
            assert await referrals.kept("e") == ()
            assert await referrals.kept(leases[0]) == (A_DAY, *[NEXT_DAY] * 3)
            await inject(server, message("e", position=6001))
            await until(lambda: both_of(referrals))

    async def lettered(referrals: Small) -> bool:
        return sorted(letter["reason"] for letter in await letters(referrals)) == ["conflict", "unreadable"]

    async def both_of(referrals: Small) -> bool:
        return await referrals.kept("e") == (A_DAY, A_DAY)

    run(story)


def test_one_that_fails_among_many_is_tried_again_and_the_others_have_their_effect(
    server: Server, here: Ground
) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(30)]
        bad, failures = leases[7], iter(range(2))

        def of(told: Told[FirstVisitDueV1]) -> str:
            if told.data.lease == bad and next(failures, None) is not None:
                raise ValueError("a bug")
            return told.data.lease

        reactions = Reactions()
        reactions.keep(KEPT, FirstVisitDueV1, of=of)
        async with two(server, here, reactions) as (visits, referrals):
            await visits.tell(*leases)
            await visits.tell(*leases, due_on=NEXT_DAY)
            await seen(referrals, visits.store.writer.position)
            for lease in leases:
                assert await referrals.kept(lease) == (A_DAY, NEXT_DAY)

    run(story)


@pytest.mark.parametrize(
    ("stream", "previous", "begins"), [("lease/l", 0, True), ("lease/l", 1, False), ("visit/l-1", 0, False)]
)
def test_what_is_kept_begins_with_the_first_message_about_that_very_thing(
    stream: str, previous: int, begins: bool
) -> None:
    fact = FirstVisitDueV1(lease="l", due_on=A_DAY)
    message = SimpleNamespace(stream=stream, previous=previous)
    told: Any = SimpleNamespace(office="kn", data=fact, message=message, stream=stream, previous=previous)
    keep = keeping().heard[FirstVisitDueV1]
    assert isinstance(keep, Keep)
    assert keep.act(told).begins is begins
    asked: list[bool] = []

    async def decide(*_what: Any, begins: bool, **_more: Any) -> None:
        asked.append(begins)

    store: Any = SimpleNamespace(decide=decide)
    asyncio.run(keep(told, store))
    assert asked == [begins]


def _with(more: bytes) -> bytes:
    """Return a message that says more than it must."""
    return json.dumps(message("l")).encode().removesuffix(b"}") + b', "more": ' + more + b"}"


FORGED_OFFICE = "huurspoor.platform.visits.FirstVisitDue.v1"
VERSION_7 = f"huurspoor.{OFFICE}.visits.FirstVisitDue.v7"
BAD: list[tuple[str, bytes | dict[str, Any], str | None, str]] = [
    ("not JSON", b"{", None, "unreadable"),
    ("empty", b"", None, "unreadable"),
    ("not UTF-8", b'{"specversion": "\xff"}', None, "unreadable"),
    ("no field", {"specversion": "1.0"}, None, "schema"),
    ("wrong data", message("l", data={"lease": "l", "due_on": "soon"}), None, "schema"),
    ("missing data", message("l", data={"due_on": "2026-03-02"}), None, "schema"),
    ("NUL", message("l\0", data={"lease": "l\0", "due_on": "2026-03-02"}), None, "schema"),
    ("text for a number", message("l", position="7"), None, "schema"),
    ("true for a number", message("l", streamversion=True), None, "schema"),
    ("its own successor", message("l", streamprevious=1), None, "schema"),
    ("a position that no JSON number holds", message("l", position=2**53), None, "schema"),
    ("an epoch that no column holds", message("l", epoch=2**31), None, "schema"),
    ("a time before all", message("l", time="0001-01-01T00:00:00+14:00"), None, "schema"),
    ("a time after all", message("l", time="9999-12-31T23:59:59-14:00"), None, "schema"),
    ("deep nests", _with(b"[" * 100_000 + b"]" * 100_000), None, "unreadable"),
    ("deep NUL", _with(b"[" * 500 + b'"\\u0000"' + b"]" * 500), None, "schema"),
    ("nothing for versions", message("l", versions=""), None, "schema"),
    ("words for versions", message("l", versions="1,v2"), None, "schema"),
    ("more than versions", message("l", versions="1\n"), None, "schema"),
    ("another office", message("l", office="kantoor-midden"), None, "forged"),
    ("another service", message("l", source="/services/evaluations"), None, "forged"),
    ("another lease", message("l", subject="lease/m"), None, "forged"),
    ("another type", message("l", type="huurspoor.visits.LeaseEnded.v1"), None, "forged"),
    ("office platform", message("l", office="platform"), FORGED_OFFICE, "forged"),
    (
        "unknown version",
        message("l", type="huurspoor.visits.FirstVisitDue.v7", versions="7"),
        VERSION_7,
        "unknown-version",
    ),
]


def test_what_cannot_be_taken_in_is_a_dead_letter_and_the_next_message_is_handled(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (visits, referrals):
            known: set[str] = set()
            for what, body, subject, reason in BAD:
                await inject(server, body, subject=subject)
                lease = f"after {what}".replace(" ", "-")
                await visits.tell(lease)
                await until(partial(referrals.noticed, lease))
                await until(lambda: more_than(referrals, known))
                (letter,) = [one for one in await letters(referrals) if one["id"] not in known]
                known.add(letter["id"])
                assert letter["reason"] == reason, what
            assert await referrals.noticed("l") == ()
            assert await referrals.sql("select 1 from inbox where stream = 'lease/l'") == []
            assert (
                await referrals.sql("select 1 from stored_events where office <> $1 and office <> 'platform'", OFFICE)
                == []
            )
            stored = b"".join(row[0] for row in await referrals.sql("select envelope from dead_letter"))
            assert b"FirstVisitDue" not in stored  # sealed: what cannot be read may hold anything

    async def more_than(referrals: Small, known: set[str]) -> bool:
        return len(await letters(referrals)) > len(known)

    run(story)


def test_a_type_nobody_listens_to_is_taken_in_without_effect(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            unheard = message(
                "l", type="huurspoor.visits.SomethingNew.v1", data={"new": True}, subject=f"office/{OFFICE}"
            )
            await inject(server, unheard, subject=f"huurspoor.{OFFICE}.visits.SomethingNew.v1")
            await inject(server, message("l", position=5001, streamversion=2, streamprevious=1))
            await until(lambda: referrals.noticed("l"))
            assert await letters(referrals) == []

    run(story)


def test_a_version_that_another_one_stands_beside_is_passed_over(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            second = message(
                "l", type="huurspoor.visits.FirstVisitDue.v2", versions="1,2", data={"what": "we cannot know"}
            )
            await inject(server, second, subject=f"huurspoor.{OFFICE}.visits.FirstVisitDue.v2")
            await inject(server, message("l", versions="1,2"))
            await until(lambda: referrals.noticed("l"))
            assert await letters(referrals) == []

    run(story)


def test_a_position_used_again_is_harmless_with_the_same_body_and_a_dead_letter_with_another(
    server: Server, here: Ground
) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            first = message("l")
            await inject(server, first)
            await until(lambda: referrals.noticed("l"))
            await inject(server, first)
            other = message("m", stream="lease/m")
            await inject(server, other)
            await until(lambda: letters(referrals))
            assert [letter["reason"] for letter in await letters(referrals)] == ["conflict"]
            assert await referrals.noticed("l") == (A_DAY,)
            assert await referrals.noticed("m") == ()

    run(story)


def test_what_comes_before_its_predecessor_waits_for_it(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            before = REPEATED.labels("not-new")._value.get()
            for number in (4, 3, 2):
                due = f"2026-03-0{number}"
                data = {"lease": "l", "due_on": due}
                last = message("l", position=5000 + number, streamversion=number, streamprevious=number - 1, data=data)
                await inject(server, last)
            await until(lambda: len(referrals.post.inbox.progress["visits"].parked) == 3)
            assert (await referrals.post.status())["visits"]["parked"] == 3
            assert await referrals.noticed("l") == ()
            await inject(server, message("l", position=5001, data={"lease": "l", "due_on": "2026-03-01"}))
            await until(lambda: all_four(referrals))
            await until(lambda: not referrals.post.inbox.progress["visits"].parked)
            assert (await referrals.post.status())["visits"]["parked"] == 0
            assert REPEATED.labels("not-new")._value.get() == before  # none of those that waited was held to be new
            # Older than what was applied, under another number: no effect.
            await inject(server, message("l", position=5009, streamversion=2, streamprevious=1))
            await until(lambda: 5009 in referrals.post.inbox.progress["visits"].done)
            assert len(await referrals.noticed("l")) == 4

    async def all_four(referrals: Small) -> bool:
        return [day.day for day in await referrals.noticed("l")] == [1, 2, 3, 4]

    run(story)


def test_what_waits_is_not_replaced_by_another_message_at_its_position(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            waits = message("l", position=5002, streamversion=2, streamprevious=1)
            await inject(server, waits)
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
            await inject(server, {**waits, "data": {"lease": "l", "due_on": NEXT_DAY.isoformat()}})
            await until(lambda: letters(referrals))
            assert [letter["reason"] for letter in await letters(referrals)] == ["conflict"]
            await inject(server, message("l", position=5001))
            await until(lambda: both(referrals))
            assert await referrals.noticed("l") == (A_DAY, A_DAY)

    async def both(referrals: Small) -> bool:
        return len(await referrals.noticed("l")) == 2

    run(story)


def test_what_must_wait_longer_is_looked_at_and_not_stored_again(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.waiting.SWEEP_SECONDS", 0.05)
    early = Reactions()

    @early.to(FirstVisitDueV1)
    async def when_due(told: Told[FirstVisitDueV1], _store: EventStore) -> None:
        if told.data.lease == "early":
            raise TooEarly("visits:lease/there")

    async def story() -> None:
        async with two(server, here, early) as (_visits, referrals):
            waiting = referrals.post.inbox.waiting
            await inject(server, message("there", position=5001))
            await inject(server, message("there", position=5003, streamversion=3, streamprevious=2))
            await inject(server, message("early", position=6001))
            await until(lambda: len(referrals.post.inbox.progress["visits"].parked) == 2)
            stored, rerun, tried = await rows(referrals), waiting._rerun, list[int]()

            async def counted(row: Mapping[str, Any]) -> bool:
                went = await rerun(row)
                tried.append(row["position"])
                return went

            waiting._rerun = counted
            await until(lambda: tried.count(5003) > 2 and tried.count(6001) > 2)
            assert await rows(referrals) == stored

    async def rows(referrals: Small) -> list[Any]:
        return await referrals.sql("select xmin::text, position from inbox where state = 'parked' order by position")

    run(story)


def test_a_dead_letter_holds_back_its_own_stream_until_somebody_closes_it(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            await inject(server, message("l", data={"lease": "l", "due_on": "never"}))
            await inject(server, message("l", position=5001, streamversion=2, streamprevious=1))
            await inject(server, message("m", position=5002, stream="lease/m"))
            await until(lambda: referrals.noticed("m"))
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
            await until(lambda: letters(referrals))
            (letter,) = await letters(referrals)
            assert await referrals.noticed("l") == ()
            assert not await referrals.post.dead_letters.close("unknown", reason="x", operator="olga")
            state = await referrals.post.dead_letters.requeue(letter["id"], reason="try again", operator="olga")
            assert state == "open"
            assert [again["id"] for again in await letters(referrals)] == [letter["id"]]
            assert await referrals.post.dead_letters.close(letter["id"], reason="never was a date", operator="olga")
            await until(lambda: referrals.noticed("l"))
            assert await letters(referrals) == []

    run(story)


def test_a_message_waits_while_a_newer_release_has_written_what_this_one_cannot_read(
    server: Server, here: Ground
) -> None:
    tries: list[int] = []

    def unreadable_at_first(told: Told[Any]) -> None:
        tries.append(told.position)
        if len(tries) < 3:
            raise UnknownEvent("SomethingNewer")

    async def story() -> None:
        async with two(server, here, noticing(unless=unreadable_at_first)) as (visits, referrals):
            await visits.tell("lease-1")
            await until(lambda: len(tries) >= 2)
            assert (await referrals.post.status())["visits"]["parked"] == 0, "it was taken for a mistake of the message"
            await seen(referrals, visits.store.writer.position)
            assert await referrals.noticed("lease-1") == (A_DAY,)

    run(story)


def test_a_failing_reaction_is_tried_again_then_given_up_and_can_be_requeued(server: Server, here: Ground) -> None:
    broken = {"since": 0, "is": True}

    def poisoned(told: Told[Any]) -> None:
        if told.data.lease == "poison" and broken["is"]:
            broken["since"] += 1
            raise KeyError("something is wrong with this one")

    async def story() -> None:
        async with two(server, here, noticing(unless=poisoned)) as (visits, referrals):
            referrals.post.inbox.waiting.retry_seconds = (0.05,)
            # In one batch: the second must not be tried as if the first had had its effect.
            await asyncio.gather(visits.tell("poison"), visits.tell("poison", due_on=NEXT_DAY))
            await visits.tell("sound")
            await until(lambda: referrals.noticed("sound"))
            await until(lambda: letters(referrals))
            assert broken["since"] == 5
            (letter,) = await letters(referrals)
            assert (letter["reason"], letter["envelope"]["why"]) == ("failed", "KeyError")
            assert (await referrals.post.status())["visits"]["dead"] == 1
            broken["is"] = False
            state = await referrals.post.dead_letters.requeue(letter["id"], reason="mended", operator="olga")
            assert state == "requeued"
            await until(lambda: both(referrals))
            assert await letters(referrals) == []
            assert (await referrals.post.status())["visits"]["dead"] == 0

    async def both(referrals: Small) -> bool:
        return await referrals.noticed("poison") == (A_DAY, NEXT_DAY)

    run(story)


@dataclass
class Mistake:
    """What is wrong with a reaction; mended, it notices what is due."""

    why: Exception | None = field(default_factory=lambda: KeyError("something is wrong with this one"))

    def reactions(self) -> Reactions:
        """React by noticing, unless there is a mistake."""
        return noticing(unless=self._fail)

    def _fail(self, _told: Told[Any]) -> None:
        if self.why is not None:
            raise self.why

    def mended(self) -> None:
        """Be none any more."""
        self.why = None


@contextlib.asynccontextmanager
async def a_dead_letter(server: Server, here: Ground, mistake: Mistake) -> AsyncIterator[tuple[Small, Small, str]]:
    """Visits and referrals, and the id of the dead letter that the mistake made of a message about the lease "l"."""
    async with two(server, here, mistake.reactions()) as (visits, referrals):
        referrals.post.inbox.waiting.retry_seconds = (0.01,)
        await visits.tell("l")
        await until(lambda: letters(referrals))
        (letter,) = await letters(referrals)
        yield visits, referrals, letter["id"]


async def has_its_effect_once(visits: Small, referrals: Small) -> None:
    """See that what visits told of the lease "l" was handled, and that no letter is left of it."""
    assert await referrals.noticed("l") == (A_DAY,)
    assert await letters(referrals) == []
    assert (await referrals.post.status())["visits"]["dead"] == 0
    await seen(referrals, visits.store.writer.position)


def test_what_failed_is_tried_again_after_a_restart(server: Server, here: Ground) -> None:
    """It was acknowledged when it was parked: nobody but the inbox knows of it, and those behind it wait."""
    mistake = Mistake()

    async def story() -> None:
        async with two(server, here, mistake.reactions()) as (visits, referrals):
            referrals.post.inbox.waiting.retry_seconds = (3600.0,)
            await visits.tell("l")
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
        mistake.mended()
        async with two(server, here, mistake.reactions()) as (visits, referrals):
            await until(lambda: referrals.post.inbox.loaded.is_set())
            await visits.tell("l", due_on=NEXT_DAY)
            await seen(referrals, visits.store.writer.position)
            assert await referrals.noticed("l") == (A_DAY, NEXT_DAY)

    run(story)


def test_what_is_too_early_for_a_reaction_waits_for_the_stream_it_names(server: Server, here: Ground) -> None:
    reactions = Reactions()

    @reactions.to(FirstVisitDueV1)
    async def when_due(told: Told[FirstVisitDueV1], store: EventStore) -> None:
        if told.data.lease == "second" and not await store.state(NOTICED, "first", by=told):
            raise TooEarly("visits:lease/first")
        await notice(told, store)

    async def story() -> None:
        async with two(server, here, reactions) as (visits, referrals):
            await visits.tell("second")
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
            await visits.tell("first")
            await until(lambda: referrals.noticed("second"))

    run(story)


def test_what_waits_still_waits_after_a_restart(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            await inject(server, message("l", position=5002, streamversion=2, streamprevious=1))
            await inject(server, b"{")
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
            await until(lambda: letters(referrals))
        async with two(server, here) as (_visits, referrals):
            await until(lambda: referrals.post.inbox.loaded.is_set())
            assert (await referrals.post.status())["visits"]["parked"] == 1
            assert len(await letters(referrals)) == 1
            await inject(server, message("l", position=5001))
            await until(lambda: twice(referrals))

    async def twice(referrals: Small) -> bool:
        return len(await referrals.noticed("l")) == 2

    run(story)


@pytest.mark.parametrize("fault", ["kill", "wipe", "delete-stream", "delete-consumer"])
def test_nothing_is_lost_or_doubled_when_the_bus_fails(server: Server, here: Ground, fault: str) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(300)]
        async with two(server, here) as (visits, referrals), user(server.nats, "bus-keeper") as keeper:
            for start in range(0, len(leases), 20):
                await visits.tell(*leases[start : start + 20])
                if start == 100:
                    if fault in ("kill", "wipe"):
                        server.kill()
                        if fault == "wipe":
                            server.wipe()
                    elif fault == "delete-stream":
                        await soon(lambda: keeper.request("$JS.API.STREAM.DELETE.VISITS", b""))
                    else:  # which may have to be made first
                        await soon(lambda: keeper.request("$JS.API.CONSUMER.DELETE.VISITS.referrals", b""))
                if start == 200 and fault in ("kill", "wipe"):
                    server.start()
            await seen(referrals, visits.store.writer.position, seconds=15)
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY,)
            assert await letters(referrals) == []
            await until(lambda: visits.post.why_not is None and referrals.post.why_not is None)

    run(story)


def test_nothing_is_lost_or_doubled_when_the_database_throws_everybody_out(server: Server, here: Ground) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(200)]
        async with two(server, here) as (visits, referrals):
            out = asyncio.create_task(throw_out(3))
            for lease in leases:
                while not await told_once(visits, lease):
                    await asyncio.sleep(0.02)
            await out
            await seen(referrals, visits.store.writer.position, seconds=15)
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY,)
            assert await letters(referrals) == []

    async def told_once(visits: Small, lease: str) -> bool:
        try:
            if not await visits.store.state(LEASE, lease, by=Itself(office=OFFICE)):
                await visits.tell(lease)
        except StoreBusy:
            return False
        return True

    async def throw_out(times: int) -> None:
        server_of = here.visits.server
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=server_of.port,
            user=SUPERUSER,
            password=server_of.state.password(SUPERUSER).read_text(),
            database="postgres",
        )
        for _ in range(times):
            await asyncio.sleep(0.3)
            await connection.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = any($1)",
                [here.visits.name, here.referrals.name],
            )
        await connection.close()

    run(story)


def test_what_the_bus_lost_without_a_word_is_asked_for_again(server: Server, here: Ground) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(20)]
        async with kept(server.nats), at_work("visits", here.visits, here.keys, server.nats) as visits:
            await visits.tell(*leases)
            await until(lambda: visits.relay.stuck_seconds == 0 and visits.relay.position >= 20)
        server.kill()
        server.wipe()
        server.start()
        # The stream is full of other things, and the relay believes that it sent everything.
        async with kept(server.nats) as keeper:
            state = await until_there(keeper)
        here_is = await sql_as_relay(here, state)
        assert here_is
        async with two(server, here) as (visits, referrals):
            for post in (visits.post, referrals.post):
                post.heads._patience = 0.5
            await visits.tell("afterwards")
            await seen(referrals, visits.store.writer.position, seconds=25)
            for lease in leases:
                assert await referrals.noticed(lease) == (A_DAY,)

    async def until_there(keeper: Any) -> Any:
        return await keeper.stream("visits")

    async def sql_as_relay(here: Ground, state: Any) -> bool:
        connection = await asyncpg.connect(here.visits.all_offices)
        try:
            done = await connection.execute("update relay set stream_created = $1, stream_messages = 0", state.created)
            return bool(done == "UPDATE 1")
        finally:
            await connection.close()

    run(story)


def test_a_burst_is_taken_in_batches(server: Server, here: Ground) -> None:
    async def story() -> None:
        leases = [new_lease() for _ in range(2000)]
        async with two(server, here) as (visits, referrals):
            for start in range(0, len(leases), 250):
                await visits.tell(*leases[start : start + 250])
            await seen(referrals, visits.store.writer.position, seconds=60)
            commits = await referrals.sql("select count(distinct xmin::text) from inbox")
            assert commits[0][0] < len(leases) / 10

    run(story)


def test_a_second_process_stands_by_and_goes_on_where_the_first_ended(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with (
            kept(server.nats),
            at_work("visits", here.visits, here.keys, server.nats) as visits,
            at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing()) as first,
            standing_by(here, server) as second,
        ):
            leases = [new_lease() for _ in range(60)]
            await visits.tell(*leases[:20])
            await seen(first, visits.store.writer.position)
            await first.end()
            await visits.tell(*leases[20:])
            await until(lambda: second.store.writer.ready.is_set())
            await seen(second, visits.store.writer.position, seconds=15)
            for lease in leases:
                assert await second.noticed(lease) == (A_DAY,)

    def standing_by(here: Ground, server: Server) -> Any:
        return at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing(), stands_by=True)

    run(story)


def test_who_writes_again_after_another_process_knows_what_that_one_took_in(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.writer.loop.SECONDS_TO_COME_BACK", 0.1)

    async def story() -> None:
        async with (
            kept(server.nats),
            at_work("visits", here.visits, here.keys, server.nats) as visits,
            at_work("referrals", here.referrals, here.keys, server.nats, reactions=noticing()) as first,
            at_work(
                "referrals", here.referrals, here.keys, server.nats, reactions=noticing(), stands_by=True
            ) as second,
        ):
            await visits.tell("before")
            await seen(first, visits.store.writer.position)
            first.tasks[1].cancel()  # no message comes to it any more, by which it would notice
            await until(lambda: first.bus.client is None)
            connect = first.store.writer._connect

            async def connect_later() -> asyncpg.Connection:
                await second.store.writer.ready.wait()
                return await connect()

            first.store.writer._connect = connect_later
            await throw_out_who_writes(here.referrals)
            await until(lambda: not first.store.writer.is_the_one_that_writes)  # its end is told a moment later
            with pytest.raises(StoreBusy):
                await first.store.keep(by=Itself(office=OFFICE))
            await visits.tell("meanwhile")
            meanwhile = visits.store.writer.position  # it may announce its head next, and nobody would hear that
            await seen(second, meanwhile)
            first.store.writer._connect = connect
            await second.end()
            await until(lambda: first.store.writer.ready.is_set())
            await seen(first, meanwhile)

    async def throw_out_who_writes(database: ScratchDatabase) -> None:
        connection = await asyncpg.connect(database.at_work)
        await connection.fetch(
            "select pg_terminate_backend(pid) from pg_locks join pg_stat_activity using (pid)"
            " where locktype = 'advisory' and granted and datname = current_database()"
        )
        await connection.close()

    run(story)


def test_a_version_that_is_known_after_an_upgrade_runs_and_those_behind_it_in_order(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True, kw_only=True)
    class FirstVisitDueV7:
        lease: str
        due_on: date

    upgraded = Reactions()
    upgraded.to(FirstVisitDueV1, FirstVisitDueV7)(notice)

    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            newer = message("l", type="huurspoor.visits.FirstVisitDue.v7", versions="7")
            await inject(server, newer, subject=VERSION_7)
            later = {"lease": "l", "due_on": NEXT_DAY.isoformat()}
            await inject(server, message("l", position=5001, streamversion=2, streamprevious=1, data=later))
            await until(lambda: referrals.post.inbox.progress["visits"].parked)
            await until(partial(dead, referrals))
        known = {**contracts_of("visits"), "FirstVisitDue": {1: FirstVisitDueV1, 7: FirstVisitDueV7}}
        monkeypatch.setattr(shared.told, "contracts_of", lambda _publisher: known)
        async with two(server, here, upgraded) as (_visits, referrals):
            await until(partial(in_order, referrals))
            assert await letters(referrals) == []
            assert (await referrals.post.status())["visits"]["dead"] == 0

    async def dead(referrals: Small) -> bool:
        return [letter["reason"] for letter in await letters(referrals)] == ["unknown-version"]

    async def in_order(referrals: Small) -> bool:
        return await referrals.noticed("l") == (A_DAY, NEXT_DAY)

    run(story)


@pytest.mark.parametrize("said", [b"\xff", b"a\x0cb", b"a\x0b7", b"a\x00b"])
def test_a_subject_that_is_no_text_is_a_dead_letter_and_the_connection_stays(
    server: Server, here: Ground, said: bytes
) -> None:
    async def story() -> None:
        async with two(server, here) as (visits, referrals), user(server.nats, "visits") as bus:
            before = referrals.bus.generation
            assert bus.client is not None
            bus.client._write(b"PUB huurspoor." + said + b".visits.FirstVisitDue.v1 2\r\n{}\r\n")
            await until(lambda: letters(referrals))
            await visits.tell("l")
            await until(lambda: referrals.noticed("l"))
            (letter,) = await letters(referrals)
            assert letter["reason"] == "schema"
            assert referrals.bus.generation == before
            assert await referrals.post.dead_letters.close(letter["id"], reason="nonsense", operator="olga")

    run(story)


def test_what_is_tried_again_while_the_inbox_is_read_anew_counts_as_done(server: Server, here: Ground) -> None:
    """PostgreSQL was away: what was read before a message had its effect must not be taken for what is so after it."""
    mistake = Mistake()

    async def story() -> None:
        async with two(server, here, mistake.reactions()) as (visits, referrals):
            inbox = referrals.post.inbox
            inbox.waiting.retry_seconds = (3600.0,)
            await visits.tell("l")
            await until(lambda: inbox.progress["visits"].parked)
            mistake.mended()
            read = inbox._rows.read

            async def slowly(sql: str, *values: Any) -> list[Any]:
                if "from dead_letter" in sql:  # the last thing that is read
                    for _ in range(50):
                        if await referrals.noticed("l"):
                            break
                        await asyncio.sleep(0.01)
                return await read(sql, *values)

            inbox._rows.read = slowly  # type: ignore[method-assign]
            inbox.loaded.clear()
            await inbox._ready()
            await until(lambda: referrals.noticed("l"))
            await seen(referrals, visits.store.writer.position)
            assert (await referrals.post.status())["visits"]["parked"] == 0

    run(story)


def test_what_is_closed_while_the_inbox_is_read_anew_counts_as_done(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            inbox, dead_letters = referrals.post.inbox, referrals.post.dead_letters
            await inject(server, message("l", position=1, data={"lease": "l", "due_on": "never"}))
            await inject(server, message("l", position=2, streamversion=2, streamprevious=1))
            await until(lambda: inbox.progress["visits"].parked)
            await until(lambda: letters(referrals))
            (letter,) = await letters(referrals)
            read = inbox._rows.read
            closing: list[asyncio.Task[bool]] = []

            async def slowly(sql: str, *values: Any) -> list[Any]:
                rows = await read(sql, *values)
                if "row_number()" in sql and not closing:  # which positions are there
                    close = dead_letters.close(letter["id"], reason="never was a date", operator="olga")
                    closing.append(asyncio.create_task(close))
                    await asyncio.wait(closing, timeout=1)
                return rows

            inbox._rows.read = slowly  # type: ignore[method-assign]
            inbox.loaded.clear()
            await inbox._ready()
            assert await closing[0]
            await seen(referrals, 2)
            assert await referrals.noticed("l") == (A_DAY,)

    run(story)


def test_what_becomes_a_dead_letter_while_the_inbox_is_read_anew_stays_one(server: Server, here: Ground) -> None:
    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            inbox, dead_letters = referrals.post.inbox, referrals.post.dead_letters
            body = json.dumps(message("l", position=1, data={"lease": "l", "due_on": "never"})).encode()
            letter = inbox.reader.read("visits", f"huurspoor.{OFFICE}.visits.FirstVisitDue.v1", body)
            assert isinstance(letter, Letter)
            read = inbox._rows.read
            burying: list[asyncio.Task[None]] = []

            async def slowly(sql: str, *values: Any) -> list[Any]:
                rows = await read(sql, *values)
                if "from dead_letter" in sql and not burying:  # the last thing that is read
                    burying.append(asyncio.create_task(inbox._settle(letter, lambda _told: None)))
                    await asyncio.wait(burying, timeout=1)
                return rows

            inbox._rows.read = slowly  # type: ignore[method-assign]
            inbox.loaded.clear()
            await inbox._ready()
            await burying[0]
            assert [one["id"] for one in await letters(referrals)] == [letter.id]
            assert dead_letters.hold(letter.id)
            assert (await referrals.post.status())["visits"]["dead"] == 1
            assert inbox.status()["visits"]["seen"] == 1

    run(story)


@pytest.mark.parametrize("read_again", ["row_number()", "from dead_letter"])
def test_what_is_requeued_while_the_inbox_is_read_anew_is_handled(
    server: Server, here: Ground, read_again: str
) -> None:
    mistake = Mistake()

    async def story() -> None:
        async with a_dead_letter(server, here, mistake) as (visits, referrals, letter):
            inbox, dead_letters = referrals.post.inbox, referrals.post.dead_letters
            mistake.mended()
            read = inbox._rows.read
            requeueing: list[asyncio.Task[str | None]] = []

            async def slowly(sql: str, *values: Any) -> list[Any]:
                rows = await read(sql, *values)
                if read_again in sql and "where id" not in sql and not requeueing:
                    requeue = dead_letters.requeue(letter, reason="mended", operator="olga")
                    requeueing.append(asyncio.create_task(requeue))
                    await asyncio.wait(requeueing, timeout=1)
                return rows

            inbox._rows.read = slowly  # type: ignore[method-assign]
            inbox.loaded.clear()
            await inbox._ready()
            assert await requeueing[0]
            await has_its_effect_once(visits, referrals)

    run(story)


def test_what_was_looked_up_before_the_inbox_is_read_anew_holds_nothing_back_after_it(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second of a stream was looked up while the first was under way, and its turn comes after that reading."""
    monkeypatch.setattr("shared.waiting.SWEEP_SECONDS", 3600.0)
    slow, go = Reactions(), asyncio.Event()

    @slow.to(FirstVisitDueV1)
    async def when_due(told: Told[FirstVisitDueV1], store: EventStore) -> None:
        if told.position == 5001:
            await go.wait()
        await notice(told, store)

    async def story() -> None:
        async with two(server, here, slow) as (_visits, referrals):
            inbox = referrals.post.inbox
            await until(inbox.loaded.is_set)
            await inject(server, message("l", position=5001))
            await until(lambda: inbox._at_work)
            looked_up = asyncio.Event()
            look_up = inbox._rows.known

            async def known(told: Sequence[Told[Any]]) -> Any:
                found = await look_up(told)
                looked_up.set()
                return found

            inbox._rows.known = known  # type: ignore[method-assign]
            await inject(server, message("l", position=5002, streamversion=2, streamprevious=1))
            await asyncio.wait_for(looked_up.wait(), 10)
            inbox.loaded.clear()
            reading = asyncio.create_task(inbox._ready())
            await until(lambda: inbox._alone)
            go.set()
            await reading
            await until(lambda: both(referrals))

    async def both(referrals: Small) -> bool:
        return await referrals.noticed("l") == (A_DAY, A_DAY)

    run(story)


def test_what_a_release_missed_is_found_also_after_the_store_refused_to_be_asked(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.waiting.SWEEP_SECONDS", 0.05)
    refused: list[str] = []

    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            inbox = referrals.post.inbox
            every_office = inbox._rows._every_office

            async def refuses_once(sql: str, *values: Any) -> list[Any]:
                if "waits_for is not null" in sql and not refused:
                    refused.append(sql)
                    raise asyncpg.TooManyConnectionsError("sorry, too many clients already")
                return list(await every_office.fetch(sql, *values))

            inbox._rows._every_office = SimpleNamespace(fetch=refuses_once)
            await until(lambda: refused)
            await inject(server, message("l", position=5002, streamversion=2, streamprevious=1))
            await until(lambda: inbox.progress["visits"].parked)
            inbox.waiting._awaited.clear()  # as a release that came too early would leave it
            await inject(server, message("l", position=5001))
            await until(lambda: not inbox.progress["visits"].parked)
            assert len(await referrals.noticed("l")) == 2

    run(story)


def test_what_may_go_is_found_among_many_that_must_wait(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hundreds of streams stand behind dead letters; in one the release was lost, as when a service crashed."""
    monkeypatch.setattr("shared.waiting.SWEEP_SECONDS", 0.2)
    behind = 250

    async def story() -> None:
        async with two(server, here) as (_visits, referrals):
            inbox = referrals.post.inbox
            lease = ""
            for number in range(behind + 1):
                first, last = 1000 * number + 5001, 1000 * number + 5003
                lease = f"l-{number:04}"
                await inject_all(
                    server,
                    message(lease, position=first),
                    message(lease, position=last, streamversion=3, streamprevious=2),
                )
            await until(lambda: len(inbox.progress["visits"].parked) == behind + 1, seconds=30)
            inbox.waiting._awaited.clear()
            missing = message(lease, position=1000 * behind + 5002, streamversion=2, streamprevious=1)
            await inject(server, missing)
            await until(lambda: all_three(referrals, lease), seconds=20)

    async def inject_all(server: Server, *bodies: dict[str, Any]) -> None:
        subject = f"huurspoor.{OFFICE}.visits.FirstVisitDue.v1"
        assert publisher is not None
        await publisher.publish_each([(subject, secrets.token_hex(8), json.dumps(body).encode()) for body in bodies])

    async def all_three(referrals: Small, lease: str) -> bool:
        return len(await referrals.noticed(lease)) == 3

    publisher: Any = None

    async def with_publisher() -> None:
        nonlocal publisher
        async with user(server.nats, "visits") as publisher:
            await story()

    run(with_publisher)


def test_a_letter_that_could_not_be_handled_again_stays_open(server: Server, here: Ground) -> None:
    mistake = Mistake()

    async def story() -> None:
        async with a_dead_letter(server, here, mistake) as (visits, referrals, letter):
            dead_letters = referrals.post.dead_letters
            mistake.why = StoreBusy()
            with pytest.raises(StoreBusy):
                await dead_letters.requeue(letter, reason="mended", operator="olga")
            assert (await referrals.post.status())["visits"]["dead"] == 1
            assert [one["id"] for one in await letters(referrals)] == [letter]
            mistake.mended()
            assert await dead_letters.requeue(letter, reason="once more", operator="olga")
            await has_its_effect_once(visits, referrals)
            (kept_of_it,) = await referrals.sql("select state, closed_because, envelope from dead_letter")
            assert tuple(kept_of_it) == ("requeued", "olga: once more", None)

    run(story)


@pytest.mark.parametrize("is_kept", ["parked", "dead"])
def test_what_is_kept_in_a_version_that_is_no_longer_taken_comes_again_in_the_other(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch, is_kept: str
) -> None:
    """The newer version was passed over while the older one was taken: only its publisher has it."""

    @dataclass(frozen=True, kw_only=True)
    class FirstVisitDueV7:
        lease: str
        due_on: date

    def both(_event: Any, _state: Any, _id: str) -> tuple[Any, ...]:
        told = published(_event, _state, _id)
        return (*told, *(FirstVisitDueV7(lease=one.lease, due_on=one.due_on) for one in told))

    upgraded = Reactions()
    upgraded.to(FirstVisitDueV7)(notice)
    failing = Mistake().reactions()

    async def story() -> None:
        async with (
            kept(server.nats),
            at_work("visits", here.visits, here.keys, server.nats, published=both) as visits,
        ):
            async with at_work("referrals", here.referrals, here.keys, server.nats, reactions=failing) as referrals:
                referrals.post.inbox.waiting.retry_seconds = (3600.0,) if is_kept == "parked" else (0.01,)
                await visits.tell("l")
                await until(lambda: getattr(referrals.post.inbox.progress["visits"], is_kept))
                await visits.post.heads.announce()  # as it does each day: so it is seen that something is missing
            known = {**contracts_of("visits"), "FirstVisitDue": {1: FirstVisitDueV1, 7: FirstVisitDueV7}}
            monkeypatch.setattr(shared.told, "contracts_of", lambda _publisher: known)
            async with at_work("referrals", here.referrals, here.keys, server.nats, reactions=upgraded) as referrals:
                await until(lambda: referrals.post.inbox.loaded.is_set())
                for letter in await letters(referrals):
                    assert await referrals.post.dead_letters.requeue(letter["id"], reason="mended", operator="olga")
                await until(lambda: referrals.noticed("l"), seconds=20)
                await seen(referrals, visits.store.writer.position)
                assert (await referrals.post.status())["visits"]["parked"] == 0

    run(story)


def test_a_store_without_a_free_connection_is_waited_for(
    server: Server, here: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []
    fetch = asyncpg.Pool.fetch

    async def refuses_at_first(self: asyncpg.Pool, sql: str, *values: Any) -> list[Any]:
        if "from dead_letter" in sql and len(refused) < 2:
            refused.append(sql)
            raise asyncpg.TooManyConnectionsError("sorry, too many clients already")
        return list(await fetch(self, sql, *values))

    monkeypatch.setattr(asyncpg.Pool, "fetch", refuses_at_first)

    async def story() -> None:
        async with two(server, here) as (visits, referrals):
            await visits.tell("l")
            await until(lambda: referrals.noticed("l"))
            assert len(refused) == 2
            assert not any(task.done() for task in (*visits.tasks, *referrals.tasks))

    run(story)
