"""The group writer, on a real PostgreSQL, in the words of a tool shed."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from math import inf
from random import Random
from secrets import token_hex
from time import perf_counter
from typing import Any, TypeVar, cast

import asyncpg
import msgspec
import pytest
from eventsourcing.persistence import StoredEvent
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

import shared.writer.loop
from operate.postgres import Postgres
from shared.authority import MANDATES
from shared.clock import SystemClock
from shared.codec import Codec
from shared.decisions import Elsewhere, Named, Refusal, Stream, TooEarly
from shared.epochs import EFFECTS, Effect
from shared.event_sourcing import EventStore
from shared.inbox_rows import Itself
from shared.keys import Seals
from shared.log import ONCE, EventLog, event_log, lay_out
from shared.lost import StoreBusy
from shared.refusals import NoMandate
from shared.views import Resource
from shared.writer.acts import (
    Act,
    Change,
    ChangedMeanwhile,
    Decided,
    Every,
    KeyReused,
    Message,
    One,
    OnRefusal,
    Read,
)
from shared.writer.batch import Batch
from shared.writer.loop import ONLY_WRITER, REPEATED, SECONDS_OF_DOUBT, Writer
from shared.writer.storing import store
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_log, small_writer, template, writing

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ToolLent:
    member: str
    lease: str = "shed-1"


@dataclass(frozen=True, kw_only=True)
class ToolReturned:
    on: date | None = None


@dataclass(frozen=True, kw_only=True)
class LendingRefused:
    code: str


class ToolNotOnShelf(Refusal):
    """Another member has it."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    member: str | None = None
    lent: int = 0


def evolve(tool: Tool, event: ToolLent | ToolReturned) -> Tool:
    match event:
        case ToolLent(member=member):
            return replace(tool, member=member, lent=tool.lent + 1)
        case ToolReturned():
            return replace(tool, member=None)


TOOL = Stream("tool", initial=Tool(), evolve=evolve, events=ToolLent | ToolReturned)
REFUSED = Stream[int, LendingRefused]("refused", initial=0, evolve=lambda n, _: n + 1, events=LendingRefused)
TOOLS = Resource(
    "tools",
    TOOL,
    lambda _id, tool: {"member": tool.member, "lent": tool.lent},
    {"member": "text"},
    lambda _id, tool: {"member": tool.member},
)


def lend(tool: Tool, *, to: str, others: dict[str, Tool] | None = None) -> list[ToolLent]:
    if tool.member == to:
        return []
    if tool.member is not None:
        raise ToolNotOnShelf(Named("taken"))
    if others is not None and sum(other.member == to for other in others.values()) >= 2:
        raise ToolNotOnShelf(Named("too-many"))
    return [ToolLent(member=to)]


@dataclass(kw_only=True)
class By(Itself):
    """Somebody who answers for an act."""

    office: str = "shed-north"
    actor: str = "anna"
    source: str = "web"


def told(
    position: int, *, version: int = 1, previous: int = 0, stream: str = "order/1", digest: bytes = b"x"
) -> Message:
    at = SystemClock().now()
    return Message(
        publisher="orders",
        epoch=1,
        position=position,
        stream=stream,
        version=version,
        previous=previous,
        type="OrderPlaced",
        digest=digest,
        envelope=b"{}",
        event_id=f"event-{position}",
        occurred_on=at.date(),
        recorded_at=at,
        actor="SYS",
        mandate=None,
        policy_version=None,
        checklist_version=None,
        source="web",
        subject="office/shed-north",
    )


@dataclass
class Shed:
    """A running writer on an empty database."""

    writer: Writer
    database: ScratchDatabase
    log: EventLog
    task: "asyncio.Task[None]"
    make: Callable[[], Writer]

    async def lend(self, tool: str, to: str, by: By | None = None, **more: Any) -> Decided:
        return await self.writer.ask(by or By(), stream=TOOL, id=tool, decision=partial(lend, to=to), **more)

    async def fetch(self, sql: str, *values: Any, role: str = "all_offices") -> list[Any]:
        connection = await asyncpg.connect(getattr(self.database, role))
        try:
            return list(await connection.fetch(sql, *values))
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    with template(postgres, "visits", partial(lay_out_log, views=[TOOLS.table])) as made:
        yield made


@pytest.fixture
async def shed(laid: ScratchDatabase) -> AsyncIterator[Shed]:
    database = laid.emptied()
    log = event_log(database.in_library_words)

    def make() -> Writer:
        return small_writer(database, TOOL, REFUSED, MANDATES, resources=[TOOLS], authority_stream=(MANDATES, "office"))

    writer = make()
    task = asyncio.create_task(writer.run())
    await writer.ready.wait()
    yield Shed(writer, database, log, task, make)
    task.cancel()
    log.datastore.close()


async def test_what_is_decided_together_is_stored_once_each_and_without_gaps(shed: Shed) -> None:
    outcomes = await asyncio.gather(*(shed.lend(f"t{n % 7}", f"m{n}") for n in range(50)), return_exceptions=True)
    lent = [outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert len(lent) == 7
    assert all(isinstance(outcome, Decided | ToolNotOnShelf) for outcome in outcomes)
    found = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == list(range(1, 8))
    rows = await shed.fetch("select id, version, member, body->>'lent' as lent from tools order by id")
    assert [(row["id"], row["version"], row["lent"]) for row in rows] == [(f"t{n}", 1, "1") for n in range(7)]


async def test_the_library_alone_reads_everything_that_the_writer_stored(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned(on=date(2026, 3, 2))])
    stored = shed.log.select_events("shed-north/tool/t1")
    assert [event.originator_version for event in stored] == [1, 2]
    assert [event.topic for event in stored] == ["ToolLent", "ToolReturned"]
    assert [note.id for note in shed.log.select_notifications(1, 10)] == [1, 2]
    back = Codec([TOOL]).decode(stored[1].topic, stored[1].state, stream="tool/t1", version=2)
    assert back.event == ToolReturned(on=date(2026, 3, 2)) and back.actor == "anna"


