"""A lease goes over to another office: the store's part of it, on a real PostgreSQL, in the words of a tool shed."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import partial
from random import Random
from typing import Any

import asyncpg
import msgspec
import pytest

import shared.writer.loop
from operate.postgres import Postgres
from shared import rebuild
from shared.codec import Codec
from shared.decisions import Elsewhere, HandOver, Recorded, Stream
from shared.event_sourcing import EventStore, Message, StoreBusy, every, one
from shared.hand_over import LeaseMoved
from shared.inbox_rows import Itself
from shared.keys import Seals
from shared.refusals import WrongState
from shared.sealed import Sealed
from shared.views import Resource, Row, Table, View
from shared.writer.batch import Batch
from shared.writer.storing import store
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_keys, lay_out_log, small_store, template


@dataclass(frozen=True, kw_only=True)
class Let:
    """A lease began."""

    dwelling: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class Came:
    """A lease came from another office."""

    from_office: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Somebody saw something in a dwelling."""

    lease: str
    what: Sealed | None = None


@dataclass(frozen=True, kw_only=True)
class Mended:
    """It was mended."""


LEASE: Stream[tuple[str, ...], Let | Came] = Stream(
    "lease", initial=(), evolve=lambda said, event: (*said, type(event).__name__), events=Let | Came
)
DEFECT: Stream[tuple[str, ...], Seen | Mended] = Stream(
    "defect", initial=(), evolve=lambda said, event: (*said, type(event).__name__), events=Seen | Mended
)
LEASES = Resource("leases", LEASE, show=lambda _id, said: {"state": "let", "said": list(said)} if said else None)
DEFECTS = Resource("defects", DEFECT, show=lambda _id, said: {"said": list(said)} if said else None)
OPEN = Table("open_defects", {"defect": "text not null", "since": "timestamptz not null"}, key=("defect",))


def still_open(said: tuple[str, ...], recorded: Recorded[Any]) -> Iterable[Row]:
    """One row for each defect that waits."""
    row = {"defect": recorded.thing, "since": recorded.recorded_at}
    yield Row(OPEN, row, gone=said[-1] == "Mended")


VIEWS = (View(DEFECT, still_open, (OPEN,)),)
PERSON = {"actor": "fatma", "source": "web"}


@dataclass
class Shed:
    """The store, and whatever a test looks at beneath it."""

    store: EventStore
    database: ScratchDatabase
    old: str
    new: str

    async def says(self, stream: Any, id: str, *events: Any, office: str | None = None, actor: str = "fatma") -> Any:
        """Record something as somebody of an office, by default of the old one."""
        by = replace(Itself(office=office or self.old), actor=actor)
        return await self.store.decide(stream, id, lambda _said: list(events), by=by)

    async def let(self) -> str:
        """Let a dwelling; return the lease."""
        lease = secrets.token_hex(8)
        dwelling = await self.store.seals.seal(self.old, lease, "A", "dwelling", "Kerkstraat 1")
        await self.says(LEASE, lease, Let(dwelling=dwelling))
        return lease

    async def see(self, lease: str, *, office: str | None = None) -> str:
        """See a defect; return it."""
        defect = secrets.token_hex(8)
        what = await self.store.seals.seal(office or self.old, lease, "B", "what", "een lek")
        await self.says(DEFECT, defect, Seen(lease=lease, what=what), office=office)
        return defect

    async def goes(self, lease: str, *, to: str | None = None, from_office: str | None = None) -> None:
        """Let a lease go over to the new office."""
        old, new = from_office or self.old, to or self.new
        going = HandOver(lease=lease, from_office=old, to_office=new)
        came = Elsewhere(LEASE, lease, Came(from_office=old), follows=True, office=new)
        await self.store.decide(LEASE, lease, lambda _said: [going, came], by=Itself(office=old))

    async def stored(self, stream: str) -> list[dict[str, Any]]:
        """Return a stream's events as they lie in the log."""
        rows = await self.sql(
            "select state from stored_events where originator_id = $1 order by originator_version", stream
        )
        return [msgspec.json.decode(row["state"]) for row in rows]

    async def open_defects(self, office: str) -> set[str]:
        """Return the work of an office."""
        rows = await self.store.rows("select defect from open_defects where office = $1", by=Itself(office=office))
        return {row["defect"] for row in rows}

    async def build_again(self) -> None:
        """Build all views again."""
        await asyncio.to_thread(
            rebuild.rebuild,
            "visits",
            self.database.in_library_words,
            codec=Codec((LEASE, DEFECT)),
            streams=(LEASE, DEFECT),
            resources=(LEASES, DEFECTS),
            views=VIEWS,
        )

    async def sql(self, query: str, *values: Any) -> list[Any]:
        """Look into the database, at all offices."""
        connection = await asyncpg.connect(self.database.all_offices)
        try:
            return list(await connection.fetch(query, *values))
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[tuple[ScratchDatabase, ScratchDatabase]]:
    """A database with the shed's tables, and one for its keys."""
    views = [LEASES.table, DEFECTS.table, OPEN]
    with (
        template(postgres, "visits", partial(lay_out_log, views=views)) as service,
        template(postgres, "keys", lay_out_keys) as keys,
    ):
        yield service, keys


