"""A request that comes again under its key: one effect, one answer; and refusals that are remembered."""

import asyncio
from dataclasses import replace
from functools import partial

import pytest

from shared.refusals import NoMandate
from shared.writer.acts import Act, Decided, KeyReused, OnRefusal
from tests.one_service import writing
from tests.shared.writer.shed import REFUSED, TOOL, By, LendingRefused, Shed, ToolNotOnShelf, ToolReturned, lend


async def test_the_same_key_has_one_effect_and_one_answer_also_in_one_batch_and_after_a_restart(shed: Shed) -> None:
    by = By(once="anna/k1", digest=b"\x01")

    def answer(decided: Decided) -> bytes:
        return f"v{decided.version}".encode()

    both = await asyncio.gather(shed.lend("t1", "anna", by, answer=answer), shed.lend("t1", "anna", by, answer=answer))
    assert [(one.answer, one.outcome) for one in both] == [(b"v1", "done"), (b"v1", "replayed")]
    shed.task.cancel()
    await asyncio.gather(shed.task, return_exceptions=True)
    async with writing(shed.make()) as again:
        third = await again.ask(Act(by, stream=TOOL, id="t1", decision=partial(lend, to="anna"), answer=answer))
        assert (third.answer, third.outcome) == (b"v1", "replayed")
        with pytest.raises(KeyReused):
            await again.ask(Act(replace(by, digest=b"\x02"), stream=TOOL, id="t1", decision=partial(lend, to="anna")))


async def test_a_repeated_request_is_answered_as_it_was_first_whatever_the_rule_says_now(shed: Shed) -> None:
    by = By(once="anna/k", digest=b"\x01", if_match=0)
    await shed.lend("t1", "anna", by, answer=lambda _decided: b"lent")
    await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()]))
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
    await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()]))
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
    await shed.writer.ask(Act(By(), stream=TOOL, id="t1", decision=lambda _tool: [ToolReturned()]))
    assert (await shed.lend("t1", "bram", by, refused=remembered)).outcome == "done"


async def test_a_refusal_for_want_of_a_mandate_is_remembered_too(shed: Shed) -> None:
    remembered = OnRefusal(REFUSED, "shed-1", lambda no: [LendingRefused(code=no.code())])
    with pytest.raises(NoMandate):
        await shed.lend("t1", "bram", By(act="lend_tool", mandated=True), refused=remembered)
    stored = shed.log.select_events("shed-north/refused/shed-1")
    assert [event.topic for event in stored] == ["LendingRefused"]
    assert not shed.log.select_events("shed-north/tool/t1")