async def test_a_script_through_the_library_uses_the_same_head_and_the_writer_notices(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    first = shed.log.select_events("shed-north/tool/t1")[0]
    assert shed.log.insert_events([StoredEvent("shed-north/tool/t2", 1, first.topic, first.state)]) == [2]
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t2", "bram")
    await shed.lend("t3", "bram")
    assert [note.id for note in shed.log.select_notifications(1, 10)] == [1, 2, 3]


@pytest.mark.parametrize(("topic", "version"), [("ToolMended", 2), ("ToolLent", 3)])
async def test_a_stream_that_cannot_be_read_as_it_is_is_not_decided_about(shed: Shed, topic: str, version: int) -> None:
    await shed.lend("t1", "anna")
    first = shed.log.select_events("shed-north/tool/t1")[0]
    shed.log.insert_events([StoredEvent("shed-north/tool/t1", version, topic, first.state)])
    shed.writer.forget()
    with pytest.raises(StoreBusy):
        await shed.lend("t1", "bram")
    await shed.writer.ready.wait()
    assert (await shed.lend("t2", "bram")).version == 1
    assert [event.originator_version for event in shed.log.select_events("shed-north/tool/t1")] == [1, version]


async def test_a_stream_that_is_read_by_itself_and_as_one_of_a_lease_is_read_as_it_is(shed: Shed) -> None:
    for tool in ("t1", "t2"):
        await shed.lend(tool, "anna")
        await shed.writer.ask(By(), stream=TOOL, id=tool, decision=lambda _tool: [ToolReturned()])
    seen: dict[str, Any] = {}

    def look(tool: Tool, **facts: Any) -> list[ToolLent]:
        seen.update(facts, itself=tool)
        return [ToolLent(member="bram")]

    reads: dict[str, Read] = {
        "all_of_it": Every(TOOL, "shed-1"),
        "new": One(TOOL, "t3"),
        "elsewhere": One(TOOL, "t1", "shed-south"),
    }
    shed.writer.forget()
    decided = await shed.writer.ask(By(), stream=TOOL, id="t1", decision=look, reads=reads)
    back = Tool(member=None, lent=1)
    assert seen == {"itself": back, "all_of_it": {"t1": back, "t2": back}, "new": Tool(), "elsewhere": Tool()}
    assert decided.version == 3
    row = (await shed.fetch("select version, made from tools where id = 't1'"))[0]
    assert (row["version"], row["made"]) == (3, 1)  # where its first event lies in the log


async def test_what_is_held_in_memory_no_more_is_read_again(shed: Shed) -> None:
    shed.writer.memory.most = 2
    for office in ("shed-north", "shed-south", "shed-west", "shed-east") * 2:
        by, reads = By(office=office), {"others": Every(TOOL, "shed-1")}
        for tool in ("t1", "t2"):
            await shed.lend(tool, "anna", by, reads=reads)
        with pytest.raises(ToolNotOnShelf):
            await shed.lend("t3", "anna", by, reads=reads)
        with pytest.raises(ToolNotOnShelf):
            await shed.lend("t1", "bert", by)
        assert len(shed.writer.memory.streams) <= 2
        assert len(shed.writer.memory.members) <= 2
    assert len(await shed.fetch("select 1 from stored_events")) == 8


async def test_a_rule_over_all_streams_of_a_lease_holds_within_one_batch(shed: Shed) -> None:
    many = [shed.lend(f"t{n}", "anna", reads={"others": Every(TOOL, "shed-1")}) for n in range(6)]
    outcomes = await asyncio.gather(*many, return_exceptions=True)
    assert sum(isinstance(outcome, Decided) for outcome in outcomes) == 2


async def test_another_stream_is_seen_as_it_is_in_the_same_batch(shed: Shed) -> None:
    def lend_if_free(tool: Tool, other: Tool) -> list[ToolLent]:
        return lend(tool, to="cleo") if other.member is None else []

    first, second = await asyncio.gather(
        shed.lend("t1", "anna"),
        shed.writer.ask(By(), stream=TOOL, id="t2", decision=lend_if_free, reads={"other": One(TOOL, "t1")}),
    )
    assert first.events and not second.events


async def test_the_same_key_has_one_effect_and_one_answer_also_in_one_batch_and_after_a_restart(shed: Shed) -> None:
    by = By(once="anna/k1", digest=b"\x01")

    def answer(decided: Decided) -> bytes:
        return f"v{decided.version}".encode()

    both = await asyncio.gather(shed.lend("t1", "anna", by, answer=answer), shed.lend("t1", "anna", by, answer=answer))
    assert [(one.answer, one.outcome) for one in both] == [(b"v1", "done"), (b"v1", "replayed")]
    shed.task.cancel()
    await asyncio.gather(shed.task, return_exceptions=True)
    async with writing(shed.make()) as again:
        third = await again.ask(by, stream=TOOL, id="t1", decision=partial(lend, to="anna"), answer=answer)
        assert (third.answer, third.outcome) == (b"v1", "replayed")
        with pytest.raises(KeyReused):
            await again.ask(replace(by, digest=b"\x02"), stream=TOOL, id="t1", decision=partial(lend, to="anna"))


async def test_a_repeated_request_is_answered_as_it_was_first_whatever_the_rule_says_now(shed: Shed) -> None:
    by = By(once="anna/k", digest=b"\x01", if_match=0)
    await shed.lend("t1", "anna", by, answer=lambda _decided: b"lent")
    await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()])
    await shed.lend("t1", "bram")
    for repeated in (by, replace(by, if_match=None)):  # one is refused by the version, one by the rule
        again = await shed.lend("t1", "anna", repeated)
        assert (again.answer, again.outcome) == (b"lent", "replayed")
    with pytest.raises(KeyReused):
        await shed.lend("t1", "anna", replace(by, digest=b"\x02"))


async def test_a_repeated_request_takes_nothing_from_those_that_are_asked_with_it(shed: Shed) -> None:
    by = By(once="anna/k", digest=b"\x01")
    await shed.lend("t1", "anna", by)
    for tool in ("t2", "t3"):
        outcomes = await asyncio.gather(
            shed.lend(tool, "bram", By(once=f"bram/{tool}", digest=b"\x01")), shed.lend("t1", "anna", by)
        )
        assert [outcome.outcome for outcome in outcomes] == ["done", "replayed"]
    stored = await shed.fetch("select originator_id from stored_events order by notification_id")
    assert [row["originator_id"].rpartition("/")[2] for row in stored] == ["t1", "t2", "t3"]


async def test_a_refused_first_decision_stores_nothing_and_its_key_is_free(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    by = By(once="bram/k", digest=b"\x01", actor="bram")
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t1", "bram", by)
    await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()])
    assert (await shed.lend("t1", "bram", by)).outcome == "done"


async def test_a_refusal_can_be_remembered_in_the_commit_that_answers_it(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t1", "bram", refused=remembered)
    stored = shed.log.select_events("shed-north/refused/shed-1")
    assert [event.topic for event in stored] == ["LendingRefused"]


async def test_a_refused_request_that_comes_again_under_its_key_is_remembered_once(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    by = By(once="k1", digest=b"a")
    both = await asyncio.gather(
        *(shed.lend("t1", "bram", by, refused=remembered) for _ in range(2)), return_exceptions=True
    )
    assert [type(one) for one in both] == [ToolNotOnShelf, ToolNotOnShelf]
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t1", "bram", by, refused=remembered)
    assert len(shed.log.select_events("shed-north/refused/shed-1")) == 1
    with pytest.raises(ToolNotOnShelf):
        await shed.lend("t1", "bram", By(once="k2", digest=b"a"), refused=remembered)
    assert len(shed.log.select_events("shed-north/refused/shed-1")) == 2
    await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()])
    assert (await shed.lend("t1", "bram", by, refused=remembered)).outcome == "done"


async def test_a_refusal_for_want_of_a_mandate_is_remembered_too(shed: Shed) -> None:
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    with pytest.raises(NoMandate):
        await shed.lend("t1", "bram", By(act="lend_tool", mandated=True), refused=remembered)
    stored = shed.log.select_events("shed-north/refused/shed-1")
    assert [event.topic for event in stored] == ["LendingRefused"]
    assert not shed.log.select_events("shed-north/tool/t1")


async def test_who_saw_an_older_version_changes_nothing(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    with pytest.raises(ChangedMeanwhile) as changed:
        await shed.lend("t1", "anna", By(if_match=7))
    assert changed.value.version == 1


async def test_a_bug_in_one_decision_fails_only_its_own_act(shed: Shed) -> None:
    def broken(_tool: Tool) -> Iterable[ToolLent]:
        raise ZeroDivisionError

    good, bad = await asyncio.gather(
        shed.lend("t1", "anna"),
        shed.writer.ask(By(), stream=TOOL, id="t2", decision=broken),
        return_exceptions=True,
    )
    assert isinstance(good, Decided) and isinstance(bad, ZeroDivisionError)


async def test_an_act_that_fails_half_way_leaves_nothing_of_itself_in_the_batch(shed: Shed) -> None:
    def half(_tool: Tool) -> list[Any]:
        return [ToolLent(member="anna"), Elsewhere(TOOL, "t9", ToolLent(member="anna")), object()]

    outcomes = await asyncio.gather(
        shed.writer.ask(By(), stream=TOOL, id="t1", decision=half), shed.lend("t1", "bram"), return_exceptions=True
    )
    assert isinstance(outcomes[0], TypeError) and isinstance(outcomes[1], Decided)
    stored = await shed.fetch("select notification_id, originator_id from stored_events")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1")]
    assert outcomes[1].state.member == "bram"


async def test_what_the_database_will_not_take_fails_only_its_own_act(shed: Shed) -> None:
    outcomes = await asyncio.gather(
        shed.lend("t1", "anna"), shed.lend("t2", "nul\x00"), shed.lend("t3", "cleo"), return_exceptions=True
    )
    assert [isinstance(outcome, Decided) for outcome in outcomes] == [True, False, True]
    found = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == [1, 2]


OTHERS = "from pg_stat_activity where usename = current_user and pid <> pg_backend_pid()"


async def test_a_connection_lost_while_working_is_opened_again_without_a_doubled_effect(shed: Shed) -> None:
    async def kill() -> None:
        await shed.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'visits'", role="at_work"
        )

    outcomes: list[Any] = []
    for n in range(5):
        burst = [asyncio.create_task(shed.lend(f"t{n}-{m}", "anna")) for m in range(20)]
        await asyncio.sleep(0)
        await asyncio.gather(kill(), return_exceptions=True)
        outcomes += await asyncio.gather(*burst, return_exceptions=True)
        await shed.writer.ready.wait()
    assert all(isinstance(outcome, Decided | StoreBusy) for outcome in outcomes)
    found = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["notification_id"] for row in found] == list(range(1, len(found) + 1))
    assert len({row["originator_id"] for row in found}) == len(found)
    assert sum(isinstance(outcome, Decided) for outcome in outcomes) <= len(found)