@pytest.fixture
async def shed(laid: tuple[ScratchDatabase, ScratchDatabase]) -> AsyncIterator[Shed]:
    """A store at work, and two offices."""
    service, keys = laid
    async with at_work(service, keys) as store:
        number = secrets.token_hex(4)
        yield Shed(store, service, f"noord-{number}", f"zuid-{number}")


@contextlib.asynccontextmanager
async def at_work(service: ScratchDatabase, keys: ScratchDatabase) -> AsyncIterator[EventStore]:
    """A store with a writer of its own."""
    seals = await Seals.connect(keys.url("visits"), bytes(32))
    try:
        async with small_store(service, LEASE, DEFECT, seals=seals, resources=(LEASES, DEFECTS), views=VIEWS) as store:
            yield store
    finally:
        await seals.close()


@contextlib.asynccontextmanager
async def seen_but_not_committed(shed: Shed, lease: str) -> AsyncIterator["asyncio.Task[str]"]:
    """Let somebody see a defect whose commit waits for as long as the block lasts."""
    holder = await asyncpg.connect(shed.database.owner)
    try:
        async with holder.transaction():
            await holder.execute("select * from head for update")
            seeing = asyncio.create_task(shed.see(lease))
            async with asyncio.timeout(10):
                while not await holder.fetchval("select exists (select from pg_locks where not granted)"):
                    await asyncio.sleep(0.005)
            yield seeing
    finally:
        await holder.close()


async def test_what_is_being_committed_when_a_lease_goes_goes_along(shed: Shed) -> None:
    lease = await shed.let()
    # It is known, so that only the commit is waited for.
    assert not (await shed.store.every(DEFECT, lease, by=Itself(office=shed.new)))
    async with seen_but_not_committed(shed, lease) as seeing:
        going = asyncio.create_task(shed.goes(lease))
        after = asyncio.create_task(shed.says(LEASE, lease))
        await asyncio.sleep(0.1)
        assert not (seeing.done() or going.done() or after.done())
    defect = await seeing
    await going
    await after
    under_the_new = await shed.stored(f"{shed.new}/defect/{defect}")
    assert [event["beside"]["office"] for event in under_the_new] == [shed.old]
    assert await shed.open_defects(shed.old) == set() and await shed.open_defects(shed.new) == {defect}


async def test_a_lease_goes_once_when_the_commit_before_it_was_lost(shed: Shed) -> None:
    lease = await shed.let()
    async with seen_but_not_committed(shed, lease) as seeing:
        going = asyncio.create_task(shed.goes(lease))
        await asyncio.sleep(0.1)
        killer = await asyncpg.connect(shed.database.at_work)
        await killer.fetch(
            "select pg_terminate_backend(pid) from pg_stat_activity where usename = current_user and pid <>"
            " pg_backend_pid() and wait_event_type = 'Lock'"
        )
        await killer.close()
    defect = await seeing
    await going
    assert len(await shed.stored(f"{shed.new}/defect/{defect}")) == 1
    assert [one["data"] for one in await shed.stored(f"{shed.new}/lease/{lease}")][1:] == [{"from_office": shed.old}]


