"""Faults of a service and of PostgreSQL, one by one, on a whole platform (hardening 2)."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time as machine
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from operate.children import free_port
from operate.postgres import SUPERUSER
from operate.state import PROJECT, SERVICES
from operate.supervisor import service_settings
from shared.clock import BRUSSELS, set_clock
from tests.faults.hand import children_of
from tests.faults.house import CODE, House, Load, soon
from tests.faults.invariants import STILL_THERE, no_healthy_part_was_started_again
from tests.journeys import truth

pytestmark = pytest.mark.journey

TEST_BUILD = Path(__file__).parent / "test_build"
AN_ACKNOWLEDGEMENT = rb"PUB \$JS\.ACK\.EVALUATIONS\.referrals\.\S+ +0\r\n"


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


def test_a_service_that_is_asked_to_end_fetches_nothing_more(house: House) -> None:
    def consumer() -> Mapping[str, Any]:
        return house.hand.consumer("evaluations", "referrals")

    with (
        ThreadPoolExecutor(2) as beside,
        house.http("referrals", role="coordinator") as partners,
        house.http() as director,
        house.connection("referrals_all", "referrals") as next_writer,
    ):
        with house.nobody_commits("referrals") as let_go:
            asked = beside.submit(house.list_partner, partners, key=str(uuid.uuid4()), person="Asked before")
            soon(lambda: waits_for_the_head(house, "referrals"), seconds=15)
            before = consumer()["delivered"]
            house.hand.kill("referrals", signal.SIGTERM)
            soon(lambda: consumer()["num_waiting"] == 0, seconds=15)  # nobody asks for messages any more
            assert house.command(director).status_code == 201
            soon(lambda: consumer()["num_pending"] > 0, seconds=15)
            assert not asked.done(), "it was to be still at work"
            # Whoever is started next must not write, and so not fetch, before we have looked.
            ended = beside.submit(next_writer.execute, "select pg_advisory_lock(hashtext('huurspoor-writer'))")
            let_go()
        assert asked.result().status_code == 201
        ended.result(timeout=10)
        assert consumer()["delivered"] == before


def test_a_service_that_stood_still_with_a_message_in_its_hand_doubles_nothing(house: House) -> None:
    repeats = repeated(house)
    with house.http() as client:
        with house.nobody_commits("referrals") as let_go:
            house.command(client)
            soon(lambda: waits_for_the_head(house, "referrals"), seconds=15)
            house.hand.stop("referrals")
            let_go()
        # Nobody acknowledged it in time: while the service stands still the bus gives it to whoever asks.
        assert house.hand.take_and_refuse("evaluations", "referrals") == 2
        house.command(client)
    unheard = house.bus.swallow_request(AN_ACKNOWLEDGEMENT)
    house.hand.go_on("referrals")
    assert unheard.wait(10), "it did not go on with what it had in its hand"
    soon(lambda: repeated(house) > repeats, seconds=10)  # it came again, and had had its effect


def repeated(house: House) -> float:
    """Return how many messages of evaluations came to referrals again after their effect."""
    return house.metric('huurspoor_inbox_messages_total{outcome="repeat",publisher="evaluations"}', "referrals")


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
def another_process(house: House, service: str, **beside: str) -> Iterator[str]:
    """Run a second process of a service, with further settings where there are any; yield its address."""
    at = {name: int(seen["url"].rpartition(":")[2]) for name, seen in house.platform.components.items()}
    port = free_port()
    settings = service_settings(house.platform.state, service, port, database=at["postgres"], bus=at["nats"])
    words = [sys.executable, "-P", "-m", f"services.{service}.main"]
    env = {**settings, **beside}
    child = subprocess.Popen(words, cwd=PROJECT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        child.terminate()
        assert child.wait(15) == 0


def test_an_old_release_beside_a_new_one_loses_nothing_and_comes_to_the_same(house: House) -> None:
    by_one, by_both = (prepared_lease(house, starts_on=house.platform.today()) for _ in range(2))
    new = {"PYTHONPATH": f"{TEST_BUILD}:{PROJECT}", "HUURSPOOR_RELEASE": "next"}
    with house.http("visits", role="coordinator") as client:
        visit_and_contact(house, client, by_one)
        with another_process(house, "visits", **new) as visits, another_process(house, "notifications", **new):
            client.base_url = httpx.URL(visits)
            soon(lambda: answers(client), seconds=20)
            house.hand.kill("visits", signal.SIGTERM)
            soon(lambda: client.get("/health/ready").json()["ready"], seconds=10)
            visit_and_contact(house, client, by_both)
            # The old release knows no second version of a planned visit: that waits, and behind it its cancellation;
            # what is of other streams goes on.
            soon(lambda: waits_in(house, "notifications") == {"dead": 1, "parked": 1}, seconds=10)
            soon(lambda: house.health("notifications")["inbox"]["visits"]["counts"]["ContactLogged"] == 2, seconds=10)
            assert not made_of(house, by_both)["visits.VisitPlannedV1"]
            house.hand.kill("notifications", signal.SIGTERM)
            soon(lambda: made_of(house, by_both)["visits.VisitPlannedV1"], seconds=20)
            house.hand.kill("visits")  # the old release, which stood by and is started again
    soon(house.all_ready, seconds=20)
    soon(lambda: waits_in(house, "notifications") == {"dead": 0, "parked": 0}, seconds=20)
    made = made_of(house, by_one)
    assert made["visits.VisitPlannedV1"] == 1
    assert made_of(house, by_both) == made
    truth.views_equal_their_rebuild(house.platform, "visits", "notifications")


def visit_and_contact(house: House, client: httpx.Client, lease: str) -> None:
    """Plan a visit and cancel it, and note a contact of the same lease."""
    tomorrow = house.platform.today() + timedelta(days=1)
    visit = {"lease": lease, "date": tomorrow.isoformat(), "slot": "10:00", "purpose": "individual"}
    planned = asked(client, "/visits", visit)
    asked(client, f"/visits/{planned['id']}/cancel", {"reason": "Ze is dan niet thuis."})
    asked(client, "/contacts", {"lease": lease, "kind": "repair_report", "channel": "phone", "gist": "De kraan lekt."})


def made_of(house: House, lease: str) -> Counter[str]:
    """Count by their names the events that notifications holds about a lease."""
    rows = truth.asked(
        house.platform,
        "notifications",
        "select topic from stored_events where position($1 in originator_id || convert_from(state, 'UTF8')) > 0",
        lease,
    )
    return Counter(topic for (topic,) in rows)


def waits_in(house: House, service: str) -> dict[str, int]:
    """Return how many messages of visits a service could not take in (yet)."""
    told = house.health(service)["inbox"]["visits"]
    return {"dead": told["dead"], "parked": told["parked"]}


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


def test_a_postgresql_whose_processes_outlive_it_is_started_once_they_have_ended(house: House) -> None:
    postgres = house.platform.components["postgres"]["pid"]
    outlives = children_of(postgres)[-1]
    refused = house.platform.state.log("postgres").read_text().count(STILL_THERE)
    os.kill(outlives, signal.SIGSTOP)
    try:
        house.hand.kill("postgres")
        soon(lambda: house.platform.state.log("postgres").read_text().count(STILL_THERE) > refused, seconds=20)
    finally:
        os.kill(outlives, signal.SIGCONT)
    with house.http() as client:
        soon(lambda: house.command(client).status_code == 201, seconds=20)
    no_healthy_part_was_started_again(house.platform, house.hand.killed)


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
    assert house.metric("huurspoor_writer_ready") == 1
    with house.http() as client, house.connection(SUPERUSER, "postgres") as postgres:
        try:
            postgres.execute("alter role evaluations connection limit 0")
            postgres.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'evaluations'")
            for _ in range(5):
                for answer in (client.get("/mandates"), house.command(client)):
                    assert answer.status_code == 503, answer.text
                    assert "retry-after" in answer.headers
            soon(lambda: house.metric("huurspoor_writer_ready") == 0, seconds=20)
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


def test_the_night_on_which_an_hour_is_missing(house: House) -> None:
    sunday = date(2026, 3, 29)
    lease = prepared_lease(house, starts_on=sunday)
    lived_through(house, "2026-03-29T00:04:59+01:00", "2026-03-29T01:59:59+01:00")
    assert house.platform.now().astimezone(BRUSSELS).hour == 3
    the_day_was_done_once(house, sunday, lease)
    with house.http("visits", role="coordinator") as client:
        visit = {"lease": lease, "date": sunday.isoformat(), "purpose": "individual"}
        with pytest.raises(httpx.HTTPStatusError, match="422") as skipped:
            asked(client, "/visits", {**visit, "slot": "02:30"})
        assert "Dit tijdstip bestaat niet" in skipped.value.response.text
        asked(client, "/visits", {**visit, "slot": "03:00"})


def test_the_night_on_which_an_hour_comes_twice(house: House) -> None:
    sunday = date(2026, 10, 25)
    lease = prepared_lease(house, starts_on=sunday)
    first, again = "2026-10-25T02:30:00+02:00", "2026-10-25T02:30:00+01:00"
    told = lived_through(house, "2026-10-25T00:04:59+02:00", first, "2026-10-25T02:59:59+02:00", again)
    the_day_was_done_once(house, sunday, lease)
    assert len(told) == len(set(told)), "two acts have one id"
    with house.http(role="auditor") as client:

        def standing(known_at: str) -> httpx.Response:
            return client.get(f"/dossiers/{lease}/standing", params={"known_at": known_at})

        # The same time on the wall, an hour apart: what became known in between lies between them.
        then, an_hour_later = (standing(at).raise_for_status().json()["ledger_position"] for at in (first, again))
        assert an_hour_later - then >= len(told) / 4
        assert standing(first.removesuffix("+02:00")).status_code == 422, "which of the two was meant?"
        noted = client.get(f"/dossiers/{lease}/standing").json()["as_known_at"]
        assert datetime.fromisoformat(noted) > datetime.fromisoformat(again)


def prepared_lease(house: House, *, starts_on: date) -> str:
    """Register a lease that starts on a day to come, with its counsellor; return its id once everybody knows it."""
    body = {
        "dwelling": {"reference": "R-0417", "address": "Markt 3"},
        "landlord": "Woonhuis",
        "parties": [{"name": "Jonas Peeters", "role": "reference_renter", "language": "nl", "household": "alone"}],
        "start": starts_on.isoformat(),
        "informed_on": house.platform.today().isoformat(),
    }
    with house.http("visits", role="coordinator") as client:
        lease = str(asked(client, "/leases", body)["id"])
        asked(client, f"/leases/{lease}/assign-counsellor", {"counsellor": "counsellor-oost"})
    house.platform.settled()
    return lease


def asked(client: httpx.Client, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Give a command and return its answer. :raises httpx.HTTPStatusError: it was refused."""
    answer = client.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    told: Mapping[str, Any] = answer.raise_for_status().json()
    return told


