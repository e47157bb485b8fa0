"""How long the loop stays awake while an answer of the database is on its way."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from shared.writer import awake as staying_awake
from shared.writer.awake import IN_A_ROW, SECONDS_AWAKE, SECONDS_BETWEEN, SECONDS_OF_MODESTY, Awake

ONE_LOOK = 0.00001  # for how long others had the core that was offered to them, in seconds


class Core:
    """A core with a clock of its own, which only goes on when it is told to, or is offered to others.

    :ivar offered: how often it was offered to others.
    :ivar taken: for how long they keep it, in seconds.
    """

    def __init__(self) -> None:
        self.now = 1000.0
        self.offered = 0
        self.taken = ONE_LOOK

    def sched_yield(self) -> None:
        self.offered += 1
        self.now += self.taken

    async def ask(self, awake: Awake, *, turns: int = 3, after: float = 0.0001) -> int:
        """Let somebody wait for an answer for some turns of the loop; return how often the core was offered."""
        self.now += after
        before = self.offered
        with awake:
            await some(turns)
        return self.offered - before

    async def ask_some(self, awake: Awake, *, number: int = IN_A_ROW + 1) -> int:
        """Let so many questions follow one another closely."""
        return sum([await self.ask(awake) for _ in range(number)])


async def some(turns: int) -> None:
    """Let the loop go round."""
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.fixture
def core(monkeypatch: pytest.MonkeyPatch) -> Core:
    made = Core()
    monkeypatch.setattr("os.sched_yield", made.sched_yield)
    monkeypatch.setattr(staying_awake, "perf_counter", lambda: made.now)
    return made


@pytest.fixture
async def awake(core: Core) -> Awake:
    """One that stays awake with the next question, if that follows closely."""
    made = Awake()
    assert await core.ask_some(made, number=IN_A_ROW) == 0
    return made


async def test_acts_that_come_one_by_one_keep_nothing_awake(core: Core) -> None:
    awake = Awake()
    for _ in range(50):
        assert await core.ask(awake, after=0.01) == 0  # its look
        assert await core.ask(awake, after=0.0001) == 0  # its commit


async def test_it_stays_awake_once_some_follow_one_another_closely(core: Core, awake: Awake) -> None:
    assert await core.ask(awake) > 0
    assert await core.ask(awake) > 0


async def test_a_pause_makes_it_wait_for_some_in_a_row_again(core: Core, awake: Awake) -> None:
    assert await core.ask(awake) > 0
    await some(2)
    assert await core.ask(awake, after=2 * SECONDS_BETWEEN) == 0
    assert await core.ask_some(awake, number=IN_A_ROW - 1) == 0
    assert await core.ask(awake) > 0


async def test_it_goes_to_sleep_when_the_answer_takes_long(core: Core, awake: Awake) -> None:
    often = round(SECONDS_AWAKE / ONE_LOOK)
    assert often <= await core.ask(awake, turns=5 * often) <= often + 1


async def test_it_lets_others_have_the_core_as_soon_as_they_want_it(core: Core, awake: Awake) -> None:
    core.taken = 0.001
    assert await core.ask(awake, turns=100) == 1
    core.taken = ONE_LOOK
    modest_until = core.now + SECONDS_OF_MODESTY - 0.001
    while core.now + 0.0001 < modest_until:
        assert await core.ask(awake) == 0
    core.now = modest_until
    assert await core.ask(awake) > 0


async def _answered(core: Core, awake: Awake) -> None:
    await core.ask(awake)


async def _lost(core: Core, awake: Awake) -> None:
    core.now += 0.0001
    with pytest.raises(OSError, match="lost"), awake:
        await some(3)
        raise OSError("lost")


async def _given_up(core: Core, awake: Awake) -> None:
    waiting = asyncio.create_task(core.ask(awake, turns=1000))
    await some(5)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


@pytest.mark.parametrize("ends", [_answered, _lost, _given_up])
async def test_it_stops_with_the_answer_and_leaves_nothing_to_be_done(
    core: Core, awake: Awake, ends: Callable[[Core, Awake], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    await ends(core, awake)
    offered = core.offered
    assert offered > 0
    await some(2)  # the turn that was asked for before the answer came
    left: list[object] = []
    monkeypatch.setattr(asyncio.get_running_loop(), "call_soon", _noting(left))
    await some(20)
    assert core.offered == offered
    assert not [called for called in left if getattr(called, "__self__", None) is awake]


def _noting(left: list[object]) -> Callable[..., asyncio.Handle]:
    call_soon = asyncio.get_running_loop().call_soon

    def noted(called: Callable[..., object], *values: object, **more: object) -> asyncio.Handle:
        left.append(called)
        return call_soon(called, *values, **more)  # type: ignore[arg-type]

    return noted


async def test_of_several_questions_at_a_time_each_is_waited_for(core: Core, awake: Awake) -> None:
    core.now += 0.0001
    with awake:  # a commit
        await some(3)
        assert core.offered > 0
        for _ in range(3):
            await core.ask(awake)  # a look before the next batch
        offered = core.offered
        await some(3)
        assert core.offered > offered  # the commit is still waited for
    await some(2)
    offered = core.offered
    await some(10)
    assert core.offered == offered


async def test_one_that_is_awake_asks_once_in_each_turn_however_many_wait(core: Core, awake: Awake) -> None:
    core.now += 0.0001
    with awake, awake, awake:
        offered = core.offered
        await some(10)
        assert core.offered - offered <= 10


async def test_the_same_question_is_asked_again_after_it_slept(core: Core, awake: Awake) -> None:
    often = round(SECONDS_AWAKE / ONE_LOOK)
    await core.ask(awake, turns=5 * often)
    assert await core.ask(awake) > 0
