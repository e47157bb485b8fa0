"""Faults of a service and of PostgreSQL, one by one, on a whole platform (hardening 2)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time as machine
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest

from operate.children import free_port
from operate.postgres import SUPERUSER
from operate.state import PROJECT
from operate.supervisor import service_settings
from tests.faults.house import House, Load, soon
from tests.journeys import truth

pytestmark = pytest.mark.journey

ACKNOWLEDGEMENT_SECONDS = 5.0  # after which the bus delivers again what nobody acknowledged


# A service


def test_a_service_that_is_asked_to_end_finishes_what_it_does(house: House) -> None:
    starts, said = house.platform.components["evaluations"]["starts"], len(house.log("supervisor"))
    key = str(uuid.uuid4())
    with ThreadPoolExecutor(1) as beside, house.http() as client:
        with house.nobody_commits("evaluations") as let_go:
            asked = beside.submit(house.command, client, key=key, person="asked-before")
            machine.sleep(0.5)
            began = machine.monotonic()
            house.hand.kill("evaluations", signal.SIGTERM)
            machine.sleep(1.5)
            assert not asked.done()
            let_go()
        first = asked.result()
        assert first.status_code == 201
        soon(lambda: house.platform.components["evaluations"]["starts"] > starts, seconds=10)
        assert machine.monotonic() - began < 10
    assert [line for line in house.log("supervisor")[said:] if "evaluations ended (exit 0)" in line]
    soon(house.is_ready, seconds=20)
    with house.http() as client:
        again = house.command(client, key=key, person="asked-before")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json()["events"] == first.json()["events"]


def test_a_service_that_stood_still_with_a_message_in_its_hand_doubles_nothing(house: House) -> None:
    with house.http() as client:
        with house.nobody_commits("referrals") as let_go:
            house.command(client)
            soon(lambda: waits_for_the_head(house, "referrals"), seconds=5)
            house.hand.stop("referrals")
            let_go()
        machine.sleep(ACKNOWLEDGEMENT_SECONDS + 1)  # the bus gives the message to whoever asks next
        house.command(client)
        house.hand.go_on("referrals")


def waits_for_the_head(house: House, service: str) -> bool:
    """Whether a commit of a service waits for the row that somebody holds."""
    with house.connection(SUPERUSER, "postgres") as postgres:
        waiting = postgres.execute(
            "select count(*) from pg_stat_activity where datname = %s and wait_event_type = 'Lock'", (service,)
        ).fetchone()
    return bool(waiting and waiting[0])


def test_two_processes_of_a_service_do_what_one_does(house: House) -> None:
    with another_process(house, "evaluations") as url, house.http() as of_first, house.http() as of_second:
        of_second.base_url = httpx.URL(url)
        soon(lambda: answers(of_second), seconds=20)
        clients = {"first": of_first, "second": of_second}
        answered_by = dict.fromkeys(clients, 0)
        for number in range(40):
            if number == 15:
                house.hand.kill("evaluations")
            key, person = str(uuid.uuid4()), f"of-either-{number}"
            until = machine.monotonic() + 20
            for name in alternately(clients):
                assert machine.monotonic() < until, "neither answered"
                with contextlib.suppress(httpx.HTTPError):
                    if house.command(clients[name], key=key, person=person).status_code == 201:
                        answered_by[name] += 1
                        break
        assert min(answered_by.values()) > 0, "only one of them was ever at work"


def answers(client: httpx.Client) -> bool:
    """Whether a process answers at all."""
    with contextlib.suppress(httpx.HTTPError):
        return client.get("/health/live").status_code == 200
    return False


def alternately(names: Any) -> Iterator[str]:
    """Yield names in turn, for ever, with a pause after each round."""
    while True:
        yield from names
        machine.sleep(0.1)


@contextlib.contextmanager
def another_process(house: House, service: str) -> Iterator[str]:
    """Run a second process of a service; yield its address."""
    at = {name: int(seen["url"].rpartition(":")[2]) for name, seen in house.platform.components.items()}
    port = free_port()
    settings = service_settings(house.platform.state, service, port, database=at["postgres"], bus=at["nats"])
    words = [sys.executable, "-P", "-m", f"services.{service}.main"]
    child = subprocess.Popen(words, cwd=PROJECT, env=settings, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        assert child.wait(15) == 0


# PostgreSQL


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT, signal.SIGKILL], ids=["fast", "immediate", "kill"])
def test_a_restart_of_postgresql_is_a_503_at_most_and_never_an_error(house: House, how: signal.Signals) -> None:
    def until_it_is_up() -> None:
        soon(lambda: is_up(house), seconds=20)
        machine.sleep(2)

    with Load(house, callers=4, again_after=until_it_is_up) as load:
        load.wait_for(20)
        house.hand.kill("postgres", how)
        machine.sleep(0.3)
        load.wait_for(20)
    print(load.told())
    statuses = {one[1] for one in load.answered}
    assert statuses <= {201, 503}, statuses
    unlucky = [one[0] for one in load.answered if one[1] == 503]
    assert len(unlucky) == len(set(unlucky)), "a caller was told twice to come back"
    assert all(may for _, status, _, may in load.answered if status == 503)


def is_up(house: House) -> bool:
    """Whether PostgreSQL answers."""
    with contextlib.suppress(psycopg.Error, KeyError), house.connection(SUPERUSER, "postgres"):
        return True
    return False


def test_a_commit_whose_reply_was_cut_has_one_effect_and_one_answer(house: House) -> None:
    key, person = str(uuid.uuid4()), f"unheard-{uuid.uuid4()}"
    with house.http() as client:
        swallowed = house.database.swallow_reply(person.encode())
        first = house.command(client, key=key, person=person)
        assert swallowed.is_set(), "no reply was cut"
        again = house.command(client, key=key, person=person)
        while again.status_code == 503:
            machine.sleep(0.2)
            again = house.command(client, key=key, person=person)
    assert again.status_code == 201
    if first.status_code == 201:
        assert again.json()["events"] == first.json()["events"]
    given = truth.asked(
        house.platform,
        "evaluations",
        "select count(*) from outbox where position(convert_to($1, 'UTF8') in envelope) > 0",
        person,
    )
    assert given == [(1,)]


def test_a_postgresql_that_stands_still_piles_nothing_up(house: House) -> None:
    with Load(house, callers=8, again_after=lambda: machine.sleep(0.5)) as load:
        load.wait_for(20)
        house.hand.suspend("postgres", seconds=10)
        came_back = load.wait_for(40)
    print(load.told())
    assert {one[1] for one in load.answered} <= {201, 503}
    assert load.count(503) > 0
    assert all(may for _, status, _, may in load.answered if status == 503)
    assert max(seconds for _, _, seconds, _ in load.answered) < 8, "a caller hung"
    assert came_back < 5


def test_no_connection_left_is_a_503_until_there_is_one(house: House) -> None:
    with house.http() as client, house.connection(SUPERUSER, "postgres") as postgres:
        try:
            postgres.execute("alter role evaluations connection limit 0")
            postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'evaluations'")
            for _ in range(5):
                for answer in (client.get("/mandates"), house.command(client)):
                    assert answer.status_code == 503, answer.text
                    assert "retry-after" in answer.headers
        finally:
            postgres.execute("alter role evaluations connection limit -1")
        soon(lambda: house.command(client).status_code == 201, seconds=5)
        soon(lambda: client.get("/mandates").status_code == 200, seconds=5)


# The clock, and views


def test_a_clock_that_jumps_an_hour_changes_no_order(house: House) -> None:
    with house.http() as client:
        house.command(client)
        for hours in (1, -2, 1):
            jump(house, hours=hours)
            for _ in range(3):
                assert house.command(client).status_code == 201
    rows = truth.asked(
        house.platform, "evaluations", "select envelope from outbox where type = 'MandateGiven' order by position"
    )
    moments = [json.loads(row[0])["time"] for row in rows]
    assert moments == sorted(moments)


def jump(house: House, *, hours: int) -> None:
    """Put the clock that all services read elsewhere, also back, which nobody but a test may."""
    file = house.platform.state.clock
    told = json.loads(file.read_text())
    told["at"] = (datetime.fromisoformat(told["at"]) + timedelta(hours=hours)).isoformat()
    part = file.with_suffix(".part")
    part.write_text(json.dumps(told))
    os.replace(part, file)


def test_views_of_which_the_rebuild_is_killed_are_the_old_ones(house: House) -> None:
    before = truth.views(house.platform, "evaluations")
    with house.nobody_commits("evaluations"):  # the rebuild waits here before it exchanges old for new
        words = [sys.executable, "-P", "-m", "operate", "rebuild", "evaluations"]
        words += ["--state", str(house.platform.state.root)]
        env = {**os.environ, "PYTHONPATH": str(PROJECT)}
        child = subprocess.Popen(words, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            soon(lambda: waits_for_the_head(house, "evaluations"), seconds=30)
            with house.http() as client:
                assert client.get("/mandates").status_code == 200
        finally:
            child.kill()
            child.wait()
    assert truth.views(house.platform, "evaluations") == before
    with house.http() as client:
        assert house.command(client).status_code == 201
    truth.views_equal_their_rebuild(house.platform, "evaluations")
