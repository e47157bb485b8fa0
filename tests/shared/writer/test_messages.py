"""What the writer takes in: each message has its effect once, and after the one before it."""

import asyncio

import msgspec
import pytest

from shared.decisions import TooEarly
from shared.epochs import EFFECTS, Effect
from shared.writer.acts import Act, Decided, Message
from tests.shared.writer.shed import TOOL, Asked, By, Shed, Tool, ToolLent, ToolNotOnShelf, news, nobody_commits, told


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

    parked = await shed.writer.ask(Act(By(message=told(1)), stream=TOOL, id="t1", decision=wait))
    assert parked.outcome == "parked"
    rows = await shed.fetch("select state, waits_for, envelope from inbox")
    assert [(row["state"], row["waits_for"], row["envelope"]) for row in rows] == [("parked", "orders:order/9", b"{}")]


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