async def test_a_connection_lost_while_more_is_looked_for_is_no_fault_of_the_act(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    assert await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    with pytest.raises(ToolNotOnShelf):  # its key is looked for before it is told so
        await shed.lend("t1", "bram", By(once="bram/k", digest=b"\x01"))
    assert (await shed.lend("t2", "bram")).outcome == "done"


async def test_a_message_has_its_effect_once_and_after_its_predecessor(shed: Shed) -> None:
    async def take(message: Message) -> Decided:
        return await shed.lend(f"t{message.position}", "anna", By(message=message, actor="SYS"))

    early = await take(told(2, version=2, previous=1))
    assert early.outcome == "parked" and not early.events
    first, repeated = await asyncio.gather(take(told(1)), take(told(1)))
    assert (first.outcome, repeated.outcome) == ("done", "repeat")
    assert (await take(told(2, version=2, previous=1))).outcome == "done"
    assert (await take(told(2, version=2, previous=1))).outcome == "repeat"
    assert (await take(told(1, digest=b"other"))).outcome == "conflict"
    rows = await shed.fetch("select position, state from inbox order by position")
    assert [(row["position"], row["state"]) for row in rows] == [(1, "taken"), (2, "taken")]


async def test_a_repeated_message_is_a_repeat_whatever_the_rule_says_now(shed: Shed) -> None:
    await shed.lend("t1", "anna", By(message=told(1), actor="SYS"))
    assert (await shed.lend("t1", "bram", By(message=told(1), actor="SYS"))).outcome == "repeat"


def news(position: int, **other: Any) -> Act:
    """A message that is held to be new, and what it leads to."""
    by = By(message=told(position, stream=other.pop("stream", f"order/{position}"), **other), actor="SYS")
    return Act(by, TOOL, f"t{position}", partial(lend, to="anna"))


async def test_messages_that_are_handed_over_together_each_have_their_own_outcome(shed: Shed) -> None:
    def refuse(_tool: Tool) -> list[ToolLent]:
        raise ToolNotOnShelf

    refused = Act(By(message=told(2, stream="order/2"), actor="SYS"), TOOL, "t2", refuse)
    behind = news(3, stream="order/2", version=2, previous=1)
    outcomes = await shed.writer.ask_all([news(1), refused, behind, news(4), Act(news(5).by)])
    assert isinstance(outcomes[1], ToolNotOnShelf)
    said = [outcome.outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert said == ["done", "parked", "done", "done"]
    rows = await shed.fetch("select position, state from inbox order by position")
    assert [tuple(row) for row in rows] == [(1, "taken"), (3, "parked"), (4, "taken"), (5, "taken")]
    moved = await shed.fetch("select stream, version from inbox_stream order by stream")
    assert [tuple(row) for row in moved] == [("order/1", 1), ("order/4", 1), ("order/5", 1)]


async def test_a_message_that_waited_and_comes_together_with_the_one_before_it_is_the_last_of_its_stream(
    shed: Shed,
) -> None:
    first, second, third = (told(n, version=n, previous=n - 1) for n in (1, 2, 3))

    async def take(message: Message) -> str:
        return (await shed.lend(f"t{message.position}", "anna", By(message=message, actor="SYS"))).outcome

    assert (await take(first), await take(third)) == ("done", "parked")
    waited = msgspec.structs.replace(third, waited=True)
    assert [*await asyncio.gather(take(second), take(waited))] == ["done", "done"]
    assert [tuple(row) for row in await shed.fetch("select stream, version from inbox_stream")] == [("order/1", 3)]


async def test_messages_of_one_stream_that_are_handed_over_together_follow_each_other(shed: Shed) -> None:
    one = [news(n, stream="order/1", version=n, previous=n - 1) for n in range(1, 5)]
    outcomes = [*await shed.writer.ask_all(one[:3]), *await shed.writer.ask_all(one[3:])]
    assert [outcome.outcome for outcome in outcomes if isinstance(outcome, Decided)] == ["done"] * 4
    assert [tuple(row) for row in await shed.fetch("select stream, version from inbox_stream")] == [("order/1", 4)]


@pytest.mark.parametrize("forgotten", [False, True])
async def test_a_message_that_is_not_as_new_as_it_was_held_to_be_has_no_second_effect(
    shed: Shed, forgotten: bool
) -> None:
    await shed.writer.ask_all([news(1), news(2)])
    if forgotten:
        shed.writer.forget()
    same_stream = news(9, stream="order/2")  # an older version under another number
    other_body = news(2, digest=b"other")
    outcomes = await shed.writer.ask_all([news(1), news(3), same_stream, other_body])
    said = [outcome.outcome for outcome in outcomes if isinstance(outcome, Decided)]
    assert said == ["repeat", "done", "repeat", "conflict"]
    lent = await shed.fetch("select originator_id from stored_events order by notification_id")
    assert [row["originator_id"].rpartition("/")[2] for row in lent] == ["t1", "t2", "t3"]


async def test_what_comes_too_early_is_parked_with_what_it_waits_for(shed: Shed) -> None:
    def wait(_tool: Tool) -> list[ToolLent]:
        raise TooEarly("orders:order/9")

    parked = await shed.writer.ask(By(message=told(1)), stream=TOOL, id="t1", decision=wait)
    assert parked.outcome == "parked"
    rows = await shed.fetch("select state, waits_for, envelope from inbox")
    assert [(row["state"], row["waits_for"], row["envelope"]) for row in rows] == [("parked", "orders:order/9", b"{}")]


async def test_an_event_elsewhere_lies_in_the_same_commit(shed: Shed) -> None:
    def lend_two(tool: Tool) -> list[ToolLent | Elsewhere]:
        return [ToolLent(member="anna"), Elsewhere(TOOL, "t2", ToolLent(member="anna"))]

    decided = await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lend_two)
    assert [recorded.stream for recorded in decided.events] == ["tool/t1", "tool/t2"]


async def test_an_event_elsewhere_follows_what_that_stream_holds_also_after_a_restart(shed: Shed) -> None:
    await shed.lend("t2", "anna")
    shed.task.cancel()
    await asyncio.gather(shed.task, return_exceptions=True)
    async with writing(shed.make()) as again:
        await again.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [Elsewhere(TOOL, "t2", ToolReturned())])
    stored = shed.log.select_events("shed-north/tool/t2")
    assert [(event.topic, event.originator_version) for event in stored] == [("ToolLent", 1), ("ToolReturned", 2)]


async def test_offices_do_not_see_each_other_even_when_the_query_forgot(shed: Shed) -> None:
    await shed.lend("t1", "anna", By(office="shed-north"))
    await shed.lend("t1", "bram", By(office="shed-south"))
    connection = await asyncpg.connect(shed.database.at_work)
    try:
        async with connection.transaction():
            await connection.execute("select set_config('app.office', 'shed-south', true)")
            assert [row["member"] for row in await connection.fetch("select member from tools")] == ["bram"]
            assert await connection.fetchval("select count(*) from stored_events") == 1
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(
                        "insert into tools (office, id, version, made, body) values ('shed-north','x',1,1,'{}')"
                    )
        assert await connection.fetchval("select count(*) from tools") == 0  # no office: nothing at all
    finally:
        await connection.close()


@pytest.mark.parametrize("change", ["update stored_events set topic = 'x'", "delete from stored_events"])
async def test_the_services_role_can_neither_change_nor_delete_an_event(shed: Shed, change: str) -> None:
    await shed.lend("t1", "anna")
    connection = await asyncpg.connect(shed.database.at_work)
    try:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(change)
    finally:
        await connection.close()


async def test_a_full_queue_says_so_instead_of_piling_up(shed: Shed) -> None:
    shed.writer._queue.room = 3
    outcomes = await asyncio.gather(*(shed.lend(f"t{n}", "anna") for n in range(10)), return_exceptions=True)
    assert sum(isinstance(outcome, StoreBusy) for outcome in outcomes) == 7
    assert isinstance(await shed.lend("t99", "anna"), Decided)


async def test_a_second_process_stands_by_until_the_first_is_gone(shed: Shed) -> None:
    second = shed.make()
    task = asyncio.create_task(second.run())
    with pytest.raises(StoreBusy):
        await second.ask(By(), stream=TOOL, id="t1", decision=partial(lend, to="anna"))
    await shed.lend("t1", "anna")
    shed.task.cancel()
    await asyncio.wait_for(second.ready.wait(), 10)
    with pytest.raises(ToolNotOnShelf):
        await second.ask(By(), stream=TOOL, id="t1", decision=partial(lend, to="bram"))
    task.cancel()


WHO_WRITES = "select pid from pg_locks where locktype = 'advisory'"


