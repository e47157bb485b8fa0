"""Sealed text: who can read it, what binds it to its place, and how it is forgotten; on a real key database."""

import asyncio
import base64
import dataclasses
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import asyncpg
import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given as for_all
from hypothesis import strategies as st

from operate.postgres import SUPERUSER, Postgres
from shared.keys import (
    MasterKeyUnreadable,
    MayNotSeal,
    NationalNumberTyped,
    Seals,
    category_of,
    make_master_key,
    normalised,
    read_master_key,
    refuse_national_number,
)
from shared.lost import StoreBusy
from shared.sealed import Sealed
from tests.conftest import ScratchDatabase
from tests.one_service import lay_out_keys, template

NOORD, MIDDEN = "kantoor-noord", "kantoor-midden"
MASTER = bytes(range(32))
WORDS = "Het dak lekt.\nZegt  Anna."

Opener = Callable[[str], Awaitable[Seals]]


@pytest.fixture(scope="module")
def laid(postgres: Postgres) -> Iterator[ScratchDatabase]:
    def twice(database: ScratchDatabase) -> None:
        lay_out_keys(database)
        lay_out_keys(database)  # what is there stays

    with template(postgres, "keys", twice) as made:
        yield made


@pytest.fixture
def keys(laid: ScratchDatabase) -> ScratchDatabase:
    return laid.emptied()


@pytest.fixture
async def seals_of(keys: ScratchDatabase) -> AsyncIterator[Opener]:
    opened: list[Seals] = []

    async def open_as(service: str) -> Seals:
        opened.append(await Seals.connect(keys.url(service), MASTER))
        return opened[-1]

    yield open_as
    for seals in opened:
        await seals.close()


async def sealed(seals: Seals, text: str = WORDS, **where: str) -> Sealed:
    place = {"office": NOORD, "subject": "lease-1", "category": "B", "field": "what_seen", **where}
    made = await seals.seal(text=text, **place)  # type: ignore[arg-type]
    assert made is not None
    return made


async def test_a_sealed_text_is_read_by_every_service_with_the_right(seals_of: Opener) -> None:
    made = await sealed(await seals_of("visits"))
    for service in ("visits", "evaluations", "notifications"):
        seals = await seals_of(service)
        assert await seals.open(NOORD, "what_seen", made) == WORDS
        assert await seals.open(NOORD, None, made) == WORDS
    assert WORDS.split()[0] not in str(made)
    assert made.length == len(WORDS)
    assert category_of(made.key) == "B"


async def test_evaluations_cannot_read_what_a_referral_is_about(seals_of: Opener, keys: ScratchDatabase) -> None:
    made = await sealed(await seals_of("referrals"), category="F")
    evaluations = await seals_of("evaluations")
    assert await evaluations.open(NOORD, None, made) is None
    with pytest.raises(MayNotSeal):
        await sealed(evaluations, category="F")
    connection = await asyncpg.connect(keys.url("evaluations"))
    async with connection.transaction():
        await connection.execute("select set_config('app.office', $1, true)", NOORD)
        assert await connection.fetch("select * from data_key") == []
    await connection.close()


