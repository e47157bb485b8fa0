"""What must hold of a platform after whatever happened to it (hardening 1), looked up from outside."""

import asyncio
import json
import os
import signal
import time as machine
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from unittest.mock import patch

import asyncpg
import pytest

from operate.client import Done
from operate.platform import Platform
from operate.postgres import owner_settings
from operate.state import SERVICES
from shared.service import Service

Rows = list[tuple[Any, ...]]


def asked(platform: Platform, service: str, sql: str, *values: Any) -> Rows:
    """Ask a service's database under the role that sees all offices."""

    async def ask() -> Rows:
        port = platform.components["postgres"]["url"].rpartition(":")[2].partition("/")[0]
        role = f"{service}_all"
        password = platform.state.password(role).read_text()
        connection = await asyncpg.connect(f"postgresql://{role}@127.0.0.1:{port}/{service}", password=password)
        try:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def positions_are_gap_free(platform: Platform) -> None:
    """Both numbers of each service run from 1 without a gap: over all events, and over the published ones."""
    for service in SERVICES:
        log = [row[0] for row in asked(platform, service, "select notification_id from stored_events order by 1")]
        assert log == list(range(1, len(log) + 1)), f"{service}: the log has a gap"
        told = [row[0] for row in asked(platform, service, "select distinct position from outbox order by 1")]
        assert told == list(range(1, len(told) + 1)), f"{service}: the published positions have a gap"


def every_acknowledged_act_is_there_once(platform: Platform, acts: list[tuple[str, Done]]) -> None:
    """Each event that an answer named lies in its service's log exactly once."""
    for service in SERVICES:
        found = Counter(
            row[0]
            for row in asked(
                platform, service, "select convert_from(state, 'UTF8')::jsonb -> 'beside' ->> 'id' from stored_events"
            )
        )
        named = [event["id"] for _, done in acts if done.service == service for event in done.body.get("events", ())]
        wrong = [id for id in named if found[id] != 1]
        assert not wrong, f"{service}: {len(wrong)} of {len(named)} acknowledged events are not there exactly once"


def doubled_events(platform: Platform) -> list[str]:
    """Return the kinds of events, own or told, of which some stream holds one event twice."""
    doubled = []
    for service in SERVICES:
        rows = asked(
            platform,
            service,
            "select originator_id, topic, count(*) from (select originator_id, topic,"
            " convert_from(state, 'UTF8')::jsonb -> 'beside' ->> 'id' id from stored_events) e"
            " group by originator_id, topic, id having count(*) > 1",
        )
        doubled += [f"{service}: {row[1]}" for row in rows]
    return doubled


def every_message_was_taken_once(platform: Platform) -> None:
    """Each inbox comes to hold each published position once, taken; nothing stays parked or dead.

    Log heads are told and asked for at any time, so the last of them may still be on its way.
    """
    until = machine.monotonic() + 30
    while (missing := _not_taken(platform)) and machine.monotonic() < until:
        machine.sleep(0.1)
    assert not missing, missing


def _not_taken(platform: Platform) -> list[str]:
    missing = []
    last = {one: asked(platform, one, "select coalesce(max(position), 0) from outbox")[0][0] for one in SERVICES}
    for service in SERVICES:
        states = asked(platform, service, "select publisher, state, count(*) from inbox group by 1, 2")
        missing += [
            f"{service}: {number} of {publisher} {state}" for publisher, state, number in states if state != "taken"
        ]
        dead = asked(platform, service, "select reason from dead_letter where state = 'open'")
        missing += [f"{service}: dead letter {reason}" for (reason,) in dead]
        rows = asked(platform, service, "select publisher, count(distinct position) from inbox group by 1")
        taken: Counter[str] = Counter(dict(rows))
        for publisher in SERVICES:
            if publisher == service or (service, publisher) == ("evaluations", "referrals"):
                continue
            if taken[publisher] < last[publisher]:
                missing.append(f"{service} took in {taken[publisher]} of {last[publisher]} events of {publisher}")
    return missing


def views(platform: Platform, service: str) -> Mapping[str, list[str]]:
    """Return all rows of all views of a service, each table in the order of its text."""
    tables = _main(service).view_tables
    return {
        table.name: sorted(
            row[0] for row in asked(platform, service, f'select to_jsonb(t)::text from "{table.name}" t')
        )
        for table in tables
    }


def views_equal_their_rebuild(platform: Platform, *services: str) -> None:
    """The views, of all services unless some are named, are the same after they are built again from the events."""
    for service in services or SERVICES:
        before = views(platform, service)
        build_again(platform, service)
        assert views(platform, service) == before, f"{service}: a view differs from its rebuild"


def build_again(platform: Platform, service: str) -> None:
    """Have a service's views built again by its own command, in this process, which has loaded the service already."""
    port = int(platform.components["postgres"]["url"].rpartition(":")[2])
    with patch.dict(os.environ, owner_settings(platform.state, port, service)), pytest.raises(SystemExit) as ended:
        _main(service).run(["rebuild"])
    assert ended.value.code == 0, f"{service}: {ended.value}"


def _main(service: str) -> Service:
    wired: Service = import_module(f"services.{service}.main").SERVICE
    return wired


def facts(platform: Platform) -> "Counter[tuple[str, ...]]":
    """Return every public fact without ids, instants and order: what two runs of one story must agree on."""
    told: Counter[tuple[str, ...]] = Counter()
    for service in SERVICES:
        for (envelope,) in asked(platform, service, "select envelope from outbox where office <> 'platform'"):
            whole = json.loads(envelope)
            told[(service, whole["type"], whole["office"], whole["occurredon"], whole["actor"])] += 1
    return told


def letters_sent(platform: Platform) -> "Counter[str]":
    """Return how often each letter was recorded as sent."""
    sent: Counter[str] = Counter()
    rows = asked(platform, "notifications", "select originator_id from stored_events where topic = 'CommunicationSent'")
    for (stream,) in rows:
        sent[stream] += 1
    return sent


def kill(platform: Platform, component: str) -> None:
    """End a component with SIGKILL; the supervisor brings it back."""
    pid = platform.components[component]["pid"]
    if pid is not None:
        os.kill(pid, signal.SIGKILL)
