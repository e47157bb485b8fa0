"""Of a referral evaluations learns that help was offered, and on which day; by no way anything else (I-12, issue 4).

The four ways: the events it takes in, the keys it may use, the tables it keeps, and the answers it gives.
"""

import asyncio
import json
import re

import asyncpg
import pytest

from operate.platform import Platform
from tests.journeys import truth
from tests.journeys.conftest import Offices
from tests.journeys.every_door import At, ids_of

pytestmark = pytest.mark.journey

MAY_KNOW = {"ReferralOffered", "OcmwConsulted", "OcmwAnswered", "LogHeadAnnounced"}
READERS = ("counsellor", "coordinator", "director", "administration", "auditor", "dpo")


# The ids of keys begin with their category. Whole: its beginning alone stands in a digest or a cursor now and then.
A_KEY_OF_IT = r'"F-[\w-]{24}(?![\w-])'


def telling(offices: Offices) -> tuple[str, ...]:
    """Return the patterns by which the referral, or whom it goes to, would be recognised."""
    things = offices.alfa.things
    return (things["referral"], things["partner"], A_KEY_OF_IT, "ReferralProposed", "ReferralConsent")


def lies_in(pattern: str, row: str) -> bool:
    """Whether a row as text holds what a pattern is of; bytes stand in hexadecimal in there."""
    held = [row, *(bytes.fromhex(raw).decode("latin-1") for raw in re.findall(r"\\x((?:[0-9a-f]{2})+)", row))]
    return any(re.search(pattern, text) for text in held)


def test_of_the_events_it_takes_in_four_kinds_only(platform: Platform, offices: Offices) -> None:
    told = truth.asked(platform, "evaluations", "select distinct type from inbox where publisher = 'referrals'")
    assert {name for (name,) in told} <= MAY_KNOW
    offered = truth.asked(
        platform,
        "evaluations",
        "select count(*) from inbox where publisher = 'referrals' and type = 'ReferralOffered' and office = $1",
        offices.alfa.code,
    )
    assert offered[0][0] >= 1, "that help was offered has not arrived"


def test_no_key_opens_it(platform: Platform, offices: Offices) -> None:
    def keys_of(role: str) -> int:
        async def count() -> int:
            port = platform.components["postgres"]["url"].rpartition(":")[2].partition("/")[0]
            password = platform.state.password(role).read_text()
            connection = await asyncpg.connect(f"postgresql://{role}@127.0.0.1:{port}/keys", password=password)
            try:
                await connection.execute("select set_config('app.office', $1, false)", offices.alfa.code)
                return int(await connection.fetchval("select count(*) from data_key where category = 'F'"))
            finally:
                await connection.close()

        return asyncio.run(count())

    assert keys_of("referrals") >= 1
    assert keys_of("evaluations") == 0


def test_no_row_of_its_tables_holds_it(platform: Platform, offices: Offices) -> None:
    tables = "select relname::text from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'"
    words = telling(offices)
    for (table,) in truth.asked(platform, "evaluations", tables):
        for (row,) in truth.asked(platform, "evaluations", f'select to_jsonb(t)::text from "{table}" t'):
            # How many events of each name a service told stands in the head of its log, which evaluations may know.
            told_of = words[:3] if lies_in("LogHeadAnnounced", row) else words
            held = [word for word in told_of if lies_in(word, row)]
            assert not held, f"{table}: {held}"
    own = "select originator_id || ' ' || topic || convert_from(state, 'UTF8') from stored_events where office = $1"
    rows = [row for (row,) in truth.asked(platform, "referrals", own, offices.alfa.code)]
    assert all(any(lies_in(word, row) for row in rows) for word in words), "in its own service all of it is found"


def test_no_answer_tells_it(offices: Offices, every_door: list[At]) -> None:
    asked = 0
    for at in every_door:
        if at.service != "evaluations" or at.door.command:
            continue
        for role in READERS:
            answer = at.asked(offices.alfa.token(role), *(ids_of(at, offices.alfa) if at.parameters else ()))
            said = answer.content.decode("latin-1")
            held = [word for word in telling(offices) if re.search(word, said)]
            assert not held, f"{at.name} for {role}: {held}"
            asked += answer.status_code == 200
    assert asked > 20, "hardly any door answered"
    seen = json.dumps(offices.alfa.read("counsellor", "referrals", f"/referrals/{offices.alfa.things['referral']}"))
    assert offices.alfa.things["referral"] in seen