async def test_what_was_said_lies_under_the_new_office_byte_for_byte(shed: Shed) -> None:
    lease = await shed.let()
    defect = await shed.see(lease)
    await shed.goes(lease)
    for stream in (f"lease/{lease}", f"defect/{defect}"):
        before = await shed.stored(f"{shed.old}/{stream}")
        after = await shed.stored(f"{shed.new}/{stream}")
        assert [one["data"] for one in after[: len(before)]] == [one["data"] for one in before]
        for was, now in zip(before, after, strict=False):
            came = now["beside"].pop("handed_over_at")
            assert datetime.fromisoformat(came) > datetime.fromisoformat(was["beside"]["recorded_at"])
            assert now["beside"] == {**was["beside"], "office": shed.old}
    assert await shed.store.state(LEASE, lease, by=Itself(office=shed.new)) == ("Let", "Came")
    assert await shed.store.state(LEASE, lease, by=Itself(office=shed.old)) == ("Let",)
    assert list(await shed.store.every(DEFECT, lease, by=Itself(office=shed.new))) == [defect]


async def test_the_history_under_the_new_office_names_the_office_of_each_event(shed: Shed) -> None:
    lease = await shed.let()
    await shed.goes(lease)
    told = await shed.store.history(LEASE, lease, by=Itself(office=shed.new))
    assert [(type(one.event).__name__, one.office) for one in told] == [("Let", shed.old), ("Came", None)]


async def test_going_twice_is_going_once(shed: Shed) -> None:
    lease = await shed.let()
    await asyncio.gather(shed.goes(lease), shed.goes(lease), shed.goes(lease))
    await shed.goes(lease)
    assert await shed.store.state(LEASE, lease, by=Itself(office=shed.new)) == ("Let", "Came")


async def test_what_the_same_batch_recorded_before_goes_along(shed: Shed) -> None:
    lease = await shed.let()
    seen = [secrets.token_hex(8) for _ in range(5)]
    await asyncio.gather(*(shed.says(DEFECT, one, Seen(lease=lease)) for one in seen), shed.goes(lease))
    assert set(await shed.store.every(DEFECT, lease, by=Itself(office=shed.new))) == set(seen)


def once_each(events: Iterable[dict[str, Any]]) -> list[str]:
    """Return the ids of events, of which each is there once."""
    ids = [event["beside"]["id"] for event in events]
    assert len(ids) == len(set(ids))
    return ids


async def test_what_goes_and_comes_back_within_one_batch_is_there_once(shed: Shed) -> None:
    lease, fresh = await shed.let(), secrets.token_hex(8)
    known = await shed.see(lease)
    await asyncio.gather(
        shed.says(DEFECT, fresh, Seen(lease=lease)),
        shed.goes(lease),
        shed.goes(lease, to=shed.old, from_office=shed.new),
    )
    for defect in (known, fresh):
        assert len(once_each(await shed.stored(f"{shed.old}/defect/{defect}"))) == 1
    assert await shed.open_defects(shed.old) == {known, fresh} and await shed.open_defects(shed.new) == set()
    await asyncio.gather(
        shed.goes(lease),
        shed.says(DEFECT, known, Mended(), office=shed.new),
        shed.goes(lease, to=shed.old, from_office=shed.new),
        shed.goes(lease),
    )
    for stream, number in ((f"defect/{known}", 2), (f"defect/{fresh}", 1)):
        for office in (shed.old, shed.new):
            assert len(once_each(await shed.stored(f"{office}/{stream}"))) == number
    assert await shed.open_defects(shed.new) == {fresh} and await shed.open_defects(shed.old) == set()


