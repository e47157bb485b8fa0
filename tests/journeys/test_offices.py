"""Whoever is of one office sees, changes and hears nothing of another: at every door, in the database, on the bus.

The doors are read from each running service's own OpenAPI document, so that a new one is covered without a word here;
one with an id that no thing of the history stands for fails the first test, and asks for a thing.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from statistics import median
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import nats
import nats.errors
import pytest

from operate.nats import inbox_of, seed
from operate.platform import Platform
from operate.state import SERVICES
from shared.bus import stream_of
from tests.journeys import truth
from tests.journeys.conftest import Offices
from tests.journeys.every_door import At, ids_of, of_things, secrets_of
from tests.journeys.history import Act, Office, founded, ids_in

pytestmark = pytest.mark.journey


def unknown_like(id: str) -> str:
    """Return an id of the same form and length that nobody has."""
    if re.fullmatch("[0-9a-f-]{36}", id):
        return str(uuid4())
    return id[:-1] + ("9" if id[-1] != "9" else "8")


def but_for_its_id(answer: httpx.Response) -> tuple[int, bytes, dict[str, str]]:
    """Return an answer without what differs from one answer to the next: correlation id and date."""
    own = answer.headers.get("x-correlation-id", "").encode()
    headers = {name: value for name, value in answer.headers.items() if name not in ("date", "x-correlation-id")}
    return answer.status_code, answer.content.replace(own, b"") if own else answer.content, headers


def test_the_thing_of_another_office_is_answered_like_one_that_nobody_knows(
    every_door: list[At], offices: Offices
) -> None:
    things = of_things(every_door)
    assert len(things) > 120, "the doors were not found"
    before = log_of(offices.alfa)
    wrong: list[str] = []
    for at in things:
        theirs = ids_of(at, offices.alfa)
        unknown = [unknown_like(id) for id in theirs]
        tried = [(theirs, unknown)]
        if len(theirs) > 1:  # the last of several, under one of one's own
            own = ids_of(at, offices.beta)[:-1]
            tried.append(([*own, theirs[-1]], [*own, unknown[-1]]))
        for role in at.door.roles if at.door.method == "GET" else at.door.roles[:1]:
            token = offices.beta.token(role)
            for there, nowhere in tried:
                seen, nothing = at.asked(token, *there), at.asked(token, *nowhere)
                if seen.status_code != 404 or but_for_its_id(seen) != but_for_its_id(nothing):
                    wrong.append(f"{at.name} as {role}: {seen.status_code} {seen.text[:200]} / {nothing.status_code}")
    assert not wrong, "\n".join(wrong)
    assert log_of(offices.alfa) == before


def test_the_same_ids_are_known_in_their_own_office(every_door: list[At], offices: Offices) -> None:
    """Else the test above would pass on ids of nothing."""
    reads = [at for at in of_things(every_door) if at.door.method == "GET"]
    unseen = [
        at.name
        for at in reads
        if at.asked(offices.alfa.token(at.door.roles[0]), *ids_of(at, offices.alfa)).status_code != 200
    ]
    assert not unseen


def test_what_a_body_names_of_another_office_is_refused_like_what_nobody_knows(offices: Offices) -> None:
    """Every act of beta again, each time with one id that is alfa's, and with one that is nobody's."""
    wrong: list[str] = []
    alfa, beta = offices.alfa, offices.beta
    for act, same in zip(beta.acts, alfa.acts, strict=False):
        assert act.path.split("/")[1] == same.path.split("/")[1]
        for own, theirs in _pairs(act.body, same.body):
            answers = [_tried(beta, act, own, id) for id in (theirs, str(uuid4()))]
            (status, refused, _), (_, nothing, _) = map(but_for_its_id, answers)
            if status < 400 or refused != nothing:
                wrong.append(f"{act.path}: {answers[0].status_code} {refused!r} / {nothing!r}")
    assert not wrong, "\n".join(wrong)


def _pairs(own: Any, theirs: Any) -> Iterator[tuple[str, str]]:
    """Yield each id in a body with its counterpart in the same body of another office."""
    match own, theirs:
        case dict(), dict():
            for name in own:
                yield from _pairs(own[name], theirs[name])
        case list(), list():
            for one, other in zip(own, theirs, strict=True):
                yield from _pairs(one, other)
        case str(), str() if ids_in(own):
            yield own, theirs


def _tried(office: Office, act: Act, own: str, id: str) -> httpx.Response:
    """Try an act again with one of its ids replaced."""
    body = json.dumps(act.body).replace(own, id)
    headers = {"Authorization": f"Bearer {office.token(act.role)}", "Content-Type": "application/json"}
    return httpx.post(office.platform.urls[act.service] + act.path, content=body, headers=headers, timeout=30)


def test_an_id_that_is_taken_stands_for_what_was_made_under_it(every_door: list[At], offices: Offices) -> None:
    """Everything again under its id: in the same words nothing happens; with one word changed it is refused."""
    beta, wrong, refused = offices.beta, [], set()
    makes = {(at.service, at.door.path): at.door for at in every_door if "id" in at.door.fields and not at.parameters}
    letter = {"kind": "L-15", "lease": beta.things["lease"], "text_nl": beta.text("een woord om te wennen")}
    beta.act("counsellor", "notifications", "/communications", letter)
    for act in beta.acts:
        door = makes.get((act.service, act.path))
        if door is None:
            continue
        again = {**act.body, "id": act.done.id}
        answer = _sent_again(beta, act, again)
        if answer.status_code != 409 and (answer.status_code != 200 or answer.json()["events"] != []):
            wrong.append(f"{act.path}: {answer.status_code}")
        for name, value in act.body.items():
            other = _otherwise(value, door.fields[name])
            if other is None:
                continue
            answer = _sent_again(beta, act, {**again, name: other})
            if answer.status_code not in (409, 422):  # the other value may be none
                wrong.append(f"{act.path} with another {name}: {answer.status_code}")
            elif answer.json()["type"] == "/problems/wrong-state":
                refused.add((act.service, act.path))
    assert not wrong, "\n".join(wrong)
    assert makes.keys() - refused == {("notifications", "/post-batches")}, "of which nothing need be said"


def test_an_id_of_another_office_is_as_free_as_any(every_door: list[At], offices: Offices) -> None:
    """What another office made under an id is neither shown nor in the way of what is made under it here."""
    alfa, eta = offices.alfa, offices.eta
    before, wrong, made = log_of(alfa), [], set()
    makes = {(at.service, at.door.path) for at in every_door if "id" in at.door.fields and not at.parameters}
    for act, same in zip(eta.acts, alfa.acts, strict=False):
        if (act.service, act.path) in makes and act.path == same.path:
            theirs, nobodys = [_sent_again(eta, act, {**act.body, "id": id}) for id in (same.done.id, str(uuid4()))]
            if theirs.is_success != nobodys.is_success or theirs.json().get("type") != nobodys.json().get("type"):
                wrong.append(f"{act.path}: {theirs.status_code} {theirs.text[:200]} / {nobodys.status_code}")
            if theirs.status_code == 201:
                made.add(act.path)
    assert not wrong, "\n".join(wrong)
    assert len(made) > 10
    assert log_of(alfa) == before


def _otherwise(value: Any, schema: Mapping[str, Any]) -> Any:
    """Return another value that fits a field; None where there is none to be had."""
    if "enum" in schema:
        return next(one for one in schema["enum"] if one != value)
    if not isinstance(value, str) or ids_in(value):
        return None
    if schema.get("format") == "date":
        return (date.fromisoformat(value) - timedelta(days=1)).isoformat()
    return f"{value} (anders)"


def _sent_again(office: Office, act: Act, body: Mapping[str, Any]) -> httpx.Response:
    headers = {"Authorization": f"Bearer {office.token(act.role)}"}
    return httpx.post(office.platform.urls[act.service] + act.path, json=body, headers=headers, timeout=30)


def test_nothing_of_another_office_comes_out_of_any_read(every_door: list[At], offices: Offices) -> None:
    secret = secrets_of(offices.alfa)
    shown: list[str] = []
    answers = 0
    for at in every_door:
        if at.door.command or at.door.roles == ("operator",):
            continue
        ids = ids_of(at, offices.beta)
        today = offices.beta.platform.today().isoformat()
        needed = {name: offices.beta.things.get(name, today) for name in at.door.required}
        asked = [needed, *({**needed, name: id} for name, id in _filters(at, offices.alfa))]
        for role in at.door.roles:
            for query in asked if role == at.door.roles[0] else asked[:1]:
                answer = at.asked(offices.beta.token(role), *ids, query=query)
                answers += answer.status_code == 200
                said = {**dict.fromkeys(query.values())}
                found = [word for word in secret if word in answer.text and word not in said]
                if found:
                    shown.append(f"{at.name} as {role} {query}: {found[:3]}")
    assert answers > 200, "nothing was read"
    assert not shown, "\n".join(shown)


def _filters(at: At, office: Office) -> Iterator[tuple[str, str]]:
    """Yield filters of a list that ask for something of an office."""
    for name in sorted(at.door.query - {"limit", "cursor", "after"}):
        values = {office.things.get(name), office.things["lease"], office.person("counsellor").id}
        if name == "about":
            values |= {office.things["evaluation"], office.things["visit"]}
        yield from ((name, value) for value in sorted(filter(None, values)))


def test_nothing_of_an_office_stands_in_metrics_health_documents_or_logs(platform: Platform, offices: Offices) -> None:
    for path in ("/metrics", "/health/ready", "/health/live", "/docs", "/openapi.json"):
        for service, url in platform.urls.items():
            text = httpx.get(url + path).text
            found = [word for office in (offices.alfa, offices.beta) for word in secrets_of(office) if word in text]
            assert not found, f"{service} {path}: {found}"
    logs = sorted(platform.state.logs.glob("*.log"))
    assert len(logs) >= len(SERVICES)
    for log in logs:
        text = log.read_text(encoding="utf-8", errors="replace")
        found = [word for office in (offices.alfa, offices.beta) for word in secrets_of(office) if word in text]
        assert not found, f"{log.name}: {found}"


def test_who_runs_the_platform_sees_no_office(every_door: list[At], offices: Offices, platform: Platform) -> None:
    token = platform.token(office=None, roles=["operator"], person="operator")
    wrong: list[str] = []
    for at in every_door:
        if "operator" in at.door.roles:
            if at.door.method == "GET":
                answer = at.asked(token)
                found = [word for word in secrets_of(offices.alfa) if word in answer.text]
                wrong += [f"{at.name}: {found}"] if found or answer.status_code != 200 else []
            continue
        answer = at.asked(token, *ids_of(at, offices.alfa))
        if answer.status_code != 403:
            wrong.append(f"{at.name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


def test_whether_an_id_exists_elsewhere_does_not_show_in_the_time_it_takes(
    every_door: list[At], offices: Offices
) -> None:
    for path in ("/leases/{id}", "/visits/{visit}/agree", "/dossiers/{lease}"):
        at = next(at for at in every_door if at.door.path == path)
        rounds = [_times(at, offices) for _ in range(3)]  # what the machine does beside this differs between rounds
        alike = [abs(there - nowhere) < max(0.003, 0.5 * nowhere) for there, nowhere in rounds]
        assert any(alike), f"{path}: {rounds}"


def _times(at: At, offices: Offices) -> tuple[float, float]:
    """Return how many seconds the answers take, in the middle: for an id of another office, for one of nobody."""
    token, theirs = offices.beta.token(at.door.roles[-1]), ids_of(at, offices.alfa)
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(20):
        for times, ids in zip(taken, (theirs, [unknown_like(id) for id in theirs]), strict=True):
            times.append(at.asked(token, *ids).elapsed.total_seconds())
    return median(taken[0]), median(taken[1])


def test_two_offices_may_use_one_id_and_do_not_notice(platform: Platform, offices: Offices) -> None:
    """A client chooses ids itself; one that another office has is taken like any other."""
    gamma, id = founded(platform, "gamma"), offices.alfa.things["lease"]
    registered = next(act for act in offices.alfa.acts if act.path == "/leases")
    read = partial(offices.alfa.read, "auditor", "visits", f"/leases/{id}")
    before = read()
    text = json.dumps(registered.body).replace(offices.alfa.mark, gamma.mark)
    gamma.act("administration", "visits", "/leases", {**json.loads(text), "id": id})
    platform.settled()
    own = json.dumps(gamma.read("auditor", "visits", f"/leases/{id}"))
    assert gamma.mark in own and offices.alfa.mark not in own
    assert read() == before
    there, here = (office.read("auditor", "evaluations", f"/dossiers/{id}") for office in (offices.alfa, gamma))
    assert len(there["entries"]) > len(here["entries"]) > 0
    assert not ids_in(there) & ids_in(here) - {id}


# -- the database, when a query forgot --------------------------------------------------------------------------------


def log_of(office: Office) -> dict[str, int]:
    """Return how many events each service holds of an office."""
    count = "select count(*) from stored_events where office = $1"
    return {service: truth.asked(office.platform, service, count, office.code)[0][0] for service in SERVICES}


async def connected(platform: Platform, database: str, role: str) -> asyncpg.Connection:
    """Connect as a role, in the way the service itself does."""
    port = platform.components["postgres"]["url"].rpartition(":")[2].partition("/")[0]
    password = platform.state.password(role).read_text()
    return await asyncpg.connect(f"postgresql://{role}@127.0.0.1:{port}/{database}", password=password)


READABLE = (
    "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace"
    " where n.nspname = 'public' and c.relkind in ('r', 'v', 'm', 'p', 'f')"
    " and has_table_privilege(c.oid, 'select') order by 1"
)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("database", ["its own", "keys"])
async def test_a_query_that_forgot_the_office_sees_one_office(
    platform: Platform, offices: Offices, service: str, database: str
) -> None:
    connection = await connected(platform, service if database == "its own" else "keys", service)
    tables = [row[0] for row in await connection.fetch(READABLE)]
    assert "stored_events" in tables or "data_key" in tables
    seen: dict[str, dict[str, int]] = {}
    for office in ("", offices.beta.code, offices.alfa.code):
        async with connection.transaction():
            await connection.execute("select set_config('app.office', $1, true)", office)
            for table in tables:
                rows = [row[0] for row in await connection.fetch(f'select to_jsonb(t)::text from "{table}" t')]
                seen.setdefault(table, {})[office] = len(rows)
                for other in {offices.alfa.code, offices.beta.code} - {office}:
                    assert not [row for row in rows if other in row], f"{table} shows {other} to {office or 'nobody'}"
    await connection.close()
    assert all(counts[""] in (0, 1) for counts in seen.values()), seen
    assert any(counts[offices.alfa.code] > 5 for counts in seen.values()), "there was nothing to see"


async def test_a_service_writes_no_row_of_another_office(platform: Platform, offices: Offices) -> None:
    for service in SERVICES:
        connection = await connected(platform, service, service)
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
            async with connection.transaction():
                await connection.execute("select set_config('app.office', $1, true)", offices.beta.code)
                await connection.execute("insert into office values ($1, '2026-01-05')", f"{offices.alfa.code}-x")
        async with connection.transaction():
            await connection.execute("select set_config('app.office', $1, true)", offices.beta.code)
            done = await connection.execute("update office set since = since where office = $1", offices.alfa.code)
            assert done == "UPDATE 0"
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_no_role_of_a_service_changes_or_deletes_an_event(
    platform: Platform, service: str, offices: Offices
) -> None:
    for role in (service, f"{service}_all"):
        connection = await connected(platform, service, role)
        row = await connection.fetchrow("select rolsuper, rolbypassrls from pg_roles where rolname = current_user")
        assert tuple(row) == (False, False)
        owned = "select count(*) from pg_class where pg_get_userbyid(relowner) = current_user"
        assert await connection.fetchval(owned) == 0
        assert not await connection.fetchval("select pg_has_role(current_user, $1, 'member')", f"{service}_owner")
        for table in ("stored_events", "outbox", *(["ledger"] if service == "evaluations" else [])):
            column = await connection.fetchval(
                "select attname from pg_attribute where attrelid = $1::text::regclass and attnum > 0"
                " and attgenerated = '' and not attisdropped limit 1",
                table,
            )
            for attempt in (
                f"update {table} set {column} = {column}",
                f"delete from {table}",
                f"truncate {table}",
                f"drop table {table}",
                f"alter table {table} disable row level security",
                f"create rule never as on insert to {table} do instead nothing",
            ):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(attempt)
        await connection.close()


# -- the bus ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", SERVICES)
async def test_the_server_refuses_a_service_the_subjects_of_the_others(
    platform: Platform, offices: Offices, service: str
) -> None:
    denied: list[str] = []

    async def note(error: Exception) -> None:
        denied.append(str(error))

    address = platform.components["nats"]["url"]
    bus = await nats.connect(
        address,
        nkeys_seed_str=seed(platform.state, service).read_text(),
        inbox_prefix=inbox_of(service),
        error_cb=note,
        allow_reconnect=False,
        connect_timeout=60,
    )
    others = [other for other in SERVICES if other != service]
    forbidden = [
        *(f"huurspoor.{offices.alfa.code}.{other}.VisitRecorded.v1" for other in others),
        *(f"huurspoor.platform.{other}.LogHeadAnnounced.v1" for other in others),
        *(f"$JS.API.STREAM.{what}.{stream_of(one)}" for one in SERVICES for what in ("DELETE", "PURGE", "UPDATE")),
        *(f"$JS.API.CONSUMER.DELETE.{stream_of(service)}.{other}" for other in others),
        *(f"$JS.API.CONSUMER.MSG.NEXT.{stream_of(service)}.{other}" for other in others),
        *(f"$JS.API.STREAM.MSG.GET.{stream_of(one)}" for one in SERVICES),
        "$JS.API.STREAM.CREATE.MINE",
        f"$JS.API.CONSUMER.CREATE.{stream_of(service)}.mine",
    ]
    for subject in forbidden:
        denied.clear()
        await bus.publish(subject, b"{}")
        await bus.flush()
        async with asyncio.timeout(60):
            while not denied:
                await asyncio.sleep(0.005)
        assert "permissions violation for publish" in denied[0].lower(), f"{service} may publish on {subject}"
    for subject in (">", "huurspoor.>", "_INBOX.>", *(f"_INBOX.{other}.>" for other in others), "$JS.EVENT.>"):
        denied.clear()
        await bus.subscribe(subject)
        await bus.flush()
        async with asyncio.timeout(60):
            while not denied:
                await asyncio.sleep(0.005)
        assert "permissions violation for subscription" in denied[0].lower(), f"{service} may hear {subject}"
    await bus.close()


async def test_nobody_gets_on_the_bus_without_a_key(platform: Platform) -> None:
    address = platform.components["nats"]["url"]
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(address, allow_reconnect=False, max_reconnect_attempts=0, error_cb=_say_nothing)


async def _say_nothing(_error: Exception) -> None:
    """Being refused is what is asked here."""
