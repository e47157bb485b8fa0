"""Somebody tells the renters of a new policy; once all of them were told, nobody has to any more (domain 4.1)."""

import asyncio
from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from shared.contracts.visits import CounsellorAssignedV1, LeaseEndedV1, RenterInformedOfPolicyV1
from tests.notifications.conftest import Notifications
from tests.notifications.examples import POLICY
from tests.notifications.letters import registered

pytestmark = pytest.mark.asyncio(loop_scope="module")

STRICTER = replace(POLICY, version="P-2", in_force_from=date(2026, 6, 1), threshold_n=2, founding=False)


async def a_lease(notifications: Notifications, *, policy: str = "P-1", guided: bool = True) -> str:
    """Let a lease have been registered, with a counsellor unless it does not run yet."""
    lease = str(uuid4())
    name = await notifications.seal("name", "An Peeters", lease, "A")
    facts: list[Any] = [
        replace(
            registered(),
            lease=lease,
            dwelling_reference=name,
            dwelling_address=name,
            landlord=name,
            parties=(replace(registered().parties[0], name=name),),
            policy_version=policy,
        )
    ]
    if guided:
        facts.append(CounsellorAssignedV1(lease=lease, counsellor="fatma", assigned_from=date(2025, 11, 3)))
    await notifications.told(*facts)
    return lease


def informed(lease: str, policy: str = "P-2") -> RenterInformedOfPolicyV1:
    return RenterInformedOfPolicyV1(lease=lease, policy_version=policy, delivered_on=date(2026, 2, 20))


def ended(lease: str) -> LeaseEndedV1:
    return LeaseEndedV1(lease=lease, mode="renter_notice", ground="moved_on", ended_on=date(2026, 2, 20))


async def asked(notifications: Notifications) -> dict[str, tuple[str, str | None]]:
    """Return what became of the task to tell of each policy, and because of what."""
    tasks = await notifications.tasks(kind="inform_of_policy")
    return {task["about"]["id"]: (task["state"], task["because"]) for task in tasks}


async def changes(notifications: Notifications) -> int:
    """Return how many events the tasks of this office have."""
    return len(await rows(notifications, "select 1 from stored_events where office = $1 and topic like '%Task%'"))


async def rows(notifications: Notifications, query: str) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(notifications.database.all_offices)
    try:
        return [tuple(row) for row in await connection.fetch(query, notifications.office)]
    finally:
        await connection.close()


async def test_it_is_done_once_every_lease_that_runs_was_told(notifications: Notifications) -> None:
    first, second = [await a_lease(notifications) for _ in range(2)]
    await a_lease(notifications, policy="P-2")  # told when it was registered
    await a_lease(notifications, guided=False)
    gone = await a_lease(notifications)
    await notifications.told(ended(gone), STRICTER)
    await notifications.told(informed(first), informed(second, "P-1"))
    assert await asked(notifications) == {"P-2": ("open", None)}
    await notifications.told(informed(second))
    assert await asked(notifications) == {"P-2": ("closed", "RenterInformedOfPolicy")}


async def test_telling_again_changes_nothing(notifications: Notifications) -> None:
    lease = await a_lease(notifications)
    await notifications.told(STRICTER, informed(lease))
    before = await changes(notifications)
    await notifications.told(informed(lease))
    await notifications.day(notifications.today + timedelta(days=1))
    assert await asked(notifications) == {"P-2": ("closed", "RenterInformedOfPolicy")}
    assert await changes(notifications) == before


async def test_a_lease_that_ended_is_waited_for_no_more(notifications: Notifications) -> None:
    told, other = [await a_lease(notifications) for _ in range(2)]
    await notifications.told(STRICTER, informed(told))
    assert await asked(notifications) == {"P-2": ("open", None)}
    await notifications.told(ended(other))
    assert await asked(notifications) == {"P-2": ("closed", "LeaseEnded")}


async def test_what_was_told_at_one_moment_or_before_the_policy_arrived_is_seen_by_the_days_work(
    notifications: Notifications,
) -> None:
    leases = [await a_lease(notifications) for _ in range(5)]
    await notifications.told(STRICTER)
    await asyncio.gather(*(notifications.told(informed(lease)) for lease in leases))
    await notifications.told(*(informed(lease, "P-3") for lease in leases))
    await notifications.told(replace(STRICTER, version="P-3", in_force_from=date(2026, 7, 1)))
    await notifications.day(notifications.today + timedelta(days=1))
    assert {policy: state for policy, (state, _) in (await asked(notifications)).items()} == {
        "P-2": "closed",
        "P-3": "closed",
    }


async def test_a_task_that_a_person_did_stays_done(notifications: Notifications) -> None:
    lease = await a_lease(notifications)
    await notifications.told(STRICTER)
    (task,) = await notifications.tasks(kind="inform_of_policy")
    await notifications.act(f"/tasks/{task['id']}/done")
    await notifications.told(informed(lease))
    await notifications.day(notifications.today + timedelta(days=1))
    assert await asked(notifications) == {"P-2": ("done", None)}


async def test_who_was_told_is_known_after_the_views_were_built_again(notifications: Notifications) -> None:
    first, second = [await a_lease(notifications) for _ in range(2)]
    gone = await a_lease(notifications)
    await notifications.told(STRICTER, informed(first), ended(gone))
    kept = "select lease, 'runs' from guided where office = $1 union all select lease, policy from policy_told"
    kept += " where office = $1 order by 1, 2"
    before = await rows(notifications, kept)
    assert len(before) == 6
    await notifications.rebuild()
    assert await rows(notifications, kept) == before
    assert await asked(notifications) == {"P-2": ("open", None)}
    await notifications.told(informed(second))
    assert await asked(notifications) == {"P-2": ("closed", "RenterInformedOfPolicy")}