@pytest.mark.parametrize("seed", [1, 2])
async def test_each_event_is_once_where_its_lease_is_whoever_acts_and_whatever_fails(
    shed: Shed, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Leases go to and fro while people of both offices act on them, turn by turn of the loop, and commits fail."""
    drawn, writer = Random(seed), shed.store.writer
    leases = {await shed.let(): list[str]() for _ in range(3)}

    async def some_turns() -> None:
        for _ in range(drawn.randint(0, 20)):
            await asyncio.sleep(0)

    async def stored(connection: asyncpg.Connection, batch: Batch) -> None:
        await some_turns()
        if drawn.random() < 0.05:
            raise asyncpg.DeadlockDetectedError("chosen")
        await store(connection, batch)
        await some_turns()
        if drawn.random() < 0.05:
            raise ConnectionResetError  # only the answer is lost

    async def act() -> None:
        lease, (here, there) = drawn.choice([*leases]), drawn.sample([shed.old, shed.new], 2)
        match drawn.choice(["sees", "mends", "goes"]):
            case "sees":
                leases[lease].append(secrets.token_hex(8))
                await shed.says(DEFECT, leases[lease][-1], Seen(lease=lease), office=here)
            case "mends" if leases[lease]:
                by, defect = Itself(office=here, actor="fatma"), drawn.choice(leases[lease])
                await shed.store.decide(
                    DEFECT, defect, lambda said: [Mended()] if said[-1:] == ("Seen",) else [], by=by
                )
            case _:
                going = HandOver(lease=lease, from_office=here, to_office=there)
                came = Elsewhere(LEASE, lease, Came(from_office=here), follows=True, office=there)
                await shed.store.decide(
                    LEASE, lease, lambda said: [going, came] if said else [], by=Itself(office=here)
                )

    async def acts() -> None:
        for _ in range(15):
            await some_turns()
            with contextlib.suppress(WrongState, LeaseMoved, StoreBusy):
                await act()
            await writer.ready.wait()

    monkeypatch.setattr(shared.writer.loop, "store", stored)
    async with asyncio.timeout(60):
        await asyncio.gather(*(acts() for _ in range(6)))
    monkeypatch.undo()
    for lease, defects in leases.items():
        last = await shed.sql("select originator_id from stored_events where topic = 'Came' order by notification_id")
        went = [row["originator_id"] for row in last if row["originator_id"].endswith(lease)]
        owner = went[-1].partition("/")[0] if went else shed.old
        other = shed.old if owner == shed.new else shed.new
        for stream in (f"lease/{lease}", *(f"defect/{defect}" for defect in defects)):
            there = once_each(await shed.stored(f"{owner}/{stream}"))
            assert not went or set(once_each(await shed.stored(f"{other}/{stream}"))) <= set(there)
        states = await shed.store.every(DEFECT, lease, by=Itself(office=owner))
        waits = {defect for defect, said in states.items() if said[-1] == "Seen"}
        assert await shed.open_defects(owner) & {*defects} == waits
        assert not went or not await shed.open_defects(other) & {*defects}


async def test_people_of_the_old_office_act_on_it_no_more_and_read_it_all_the_same(shed: Shed) -> None:
    lease = await shed.let()
    defect = await shed.see(lease)
    await shed.goes(lease)
    for stream, id, event in (
        (DEFECT, defect, Mended()),
        (DEFECT, secrets.token_hex(8), Seen(lease=lease)),
        (LEASE, lease, Let()),
    ):
        with pytest.raises(WrongState) as refused:
            await shed.says(stream, id, event)
        assert [one.code for one in refused.value.named] == ["WITH_ANOTHER_OFFICE"]
    assert await shed.store.state(DEFECT, defect, by=Itself(office=shed.old)) == ("Seen",)
    await shed.says(DEFECT, defect, Mended(), office=shed.new)
    assert await shed.store.state(DEFECT, defect, by=Itself(office=shed.new)) == ("Seen", "Mended")


async def test_after_a_restart_it_is_still_gone(shed: Shed, laid: tuple[ScratchDatabase, ScratchDatabase]) -> None:
    lease = await shed.let()
    await shed.goes(lease)
    await shed.sql("select 1")
    shed.store.writer.forget()
    with pytest.raises(WrongState):
        await shed.says(LEASE, lease, Let())


async def test_after_a_restart_the_new_office_goes_on_where_the_old_one_stood(shed: Shed) -> None:
    lease = await shed.let()
    defect = await shed.see(lease)
    await shed.goes(lease)
    shed.store.writer.forget()
    decided = await shed.says(DEFECT, defect, Mended(), office=shed.new)
    assert (decided.state, decided.version) == (("Seen", "Mended"), 2)
    assert list(await shed.store.every(DEFECT, lease, by=Itself(office=shed.new))) == [defect]


async def test_another_lease_of_the_old_office_stays_behind_its_wall(shed: Shed) -> None:
    lease, other = await shed.let(), await shed.let()
    defect = await shed.see(other)
    await shed.goes(lease)
    new = Itself(office=shed.new)
    assert (await shed.store.found(LEASE, other, by=new)).version == 0
    assert (await shed.store.found(DEFECT, defect, by=new)).version == 0
    rows = await shed.store.rows("select id from leases where office = $1", by=new)
    assert [row["id"] for row in rows] == [lease]
    await shed.says(DEFECT, defect, Mended())
    text = (await shed.store.history(LEASE, other, by=Itself(office=shed.old)))[0].event.dwelling
    assert await shed.store.seals.open(shed.new, "dwelling", text) is None
    assert await shed.store.seals.open(shed.old, "dwelling", text) == "Kerkstraat 1"


async def test_work_goes_along_and_what_people_read_stays(shed: Shed) -> None:
    lease, other = await shed.let(), await shed.let()
    defect, others = await shed.see(lease), await shed.see(other)
    assert await shed.open_defects(shed.old) == {defect, others}
    await shed.goes(lease)
    assert await shed.open_defects(shed.old) == {others}
    assert await shed.open_defects(shed.new) == {defect}
    for office in (shed.old, shed.new):
        rows = await shed.store.rows("select id from defects where office = $1", by=Itself(office=office))
        assert defect in {row["id"] for row in rows}


async def test_views_built_again_are_the_same(shed: Shed) -> None:
    lease = await shed.let()
    await shed.see(lease)
    await shed.see(await shed.let())
    await shed.goes(lease)
    await shed.see(lease, office=shed.new)

    async def views() -> list[Any]:
        return [
            [tuple(row) for row in await shed.sql(f"select * from {table} order by 1, 2")]
            for table in ("leases", "defects", "open_defects")
        ]

    before = await views()
    await shed.build_again()
    assert await views() == before


async def test_the_new_office_opens_what_the_old_one_sealed_and_a_destroyed_key_is_gone_for_both(shed: Shed) -> None:
    lease = await shed.let()
    text = (await shed.store.history(LEASE, lease, by=Itself(office=shed.old)))[0].event.dwelling
    assert await shed.store.seals.open(shed.new, "dwelling", text) is None
    await shed.goes(lease)
    assert await shed.store.seals.open(shed.new, "dwelling", text) == "Kerkstraat 1"
    assert await shed.store.seals.destroy(shed.new, lease, "A") == 1
    assert await shed.store.seals.open(shed.new, "dwelling", text) is None
    assert await shed.store.seals.open(shed.old, "dwelling", text) is None


async def test_a_key_the_old_office_destroys_is_gone_for_both(shed: Shed) -> None:
    lease = await shed.let()
    text = (await shed.store.history(LEASE, lease, by=Itself(office=shed.old)))[0].event.dwelling
    await shed.goes(lease)
    assert await shed.store.seals.destroy(shed.old, lease, "A") == 1
    assert await shed.store.seals.open(shed.new, "dwelling", text) is None


async def test_a_lease_goes_on_to_a_third_office_and_its_texts_with_it(shed: Shed) -> None:
    lease = await shed.let()
    third = f"oost-{secrets.token_hex(4)}"
    await shed.goes(lease)
    await shed.see(lease, office=shed.new)
    await shed.goes(lease, from_office=shed.new, to=third)
    told = await shed.store.history(LEASE, lease, by=Itself(office=third))
    assert [(type(one.event).__name__, one.office) for one in told] == [
        ("Let", shed.old),
        ("Came", shed.new),
        ("Came", None),
    ]
    assert await shed.store.seals.open(third, "dwelling", told[0].event.dwelling) == "Kerkstraat 1"
    assert await shed.open_defects(shed.new) == set()
    assert len(await shed.open_defects(third)) == 1


async def test_a_lease_that_comes_back_has_all_and_its_work_is_here_again(shed: Shed) -> None:
    lease = await shed.let()
    early = await shed.see(lease)
    await shed.goes(lease)
    late = await shed.see(lease, office=shed.new)
    await shed.goes(lease, from_office=shed.new, to=shed.old)
    old = Itself(office=shed.old)
    told = await shed.store.history(LEASE, lease, by=old)
    assert [(type(one.event).__name__, one.office) for one in told] == [
        ("Let", None),
        ("Came", shed.new),
        ("Came", None),
    ]
    assert set(await shed.store.every(DEFECT, lease, by=old)) == {early, late}
    assert await shed.open_defects(shed.old) == {early, late}
    assert await shed.open_defects(shed.new) == set()
    await shed.says(DEFECT, early, Mended())
    with pytest.raises(WrongState):
        await shed.says(DEFECT, late, Mended(), office=shed.new)
    before = [tuple(row) for row in await shed.sql("select * from open_defects order by 1, 2")]
    await shed.build_again()
    assert [tuple(row) for row in await shed.sql("select * from open_defects order by 1, 2")] == before


async def test_a_lease_comes_back_where_the_office_that_it_comes_to_is_told_so(shed: Shed) -> None:
    """As the other services learn of it: by what visits tells under that office."""
    lease = await shed.let()
    early = await shed.see(lease)
    await shed.goes(lease)
    late = await shed.see(lease, office=shed.new)
    back = HandOver(lease=lease, from_office=shed.new, to_office=shed.old)
    old = Itself(office=shed.old)
    await shed.store.decide(LEASE, lease, lambda _said: [back, Came(from_office=shed.new)], by=old)
    assert set(await shed.store.every(DEFECT, lease, by=old)) == {early, late}
    assert (await shed.store.state(LEASE, lease, by=old))[-1] == "Came"
    await shed.says(DEFECT, late, Mended())
    with pytest.raises(WrongState):
        await shed.says(DEFECT, early, Mended(), office=shed.new)


async def test_what_is_told_late_under_the_old_office_belongs_with_the_new_one(shed: Shed) -> None:
    lease = await shed.let()
    defect = await shed.see(lease)
    await shed.goes(lease)
    told = message(f"finding/{defect}", lease)
    late = Itself(office=shed.old, message=told)
    with pytest.raises(LeaseMoved) as moved:
        await shed.store.decide(DEFECT, defect, lambda _said: [Mended()], by=late)
    assert moved.value.to_office == shed.new
    there = replace(late, office=shed.new, message=msgspec.structs.replace(told, office=shed.old))
    assert (await shed.store.decide(DEFECT, defect, lambda _said: [Mended()], by=there)).outcome == "done"
    assert (await shed.store.decide(DEFECT, defect, lambda _said: [Mended()], by=there)).outcome == "repeat"
    assert await shed.store.state(DEFECT, defect, by=Itself(office=shed.new)) == ("Seen", "Mended")
    rows = await shed.sql("select office from inbox where stream = $1", f"finding/{defect}")
    assert [row["office"] for row in rows] == [shed.old]


async def test_a_decision_sees_what_the_lease_was_under_the_office_it_comes_from(shed: Shed) -> None:
    lease = await shed.let()
    defect = await shed.see(lease)
    seen: dict[str, Any] = {}

    def look(_said: Any, *, there: Any, defects: Any) -> list[Any]:
        seen.update(there=there, defects=defects)
        return []

    reads = {"there": one(LEASE, lease, office=shed.old), "defects": every(DEFECT, lease, office=shed.old)}
    await shed.store.decide(LEASE, lease, look, by=Itself(office=shed.new), reads=reads)
    assert seen == {"there": ("Let",), "defects": {defect: ("Seen",)}}


def message(stream: str, lease: str) -> Message:
    """Return something that another service told."""
    return Message(
        publisher="evaluations",
        epoch=1,
        position=secrets.randbelow(2**40) + 1,
        stream=stream,
        version=1,
        previous=0,
        type="FindingMended",
        digest=b"d",
        envelope=b"{}",
        event_id=secrets.token_hex(8),
        occurred_on=date(2026, 3, 2),
        recorded_at=datetime(2026, 3, 2, tzinfo=UTC),
        actor="karel",
        mandate=None,
        policy_version=None,
        checklist_version=None,
        source="web",
        subject=f"lease/{lease}",
    )


async def test_a_rebuild_that_is_broken_off_changes_nothing_and_the_next_one_makes_the_same(
    shed: Shed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page, things that look at dates and things that do not, before and after a lease went."""
    monkeypatch.setattr(rebuild, "PAGE", 3)
    leases = [await shed.let() for _ in range(4)]
    for lease in leases:
        mended = await shed.see(lease)
        await shed.see(lease)
        await shed.says(DEFECT, mended, Mended())
    await shed.goes(leases[0])
    await shed.see(leases[0], office=shed.new)
    before = await views(shed)
    honest, pages = rebuild._store, iter(range(3))

    def breaks_off(*given: Any) -> None:
        if next(pages, None) is None:
            raise BrokenOff
        honest(*given)

    monkeypatch.setattr(rebuild, "_store", breaks_off)
    with pytest.raises(BrokenOff):
        await shed.build_again()
    assert await views(shed) == before
    assert (await shed.sql("select to_regclass('leases__fresh') is not null"))[0][0]
    monkeypatch.setattr(rebuild, "_store", honest)
    await shed.build_again()
    assert await views(shed) == before
    assert [tuple(row) for row in await shed.sql("select to_regclass('leases__fresh')")] == [(None,)]


class BrokenOff(Exception):
    """Somebody ended the rebuild."""


async def views(shed: Shed) -> list[list[Any]]:
    """Return all views, byte for byte."""
    return [
        [row[0] for row in await shed.sql(f"select t::text from {table} t order by 1")]
        for table in ("leases", "defects", "open_defects")
    ]
