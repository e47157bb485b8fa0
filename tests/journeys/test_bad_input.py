"""Everything that is wrong, sent to every door of the four running services: the right answer, and nothing happens.

What is sent stands in ``tests/shared/badinput.py`` (hardening 3); here it meets real services with real things in them,
and afterwards every log is as long as it was. Then schemathesis tries what nobody thought of.
"""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from operate.platform import Platform
from operate.state import SERVICES
from tests.journeys import truth
from tests.journeys.conftest import Offices
from tests.journeys.every_door import At, ids_of, of_things
from tests.journeys.history import ROLES, Office
from tests.shared import badinput
from tests.shared.badinput import MARK
from tests.shared.openapi_conformance import differences

pytestmark = pytest.mark.journey


EXAMPLES = 2  # made up for each door, right ones and as many wrong ones

HAPPENED = {
    "stored_events": "select count(*) from stored_events where topic not like '%AttemptRefused%'",
    "outbox": "select count(*) from outbox where office <> 'platform'"
    " and convert_from(envelope, 'UTF8')::jsonb ->> 'type' not like '%AttemptRefused%'",
    "inbox": "select count(*) from inbox where office <> 'platform' and type <> 'AttemptRefused'",
    "once": "select count(*) from once",
    "dead_letter": "select count(*) from dead_letter",
    "stream_of_lease": "select count(*) from stream_of_lease where kind <> 'attempts'",
}


def happened(platform: Platform) -> dict[str, int]:
    """Return how many rows each table holds in which something that happened could lie.

    That somebody tried what their role may not do is remembered on purpose (domain 2), and comparing heads is no event.
    """
    platform.settled()
    return {
        f"{service}.{table}": truth.asked(platform, service, sql)[0][0]
        for service in SERVICES
        for table, sql in HAPPENED.items()
    }


def tokens(platform: Platform, office: Office) -> Mapping[str, str]:
    """Return a token for each role."""
    operator = platform.token(office=None, roles=["operator"], person="operator")
    return {**{role: office.token(role) for role in ROLES}, "operator": operator}


async def attacked(url: str, proofs: Mapping[str, str], existing: Mapping[str, str]) -> list[badinput.Wrong]:
    """Send everything that is wrong to every door of a service."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        return await badinput.attack(client, proofs, existing=existing)


@pytest.mark.parametrize("service", SERVICES)
def test_every_bad_input_has_its_answer_and_changes_nothing(
    platform: Platform, offices: Offices, every_door: list[At], service: str
) -> None:
    existing = {
        at.door.path: ids_of(at, offices.alfa)[0]
        for at in of_things(every_door)
        if at.service == service and len(at.parameters) == 1
    }
    before = happened(platform)
    wrong = asyncio.run(attacked(platform.urls[service], tokens(platform, offices.alfa), existing))
    said = [f"{one.door.method} {one.door.path} [{one.sent}]: {one.answered} (not {one.expected})" for one in wrong]
    assert not said, f"{len(said)}:\n" + "\n".join(said[:60])
    assert httpx.get(f"{platform.urls[service]}/health/ready").status_code == 200
    assert happened(platform) == before
    assert MARK not in platform.state.log(service).read_text(encoding="utf-8", errors="replace")


# Doors that are no part of what a client of an office uses: they would move the clock by decades, or found offices.
OF_THE_PLATFORM = ("/clock/day", "/offices")


@pytest.mark.parametrize("service", SERVICES)
def test_every_answer_is_one_that_the_document_names(
    platform: Platform, offices: Offices, every_door: list[At], service: str
) -> None:
    tried_out = offices.eta
    existing = {
        at.door.path: ids_of(at, tried_out)[0]
        for at in of_things(every_door)
        if at.service == service and len(at.parameters) == 1
    }
    proofs = tokens(platform, tried_out)
    found = differences(
        platform.urls[service],
        lambda roles: proofs[roles[0]],
        existing=existing,
        examples=EXAMPLES,
        only=lambda path: path not in OF_THE_PLATFORM,
    )
    assert not found, f"{len(found)}:\n" + "\n".join(found[:20])