async def test_a_process_to_which_nobody_says_anything_notices_that_it_is_no_longer_the_one_that_writes(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_TO_COME_BACK", 0.3)
    second = shed.make()
    task = asyncio.create_task(second.run())
    await loses_its_lock_to(second, shed, monkeypatch)
    async with asyncio.timeout(10):
        while shed.writer.ready.is_set():
            await asyncio.sleep(0.01)
    assert (await second.ask(By(), stream=TOOL, id="t1", decision=partial(lend, to="anna"))).version == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await asyncio.wait_for(shed.writer.ready.wait(), 10)


async def test_a_process_to_which_nobody_says_anything_opens_a_lost_connection_again(shed: Shed) -> None:
    before = await shed.fetch(WHO_WRITES, role="at_work")
    await shed.fetch("select pg_terminate_backend($1)", before[0]["pid"], role="at_work")
    async with asyncio.timeout(10):
        while await shed.fetch(WHO_WRITES, role="at_work") in ([], before):
            await asyncio.sleep(0.01)
    assert shed.writer.ready.is_set()


async def loses_its_lock_to(second: Writer, shed: Shed, monkeypatch: pytest.MonkeyPatch) -> None:
    """End the connection that makes the writer the one that writes, and keep it from coming back before a second."""
    reconnect, taken_over = shed.writer._reconnect, asyncio.Event()

    async def after_the_second() -> None:
        if not taken_over.is_set():
            raise ConnectionRefusedError
        await reconnect()

    monkeypatch.setattr(shed.writer, "_reconnect", after_the_second)
    async with asyncio.timeout(10):
        await shed.fetch(WHO_WRITES.replace("pid", "pg_terminate_backend(pid)"), role="at_work")
        await second.ready.wait()
    taken_over.set()


async def test_nobody_is_sent_away_when_a_connection_alone_has_ended(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.lend("t1", "anna")
    reconnect, comes_back, may = shed.writer._reconnect, asyncio.Event(), asyncio.Event()

    async def slowly() -> None:
        comes_back.set()
        await may.wait()
        await reconnect()

    monkeypatch.setattr(shed.writer, "_reconnect", slowly)
    await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    first = asyncio.create_task(shed.lend("t2", "anna"))
    await asyncio.wait_for(comes_back.wait(), 10)
    second = asyncio.create_task(shed.lend("t3", "anna"))
    await asyncio.sleep(0)
    may.set()
    assert ((await first).version, (await second).version) == (1, 1)


async def test_nothing_held_is_shown_before_a_process_knows_that_it_is_the_one_that_writes_again(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await shed.lend("t1", "anna")
    ask, asked, may = asyncpg.Connection.fetchval, asyncio.Event(), asyncio.Event()

    async def slowly(connection: asyncpg.Connection, statement: str, *values: Any, **how: Any) -> Any:
        if statement == ONLY_WRITER:
            asked.set()
            await may.wait()
        return await ask(connection, statement, *values, **how)

    monkeypatch.setattr(asyncpg.Connection, "fetchval", slowly)
    await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    lent = asyncio.create_task(shed.lend("t2", "anna"))
    await asyncio.wait_for(asked.wait(), 10)
    seen = shed.writer.held("shed-north", TOOL, "t1")
    may.set()
    assert seen is None  # another process may have written by now
    await lent
    await shed.lend("t3", "anna")
    assert shed.writer.held("shed-north", TOOL, "t3") is not None


@asynccontextmanager
async def nobody_commits(shed: Shed) -> AsyncIterator[asyncpg.Connection]:
    """Keep the head row to ourselves: what the writer stores meanwhile waits in the database."""
    connection = await asyncpg.connect(shed.database.owner)
    try:
        async with connection.transaction():
            await connection.execute("select * from head for update")
            yield connection
    finally:
        await connection.close()


class Asked:
    """Acts that note when they were decided."""

    def __init__(self, shed: Shed) -> None:
        self._shed = shed
        self._decided: dict[str, list[asyncio.Event]] = {}
        self.times: Counter[str] = Counter()

    def lend(self, tool: str, to: str, by: By | None = None, **more: Any) -> "asyncio.Task[Decided]":
        def decide(state: Tool, **facts: Any) -> list[ToolLent]:
            self.times[f"{tool} {to}"] += 1
            return lend(state, to=to, **facts)

        asked = self._shed.writer.ask(by or By(), stream=TOOL, id=tool, decision=decide, **more)
        return asyncio.create_task(asked)

    async def decided(self, *acts: str) -> None:
        """Wait until each of these was decided once."""
        async with asyncio.timeout(10):
            while not all(self.times[act] for act in acts):
                await asyncio.sleep(0.005)


async def test_the_next_batch_is_decided_while_one_is_being_committed_and_nobody_is_answered_before(
    shed: Shed,
) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second, third = acts.lend("t1", "bram"), acts.lend("t1", "anna")
        await acts.decided("t1 bram")
        fourth = acts.lend("t2", "bram")  # into the same batch, which is still open
        await acts.decided("t2 bram")
        assert not any(act.done() for act in (first, second, third, fourth))
        assert not shed.writer.held("shed-north", TOOL, "t1").version  # type: ignore[union-attr]
    assert (await first).version == 1
    with pytest.raises(ToolNotOnShelf):
        await second
    assert not (await third).events and (await fourth).version == 1
    assert acts.times == {"t1 anna": 2, "t1 bram": 1, "t2 bram": 1}  # by two who asked, and nothing twice
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1"), (2, "shed-north/tool/t2")]


async def test_who_asks_what_was_known_is_woken_by_the_commit_of_what_is_dated_by_then(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        at = shed.writer._under_way[0].since
        assert at is not None
        asked = asyncio.create_task(shed.writer.known_until(at, now=SystemClock().now()))
        latest = await shed.writer.known_until(None, now=SystemClock().now())
        await asyncio.sleep(0)
        assert latest is not None and latest < at and not asked.done()
    recorded = (await first).events[0].recorded_at
    await asyncio.sleep(0)
    assert asked.done() and await asked == at == recorded


async def test_a_process_that_stands_by_answers_of_what_was_known_only_for_what_is_committed(shed: Shed) -> None:
    acts = Asked(shed)
    async with asyncpg.create_pool(shed.database.at_work, min_size=1, max_size=1) as pool:
        stands_by = EventStore(shed.make(), Codec([TOOL]), pool, cast(Seals, None))
        async with nobody_commits(shed):
            first = acts.lend("t1", "anna")
            await acts.decided("t1 anna")
            at = shed.writer._under_way[0].since
            assert at is not None
            with pytest.raises(StoreBusy):  # the answer could lack what is being committed, and hold it later
                await stands_by.known_until(at, now=SystemClock().now())
            before = await stands_by.known_until(None, now=SystemClock().now())
            assert before < at
            assert await stands_by.known_until(before, now=SystemClock().now()) == before
        await first
        assert await stands_by.known_until(at, now=SystemClock().now()) == at


async def test_whoever_gave_up_before_it_was_decided_keeps_nobody_from_knowing_what_is(shed: Shed) -> None:
    gives_up = asyncio.create_task(shed.lend("t1", "anna"))
    await asyncio.sleep(0)
    gives_up.cancel()
    await asyncio.gather(gives_up, return_exceptions=True)
    while shed.writer._queue.arrived.is_set():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    now = SystemClock().now()
    assert await shed.writer.known_until(None, now=now) == now


async def test_what_follows_from_a_message_is_found_by_the_moment_at_which_that_was_taken_in(shed: Shed) -> None:
    """``shared.epochs`` does so; a batch that is decided ahead is decided into at several moments."""
    acts = Asked(shed)

    def take(number: int) -> "asyncio.Task[Decided]":
        message = told(number, stream=f"order/{number}")
        return acts.lend(f"t{number}", "anna", By(message=message, actor="SYS"))

    async with nobody_commits(shed):
        first = acts.lend("t0", "anna")
        await acts.decided("t0 anna")
        second = take(1)
        await acts.decided("t1 anna")
        third = take(2)
        await acts.decided("t2 anna")
    await asyncio.gather(first, second, third)
    moments = [(row["position"], row["taken_at"]) for row in await shed.fetch("select * from inbox order by position")]
    recorded = [Effect.of({**row, "cause": "a message"}) for row in await shed.fetch(EFFECTS, 2**62, 2)]
    assert [(int(one.event[6]), one.at) for one in reversed(recorded) if one is not None] == moments
    assert moments[0][1] < moments[1][1]


async def test_what_was_decided_ahead_is_decided_anew_when_the_commit_before_it_failed(shed: Shed) -> None:
    acts = Asked(shed)
    await shed.lend("t0", "anna", By(once="anna/k1", digest=b"\x01"))
    taken = {"key": "anna/k1", "digest": None, "answer": None, "at": SystemClock().now()}
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna", rows=[Change("shed-north", ONCE, taken, "insert")])
        await acts.decided("t1 anna")
        second = acts.lend("t1", "bram")
        await acts.decided("t1 bram")
    with pytest.raises(asyncpg.UniqueViolationError):
        await first
    assert (await second).state.member == "bram" and acts.times["t1 bram"] == 2
    stored = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in stored] == [1, 2]


async def test_nothing_rests_on_a_commit_that_failed_when_something_was_asked_in_that_moment(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile: list[asyncio.Task[Decided]] = []

    def ask() -> Awaitable[Decided]:
        return shed.writer.ask(
            By(once="anna/k1", digest=b"\x01"),
            stream=TOOL,
            id="t1",
            decision=lambda _tool: [ToolLent(member="anna")],
            answer=lambda decided: f"v{decided.version}".encode(),
        )

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        try:
            await store(connection, batch)
        except asyncpg.UniqueViolationError:
            meanwhile.append(asyncio.create_task(shed.lend("t2", "bram")))
            await asyncio.sleep(0)  # it was asked, and deciding it ahead of the commit has not begun
            raise

    await ask()
    monkeypatch.setattr(shared.writer.loop, "store", stored)
    again = [await ask()]  # held to be new, and decided with a second version
    assert [one.version for one in await asyncio.gather(*meanwhile)] == [1]
    again.append(await ask())
    assert [(one.outcome, one.answer) for one in again] == [("replayed", b"v1")] * 2
    assert (await shed.lend("t3", "cleo")).version == 1
    stored_events = await shed.fetch("select notification_id from stored_events order by 1")
    assert [row["notification_id"] for row in stored_events] == [1, 2, 3]


@asynccontextmanager
async def connections_are_lost(shed: Shed, drawn: Random) -> AsyncIterator[None]:
    """Cut connections of the writer again and again."""

    async def lose() -> None:
        while True:
            await asyncio.sleep(drawn.uniform(0.01, 0.2))
            await shed.fetch(
                "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
                " pg_backend_pid() and random() < 0.7",
                role="at_work",
            )

    losing = asyncio.create_task(lose())
    try:
        async with asyncio.timeout(60):
            yield
    finally:
        losing.cancel()
        await asyncio.gather(losing, return_exceptions=True)


async def asked_until_answered(shed: Shed, by: By, tool: str, answer: Callable[[Decided], bytes]) -> Decided:
    """Lend a tool once more, whoever has it; again while the store is away."""
    while True:
        try:
            return await shed.writer.ask(
                by, stream=TOOL, id=tool, decision=lambda _tool: [ToolLent(member="anna")], answer=answer
            )
        except StoreBusy:
            await shed.writer.ready.wait()
            await asyncio.sleep(0)


async def repeated(drawn: Random, ask: Callable[[], Awaitable[T]]) -> list[T]:
    """Ask up to three times, some of them twice at once, at moments drawn turn by turn of the loop."""
    answers: list[T] = []
    for together in drawn.choices([1, 2], k=drawn.randint(1, 3)):
        for _turn in range(drawn.randint(0, 60)):
            await asyncio.sleep(0)
        answers += await asyncio.gather(*(ask() for _ in range(together)))
    return answers


CALLERS_WHO_REPEAT, EACH = 5, 150


@pytest.mark.parametrize("seed", [1, 2])
async def test_whoever_repeats_a_request_has_its_first_answer_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Each key has one act and one answer; a repeat makes a commit fail, and connections are lost."""
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)  # each repeat is held to be new, and fails
    drawn = Random(seed)

    async def ask(key: str, tool: str) -> bytes:
        def answer(decided: Decided) -> bytes:
            return f"{tool} v{decided.version} {decided.events[0].id}".encode()

        decided = await asked_until_answered(shed, By(once=key, digest=b"\x01"), tool, answer)
        return answer(decided) if decided.answer is None else decided.answer

    async def repeat(caller: int) -> dict[str, bytes]:
        told: dict[str, bytes] = {}
        for number in range(EACH):
            key = f"anna/{caller}-{number}"
            (told[key],) = set(await repeated(drawn, partial(ask, key, drawn.choice(["t1", "t2", "t3"]))))
        return told

    async with connections_are_lost(shed, drawn):
        told = [each for one in await asyncio.gather(*map(repeat, range(CALLERS_WHO_REPEAT))) for each in one.items()]
    kept = await shed.fetch("select key, answer from once")
    assert {row["key"]: bytes(row["answer"]) for row in kept} == dict(told)
    assert len(await shed.fetch("select * from stored_events")) == len(told) == CALLERS_WHO_REPEAT * EACH


@pytest.mark.parametrize("seed", [1, 2])
async def test_a_message_that_comes_again_has_one_effect_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)
    drawn = Random(seed)

    async def take(message: Message) -> str:
        by = By(message=message, actor="SYS")
        return (await asked_until_answered(shed, by, drawn.choice(["t1", "t2", "t3"]), lambda _: b"")).outcome

    async def repeat(order: int) -> None:
        for number in range(1, EACH + 1):
            message = told(order * 1000 + number, version=number, previous=number - 1, stream=f"order/{order}")
            outcomes = Counter(await repeated(drawn, partial(take, message)))
            assert outcomes["done"] <= 1 and outcomes["done"] + outcomes["repeat"] == outcomes.total()

    async with connections_are_lost(shed, drawn):
        await asyncio.gather(*map(repeat, range(CALLERS_WHO_REPEAT)))
    taken = await shed.fetch("select state, count(*) from inbox group by 1")
    assert [tuple(row) for row in taken] == [("taken", CALLERS_WHO_REPEAT * EACH)]
    assert len(await shed.fetch("select * from stored_events")) == CALLERS_WHO_REPEAT * EACH


async def test_what_was_decided_ahead_is_decided_anew_when_somebody_else_wrote(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    acts = Asked(shed)
    async with nobody_commits(shed) as script:
        first = acts.lend("t2", "bram")
        await acts.decided("t2 bram")
        second = acts.lend("t3", "cleo")
        await acts.decided("t3 cleo")
        await script.execute(
            "insert into stored_events (originator_id, originator_version, topic, state, notification_id)"
            " select 'shed-north/tool/t3', 1, topic, state, 2 from stored_events"
        )
        await script.execute("update head set log = 2, batch = 'a script'")
    assert (await first).state.member == "bram"
    with pytest.raises(ToolNotOnShelf):
        await second
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [row["originator_id"][-2:] for row in stored] == ["t1", "t3", "t2"]


async def test_what_was_decided_ahead_of_a_lost_connection_has_its_effect_once(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second = acts.lend("t2", "bram")
        await acts.decided("t2 bram")
        await shed.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
            " pg_backend_pid()",
            role="at_work",
        )
    assert ((await first).version, (await second).version) == (1, 1)
    stored = await shed.fetch("select notification_id, originator_id from stored_events order by 1")
    assert [tuple(row) for row in stored] == [(1, "shed-north/tool/t1"), (2, "shed-north/tool/t2")]


async def test_what_is_being_committed_counts_for_rules_over_a_lease_and_so_it_does_afterwards(shed: Shed) -> None:
    acts = Asked(shed)
    others = {"others": Every(TOOL, "shed-1")}
    async with nobody_commits(shed):
        before = [acts.lend("t1", "anna"), acts.lend("t2", "anna")]
        await acts.decided("t1 anna", "t2 anna")
        third = acts.lend("t3", "anna", reads=others)
        await acts.decided("t3 anna")
    assert len(await asyncio.gather(*before)) == 2
    with pytest.raises(ToolNotOnShelf):
        await third
    with pytest.raises(ToolNotOnShelf):
        await acts.lend("t4", "anna", reads=others)


async def test_a_key_and_a_message_that_are_being_committed_have_no_second_effect(shed: Shed) -> None:
    acts = Asked(shed)
    by, message = By(once="anna/k1", digest=b"\x01"), By(message=told(1), actor="SYS")

    def answer(decided: Decided) -> bytes:
        return f"v{decided.version}".encode()

    async with nobody_commits(shed):
        first = [acts.lend("t1", "anna", by, answer=answer), acts.lend("t2", "anna", message)]
        await acts.decided("t1 anna", "t2 anna")
        again = [acts.lend("t1", "anna", by, answer=answer), acts.lend("t2", "anna", message)]
        successor = acts.lend("t3", "anna", By(message=told(2, version=2, previous=1), actor="SYS"))
        reused = acts.lend("t1", "anna", replace(by, digest=b"\x02"), answer=answer)
        await acts.decided("t3 anna")
        assert not any(act.done() for act in (*first, *again, successor, reused))
    assert [(one.outcome, one.answer) for one in await asyncio.gather(*first)] == [("done", b"v1"), ("done", None)]
    assert [(one.outcome, one.answer) for one in await asyncio.gather(*again)] == [
        ("replayed", b"v1"),
        ("repeat", None),
    ]
    assert (await successor).outcome == "done"
    with pytest.raises(KeyReused):
        await reused
    assert len(await shed.fetch("select * from stored_events")) == 3


async def test_of_many_that_wait_half_are_decided_while_the_other_half_is_being_committed(shed: Shed) -> None:
    acts = Asked(shed)
    async with nobody_commits(shed):
        all_of_them = [acts.lend(f"t{number}", "anna") for number in range(40)]
        await acts.decided(*(f"t{number} anna" for number in range(40)))
    assert {one.version for one in await asyncio.gather(*all_of_them)} == {1}
    stored = await shed.fetch(
        "select xmin::text as commit, count(*) from stored_events group by 1 order by min(notification_id)"
    )
    assert [row["count"] for row in stored] == [20, 20]


async def test_what_is_read_before_a_batch_is_found_by_one_key_and_no_other_index(shed: Shed) -> None:
    # While a table has no statistics the planner takes any whole index for as good as the key.
    read = ("inbox", "inbox_stream", "once", "stream_of_lease")
    indexes = await shed.fetch("select tablename, indexdef from pg_indexes where schemaname = 'public'")
    whole = [row["tablename"] for row in indexes if " WHERE " not in row["indexdef"]]
    assert sorted(table for table in whole if table in read) == sorted(read)


# -- what is held to be new -------------------------------------------------------------------------------------------


@contextmanager
def round_trips(shed: Shed) -> Iterator[list[str]]:
    """Note each query with which the writer looks for something meanwhile."""
    connection, asked = shed.writer._look.connection, list[str]()
    assert connection is not None
    with connection.query_logger(lambda query: asked.append(query.query)):
        yield asked


def decided_again() -> float:
    """How many batches were decided again since something in them was not new."""
    return float(REPEATED.labels("not-new")._value.get())


def give_back(tool: Tool) -> list[ToolReturned]:
    """Refuses what is on the shelf."""
    if tool.member is None:
        raise ToolNotOnShelf(Named("on-shelf"))
    return [ToolReturned()]


async def lent_and_forgotten(shed: Shed, *tools: str) -> None:
    """Let anna have these tools, and the writer know nothing of it any more, as after a restart."""
    for tool in tools:
        await shed.lend(tool, "anna")
    shed.writer.forget()
    await shed.lend("another", "cleo")  # what it knows of the office as a whole is read again


WHAT_SAYS_SO: dict[str, Callable[[], dict[str, Any]]] = {
    "a door that makes it": lambda: {"begins": True},
    "a client that says there was none": lambda: {"by": By(if_match=0)},
    "a message that is the first of it": lambda: {"by": By(message=told(1), actor="SYS"), "begins": True},
}


@pytest.mark.parametrize("says_so", WHAT_SAYS_SO.values(), ids=WHAT_SAYS_SO)
async def test_what_begins_is_decided_and_stored_without_a_look(
    shed: Shed, says_so: Callable[[], dict[str, Any]]
) -> None:
    await lent_and_forgotten(shed)
    with round_trips(shed) as looks:
        assert (await shed.lend("t1", "anna", **says_so())).version == 1
        assert looks == []
        assert (await shed.lend("t1", "anna")).version == 1  # and is held from now on
        assert looks == []
        await shed.lend("t2", "anna")  # of which nobody said so
        assert len(looks) == 1


async def test_messages_that_begin_something_are_taken_in_together_without_a_look(shed: Shed) -> None:
    await lent_and_forgotten(shed)
    with round_trips(shed) as looks:
        await shed.writer.ask_all([news(n)._replace(begins=True) for n in (1, 2, 3)])
        assert looks == []
        await shed.writer.ask_all([news(n) for n in (4, 5)])
        assert len(looks) == 1


async def test_what_was_there_after_all_is_decided_again_as_it_is_and_harms_no_neighbour(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()
    keyed = By(once="bram/k", digest=b"\x01")
    outcomes = await asyncio.gather(
        shed.lend("t2", "bram", keyed, begins=True),
        shed.writer.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()], begins=True),
        shed.lend("t1", "bram", begins=True),
        shed.lend("t3", "bram"),
    )
    assert [outcome.version for outcome in outcomes] == [1, 2, 3, 1]
    assert outcomes[2].state == Tool(member="bram", lent=2)
    assert decided_again() == before + 1
    stored = await shed.fetch("select originator_id, originator_version from stored_events order by notification_id")
    assert [(row[0].rpartition("/")[2], row[1]) for row in stored] == [
        ("t1", 1),
        ("another", 1),
        ("t2", 1),
        ("t1", 2),
        ("t1", 3),
        ("t3", 1),
    ]
    shown = await shed.fetch("select id, version from tools order by id")
    assert [tuple(row) for row in shown] == [("another", 1), ("t1", 3), ("t2", 1), ("t3", 1)]


async def test_after_something_was_there_everything_is_looked_for_and_after_a_while_no_more(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lent_and_forgotten(shed, "t1", "t2")
    await shed.lend("t1", "anna", begins=True)
    before = decided_again()
    with round_trips(shed) as looks:
        assert not (await shed.lend("t2", "anna", begins=True)).events
        await shed.writer.ask_all([news(3)._replace(begins=True)])
        assert len(looks) == 2
    assert decided_again() == before
    monkeypatch.setattr("shared.writer.loop.perf_counter", lambda: perf_counter() + SECONDS_OF_DOUBT)
    with round_trips(shed) as looks:
        await shed.lend("t4", "anna", begins=True)
        await shed.writer.ask_all([news(5)._replace(begins=True)])
        assert looks == []


async def test_who_finds_it_already_so_on_nothing_sees_it_as_it_is(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before, seen = decided_again(), []

    def end(tool: Tool) -> list[ToolReturned]:
        seen.append(tool)
        return [] if tool.member is None else [ToolReturned()]

    decided = await shed.writer.ask(By(), stream=TOOL, id="t1", decision=end, begins=True)
    assert seen == [Tool(), Tool(member="anna", lent=1)]
    assert (decided.version, len(decided.events)) == (2, 1)
    nothing = await shed.writer.ask(By(), stream=TOOL, id="t2", decision=end, begins=True)
    assert (nothing.version, nothing.events) == (0, ())
    assert decided_again() == before  # looked for before it was told so, not found out by the store


async def test_what_is_recorded_elsewhere_only_follows_from_the_state_as_it_is(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()

    def lend_beside(tool: Tool) -> list[Elsewhere]:
        return [Elsewhere(TOOL, "t2", ToolLent(member=tool.member or "nobody"))]

    decided = await shed.writer.ask(By(), stream=TOOL, id="t1", decision=lend_beside, begins=True)
    assert (decided.version, decided.state.member) == (1, "anna")
    assert decided.events[0].event == ToolLent(member="anna")
    assert decided_again() == before


async def test_what_it_records_elsewhere_too_follows_what_is_there(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()

    def exchange(_tool: Tool) -> list[Any]:
        return [ToolLent(member="bram"), Elsewhere(TOOL, "t1", ToolReturned())]

    new = await shed.writer.ask(By(), stream=TOOL, id="t2", decision=exchange, begins=True)
    assert [(event.stream, event.version) for event in new.events] == [("tool/t2", 1), ("tool/t1", 2)]
    assert decided_again() == before  # it was looked for, as it was not told to be new
    shed.writer.forget()
    there = await shed.writer.ask(By(), stream=TOOL, id="t2", decision=exchange, begins=True)
    assert [(event.stream, event.version) for event in there.events] == [("tool/t2", 2), ("tool/t1", 3)]


async def test_what_is_refused_on_nothing_but_not_as_it_is_takes_place(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()
    decided = await shed.writer.ask(By(), stream=TOOL, id="t1", decision=give_back, begins=True)
    assert (decided.version, decided.state.member) == (2, None)
    with pytest.raises(ToolNotOnShelf):
        await shed.writer.ask(By(), stream=TOOL, id="t2", decision=give_back, begins=True)
    assert decided_again() == before


async def test_what_fails_on_nothing_but_not_as_it_is_takes_place(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")

    def sign(tool: Tool) -> list[ToolReturned]:
        assert tool.member is not None
        return [ToolReturned()]

    assert (await shed.writer.ask(By(), stream=TOOL, id="t1", decision=sign, begins=True)).version == 2
    with pytest.raises(AssertionError):
        await shed.writer.ask(By(), stream=TOOL, id="t2", decision=sign, begins=True)


async def test_what_would_be_possible_on_nothing_is_refused_as_it_is_and_remembered_once(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    outcomes = await asyncio.gather(
        shed.lend("t1", "bram", refused=remembered, begins=True), shed.lend("t2", "bram"), return_exceptions=True
    )
    assert isinstance(outcomes[0], ToolNotOnShelf) and isinstance(outcomes[1], Decided)
    assert decided_again() == before + 1
    assert len(shed.log.select_events("shed-north/tool/t1")) == 1
    assert len(shed.log.select_events("shed-north/refused/shed-1")) == 1


async def test_a_refusal_on_nothing_is_remembered_once_as_it_is(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    ask = partial(shed.writer.ask, By(), stream=TOOL, decision=give_back, refused=remembered, begins=True)
    assert (await ask(id="t1")).version == 2
    assert not shed.log.select_events("shed-north/refused/shed-1")
    with pytest.raises(ToolNotOnShelf):
        await ask(id="t2")
    assert len(shed.log.select_events("shed-north/refused/shed-1")) == 1


@pytest.mark.parametrize("events", [[ToolReturned()], []], ids=["and does something", "and does nothing"])
async def test_who_says_that_there_was_none_hears_what_there_is(shed: Shed, events: list[ToolReturned]) -> None:
    await lent_and_forgotten(shed, "t1")
    with pytest.raises(ChangedMeanwhile) as changed:
        await shed.writer.ask(By(if_match=0), stream=TOOL, id="t1", decision=lambda _tool: events)
    assert (changed.value.version, changed.value.state) == (1, Tool(member="anna", lent=1))
    assert len(shed.log.select_events("shed-north/tool/t1")) == 1
    with pytest.raises(ChangedMeanwhile) as changed:  # nor does who saw a version find what is held to be new
        await shed.lend("t2", "anna", By(if_match=3), begins=True)
    assert changed.value.version == 0


@pytest.mark.parametrize("together", [False, True])
async def test_the_first_message_about_what_is_there_already_has_its_effect_on_it(shed: Shed, together: bool) -> None:
    await lent_and_forgotten(shed, "t1")
    back = Act(news(1).by, TOOL, "t1", lambda _tool: [ToolReturned()], begins=True)
    if together:
        outcomes = await shed.writer.ask_all([news(2), back, news(3)])
    else:
        outcomes = [await shed.writer.ask(back.by, stream=TOOL, id="t1", decision=back.decision, begins=True)]
    assert {outcome.outcome for outcome in outcomes if isinstance(outcome, Decided)} == {"done"}
    stored = shed.log.select_events("shed-north/tool/t1")
    assert [(event.topic, event.originator_version) for event in stored] == [("ToolLent", 1), ("ToolReturned", 2)]
    rows = await shed.fetch("select position, state from inbox order by position")
    assert [tuple(row) for row in rows] == [(n, "taken") for n in ((1, 2, 3) if together else (1,))]
    again = await shed.writer.ask(back.by, stream=TOOL, id="t1", decision=back.decision, begins=True)
    assert again.outcome == "repeat"


async def test_what_comes_too_early_on_nothing_but_not_as_it_is_waits_for_nothing(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")

    def once_it_is_lent(tool: Tool) -> list[ToolReturned]:
        if tool.member is None:
            raise TooEarly("orders:order/9")
        return [ToolReturned()]

    ask = partial(shed.writer.ask, stream=TOOL, decision=once_it_is_lent, begins=True)
    assert (await ask(By(message=told(1), actor="SYS"), id="t1")).outcome == "done"
    assert (await ask(By(message=told(2, stream="order/2"), actor="SYS"), id="t2")).outcome == "parked"
    rows = await shed.fetch("select position, state, waits_for from inbox order by position")
    assert [tuple(row) for row in rows] == [(1, "taken", None), (2, "parked", "orders:order/9")]


@pytest.mark.parametrize("there", [False, True])
async def test_acts_about_one_thing_in_one_batch_follow_each_other_whether_it_is_new_or_not(
    shed: Shed, there: bool
) -> None:
    await lent_and_forgotten(shed, *(("t1",) if there else ()))

    def pass_on(tool: Tool, *, to: str) -> list[ToolLent]:
        return [] if tool.member == to else [ToolLent(member=to)]

    def ask(to: str) -> Any:
        return shed.writer.ask(By(), stream=TOOL, id="t1", decision=partial(pass_on, to=to), begins=True)

    outcomes = await asyncio.gather(
        ask("bram"), ask("bram"), ask("cleo"), shed.lend("t1", "dora"), ask("cleo"), return_exceptions=True
    )
    first = 2 if there else 1
    said = [(outcome.version, len(outcome.events)) for outcome in outcomes if isinstance(outcome, Decided)]
    assert said == [(first, 1), (first, 0), (first + 1, 1), (first + 1, 0)]
    assert isinstance(outcomes[3], ToolNotOnShelf)
    stored = shed.log.select_events("shed-north/tool/t1")
    assert [event.originator_version for event in stored] == list(range(1, first + 2))


async def test_what_is_decided_ahead_on_top_of_what_begins_needs_no_look_either(shed: Shed) -> None:
    await lent_and_forgotten(shed)
    acts = Asked(shed)
    with round_trips(shed) as looks:
        async with nobody_commits(shed):
            first = acts.lend("t1", "anna", begins=True)
            await acts.decided("t1 anna")
            second = acts.lend("t1", "bram", begins=True)
            third = acts.lend("t2", "bram", begins=True)
            await acts.decided("t1 bram", "t2 bram")
        assert (await first).version == (await third).version == 1
        with pytest.raises(ToolNotOnShelf):
            await second
        assert looks == []


async def test_what_was_decided_ahead_on_top_of_what_was_there_after_all_is_decided_anew(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1", "t2")
    acts = Asked(shed)
    async with nobody_commits(shed):
        first = acts.lend("t1", "bram", begins=True)  # anna has it
        await acts.decided("t1 bram")
        on_top = acts.lend("t1", "anna", begins=True)
        beside = acts.lend("t3", "bram", begins=True)
        also_there = acts.lend("t2", "anna", begins=True)
        await acts.decided("t1 anna", "t3 bram", "t2 anna")
    with pytest.raises(ToolNotOnShelf):
        await first
    assert not (await on_top).events and (await on_top).version == 1
    assert not (await also_there).events and (await beside).version == 1
    stored = await shed.fetch("select originator_id, originator_version from stored_events order by notification_id")
    assert [(row[0].rpartition("/")[2], row[1]) for row in stored] == [("t1", 1), ("t2", 1), ("another", 1), ("t3", 1)]


DECISIONS: dict[str, Callable[[Tool], list[Any]]] = {
    "lend to anna": partial(lend, to="anna"),
    "lend to bram": partial(lend, to="bram"),
    "give back": give_back,
    "end": lambda tool: [] if tool.member is None else [ToolReturned()],
    "note beside": lambda tool: [Elsewhere(REFUSED, "shed-1", LendingRefused(code=tool.member or "nobody"))],
}
ACTS = st.tuples(
    st.integers(0, 3), st.sampled_from(sorted(DECISIONS)), st.sampled_from(["begins", "if-match", "message", "none"])
)


@dataclass(frozen=True)
class Came:
    """What an act came to, and nothing that differs from one office to the next."""

    how: str
    version: int
    state: Any = None
    events: tuple[Any, ...] = ()


async def came_of(asked: Awaitable[Decided]) -> Came:
    """Wait for what an act comes to."""
    try:
        decided = await asked
    except ChangedMeanwhile as changed:
        return Came("changed", changed.version, changed.state)
    except ToolNotOnShelf:
        return Came("refused", 0)
    events = tuple((event.stream, event.version, event.event) for event in decided.events)
    return Came(decided.outcome, decided.version, decided.state, events)


async def played(
    shed: Shed, office: str, there: list[tuple[int, str]], batches: list[list[tuple[int, str, str]]], *, doubted: bool
) -> tuple[list[Came], list[tuple[Any, ...]]]:
    """Let acts follow what is there, and return what each came to, and what is stored in the end.

    :param doubted: whether the writer looks for everything.
    """
    for tool, decision in there:
        with suppress(ToolNotOnShelf):
            await shed.writer.ask(By(office=office), stream=TOOL, id=f"t{tool}", decision=DECISIONS[decision])
    shed.writer.forget()
    came: list[Came] = []
    position = 0
    for batch in batches:
        asked = []
        shed.writer._doubted_until = inf if doubted else 0.0
        for tool, decision, why in batch:
            position += 1
            message = told(position, stream=f"order/{position}") if why == "message" else None
            by = By(office=office, if_match=0 if why == "if-match" else None, message=message)
            begins = why in ("begins", "message")
            act = shed.writer.ask(by, stream=TOOL, id=f"t{tool}", decision=DECISIONS[decision], begins=begins)
            asked.append(came_of(act))
        came += await asyncio.gather(*asked)
    stored = await shed.fetch(
        "select substr(originator_id, strpos(originator_id, '/')), originator_version, topic from stored_events"
        " where office = $1 order by notification_id",
        office,
    )
    shown = await shed.fetch("select id, version, member from tools where office = $1 order by id", office)
    return came, [tuple(row) for row in (*stored, *shown)]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(
    there=st.lists(st.tuples(st.integers(0, 3), st.sampled_from(sorted(DECISIONS))), max_size=6),
    batches=st.lists(st.lists(ACTS, min_size=1, max_size=5), min_size=1, max_size=3),
)
async def test_what_is_held_to_be_new_comes_to_the_same_as_what_is_looked_for(
    shed: Shed, there: list[tuple[int, str]], batches: list[list[tuple[int, str, str]]]
) -> None:
    office = f"shed-{token_hex(4)}"
    supposed = await played(shed, office, there, batches, doubted=False)
    assert supposed == await played(shed, f"{office}-2", there, batches, doubted=True)


@pytest.mark.parametrize("why", [asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError])
async def test_what_stood_in_the_way_of_others_is_decided_again(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, why: type[Exception]
) -> None:
    monkeypatch.setattr(shared.writer.loop, "store", fails(why, lambda _batch: True, times=3))
    assert [one.version for one in await asyncio.gather(shed.lend("t1", "anna"), shed.lend("t2", "anna"))] == [1, 1]


async def test_an_act_on_which_the_database_fails_again_and_again_keeps_nobody_waiting(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = fails(asyncpg.DataCorruptedError, lambda batch: any(one.id == "t2" for one in batch.asked))
    monkeypatch.setattr(shared.writer.loop, "store", broken)
    async with asyncio.timeout(20):
        first, second = await asyncio.gather(shed.lend("t1", "anna"), shed.lend("t2", "anna"), return_exceptions=True)
        assert isinstance(first, Decided) and isinstance(second, StoreBusy)
        await shed.writer.ready.wait()
        assert (await shed.lend("t3", "anna")).version == 1


def fails(
    why: type[Exception], on: Callable[[Batch], bool], *, times: float = inf
) -> Callable[[asyncpg.Connection, Batch], Awaitable[None]]:
    """Return what stores batches, as ``store`` does, but fails so often on some."""
    left = times

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        nonlocal left
        if on(batch) and left:
            left -= 1
            raise why("as if")
        await store(connection, batch)

    return stored


async def test_nothing_is_written_before_somebody_vouched_although_a_connection_was_lost(shed: Shed) -> None:
    acts, vouched = Asked(shed), asyncio.Event()

    async def vouch() -> None:
        await vouched.wait()

    async with nobody_commits(shed):
        first = acts.lend("t1", "anna")
        await acts.decided("t1 anna")
        second = acts.lend("t2", "anna")
        await acts.decided("t2 anna")
        shed.writer.vouch = vouch
        shed.writer.look_again()
        await shed.fetch(f"select pg_terminate_backend(pid) {OTHERS}", role="at_work")
    outcomes = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(one) for one in outcomes] == [StoreBusy, StoreBusy]
    assert not shed.writer.ready.is_set() and not await shed.fetch("select 1 from stored_events")
    vouched.set()
    await shed.writer.ready.wait()
    assert (await shed.lend("t1", "anna")).version == 1


async def test_who_lost_the_connection_that_made_it_the_one_that_writes_believes_nothing_that_it_holds(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared.writer.loop, "SECONDS_TO_COME_BACK", 0.3)
    await shed.lend("t1", "anna")
    second = shed.make()
    task = asyncio.create_task(second.run())
    await loses_its_lock_to(second, shed, monkeypatch)
    await second.ask(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()])
    assert shed.writer.held("shed-north", TOOL, "t1") is None
    with pytest.raises(StoreBusy):  # and not that another one has it
        await shed.lend("t1", "bram")
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await shed.writer.ready.wait()
    assert (await shed.lend("t1", "bram")).version == 3


def fails_now_and_then(shed: Shed, monkeypatch: pytest.MonkeyPatch, drawn: Random) -> None:
    """Let commits and looks fail, before or after they took place, and let the time that both take be drawn."""
    fetch = asyncpg.Connection.fetch

    async def some_turns() -> None:
        for _turn in range(drawn.randint(0, 6)):
            await asyncio.sleep(drawn.choice([0, 0, 0, 0.001]))

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        await some_turns()
        if drawn.random() < 0.03:
            raise drawn.choice([asyncpg.DeadlockDetectedError, asyncpg.DiskFullError, ConnectionResetError])("as if")
        await store(connection, batch)
        await some_turns()
        if drawn.random() < 0.03:
            raise drawn.choice([TimeoutError, ConnectionResetError, asyncpg.InternalClientError])("only the answer")

    async def looked(connection: asyncpg.Connection, *what: Any, **how: Any) -> Any:
        found = await fetch(connection, *what, **how)
        if connection is shed.writer._look.connection:
            await some_turns()
            if drawn.random() < 0.02:
                raise drawn.choice([asyncpg.QueryCanceledError, ConnectionResetError])("as if")
        return found

    monkeypatch.setattr(shared.writer.loop, "store", stored)
    monkeypatch.setattr(asyncpg.Connection, "fetch", looked)
    monkeypatch.setattr(shared.writer.loop, "SECONDS_OF_DOUBT", 0.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_decision_sees_all_that_lies_before_it_and_nothing_else_whatever_fails_meanwhile(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """What was seen is said in the event; a refusal is remembered once for each key; hardly anything is held."""
    drawn = Random(seed)
    shed.writer.memory.most = 3
    fails_now_and_then(shed, monkeypatch, drawn)
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    refused: set[str] = set()
    offices = ["shed-north", "shed-east", "shed-south", "shed-west"]  # of a lease in each, one more than is held

    def said_of(tools: Iterable[tuple[str, Tool]]) -> str:
        return " ".join(f"{id}:{tool.lent}" for id, tool in sorted(tools))

    def lend_if_few(tool: Tool, others: dict[str, Tool], first: Tool) -> list[ToolLent]:
        if tool.lent > 1:
            raise ToolNotOnShelf
        return [ToolLent(member=f"{said_of(others.items())} and {first.lent}")]

    async def ask(by: By, tool: str, begins: bool) -> None:
        reads: dict[str, Read] = {"others": Every(TOOL, "shed-1"), "first": One(TOOL, "t1")}
        while True:
            try:
                await shed.writer.ask(
                    by, stream=TOOL, id=tool, decision=lend_if_few, reads=reads, refused=remembered, begins=begins
                )
            except StoreBusy:
                await shed.writer.ready.wait()
                await asyncio.sleep(0)
            except ToolNotOnShelf:
                refused.add(by.once or "")
                return
            else:
                return

    async def caller(name: str) -> None:
        for number in range(15):
            by = By(office=drawn.choice(offices), once=f"{name}-{number}", digest=b"\x01")
            await repeated(drawn, partial(ask, by, f"t{drawn.randint(1, 9)}", drawn.random() < 0.3))
            if drawn.random() < 0.02:
                shed.writer.look_again()

    async with asyncio.timeout(60):
        await asyncio.gather(*map(caller, ["anna", "bram", "cleo", "dirk", "eva"]))
    codec, attempts = Codec([TOOL, REFUSED]), 0
    of_all: dict[str, dict[str, Tool]] = {office: {} for office in offices}
    for row in await shed.fetch("select * from stored_events order by notification_id"):
        office, kind, id = row["originator_id"].split("/")
        tools = of_all[office]
        if kind == "refused":
            attempts += 1
            continue
        whole = codec.decode(row["topic"], row["state"], stream=f"tool/{id}", version=row["originator_version"])
        assert whole.event.member == f"{said_of(tools.items())} and {tools.get('t1', Tool()).lent}"
        tools[id] = evolve(tools.get(id, Tool()), whole.event)
        assert row["originator_version"] == tools[id].lent
    assert attempts == len(refused)
    shown = {(row["office"], row["id"]): row["member"] for row in await shed.fetch("select * from tools")}
    assert shown == {(office, id): tool.member for office, tools in of_all.items() for id, tool in tools.items()}


async def test_a_writer_that_has_nothing_to_do_lets_the_core_sleep(shed: Shed, monkeypatch: pytest.MonkeyPatch) -> None:
    offered: list[None] = []
    monkeypatch.setattr("os.sched_yield", lambda: offered.append(None))
    for name in ("SECONDS_BETWEEN", "SECONDS_AWAKE", "SECONDS_TO_COME_BACK"):  # however busy this machine is
        monkeypatch.setattr(f"shared.writer.awake.{name}", 60.0)
    for number in range(10):
        await shed.lend(f"t{number}", "anna")
    assert offered
    for _ in range(3):
        await asyncio.sleep(0)
    offered.clear()
    await asyncio.sleep(0.05)
    assert offered == []


async def test_a_view_that_other_code_filled_is_laid_anew(shed: Shed) -> None:
    await shed.lend("t1", "anna")
    assert not lay_out(shed.log, "visits", views=[TOOLS.table])  # the same code: it stays
    assert lay_out(shed.log, "visits", views=[TOOLS.table], made_by="a later version")
    assert await shed.fetch("select * from tools") == []