def lived_through(house: House, *moments: str) -> list[str]:
    """Let the clock run on for a second and a half from each of these moments, in which commands are given.

    :returns: the ids of what they recorded, in order; their positions and times have one order.
    """
    recorded: list[str] = []
    since = positions(house)[-1][0]
    with house.http() as client:
        for moment in moments:
            set_clock(house.platform.state.clock, to=datetime.fromisoformat(moment))
            until = machine.monotonic() + 1.5
            while machine.monotonic() < until:
                answer = house.command(client, person=f"person-of-{moment[:13]}")
                assert answer.status_code == 201, answer.text
                recorded += [event["id"] for event in answer.json()["events"]]
                machine.sleep(0.05)
    house.platform.settled()
    after = [(id, datetime.fromisoformat(at)) for position, id, at in positions(house) if position > since]
    assert [id for id, _ in after if id in recorded] == recorded
    times = [at for _, at in after]
    assert times == sorted(times), "the order of time is not that of positions"
    # What is committed together has one time, such as a command and what a service says by itself of its ledger; each
    # of these commands was given after the answer to the one before.
    given = [at for id, at in after if id in recorded]
    assert given == sorted(set(given)), "two commands that followed one another have one time"
    return recorded


def positions(house: House) -> list[tuple[int, str, str]]:
    """Return position, id and time of all that evaluations told, in order of position."""
    rows = truth.asked(house.platform, "evaluations", "select position, envelope from outbox order by position")
    return [(position, (told := json.loads(envelope))["id"], told["time"]) for position, envelope in rows]


def the_day_was_done_once(house: House, day: date, lease: str) -> None:
    """The lease that was to start on a day has started once, and no service did the day's work a second time."""
    soon(lambda: started(house, lease), seconds=20)
    # It starts early in the day's work, which is marked as done when all of it is.
    soon(lambda: all(days_done(house, service) == [(day,)] for service in SERVICES), seconds=20)
    assert started(house, lease) == [day.isoformat()]
    for service in SERVICES:
        assert days_done(house, service) == [(day,)], service
        said = [line for line in house.log(service) if "day-work-failed" in line]
        assert not said, said


def days_done(house: House, service: str) -> list[tuple[date]]:
    """Return up to which day a service has done the office's work."""
    return truth.asked(house.platform, service, "select distinct day from day_done where office = $1", CODE)


def started(house: House, lease: str) -> list[str]:
    """Return the days on which a lease was said to have started."""
    rows = truth.asked(house.platform, "visits", "select envelope from outbox where type = 'LeaseStarted'")
    told = [json.loads(envelope) for (envelope,) in rows]
    return [one["occurredon"] for one in told if one["data"]["lease"] == lease]


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