async def test_another_offices_text_cannot_be_opened(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    made = await sealed(seals)
    assert await seals.open(MIDDEN, None, made) is None
    assert await seals.open(NOORD, None, made) == WORDS
    assert await (await seals_of("visits")).open(MIDDEN, None, made) is None


async def test_a_service_does_not_see_keys_without_naming_an_office(seals_of: Opener, keys: ScratchDatabase) -> None:
    await sealed(await seals_of("visits"))
    connection = await asyncpg.connect(keys.url("visits"))
    for table in ("data_key", "office_key"):
        assert await connection.fetch(f"select * from {table}") == []
    await connection.close()


async def test_blank_and_missing_text_is_no_text(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    assert await seals.seal_all(NOORD, "lease-1", "B", {"a": None, "b": "", "c": " \n\t"}) == {
        "a": None,
        "b": None,
        "c": None,
    }


async def test_several_fields_are_sealed_under_one_key(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    made = await seals.seal_all(NOORD, "lease-1", "B", {"goal": "Vuil weg", "needs": None, "place": "keuken"})
    assert made["needs"] is None
    goal, place = made["goal"], made["place"]
    assert goal is not None
    assert place is not None
    assert goal.key == place.key
    opened = await seals.open_all(NOORD, [goal, place])
    assert (opened[goal].text, opened[goal].field) == ("Vuil weg", "goal")
    assert (opened[place].text, opened[place].field) == ("keuken", "place")


async def test_many_at_once_make_one_key(seals_of: Opener) -> None:
    visits, notifications = await seals_of("visits"), await seals_of("notifications")
    made = await asyncio.gather(*(sealed(seals) for seals in (visits, notifications) for _ in range(10)))
    assert len({one.key for one in made}) == 1
    assert {await visits.open(NOORD, "what_seen", one) for one in made} == {WORDS}


async def test_keys_made_beforehand_are_those_that_seal_and_one_in_use_stays(
    seals_of: Opener, keys: ScratchDatabase
) -> None:
    seals = await seals_of("visits")
    earlier = await sealed(seals, subject="lease-0")
    subjects: list[Any] = [(f"lease-{number % 4}", "B") for number in range(8)]
    other = await seals_of("visits")  # knows none of them
    await other.prepare(NOORD, subjects)
    for number in range(4):
        made = await sealed(other, subject=f"lease-{number}")
        assert await seals.open(NOORD, "what_seen", made) == WORDS
        assert (made.key == earlier.key) is (number == 0)
    connection = await asyncpg.connect(keys.url("visits"))
    await connection.execute("select set_config('app.office', $1, false)", NOORD)
    assert await connection.fetchval("select count(*) from data_key where category = 'B'") == 4
    await connection.close()
    with pytest.raises(MayNotSeal):
        await other.prepare(NOORD, [("lease-9", "F")])


async def test_the_same_words_have_the_same_digest_under_one_key_only(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    first = await sealed(seals)
    again = await sealed(await seals_of("evaluations"), "  het DAK lekt. zegt anna. ", field="reasons")
    assert first.says_the_same_as(again)
    assert first.sealed != (await sealed(seals)).sealed
    assert not first.says_the_same_as(await sealed(seals, "Het dak lekt niet."))
    for elsewhere in ({"office": MIDDEN}, {"subject": "lease-2"}, {"category": "C"}):
        assert not first.says_the_same_as(await sealed(seals, **elsewhere))


async def test_a_text_is_bound_to_its_key_and_its_field(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    made, other = await sealed(seals), await sealed(seals, subject="lease-2")
    assert await seals.open(NOORD, "renter_said", made) is None
    assert await seals.open(NOORD, None, dataclasses.replace(made, key=other.key)) is None


async def test_a_changed_seal_opens_to_nothing(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    made = await sealed(seals, "kort")
    blob = base64.b64decode(made.sealed)
    for at in range(len(blob)):
        changed = blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]
        broken = dataclasses.replace(made, sealed=base64.b64encode(changed).decode())
        assert await seals.open(NOORD, None, broken) is None
    for nothing in ("", "?", "AAAA"):
        assert await seals.open(NOORD, None, dataclasses.replace(made, sealed=nothing)) is None


async def test_the_key_of_one_text_opens_that_text_and_no_other(seals_of: Opener) -> None:
    seals = await seals_of("visits")
    made, other = await sealed(seals), await sealed(seals, "Iets anders")
    opened = (await seals.open_all(NOORD, [made]))[made]
    key, field = AESGCM(base64.b64decode(opened.text_key)), opened.field.encode()
    blob, blob_of_other = base64.b64decode(made.sealed), base64.b64decode(other.sealed)
    place = made.key.encode() + b"\0" + field
    assert key.decrypt(bytes(12), blob[50 + len(field) :], place).decode() == WORDS
    with pytest.raises(InvalidTag):
        key.decrypt(bytes(12), blob_of_other[50 + len(field) :], place)


async def test_destroying_a_key_forgets_its_texts_everywhere(seals_of: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    visits, notifications = await seals_of("visits"), await seals_of("notifications")
    made, kept = await sealed(visits), await sealed(visits, category="A")
    assert await notifications.open(NOORD, None, made) == WORDS
    assert await visits.destroy(NOORD, "lease-1", "B") == 1
    assert await visits.destroy(NOORD, "lease-1", "B") == 0
    assert await visits.open(NOORD, None, made) is None
    monkeypatch.setattr("shared.keys._RECHECK_SECONDS", 0.0)  # two seconds later
    assert await notifications.open(NOORD, None, made) is None
    assert await notifications.open(NOORD, None, kept) == WORDS
    after = await sealed(notifications)
    assert after.key != made.key
    assert await visits.open(NOORD, None, after) == WORDS


async def test_a_key_that_was_being_fetched_while_it_was_destroyed_is_not_kept(
    seals_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.keys._RECHECK_SECONDS", 0.0)
    visits, notifications = await seals_of("visits"), await seals_of("notifications")
    made, kept = await sealed(visits), await sealed(visits, category="A")

    async def destroy_it() -> None:
        await visits.destroy(NOORD, "lease-1", "B")
        assert await notifications.open(NOORD, None, kept) == WORDS  # and so it notices

    asked = once_answered(notifications, "keys_of", destroy_it, monkeypatch)
    await notifications.open(NOORD, None, made)
    assert asked == ["keys_of"]
    assert await notifications.open(NOORD, None, made) is None


async def test_a_key_that_was_looked_for_while_it_was_handed_over_is_found(
    seals_of: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = await seals_of("visits")
    made = await sealed(visits)

    async def hand_over() -> None:
        await visits.widen(NOORD, MIDDEN, [made.key])

    once_answered(visits, "keys_of", hand_over, monkeypatch)
    assert await visits.open(MIDDEN, None, made) is None
    assert await visits.open(MIDDEN, None, made) == WORDS


def once_answered(
    seals: Seals, function: str, then: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> list[str]:
    """Let something happen between the first answer of a function of the database and what is made of it."""
    ask, asked = seals._ask, list[str]()

    async def ask_and_wait(query: str, *values: Any) -> list[Any]:
        answer = await ask(query, *values)
        if function in query and not asked:
            asked.append(function)
            await then()
        return answer

    monkeypatch.setattr(seals, "_ask", ask_and_wait)
    return asked


# What another process does while this one asks for a key: it makes one first, and destroys it at once.
QUICKER_AND_GONE = """
create table quicker (done boolean);
grant select on quicker to public;
create function make_first() returns trigger language plpgsql security definer as $$ begin
    if not exists (select from quicker) then
        insert into quicker values (true);
        insert into data_key (office, id, subject, category, wrapped)
            values ('kantoor-noord', 'B-theirs', 'lease-1', 'B', 'x');
    end if;
    return null;
end $$;
create function destroy_it() returns trigger language plpgsql security definer as $$ begin
    update data_key set wrapped = null, destroyed_at = now() where id = 'B-theirs' and destroyed_at is null
        and (select count(*) from quicker) = 2;  -- once the other one has looked
    insert into quicker values (true);
    return null;
end $$;
create trigger make_first before insert on data_key for each statement execute function make_first();
create trigger destroy_it after insert on data_key for each statement execute function destroy_it();
"""


async def test_a_key_that_another_process_makes_first_and_destroys_is_made_again(
    seals_of: Opener, keys: ScratchDatabase
) -> None:
    seals = await seals_of("visits")
    await seals.prepare(NOORD, [("lease-2", "A")])  # the office has its own key by then
    server = keys.server
    password = server.state.password(SUPERUSER).read_text()
    superuser = await asyncpg.connect(server.url(keys.name, SUPERUSER), password=password)
    await superuser.execute("delete from data_key")
    await superuser.execute(QUICKER_AND_GONE)
    try:
        made = await sealed(seals)
        assert await seals.open(NOORD, "what_seen", made) == WORDS
        assert made.key != "B-theirs"
        assert await superuser.fetchval("select destroyed_at is not null from data_key where id = 'B-theirs'")
    finally:
        await superuser.execute("drop function make_first, destroy_it cascade; drop table quicker")
        await superuser.close()


@pytest.mark.parametrize(
    "why", [asyncpg.TooManyConnectionsError("no room"), asyncpg.DiskFullError("no space"), ConnectionRefusedError()]
)
async def test_a_key_database_that_is_away_or_without_room_is_said_to_be_busy(
    seals_of: Opener, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    seals = await seals_of("visits")
    made = await sealed(seals)

    async def refuse(*_question: Any) -> list[Any]:
        raise why

    monkeypatch.setattr(
        seals, "_pool", SimpleNamespace(fetch=refuse, expire_connections=seals._pool.expire_connections)
    )
    with monkeypatch.context() as later:
        later.setattr(seals, "_checked", float("-inf"))
        with pytest.raises(StoreBusy):
            await seals.open(NOORD, "what_seen", made)
    monkeypatch.undo()
    assert await seals.open(NOORD, "what_seen", made) == WORDS


async def test_destroying_all_of_a_subject_leaves_what_the_service_may_not_read(seals_of: Opener) -> None:
    referrals, evaluations = await seals_of("referrals"), await seals_of("evaluations")
    need, lease = await sealed(referrals, category="F"), await sealed(referrals, category="A")
    assert await evaluations.destroy(NOORD, "lease-1") == 1
    fresh = await seals_of("referrals")
    assert await fresh.open(NOORD, None, need) == WORDS
    assert await fresh.open(NOORD, None, lease) is None


async def test_a_data_key_is_never_exchanged_and_never_comes_back(seals_of: Opener, keys: ScratchDatabase) -> None:
    visits = await seals_of("visits")
    await sealed(visits)
    for role in ("visits", "keys_owner"):
        connection = await asyncpg.connect(keys.url(role))
        for change in ("set wrapped = 'x'", "set subject = 'lease-2'", "set destroyed_at = null, wrapped = 'x'"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute("select set_config('app.office', $1, true)", NOORD)
                    if role == "keys_owner":
                        await connection.execute("alter table data_key no force row level security")
                    await connection.execute(f"update data_key {change}")
        await connection.close()
    connection = await asyncpg.connect(keys.url("visits"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("delete from data_key")
    await connection.close()


async def test_only_evaluations_signs_and_always_with_the_same_key(seals_of: Opener) -> None:
    first = (await (await seals_of("evaluations")).signing_key(NOORD)).public_key()
    again = await (await seals_of("evaluations")).signing_key(NOORD)
    other = await (await seals_of("evaluations")).signing_key(MIDDEN)
    assert first == again.public_key() != other.public_key()
    with pytest.raises(MayNotSeal):
        await (await seals_of("visits")).signing_key(NOORD)


async def test_another_master_key_opens_nothing(seals_of: Opener, keys: ScratchDatabase) -> None:
    made = await sealed(await seals_of("visits"))
    stranger = await Seals.connect(keys.url("visits"), bytes(32))
    with pytest.raises(InvalidTag):
        await stranger.open(NOORD, None, made)
    await stranger.close()


async def test_it_goes_on_after_the_database_threw_its_connections_out(
    seals_of: Opener, keys: ScratchDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = await seals_of("visits")
    made = await sealed(visits)
    owner = await asyncpg.connect(keys.url("visits"))
    await owner.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'visits' and pid <> pg_backend_pid()"
    )
    await owner.close()
    monkeypatch.setattr("shared.keys._RECHECK_SECONDS", 0.0)
    assert await visits.open(NOORD, None, made) == WORDS


@pytest.mark.parametrize(
    "text",
    [
        "93051822361",
        "Zijn nummer is 93.05.18-223.61.",
        "93 05 18 223 61",
        "93/05/18 - 223/61",
        "９３０５１８２２３６１",
        "93.05.18\u2013223.61",
        "00012511148",  # born in 2000
        "93451822350",  # a bis number
    ],
)
def test_a_national_number_is_refused_however_it_is_written(text: str) -> None:
    with pytest.raises(NationalNumberTyped) as refused:
        refuse_national_number("renter_said", text)
    assert refused.value.field == "renter_said"
    assert text not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "93051822362",
        "Bel +32 478 12 34 56",
        "0478/12.34.56",
        "BE71 0961 2345 6769",
        "9305182236",
        "1930518223610",
        "op 18.05.1993",
    ],
)
def test_other_numbers_are_let_through(text: str) -> None:
    refuse_national_number("what_seen", text)


async def test_a_text_with_a_national_number_is_not_sealed(seals_of: Opener) -> None:
    with pytest.raises(NationalNumberTyped):
        await sealed(await seals_of("visits"), "rijksregister 93.05.18-223.61")


def test_a_master_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "master.key"
    make_master_key(file)
    key = read_master_key(file)
    make_master_key(file)
    assert read_master_key(file) == key
    assert len(key) == 32
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600


@pytest.mark.parametrize("content", [None, b"", b"short", base64.b64encode(bytes(31)), b"?" * 44])
def test_a_file_without_32_bytes_is_no_master_key(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "master.key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MasterKeyUnreadable):
        read_master_key(file)


@pytest.mark.parametrize("key", ["", "B", "B-", "X-abc", "Babc", "b-abc"])
def test_what_is_no_key_id_has_no_category(key: str) -> None:
    assert category_of(key) is None


@for_all(st.text())
def test_case_and_white_space_do_not_matter_to_a_comparison(text: str) -> None:
    once = normalised(text)
    assert normalised(once) == once
    assert normalised(f" {text}\n") == once
