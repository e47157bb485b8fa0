"""A lease went to another office: its letters and tasks went along, and nothing leaves twice (domain 3.1, 4.6)."""

import secrets
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.contracts.visits import OfficeChangedV1
from shared.hand_over import LeaseMoved
from tests.notifications.conftest import Notifications
from tests.notifications.examples import (
    AN,
    KAREL,
    LEASE,
    RECEIPT,
    TOM,
    a_lease,
    approved,
    communicated,
    decided_negative,
    outcome,
    reason,
    recorded,
    sent,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def goes(notifications: Notifications) -> Notifications:
    """Let the lease go to another office; return the service as that one sees it."""
    other = replace(notifications, office=f"zuid-{secrets.token_hex(4)}")
    change: dict[str, Any] = {"lease": LEASE, "to_office": other.office, "starts_on": notifications.today}
    await notifications.told(OfficeChangedV1(**change))
    await other.told(OfficeChangedV1(**change, from_office=notifications.office))
    return other


async def test_what_has_to_be_done_is_to_be_done_by_the_office_that_has_it(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    before = sorted(task["kind"] for task in await notifications.tasks(state="open", lease=LEASE))
    other = await goes(notifications)
    assert await notifications.tasks(state="open", lease=LEASE) == []
    closed = await notifications.tasks(state="closed", lease=LEASE)
    assert {task["because"] for task in closed} >= {"OfficeChanged"}
    there = sorted(task["kind"] for task in await other.tasks(state="open", lease=LEASE))
    assert set(before) <= set(there)


async def test_a_letter_that_was_not_sent_is_approved_anew_and_leaves_once(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    old = await approved(notifications)
    other = await goes(notifications)
    states = [(one["state"], one["kind"]) for one in await other.letters(LEASE, kind="L-05")]
    assert states.count(("draft", "L-05")) == 1 and ("approved", "L-05") not in states
    here = {"on": notifications.today.isoformat(), "method": "handover"}
    refused = await notifications.act(f"/communications/{old['id']}/send", here, **TOM)
    assert refused.status_code == 409


async def test_a_letter_that_was_sent_stays_sent_and_its_proof_is_noted_where_the_lease_is(
    notifications: Notifications,
) -> None:
    letter = await sent(notifications)
    other = await goes(notifications)
    (there,) = await other.letters(LEASE, kind="L-05", state="sent")
    assert there["id"] == letter["id"]
    proof = outcome(AN, notifications.today, proof=RECEIPT)
    path = f"/communications/{letter['id']}/delivered"
    refused = await notifications.act(path, proof, **TOM)
    assert reason(refused) == (409, "wrong-state")
    assert refused.json()["errors"][0]["code"] == "WITH_ANOTHER_OFFICE"
    answer = await other.act(path, proof, **TOM)
    assert answer.status_code == 200, answer.text
    assert (await notifications.read(f"{path.removesuffix('/delivered')}.pdf", **KAREL)).status_code == 200
    assert (await other.read(f"{path.removesuffix('/delivered')}.pdf", **KAREL)).status_code == 200


async def test_nothing_is_published_again_and_views_built_again_are_the_same(notifications: Notifications) -> None:
    await sent(notifications)
    told = await notifications.envelopes()
    other = await goes(notifications)
    again = {one for one in await other.envelopes() if any(_id(one) == _id(earlier) for earlier in told)}
    assert not again
    before = [await one.letters(LEASE) for one in (notifications, other)]
    todo = [await one.tasks() for one in (notifications, other)]
    await notifications.rebuild()
    assert [await one.letters(LEASE) for one in (notifications, other)] == before
    assert [await one.tasks() for one in (notifications, other)] == todo


def _id(envelope: bytes) -> bytes:
    return envelope.partition(b'"id":"')[2][:36]


async def test_the_renters_own_dates_are_told_by_the_office_that_has_the_lease(notifications: Notifications) -> None:
    await a_lease(notifications)
    await decided_negative(notifications)
    until = notifications.today + timedelta(days=30)
    told = communicated(notifications.today, until=until)
    await notifications.told(told)
    other = await goes(notifications)
    for one in (notifications, other):
        one.set_day(until - timedelta(days=7))
        await one.day(one.today)
    here, there = [await one.letters(LEASE, kind="L-16") for one in (notifications, other)]
    assert len(there) == len(here) + 1


async def test_what_comes_late_from_the_office_before_is_drafted_by_the_one_that_has_it(
    notifications: Notifications,
) -> None:
    await a_lease(notifications)
    other = await goes(notifications)
    with pytest.raises(LeaseMoved) as moved:
        await decided_negative(notifications)
    assert moved.value.to_office == other.office
    await decided_negative(other)
    assert [one["state"] for one in await other.letters(LEASE, kind="L-05")] == ["draft"]
    assert await notifications.letters(LEASE, kind="L-05") == []


async def test_the_carriers_file_names_the_letter_of_a_lease_that_went_and_takes_the_others_in(
    notifications: Notifications,
) -> None:
    await sent(notifications)
    batch = (await notifications.act("/post-batches", {}, **TOM)).json()
    (item,) = batch["items"]
    await goes(notifications)
    file = f"reference;outcome;on;tracking;signed_by\n{item['reference']};not_collected;{notifications.today};;\n"
    answer = await notifications.act(f"/post-batches/{batch['id']}/take-file", {"file": file}, **TOM)
    assert recorded(answer) == ["CarrierFileTaken"]
    assert answer.json()["files"][0]["rejected"] == [{"reference": item["reference"], "code": "WITH_ANOTHER_OFFICE"}]


async def test_what_the_office_before_posted_is_not_printed_and_posted_again(notifications: Notifications) -> None:
    await sent(notifications)
    other = await goes(notifications)
    assert reason(await other.act("/post-batches", {}, **TOM)) == (409, "wrong-state")
    await notifications.rebuild()
    assert reason(await other.act("/post-batches", {}, **TOM)) == (409, "wrong-state")
    assert recorded(await notifications.act("/post-batches", {}, **TOM)) == ["PostBatchMade"]
