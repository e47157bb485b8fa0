"""What begins is held to be new until the store says otherwise; then it is decided again as it is."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from math import inf
from secrets import token_hex
from time import perf_counter
from typing import Any

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st

import shared.writer.loop
from shared.decisions import Elsewhere, Named, TooEarly
from shared.writer.acts import Act, ChangedMeanwhile, Decided, OnRefusal
from shared.writer.loop import REPEATED, SECONDS_OF_DOUBT
from tests.shared.writer.shed import (
    REFUSED,
    TOOL,
    Asked,
    By,
    LendingRefused,
    Shed,
    Tool,
    ToolLent,
    ToolNotOnShelf,
    ToolReturned,
    fails,
    lend,
    news,
    nobody_commits,
    told,
)

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
        await shed.writer.ask_all([msgspec.structs.replace(news(n), begins=True) for n in (1, 2, 3)])
        assert looks == []
        await shed.writer.ask_all([news(n) for n in (4, 5)])
        assert len(looks) == 1


async def test_what_was_there_after_all_is_decided_again_as_it_is_and_harms_no_neighbour(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()
    keyed = By(once="bram/k", digest=b"\x01")
    outcomes = await asyncio.gather(
        shed.lend("t2", "bram", keyed, begins=True),
        shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()], begins=True)),
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
        await shed.writer.ask_all([msgspec.structs.replace(news(3), begins=True)])
        assert len(looks) == 2
    assert decided_again() == before
    monkeypatch.setattr("shared.writer.loop.perf_counter", lambda: perf_counter() + SECONDS_OF_DOUBT)
    with round_trips(shed) as looks:
        await shed.lend("t4", "anna", begins=True)
        await shed.writer.ask_all([msgspec.structs.replace(news(5), begins=True)])
        assert looks == []


async def test_who_finds_it_already_so_on_nothing_sees_it_as_it_is(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before, seen = decided_again(), []

    def end(tool: Tool) -> list[ToolReturned]:
        seen.append(tool)
        return [] if tool.member is None else [ToolReturned()]

    decided = await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=end, begins=True))
    assert seen == [Tool(), Tool(member="anna", lent=1)]
    assert (decided.version, len(decided.events)) == (2, 1)
    nothing = await shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=end, begins=True))
    assert (nothing.version, nothing.events) == (0, ())
    assert decided_again() == before  # looked for before it was told so, not found out by the store


async def test_what_is_recorded_elsewhere_only_follows_from_the_state_as_it_is(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()

    def lend_beside(tool: Tool) -> list[Elsewhere]:
        return [Elsewhere(TOOL, "t2", ToolLent(member=tool.member or "nobody"))]

    decided = await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lend_beside, begins=True))
    assert (decided.version, decided.state.member) == (1, "anna")
    assert decided.events[0].event == ToolLent(member="anna")
    assert decided_again() == before


async def test_what_it_records_elsewhere_too_follows_what_is_there(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()

    def exchange(_tool: Tool) -> list[Any]:
        return [ToolLent(member="bram"), Elsewhere(TOOL, "t1", ToolReturned())]

    new = await shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=exchange, begins=True))
    assert [(event.stream, event.version) for event in new.events] == [("tool/t2", 1), ("tool/t1", 2)]
    assert decided_again() == before  # it was looked for, as it was not told to be new
    shed.writer.forget()
    there = await shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=exchange, begins=True))
    assert [(event.stream, event.version) for event in there.events] == [("tool/t2", 2), ("tool/t1", 3)]


async def test_what_is_refused_on_nothing_but_not_as_it_is_takes_place(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")
    before = decided_again()
    decided = await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=give_back, begins=True))
    assert (decided.version, decided.state.member) == (2, None)
    with pytest.raises(ToolNotOnShelf):
        await shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=give_back, begins=True))
    assert decided_again() == before


async def test_what_fails_on_nothing_but_not_as_it_is_takes_place(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")

    def sign(tool: Tool) -> list[ToolReturned]:
        assert tool.member is not None
        return [ToolReturned()]

    assert (await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=sign, begins=True))).version == 2
    with pytest.raises(AssertionError):
        await shed.writer.ask(Act(By(), stream=TOOL, id="t2", decision=sign, begins=True))


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
    act = partial(Act, By(), stream=TOOL, decision=give_back, refused=remembered, begins=True)
    assert (await shed.writer.ask(act(id="t1"))).version == 2
    assert not shed.log.select_events("shed-north/refused/shed-1")
    with pytest.raises(ToolNotOnShelf):
        await shed.writer.ask(act(id="t2"))
    assert len(shed.log.select_events("shed-north/refused/shed-1")) == 1


@pytest.mark.parametrize("events", [[ToolReturned()], []], ids=["and does something", "and does nothing"])
async def test_who_says_that_there_was_none_hears_what_there_is(shed: Shed, events: list[ToolReturned]) -> None:
    await lent_and_forgotten(shed, "t1")
    with pytest.raises(ChangedMeanwhile) as changed:
        await shed.writer.ask(Act(By(if_match=0), stream=TOOL, id="t1", decision=lambda _tool: events))
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
        outcomes = [await shed.writer.ask(Act(back.by, stream=TOOL, id="t1", decision=back.decision, begins=True))]
    assert {outcome.outcome for outcome in outcomes if isinstance(outcome, Decided)} == {"done"}
    stored = shed.log.select_events("shed-north/tool/t1")
    assert [(event.topic, event.originator_version) for event in stored] == [("ToolLent", 1), ("ToolReturned", 2)]
    rows = await shed.fetch("select position, state from inbox order by position")
    assert [tuple(row) for row in rows] == [(n, "taken") for n in ((1, 2, 3) if together else (1,))]
    again = await shed.writer.ask(Act(back.by, stream=TOOL, id="t1", decision=back.decision, begins=True))
    assert again.outcome == "repeat"


async def test_what_comes_too_early_on_nothing_but_not_as_it_is_waits_for_nothing(shed: Shed) -> None:
    await lent_and_forgotten(shed, "t1")

    def once_it_is_lent(tool: Tool) -> list[ToolReturned]:
        if tool.member is None:
            raise TooEarly("orders:order/9")
        return [ToolReturned()]

    act = partial(Act, stream=TOOL, decision=once_it_is_lent, begins=True)
    first = act(By(message=told(1), actor="SYS"), id="t1")
    second = act(By(message=told(2, stream="order/2"), actor="SYS"), id="t2")
    assert (await shed.writer.ask(first)).outcome == "done"
    assert (await shed.writer.ask(second)).outcome == "parked"
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
        return shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=partial(pass_on, to=to), begins=True))

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
            await shed.writer.ask(Act(By(office=office), stream=TOOL, id=f"t{tool}", decision=DECISIONS[decision]))
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
            act = shed.writer.ask(Act(by, stream=TOOL, id=f"t{tool}", decision=DECISIONS[decision], begins=begins))
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
